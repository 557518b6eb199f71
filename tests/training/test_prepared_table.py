"""Fits of rows that stay on disk, against fits of the same rows in memory."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import steradian as sr
from steradian.config import ModelConfig, TrainingConfig
from steradian.data import ObjectTable, batch, stored_rows
from steradian.data.batch import Preprocessor
from steradian.data.object_digests import object_digests
from steradian.training import Progress, train_networks
from steradian.training.fit_identity import fit_identity
from steradian.training.prepared_table import at_most, prepare_table, preparing
from steradian.training.train import _all_batches

SMALL: dict[str, Any] = {"embedding_dim": 8, "width": 8, "heads": 2, "verbose": False, "dropout": 0.0}
SCHEMA = sr.Schema({"v": sr.Vector("v"), "w": sr.Vector("w")})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """150 objects of three classes in three files of three row groups each."""
    path, rng = tmp_path_factory.mktemp("parts"), np.random.default_rng(0)
    labels = np.arange(150) % 3
    v = rng.normal(size=(150, 4)).astype(np.float32) + 2 * np.eye(4, dtype=np.float32)[labels]
    w = [None if row % 7 == 0 else list(v[row, :2] * 3) for row in range(150)]
    for number in range(3):
        rows = slice(50 * number, 50 * number + 50)
        table = pa.table({"v": list(v[rows]), "w": w[rows], "label": labels[rows]})
        pq.write_table(table, path / f"part-{number}.parquet", row_group_size=20)
    return path


def small_windows(patched: pytest.MonkeyPatch, folder: Path, rows: int) -> ObjectTable:
    """The table on disk with windows of so many rows."""
    size = sum(stored_rows.decoded_sizes([pq.read_metadata(folder / "part-0.parquet")], ["v", "w", "label"]).values())
    patched.setattr(stored_rows, "KEPT_MOST", int(2 * (rows + 0.5) * size))
    return sr.read_objects(folder, SCHEMA, lazy=True)


@pytest.mark.parametrize("options", [{"epochs": 0}, {"closed_form": False, "epochs": 1}])
def test_a_fit_is_that_of_the_rows_in_memory(folder: Path, options: dict[str, Any]) -> None:
    whole, stored = (sr.read_objects(folder, SCHEMA, lazy=lazy) for lazy in (False, True))
    if not options.get("closed_form", True):
        options = {**options, "validation_fraction": 0.2}
    models = [sr.SphereEmbedder(**SMALL, **options).fit(objects) for objects in (whole, stored)]
    vectors = [model.transform(whole) for model in models]
    np.testing.assert_allclose(vectors[1], vectors[0], atol=1e-5)
    np.testing.assert_allclose(models[1].transform(stored[::-1]), vectors[1][::-1], atol=1e-6)
    assert models[1].training_.best_score == models[0].training_.best_score


def test_many_windows_train_evaluate_and_calibrate(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_networks, "JUDGED", 20)
    objects = small_windows(monkeypatch, folder, 40)
    assert objects.stored is not None and objects.stored.window == 40
    train, test = objects.split(0.3)
    model = sr.SphereEmbedder(**SMALL, epochs=1).fit(train)
    assert sr.evaluate(model, test).whole.accuracy > 0.8
    assert [len(part.rows) for part in model.fitted_.left_out.parts] == [20, 20, 20]
    model.calibrate(test, coverage=0.8)
    monkeypatch.setattr(batch, "DRAWN", 50)
    assert sr.SphereEmbedder(**SMALL, epochs=0).fit(train).score(test) > 0.8


def test_a_training_that_was_killed_goes_on_to_the_bit(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objects = small_windows(monkeypatch, folder, 40)
    options = {**SMALL, "closed_form": False, "epochs": 2, "dropout": 0.1}
    vectors = sr.SphereEmbedder(**options).fit(objects).transform(objects)
    advance = Progress.advance

    def kill(self: Progress, step: int, *, loss: float) -> None:
        if step == 4:
            raise RuntimeError("killed")
        advance(self, step, loss=loss)

    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="killed"):
        patched.setattr("steradian.training.checkpoint.EVERY", 0.0)
        patched.setattr(Progress, "advance", kill)
        sr.SphereEmbedder(**options).fit(objects, checkpoint=tmp_path / "kept")
    resumed = sr.SphereEmbedder(**options).fit(objects, checkpoint=tmp_path / "kept")
    np.testing.assert_array_equal(resumed.transform(objects), vectors)


def test_an_epoch_reads_each_piece_about_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = small_windows(monkeypatch, folder, 60)
    assert objects.stored is not None
    preprocessor, reads = Preprocessor.fit(objects), []
    prepared, read = prepare_table(preprocessor, objects, objects.labels), objects.stored._next
    objects.stored._kept.clear()
    objects.stored._held = 0.0

    def noted(number: int, name: str) -> np.ndarray:
        reads.append((number, name))
        return read(number, name)

    monkeypatch.setattr(objects.stored, "_next", noted)
    rows = [rows for _, rows in _all_batches(prepared, TrainingConfig(batch_size=10), epochs=1)]
    for each in rows:
        prepared.batch(each)
    assert sorted(np.concatenate(rows).tolist()) == list(range(150))
    # A row group that two windows share may be read for both.
    assert len(set(reads)) == 18 and len(reads) <= 18 + 2 * 2


def test_batches_and_chunks_are_those_of_the_table_in_memory(folder: Path) -> None:
    whole, stored = (sr.read_objects(folder, SCHEMA, lazy=lazy) for lazy in (False, True))
    preprocessor = Preprocessor.fit(whole)
    expected = preprocessor.prepare(whole, whole.labels)
    prepared = prepare_table(preprocessor, stored, stored.labels)
    rows = np.array([140, 3, 3, 77])
    prepare = preparing(preprocessor, stored, prepared)
    part, places = prepare(rows)
    assert prepare(rows)[0] is part
    chosen = prepared.rows(np.arange(150)[::-1])
    for found in (prepared.batch(rows), part.batch(places), chosen.batch(149 - rows)):
        for name, arrays in expected.batch(rows).items.items():
            np.testing.assert_array_equal(found.items[name]["values"], arrays["values"])
    assert {name: arrays["values"].shape for name, arrays in prepared.batch(rows[:0]).items.items()} == {
        "v": (0, 4),
        "w": (0, 2),
    }
    assert len(at_most(stored, 9, 0)) == 9 and at_most(whole, 9, 0) is whole


def test_objects_are_told_apart_as_in_memory(folder: Path) -> None:
    whole, stored = (sr.read_objects(folder, SCHEMA, lazy=lazy) for lazy in (False, True))
    np.testing.assert_array_equal(object_digests(stored, ["v", "w"]), object_digests(whole, ["v", "w"]))
    model = sr.SphereEmbedder(**SMALL)
    names = [
        fit_identity(table, None, model.config(ModelConfig), model.config(TrainingConfig))["table"]
        for table in (stored, stored[::-1], stored)
    ]
    assert names[0] == names[2] != names[1]
