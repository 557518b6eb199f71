"""A batch of Arrow gives the vectors of `transform`, in any process, once loaded, and row by row."""

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

import steradian as sr
from steradian import batch_embedder
from steradian.errors import InputError, SavedModelError

SCHEMA = sr.Schema({"size": sr.Vector("size"), "title": sr.Text("title")}, label="kind", id="sku")


def table(rows: int = 30) -> pa.Table:
    points = np.random.default_rng(0).normal(size=(rows, 3)) + 3 * (np.arange(rows) % 2)[:, None]
    return pa.table(
        {
            "sku": [f"s{row}" for row in range(rows)],
            "size": points.tolist(),
            "title": [None if row % 5 == 0 else ("red cup", "old jar")[row % 2] for row in range(rows)],
            "kind": [("cup", "jar")[row % 2] for row in range(rows)],
            "price": np.arange(rows),
        }
    )


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    model = sr.SphereEmbedder(embedding_dim=4, epochs=0, verbose=False).fit(sr.read_objects(table(), SCHEMA))
    place = tmp_path_factory.mktemp("models")
    model.save(place / "saved")
    model.export(place / "exported")
    other = sr.SphereEmbedder(embedding_dim=3, epochs=0, verbose=False).fit(sr.read_objects(table(20), SCHEMA))
    other.save(place / "other")
    return {path.name: path for path in place.iterdir()}


@pytest.mark.parametrize("kind", ["saved", "exported"])
@pytest.mark.parametrize("given", [table(), table().combine_chunks().to_batches()[0]], ids=["table", "batch"])
def test_vectors_are_those_of_transform_and_names_are_carried(folders: dict[str, Path], kind: str, given: Any) -> None:
    embed_batch = sr.BatchEmbedder(folders[kind], columns=["price"])
    found = embed_batch(given)
    assert type(found) is type(given) and found.schema.names == ["id", "label", "price", "vector"]
    assert found.drop_columns("vector").to_pydict() == {
        name: table()[column].to_pylist() for name, column in {"id": "sku", "label": "kind", "price": "price"}.items()
    }
    expected = sr.SphereEmbedder.load(folders["saved"]).transform(sr.read_objects(table(), SCHEMA))
    np.testing.assert_allclose(np.array(found["vector"].to_pylist()), expected, atol=1e-6)
    # In any parts, in another process's copy, with absent columns and with ids twice.
    copy, parts = pickle.loads(pickle.dumps(embed_batch)), [given.slice(at, 7) for at in range(0, 30, 7)]
    halves = [row for part in parts for row in copy(part)["vector"].to_pylist()]
    np.testing.assert_allclose(halves, expected, atol=1e-6)
    twice = copy(pa.table({"sku": ["s1"] * 2, "size": given["size"].to_pylist()[:2], "price": [1, 2]}))
    assert twice["id"].to_pylist() == ["s1"] * 2 and twice.schema.names == ["id", "price", "vector"]


def test_no_rows_have_the_columns_of_some(folders: dict[str, Path]) -> None:
    embed_batch = sr.BatchEmbedder(folders["saved"])
    assert embed_batch(table()[:0]).schema == embed_batch(table()).schema


def test_the_model_is_loaded_when_it_is_needed_and_once(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    embed_batch = sr.BatchEmbedder(folders["saved"], device="cpu")
    batch_embedder._loaded.cache_clear()
    assert len(pickle.dumps(embed_batch)) < 500
    for _ in range(3):
        pickle.loads(pickle.dumps(embed_batch))(table())
    assert batch_embedder._loaded.cache_info().misses == 1


def test_an_exported_model_is_not_run_by_torch(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    batch_embedder._loaded.cache_clear()
    monkeypatch.setitem(sys.modules, "steradian.saved_model", None)
    assert sr.BatchEmbedder(folders["exported"])(table()).num_rows == 30
    with pytest.raises(ImportError):
        sr.BatchEmbedder(folders["saved"])(table())


def test_rows_that_cannot_be_embedded_are_told_or_left_out(folders: dict[str, Path]) -> None:
    rows = table(4).set_column(1, "size", [[[1.0, 2, 3], None, [0.0, 1, 0], [2.0, 0, 0]]])
    rows = rows.set_column(2, "title", [["cup", None, None, None]])
    with pytest.raises(InputError, match="row 1"):
        sr.BatchEmbedder(folders["saved"])(rows)
    found = sr.BatchEmbedder(folders["saved"], on_error="missing")(rows)
    assert found["id"].to_pylist() == ["s0", "s2", "s3"] and len(found["vector"]) == 3


def test_wrong_columns_and_changed_models_are_told(folders: dict[str, Path], tmp_path: Path) -> None:
    for columns in (["prize"], ["label"], ["vector"]):
        with pytest.raises(InputError, match=r"BatchEmbedder\(columns"):
            sr.BatchEmbedder(folders["saved"], columns=columns)(table())
    with pytest.raises(SavedModelError, match="no such file"):
        sr.BatchEmbedder(tmp_path / "nothing")
    begun = sr.BatchEmbedder(folders["saved"])
    object.__setattr__(begun, "folder", str(folders["other"]))
    with pytest.raises(SavedModelError, match="with which the work was begun"):
        begun(table())
