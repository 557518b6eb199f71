"""Every form in which a sound may come, sets and long sounds, and what reaches the tokenizer."""

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

import steradian as sr
from steradian.data import Schema, read_objects
from steradian.data.columns import to_objects
from steradian.data.sets import SET_SIZES
from steradian.errors import ConfigError, InputError
from steradian.modalities import Audio, audio
from steradian.modalities.log_mel import BANDS
from steradian.modalities.tensors import to_tensors

RATE = 16_000


def chirp(seconds: float, *, rate: int = RATE, low: float = 200.0, high: float = 3000.0) -> np.ndarray:
    """A tone that rises, float64 [samples] within -0.9..0.9."""
    time = np.arange(round(seconds * rate)) / rate
    return 0.9 * np.sin(2 * np.pi * (low + (high - low) * time / (2 * seconds)) * time)


def encoded(samples: np.ndarray, rate: int = RATE, *, kind: str = "WAV", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def items_of(*cells: Any, rows: Any = None) -> dict[str, torch.Tensor]:
    """The tensors of cells as a user gives them."""
    read = Audio("clip").read({"clip": to_objects(cells)})
    assert read.present.all()
    fitted = Audio("clip").fit(read.values)
    return to_tensors(
        fitted.prepare(read.values, np.arange(len(cells)) if rows is None else rows)(np.arange(len(cells)))
    )


def frames_of(*cells: Any) -> list[np.ndarray]:
    """Log power float32 [frames, bands] of each sound."""
    items = items_of(*cells)
    return [frames.float().numpy() for frames in items["frames"].split(items["lengths"].tolist())]


# -- Reading -----------------------------------------------------------------------------------------------------------


def test_every_form_gives_the_same_frames(tmp_path: Path) -> None:
    whole = np.round(chirp(0.3) * 2**15).astype(np.int16)
    data, path = encoded(whole), tmp_path / "clip.wav"
    path.write_bytes(data)
    stereo = np.stack([whole, whole], axis=1)
    scaled = whole / 2**15
    forms = [
        *(data, bytearray(data), path, str(path)),
        *((whole, RATE), (whole[:, None], RATE), (stereo, RATE), (whole.tolist(), RATE), [whole, RATE]),
        *((scaled, RATE), (scaled.astype(np.float32), float(RATE)), (torch.from_numpy(scaled), np.int64(RATE))),
        *((whole.astype(np.int32) * 2**16, RATE), (whole.astype(np.int64), RATE)),
        *(encoded(whole, kind="FLAC"), encoded(stereo), encoded(scaled, subtype="DOUBLE")),
    ]
    first, *others = frames_of(*forms)
    assert first.shape == (31, BANDS)
    for other in others:
        np.testing.assert_allclose(other, first, atol=0.02)


def test_a_pair_is_one_sound_and_a_list_is_several() -> None:
    sound = (chirp(0.1), RATE)
    assert SET_SIZES not in items_of(sound, sound)
    cells = [sound, [sound, sound, None], [[chirp(0.1), RATE]], (sound, encoded(chirp(0.2))), [sound, "", float("nan")]]
    assert items_of(*cells)[SET_SIZES].tolist() == [1, 2, 1, 2, 1]


def test_what_is_missing() -> None:
    column = to_objects([None, (chirp(0.1), RATE), float("nan"), "", " \n", [], [None], ["", np.nan]])
    assert Audio("clip").read({"clip": column}).present.tolist() == [False, True, *[False] * 6]


@pytest.mark.parametrize(
    ("cell", "got"),
    [
        (3, "int 3"),
        (np.zeros(500), "ndarray .*such as \\(array, 16000\\)"),
        ([0.1, 0.2, 0.3], "float 0.1"),
        ([0.1, 16_000], "float 0.1"),
        ({"a": 1}, "dict"),
        ([chirp(0.1), chirp(0.1)], "ndarray"),
        (("a.wav", 16_000), "int 16000"),
        ((np.zeros(0), RATE), r"samples of shape \(0,\)"),
        ((np.zeros((5, 0)), RATE), r"samples of shape \(5, 0\)"),
        ((np.zeros((5, 1, 1)), RATE), r"samples of shape \(5, 1, 1\)"),
        ((np.zeros(5, dtype=complex), RATE), "type complex128"),
        ((np.zeros(5, dtype=bool), RATE), "type bool"),
        ((["a", "b"], RATE), "type <U1"),
        (([[1.0], [1.0, 2.0]], RATE), "samples that are no array of numbers"),
        ((np.zeros((2, 16_000)), RATE), r"shape \(2, 16000\), which looks like \[channels, samples\]"),
        ((np.zeros(5), 0), "a rate of 0"),
        ((np.zeros(5), -RATE), "a rate of -16000"),
        ((np.zeros(5), float("nan")), "a rate of nan"),
        ((np.zeros(5), 2**31 - 1), "a rate of 2147483647"),
        ([(chirp(0.1), RATE), 7], "samples that are no array of numbers"),
        (["a.wav", (chirp(0.1), RATE), 7], "int 7"),
    ],
)
def test_what_is_no_sound_is_refused_with_its_row_and_column(cell: Any, got: str) -> None:
    with pytest.raises(InputError, match=rf"^row 1 \(counted from 0\), column 'clip': want a path.*{got}"):
        Audio("clip").read({"clip": to_objects([None, cell, "a.wav"])})


def test_a_column_that_is_one_array_lacks_its_rate() -> None:
    with pytest.raises(InputError, match=r"row 0 .*\(array, 16000\)"):
        Audio("clip").read({"clip": np.zeros((3, 100))})


@pytest.mark.parametrize("rate", [0, -16_000, 7_999, 200_001, 16_000.0, "16000", None, True])
def test_a_rate_that_cannot_be_is_refused(rate: Any) -> None:
    with pytest.raises(ConfigError, match="from 8000 to 200000"):
        Audio("clip", rate=rate)


def test_pairs_and_paths_come_through_read_objects(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(encoded(chirp(0.1)))
    pairs = [(chirp(0.1), RATE), [(chirp(0.1), RATE)] * 2, (chirp(0.1).tolist(), RATE)]
    read_objects({"clip": pairs}, Schema({"clip": Audio("clip")}), labelled=False)
    (tmp_path / "table.csv").write_text("clip,title,label\na.wav,,x\n,y,y\n")
    objects = read_objects(tmp_path / "table.csv", Schema({"clip": Audio("clip"), "title": sr.Text("title")}))
    assert objects.values["clip"]["sound"].tolist() == [str(tmp_path / "a.wav"), None]


def test_its_column_is_text_and_holds_paths() -> None:
    assert Audio("clip").text_columns == Audio("clip").columns == ("clip",)
    assert Audio.holds_paths


def test_a_schema_file_knows_it(tmp_path: Path) -> None:
    (tmp_path / "schema.yaml").write_text("modalities: {voice: {type: Audio, column: clip, rate: 8000}}")
    assert Schema.from_yaml(tmp_path / "schema.yaml") == Schema({"voice": Audio("clip", rate=8000)})


# -- Preparing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_path", [True, False])
def test_each_distinct_sound_is_decoded_once(as_path: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = encoded(chirp(0.1)), encoded(chirp(0.2))
    (tmp_path / "a.wav").write_bytes(first)
    (tmp_path / "b.wav").write_bytes(second)
    a, b = (str(tmp_path / "a.wav"), str(tmp_path / "b.wav")) if as_path else ((chirp(0.1), RATE), (chirp(0.2), RATE))
    values = Audio("clip").read({"clip": to_objects([a, b, [a, b], a, [b]])}).values
    fitted = Audio("clip").fit(values)
    seen: list[str] = []
    real, lock = audio.decode_sound, threading.Lock()

    def counted(*given: Any, where: str) -> Any:
        with lock:
            seen.append(where)
        return real(*given, where=where)

    monkeypatch.setattr(audio, "decode_sound", counted)
    items = fitted.prepare(values, np.arange(10, 15))
    assert sorted(seen) == [f"row {row} (counted from 0), column 'clip'" for row in (10, 11)]
    batch = items(np.array([4, 2, 0]))
    assert batch[SET_SIZES].tolist() == [1, 2, 1]
    assert batch["lengths"].tolist() == [21, 11, 21, 11]


def test_a_broken_sound_is_told_with_the_first_row_that_has_it() -> None:
    good, broken = encoded(chirp(0.1)), b"broken"
    with pytest.raises(InputError, match=r"^row 8 \(counted from 0\), column 'clip': want a sound that can be read"):
        items_of(good, [good, broken], good, broken, b"worse", rows=np.array([3, 8, 9, 20, 21]))


def test_one_item_can_be_tried() -> None:
    modality = Audio("clip")
    for item in (encoded(chirp(0.1)), (chirp(0.1), RATE), None, ""):
        modality.probe(item)
    for item in (b"broken", (np.array([np.nan]), RATE), "nowhere.wav", 3):
        with pytest.raises(InputError, match="column 'clip'"):
            modality.probe(item)


def test_order_and_threads_have_no_influence() -> None:
    cells = [encoded(chirp(0.05 * n)) for n in range(1, 40)]
    together = frames_of(*cells)
    for n in (0, 17, 38):
        (alone,) = frames_of(cells[n])
        np.testing.assert_array_equal(alone, together[n])


def test_long_sounds_become_sets_of_windows() -> None:
    short, long, very_long = (np.tile(chirp(1.0, rate=8000), n) for n in (1, 21, 200))
    cells = [(short, 8000), (long, 8000), [(long, 8000), (short, 8000)], (very_long, 8000)]
    items = items_of(*cells)
    assert items[SET_SIZES].tolist() == [1, 3, 4, 8]
    assert items["lengths"].tolist() == [101, 701, 701, 701, 701, 701, 701, 101, *[1001] * 8]


def test_means_and_standard_deviations_are_of_training_frames() -> None:
    cells = [(chirp(0.1 * n), RATE) for n in range(1, 5)]
    values = Audio("clip").read({"clip": to_objects(cells)}).values
    fitted = Audio("clip").fit(values)
    frames = np.concatenate(frames_of(*cells)).astype(np.float64)
    np.testing.assert_allclose(fitted.mean, frames.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(fitted.std, np.maximum(frames.std(axis=0), 0.25 * frames.std()), rtol=1e-5)


def test_a_bounded_number_of_sounds_is_learnt_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audio, "SAMPLE", 3)
    cells = [(chirp(0.1, high=1000.0 * n), RATE) for n in range(1, 8)]
    values = Audio("clip").read({"clip": to_objects(cells)}).values
    expected = np.concatenate([frames_of(cell)[0] for cell in (cells[0], cells[3], cells[6])]).mean(axis=0)
    np.testing.assert_allclose(Audio("clip").fit(values).mean, expected, atol=1e-3)


@pytest.mark.parametrize("samples", [np.zeros(800), np.full(800, 0.3), np.ones(1)], ids=["silence", "constant", "one"])
def test_nothing_but_silence_can_be_learnt_from(samples: np.ndarray) -> None:
    values = Audio("clip").read({"clip": to_objects([(samples, RATE)] * 2)}).values
    fitted = Audio("clip").fit(values)
    assert np.isfinite(fitted.mean).all()
    assert (fitted.std == 1).all()


def test_no_sound_at_all() -> None:
    fitted = Audio("clip").fit({"sound": to_objects([(chirp(0.1), RATE)])})
    assert fitted.prepare({"sound": to_objects([])}, np.arange(0))(np.arange(0))["frames"].shape == (0, BANDS)


# -- The whole way -----------------------------------------------------------------------------------------------------


def test_a_model_learns_hears_sets_and_is_the_same_after_saving(tmp_path: Path, rng: np.random.Generator) -> None:
    def sound(label: str, seconds: float) -> tuple[np.ndarray, int]:
        low, high = (300.0, 1500.0) if label == "up" else (1500.0, 300.0)
        return chirp(seconds, low=low, high=high, rate=8000) + 0.01 * rng.normal(size=round(8000 * seconds)), 8000

    labels = ["up", "down"] * 8
    clips: list[Any] = [sound(label, float(rng.uniform(0.1, 0.3))) for label in labels]
    clips[4] = [clips[4], clips[6]]
    schema = Schema({"clip": Audio("clip", rate=8000)})
    options: dict[str, Any] = {"embedding_dim": 8, "width": 16, "epochs": 40, "verbose": False}
    objects = read_objects({"clip": clips, "label": labels}, schema)
    model = sr.SphereEmbedder(**options).fit(objects)
    vectors = model.transform(objects)
    assert model.score(objects) > 0.9
    alone = np.concatenate([model.transform(objects[np.array([row])]) for row in (4, 9)])
    np.testing.assert_allclose(alone, vectors[[4, 9]], atol=1e-5)
    model.save(tmp_path)
    np.testing.assert_array_equal(sr.SphereEmbedder.load(tmp_path).transform(objects), vectors)
