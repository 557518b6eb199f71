"""Saved files as a stranger's: special files, deep or huge JSON, paths that lead elsewhere, values of other kinds."""

import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

import steradian as sr
from steradian.errors import SavedModelError
from steradian.saved_files import check_value, read_json, with_digests

OPTIONS: dict[str, Any] = {"embedding_dim": 8, "width": 8, "heads": 2, "verbose": False}


@pytest.fixture(scope="module")
def objects() -> sr.ObjectTable:
    kinds = np.arange(30) % 3
    points = np.eye(3)[kinds] + 0.1 * np.random.default_rng(0).normal(size=(30, 3))
    table = {"size": list(points), "title": [f"thing {kind}" for kind in kinds], "label": kinds}
    return sr.read_objects(table, sr.Schema({"size": sr.Vector("size"), "title": sr.Text("title")}))


@pytest.fixture(scope="module")
def saved(objects: sr.ObjectTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "model"
    sr.SphereEmbedder(**OPTIONS, epochs=0).fit(objects).save(folder)
    return folder


@pytest.fixture(scope="module")
def network(objects: sr.ObjectTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network alone."""
    folder = tmp_path_factory.mktemp("saved") / "network"
    sr.SphereEmbedder(**OPTIONS, closed_form=False, epochs=1).fit(objects).save(folder)
    return folder


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy to be damaged."""
    copy = tmp_path / "model"
    copy.mkdir()
    for path in saved.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def change(folder: Path, edit: Callable[[Any], Any], *, signed: bool = True) -> None:
    """Edit a configuration, and sign it as a stranger can."""
    path = folder / "config.json"
    entries = json.loads(path.read_text())
    edit(entries)
    path.write_text(json.dumps(with_digests(entries, entries["arrays_sha256"]) if signed else entries))


def refused(folder: Path) -> SavedModelError:
    """The error, within a second."""
    begun = time.monotonic()
    with pytest.raises(SavedModelError) as caught:
        sr.SphereEmbedder.load(folder)
    assert time.monotonic() - begun < 5
    return caught.value


def test_the_folder_loads_as_long_as_nothing_is_changed(folder: Path, objects: sr.ObjectTable) -> None:
    change(folder, lambda entries: None)
    assert sr.SphereEmbedder.load(folder).score(objects) == 1.0


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("two_parts", "embedding_dim"), 10**7),
        (("two_parts", "networks"), 10**6),
        (("two_parts", "networks"), "3"),
        (("two_parts", "share"), None),
        (("classes", "type"), "<U100000000"),
        (("classes", "type"), "object"),
        (("classes", "names"), []),
        (("classes", "names"), [0, 0, 1]),
        (("classes", "names"), [2, 1, 0]),
        (("classes", "names"), [0, "1", 2]),
        (("classes", "names"), ["a", "b", "c"]),
        (("classes", "names"), [0, 1, 2**70]),
        (("classes", "names"), {"a": 1}),
        (("classes",), None),
        (("scale",), "12.5"),
        (("scale",), None),
        (("margin",), [0.2]),
        (("fingerprint",), 7),
        (("history",), []),
        (("history", "steps"), "many"),
        (("history", "history"), {}),
        (("calibration",), []),
        (("calibration",), {}),
        (("features",), "3"),
        (("feature_names",), [1]),
        (("schema",), {}),
        (("schema", "modalities"), {}),
        (("schema", "modalities"), []),
        (("model",), []),
        (("model", "width"), "8"),
        (("preprocessing",), []),
        (("preprocessing", "size"), []),
        (("preprocessing", "size", "type"), "Preprocessor"),
        (("preprocessing", "size", "type"), ["FittedVector"]),
        (("preprocessing", "size", "type"), None),
        (("preprocessing", "size", "fields"), {"mean": 3}),
        (("preprocessing", "size", "arrays"), []),
        (("preprocessing", "size", "arrays", "mean"), "preprocessing/1/nothing"),
        (("preprocessing", "size", "closed_form"), 3),
        (("preprocessing", "size", "closed_form", "features"), {}),
        (("preprocessing", "size", "closed_form", "likeness"), [1]),
    ],
    ids=str,
)
def test_a_value_that_cannot_be_is_refused_at_once(folder: Path, path: tuple[str, ...], value: Any) -> None:
    def edit(entries: Any) -> None:
        for key in path[:-1]:
            entries = entries[key]
        assert path[-1] in entries
        entries[path[-1]] = value

    change(folder, edit)
    refused(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("fusion_depth", 10**6), ("depth", 10**6), ("width", 4 * 10**7), ("heads", 10**7), ("embedding_dim", 10**7)),
        *(("width", 16), ("depth", 2), ("fusion", "context"), ("subcenters", 2), ("subcenters", 10**8)),
    ],
)
def test_sizes_of_a_network_are_those_of_its_weights(network: Path, name: str, value: Any) -> None:
    path = network / "config.json"
    whole = path.read_text()
    change(network, lambda entries: entries["model"].update({name: value}))
    refused(network)
    path.write_text(whole)


def every_place(entries: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The keys of every value, and of the first one of every list."""
    inner = entries.items() if isinstance(entries, dict) else list(enumerate(entries))[:1]
    return [
        place
        for key, value in inner
        for place in [(*path, key), *(every_place(value, (*path, key)) if isinstance(value, (dict, list)) else [])]
    ]


@pytest.fixture(scope="module")
def calibrated(objects: sr.ObjectTable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("saved") / "calibrated"
    model = sr.SphereEmbedder(**OPTIONS, epochs=0).fit(objects)
    model.calibrate(coverage=0.8)
    model.save(folder)
    return folder


@pytest.mark.parametrize("value", [None, [], {}, "text", -1, True, 1e300], ids=str)
def test_whatever_stands_anywhere_a_load_and_its_use_work_or_are_our_error(
    calibrated: Path, objects: sr.ObjectTable, value: Any, tmp_path: Path
) -> None:
    shutil.copytree(calibrated, folder := tmp_path / "model")
    original = (folder / "config.json").read_text()
    for path in every_place(json.loads(original)):
        entries = json.loads(original)
        inner = entries
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = value
        (folder / "config.json").write_text(json.dumps(with_digests(entries, entries.get("arrays_sha256"))))
        with suppress(sr.SteradianError):
            model = sr.SphereEmbedder.load(folder)
            model.predict(objects[:1])
            if model.fitted_.calibration is not None:
                assert repr(model.calibration_)
                model.predict(objects[:1], reject=True)
                model.verify(objects[:1], objects[1:2])


@pytest.mark.parametrize(
    "name", ["../weights-aa.safetensors", "/etc/passwd", "config.json", "weights-AA.safetensors", 7]
)
def test_a_path_that_leads_elsewhere_is_never_read(folder: Path, name: Any) -> None:
    change(folder, lambda entries: entries.update(weights=name))
    assert "weights-" in refused(folder).want


@pytest.mark.parametrize("what", ["config.json", "weights"])
def test_a_pipe_is_not_waited_for(folder: Path, what: str) -> None:
    (path,) = (path for path in folder.iterdir() if path.name.startswith(what))
    path.unlink()
    os.mkfifo(path)
    assert "a pipe or a device" in refused(folder).got


@pytest.mark.parametrize("depth", [500, 10_000, 200_000])
def test_values_within_values_are_read_or_refused(folder: Path, depth: int) -> None:
    entries = json.loads((folder / "config.json").read_text())
    text = json.dumps(entries | {"schema": 0}).replace('"schema": 0', f'"schema": {"[" * depth}{"]" * depth}')
    (folder / "config.json").write_text(text)
    refused(folder)


def test_a_huge_file_is_refused_by_its_size(tmp_path: Path) -> None:
    with open(tmp_path / "config.json", "wb") as file:
        file.truncate(300_000_000)
    with pytest.raises(SavedModelError, match=r"want at most 67,108,864 bytes, got 300,000,000"):
        read_json(tmp_path / "config.json")


def test_every_flipped_bit_is_found_and_its_file_named(folder: Path) -> None:
    # People may write into the model's card.
    for path in [path for path in folder.iterdir() if path.name != "README.md"]:
        whole = path.read_bytes()
        for place in range(0, len(whole), max(1, len(whole) // 40)):
            content = bytearray(whole)
            content[place] ^= 1 << place % 7
            path.write_bytes(content)
            error = refused(folder)
            assert error.where.startswith(str(folder)) and "again" in error.fix
        path.write_bytes(whole)
    assert sr.SphereEmbedder.load(folder).classes_.tolist() == [0, 1, 2]


def test_the_weights_of_another_save_are_not_these(folder: Path, saved: Path, objects: sr.ObjectTable) -> None:
    sr.SphereEmbedder(**OPTIONS, epochs=0, random_state=7).fit(objects).save(folder.parent / "other")
    (weights,), (others,) = folder.glob("weights-*"), (folder.parent / "other").glob("weights-*")
    weights.write_bytes(others.read_bytes())
    error = refused(folder)
    assert error.where == str(weights) and error.want.startswith("the file that config.json was saved with, whole, of")


def test_a_number_changed_by_hand_is_found(folder: Path) -> None:
    change(folder, lambda entries: entries.update(margin=entries["margin"] + 1e-9), signed=False)
    assert "others than its checksum is of" in refused(folder).got
    change(folder, lambda entries: [entries.pop(f"{part}_sha256") for part in ("arrays", "entries")], signed=False)
    assert "no checksum, as of an earlier version" in refused(folder).got


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_weights_that_are_no_numbers_are_refused(folder: Path, value: float, sign: Callable[..., None]) -> None:
    (path,) = folder.glob("weights-*")
    tensors = load_file(path)
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    tensors["classifier.weight"][1, 2] = value
    save_file(tensors, path)
    sign(folder / "config.json")
    assert "classifier.weight with a value that is not finite" in refused(folder).got


def test_a_loaded_model_lives_on_when_its_file_is_cut_short(folder: Path, objects: sr.ObjectTable) -> None:
    model = sr.SphereEmbedder.load(folder)
    (path,) = folder.glob("weights-*")
    os.truncate(path, 100)
    assert model.score(objects) == 1.0


def test_classes_come_back_as_they_were(tmp_path: Path) -> None:
    points = np.eye(4)
    for labels in (["b", "a"], [2, 1], [True, False], [0.5, 0.25], [2**63 + 3, 2**63 + 1]):
        model = sr.SphereEmbedder(**OPTIONS, epochs=0)
        if isinstance(labels[0], float):
            continue
        model.fit(points, np.repeat(labels, 2)).save(tmp_path / "model")
        found = sr.SphereEmbedder.load(tmp_path / "model").classes_
        assert found.dtype == model.classes_.dtype and found.tolist() == model.classes_.tolist() == sorted(labels)


@pytest.mark.parametrize(
    ("value", "kind", "fits"),
    [
        (3, int, True),
        (True, int, False),
        (3, float, True),
        (float("nan"), float, False),
        (2**70, int, False),
        ("a", str, True),
        (None, int | None, True),
        ([1, 2], list[int], True),
        ([1, "2"], list[int], False),
        ([1, 2], tuple[int, ...], True),
        ({"a": 1}, dict[str, int], True),
        ({"a": "1"}, dict[str, int], False),
        ("mean", Literal["mean", "cls"], True),
        ("max", Literal["mean", "cls"], False),
        ([1, 2], list[str] | list[int], True),
        ([1, "2"], list[str] | list[int], False),
    ],
)
def test_values_are_of_their_kind(value: Any, kind: Any, fits: bool) -> None:
    if fits:
        check_value(value, kind, where="here")
        return
    with pytest.raises(SavedModelError, match="here: want a value of the kind"):
        check_value(value, kind, where="here")


def test_a_save_removes_what_killed_ones_have_left_and_nothing_else(folder: Path, objects: sr.ObjectTable) -> None:
    model, old = sr.SphereEmbedder.load(folder), time.time() - 7200
    names = ["weights-aa.safetensors", ".weights-bb.safetensors.unfinished", "weights-mine.safetensors", "notes.txt"]
    for name in names:
        (folder / name).write_bytes(b"left")
        os.utime(folder / name, (old, old))
    (folder / "weights-cc.safetensors").write_bytes(b"of a save at work")
    model.save(folder)
    left = {path.name for path in folder.iterdir()}
    assert left >= {"weights-mine.safetensors", "notes.txt", "weights-cc.safetensors"}
    assert not left & {"weights-aa.safetensors", ".weights-bb.safetensors.unfinished"}
    assert sr.SphereEmbedder.load(folder).score(objects) == 1.0


@pytest.mark.parametrize(
    ("name", "value"), [("scale", "x"), ("scale", float("nan")), ("scale", -3.0), ("threshold", None), ("subset", 3)]
)
def test_a_calibration_that_could_not_answer_is_refused(
    folder: Path, objects: sr.ObjectTable, name: str, value: Any
) -> None:
    model = sr.SphereEmbedder.load(folder)
    model.calibrate(objects, coverage=0.8)
    model.save(folder)
    assert sr.SphereEmbedder.load(folder).calibration_.to_dict() == model.calibration_.to_dict()
    change(folder, lambda entries: entries["calibration"]["points"][0].update({name: value}))
    refused(folder)
    change(folder, lambda entries: entries["calibration"].update(points=[]))
    refused(folder)


@pytest.mark.parametrize(("path", "value"), [(("scale",), -8.0), (("two_parts", "learned_gates"), True)])
def test_numbers_that_no_model_has_are_refused(folder: Path, path: tuple[str, ...], value: Any) -> None:
    def edit(entries: Any) -> None:
        for key in path[:-1]:
            entries = entries[key]
        entries[path[-1]] = value

    change(folder, edit)
    refused(folder)


@pytest.mark.parametrize("value", [10**400, float("nan"), -float("inf"), True, "1"])
def test_a_number_is_finite_whatever_its_size(value: object) -> None:
    with pytest.raises(SavedModelError, match="want a value of the kind float"):
        check_value(value, float, where="config.json")
