"""The folder of a saved model: what is written is read again, and a crash or a damaged file is never half a model."""

import json
import os
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

import steradian as sr
from steradian.data.batch import Preprocessor
from steradian.embedder import SphereEmbedder
from steradian.errors import SavedModelError
from steradian.modalities.image import FittedImage
from steradian.modalities.series import FittedSeries
from steradian.modalities.tabular import FittedTabular
from steradian.modalities.text import FittedText
from steradian.modalities.vector import FittedVector
from steradian.saved_files import with_digests
from steradian.saved_folder import SavedModel, read_folder, write_folder


def make(number: int = 0) -> SavedModel:
    """A model of all kinds of modality, told from others by its number."""
    rng = np.random.default_rng(number)
    floats = rng.normal(size=6).astype(np.float32)
    modalities = {
        "a picture.front": FittedImage("photo", 16),
        "title/brand": FittedText(
            buckets=np.array([3, 7, 2**20 - 1], dtype=np.int64),
            rarity=floats[:3],
            shared=np.array([True, False, True]),
            landmark_ngrams=np.array([0, 2], dtype=np.int32),
            landmark_weights=floats[3:5],
            landmark_offsets=np.array([0, 1, 2], dtype=np.int64),
            projection=floats.reshape(2, 3),
        ),
        "specs": FittedTabular(
            edges=[[0.0, 0.1, float(number)]],
            vocabularies=[["rot", "grün", "\ud800"], []],
            hashed=[True, False],
            numeric=["price"],
            dates=[False],
        ),
        "": FittedVector(floats, np.abs(floats)),
        "動き": FittedSeries("motion", floats[:2], floats[2:4], 5, 0.5, floats[4:], floats[:4], floats[2:]),
    }
    entries = {
        "model": {"width": 8},
        "training": {"random_state": number},
        "schema": {"label": "\udfff"},
        "scale": 12.5,
    }
    weights = {"encoder.a": rng.normal(size=(3, 2)), "steps": np.array(number)}
    return SavedModel(entries, Preprocessor(modalities), weights)


def assert_same(found: SavedModel, expected: SavedModel) -> None:
    assert {key: found.entries[key] for key in expected.entries} == expected.entries
    assert list(found.preprocessor.modalities) == list(expected.preprocessor.modalities)
    for name, fitted in expected.preprocessor.modalities.items():
        other = found.preprocessor.modalities[name]
        assert type(other) is type(fitted)
        for field in fields(fitted):  # type: ignore[arg-type]
            value, read = getattr(fitted, field.name), getattr(other, field.name)
            if isinstance(value, np.ndarray):
                assert read.dtype == value.dtype
                np.testing.assert_array_equal(read, value)
            else:
                assert read == value
    assert set(found.weights) == set(expected.weights)
    assert all(np.array_equal(found.weights[name], weight) for name, weight in expected.weights.items())
    assert all(found.weights[name].dtype == weight.dtype for name, weight in expected.weights.items())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with model 0."""
    write_folder(tmp_path / "models" / "one", make(0))
    return tmp_path / "models" / "one"


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# -- What is written is read


def test_everything_comes_back(folder: Path) -> None:
    assert_same(read_folder(folder), make(0))
    assert_same(read_folder(str(folder)), make(0))


def test_a_folder_holds_a_configuration_and_the_weights_it_names(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text(encoding="utf-8", errors="surrogatepass"))
    assert files(folder) == ["config.json", config["weights"]]
    assert config["format"] == 1
    assert config["version"].count(".") >= 1


def test_numbers_of_numpy_become_plain(folder: Path) -> None:
    saved = make(0)
    options = {"epochs": np.int64(3), "rate": np.float32(0.5), "balanced": np.True_}
    write_folder(folder, SavedModel({**saved.entries, "training": options}, saved.preprocessor, saved.weights))
    assert read_folder(folder).entries["training"] == {"epochs": 3, "rate": 0.5, "balanced": True}


def test_weights_of_any_layout_are_saved_by_value(folder: Path) -> None:
    whole = np.arange(12.0).reshape(3, 4)
    weights = {"turned": whole.T, "part": whole[:, 1], "whole": whole, "none": np.zeros((0, 2))}
    write_folder(folder, SavedModel(make(0).entries, make(0).preprocessor, weights))
    found = read_folder(folder).weights
    assert all(np.array_equal(found[name], weight) for name, weight in weights.items())


def test_a_new_model_takes_the_place_of_the_old_and_other_files_stay(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")
    (folder / "index").mkdir()
    for number in (1, 2):
        write_folder(folder, make(number))
        assert_same(read_folder(folder), make(number))
    assert len(files(folder)) == 4
    assert (folder / "notes.txt").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_files_may_be_read_by_whom_the_users_mask_allows(folder: Path) -> None:
    before = os.umask(0o022)
    try:
        write_folder(folder, make(1))
    finally:
        os.umask(before)
    assert {oct(path.stat().st_mode & 0o777) for path in folder.iterdir()} == {"0o644"}


# -- Crashes


def crash_at(call: int, error: BaseException, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, failing at one of its calls."""
    calls = iter(range(100))

    def crashing(*given: Any, **options: Any) -> Any:
        if next(calls) == call:
            raise error
        return function(*given, **options)

    return crashing


CRASHES: dict[str, tuple[Any, str, int]] = {
    "while the weights are written": (Path, "write_bytes", 0),
    "before the weights have their name": (os, "replace", 0),
    "while the configuration is written": (Path, "write_text", 0),
    "before the configuration has its name": (os, "replace", 1),
}


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()], ids=["full disk", "Ctrl-C"])
@pytest.mark.parametrize(("owner", "name", "call"), CRASHES.values(), ids=CRASHES)
def test_a_crash_leaves_the_old_model_whole(
    folder: Path, owner: Any, name: str, call: int, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, crash_at(call, error, getattr(owner, name)))
        with pytest.raises(type(error)):
            write_folder(folder, make(1))
    assert_same(read_folder(folder), make(0))
    assert [file for file in files(folder) if "unfinished" in file] == []
    write_folder(folder, make(2))
    assert_same(read_folder(folder), make(2))
    assert len(files(folder)) == 2


@pytest.mark.parametrize(("owner", "name", "call"), CRASHES.values(), ids=CRASHES)
def test_a_crash_of_the_first_save_leaves_no_model(
    tmp_path: Path, owner: Any, name: str, call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, crash_at(call, OSError("no space left"), getattr(owner, name)))
        with pytest.raises(OSError, match="no space left"):
            write_folder(tmp_path, make(0))
    with pytest.raises(SavedModelError, match=r"config\.json: want a model folder, got no such file"):
        read_folder(tmp_path)


def test_values_that_json_cannot_hold_leave_the_old_model_whole(folder: Path) -> None:
    saved = make(1)
    with pytest.raises(TypeError):
        write_folder(folder, SavedModel({**saved.entries, "scale": object()}, saved.preprocessor, saved.weights))
    assert_same(read_folder(folder), make(0))


def test_a_crash_after_the_new_model_stands_leaves_it_whole(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        # The first unlink is of the unfinished file, the second of the old weights.
        patch.setattr(Path, "unlink", crash_at(1, OSError("in use"), Path.unlink))
        with pytest.raises(OSError, match="in use"):
            write_folder(folder, make(1))
    assert_same(read_folder(folder), make(1))


# -- Two saves at the same time, and a load


def test_whoever_loads_while_others_save_finds_a_whole_model(folder: Path) -> None:
    end = time.monotonic() + 1.5

    def save_often(number: int) -> int:
        saves = 0
        while time.monotonic() < end:
            write_folder(folder, make(number))
            saves += 1
        return saves

    def load_often() -> set[int]:
        found = set()
        while time.monotonic() < end:
            saved = read_folder(folder)
            found.add(int(saved.weights["steps"]))
            assert_same(saved, make(int(saved.weights["steps"])))
        return found

    with ThreadPoolExecutor(3) as threads:
        saves, loads = [threads.submit(save_often, number) for number in (1, 2)], threads.submit(load_often)
    assert min(save.result() for save in saves) > 1
    assert loads.result() & {1, 2}
    assert read_folder(folder).entries["training"]["random_state"] in {1, 2}


def test_a_load_goes_on_with_the_model_saved_meanwhile(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saves = iter([1, 2])

    def load_late(path: Path) -> dict[str, np.ndarray]:
        for number in saves:
            write_folder(folder, make(number))
            break
        return load_file(path)

    monkeypatch.setattr("steradian.saved_folder.load_file", load_late)
    assert_same(read_folder(folder), make(2))


def test_a_save_leaves_the_weights_of_another_that_is_not_finished(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text = Path.write_text

    def save_between(path: Path, text: str, **options: Any) -> int:
        monkeypatch.undo()
        write_folder(folder, make(2))
        return write_text(path, text, **options)

    monkeypatch.setattr(Path, "write_text", save_between)
    write_folder(folder, make(1))
    assert_same(read_folder(folder), make(1))
    assert len(files(folder)) == 2


@pytest.mark.parametrize("name", ["notes.txt", "../mine.txt", "weights-0/../notes.txt", 3, None])
def test_a_save_removes_only_what_a_save_has_written(folder: Path, name: Any) -> None:
    (folder / "notes.txt").write_text("mine")
    (folder.parent / "mine.txt").write_text("mine")
    change(folder, weights=name)
    write_folder(folder, make(1))
    assert_same(read_folder(folder), make(1))
    assert (folder / "notes.txt").read_text() == (folder.parent / "mine.txt").read_text() == "mine"


# -- Damaged folders


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(SavedModelError, match="want a model folder, got no such file"):
        read_folder(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["config", "weights"])
def test_a_file_cut_short_anywhere_is_refused(folder: Path, name: str) -> None:
    path = next(path for path in folder.iterdir() if path.name.startswith(name))
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(SavedModelError, match=r"whole.*Copy the whole folder again"):
            read_folder(folder)
    path.write_bytes(whole[:-1])
    with pytest.raises(SavedModelError, match=path.name.replace(".", r"\.")):
        read_folder(folder)


def test_bytes_that_are_neither(folder: Path) -> None:
    for path in folder.iterdir():
        whole = path.read_bytes()
        for garbage in (b"\xff\xfe\x00garbage" * 20, bytes(100), b"{}"):
            path.write_bytes(garbage)
            with pytest.raises(SavedModelError):
                read_folder(folder)
        path.write_bytes(whole)
    assert_same(read_folder(folder), make(0))


def test_the_configuration_of_one_model_with_the_weights_of_another(folder: Path, tmp_path: Path) -> None:
    write_folder(tmp_path / "other", make(1))
    shutil.copy(tmp_path / "other" / "config.json", folder)
    with pytest.raises(SavedModelError, match=r"weights-.*want the weights, whole"):
        read_folder(folder)


def change(folder: Path, **entries: Any) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8", errors="surrogatepass"))
    config = {key: value for key, value in {**config, **entries}.items() if value is not ...}
    path.write_text(json.dumps(with_digests(config, config["arrays_sha256"])))


def test_weights_that_lack_an_array_of_the_modalities(folder: Path) -> None:
    arrays = {"mean": "preprocessing/9/mean", "std": "preprocessing/9/std"}
    change(folder, preprocessing={"omics": {"type": "FittedVector", "fields": {}, "arrays": arrays}})
    with pytest.raises(SavedModelError, match=r"want the weights, whole, got no array 'preprocessing/9/mean'"):
        read_folder(folder)


@pytest.mark.parametrize("number", [0, 2, "1", None, ...])
def test_another_format_is_refused_with_what_to_do(folder: Path, number: Any) -> None:
    change(folder, format=number)
    got = None if number is ... else number
    with pytest.raises(
        SavedModelError, match=rf"want a model of format 1, got format {got}\. Load it with the version"
    ):
        read_folder(folder)


@pytest.mark.parametrize("content", ["[]", "3", "null", '"text"'])
def test_json_that_is_no_configuration_is_refused(folder: Path, content: str) -> None:
    (folder / "config.json").write_text(content)
    with pytest.raises(SavedModelError, match="format None"):
        read_folder(folder)


@pytest.mark.parametrize("key", ["weights", "preprocessing", "model", "training", "schema"])
def test_a_configuration_without_one_of_its_parts_is_refused(folder: Path, key: str) -> None:
    change(folder, **{key: ...})
    with pytest.raises(SavedModelError, match=f"want the model's configuration, whole, got no {key}"):
        read_folder(folder)


def test_a_modality_that_nobody_defines_is_refused_by_its_name(folder: Path) -> None:
    change(folder, preprocessing={"smell": {"type": "FittedSmell", "fields": {}, "arrays": {}}})
    with pytest.raises(SavedModelError, match=r"modality 'smell': want .*FittedVector.*got FittedSmell\. Import the"):
        read_folder(folder)


def test_an_estimator_is_saved_and_made_again(tmp_path: Path, rng: np.random.Generator) -> None:
    class Own(SphereEmbedder):
        """Someone's own."""

    points, labels = rng.normal(size=(12, 3)), np.arange(12) % 3
    options = {"embedding_dim": 4, "width": 8, "heads": 2, "epochs": 1, "subcenters": 2, "verbose": False}
    model = Own(**options).fit(points, labels)
    model.save(tmp_path)
    state = torch.random.get_rng_state()
    loaded = Own.load(tmp_path, device="cpu")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert type(loaded) is Own
    np.testing.assert_array_equal(loaded.predict_proba(points), model.predict_proba(points))
    change(tmp_path, classes={"type": "<i8", "names": [0, 1]})
    with pytest.raises(SavedModelError, match="weights that it describes, got ValueError: classifier"):
        Own.load(tmp_path, device="cpu")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("sku")
    with pytest.raises(SavedModelError, match="want a model folder, got a file"):
        SphereEmbedder.load(tmp_path / "table.csv")
    with pytest.raises(SavedModelError, match="want a folder to write to, got a file"):
        write_folder(tmp_path / "table.csv", make(0))
    assert (tmp_path / "table.csv").read_text() == "sku"


def test_sparse_features_of_a_large_table_come_back_with_their_likeness(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steradian.training.fit_closed_form.EXACT", 10)
    kinds = np.repeat(["cup", "lamp"], 20)
    table = {"title": [f"{kind} number {row}" for row, kind in enumerate(kinds)], "kind": kinds}
    objects = sr.read_objects(table, sr.Schema({"title": sr.Text("title")}, label="kind"))
    model = sr.SphereEmbedder(epochs=0, verbose=False).fit(objects)
    linear = model.fitted_.preprocessor.closed_form.maps["title"]
    assert linear.matrix.dtype == np.float16 and linear.likeness is not None
    model.save(tmp_path / "model")
    loaded = sr.SphereEmbedder.load(tmp_path / "model")
    assert loaded.fitted_.preprocessor.closed_form.maps["title"].likeness == linear.likeness
    np.testing.assert_array_equal(loaded.transform(objects), model.transform(objects))
