"""An index in a store, here a Parquet file; tests/engines/test_stores.py does the same with the engines."""

from pathlib import Path

import numpy as np
import pytest

import steradian as sr
from steradian.errors import ConfigError, InputError, SavedModelError
from steradian.search.store_index import StoreIndex


@pytest.fixture(scope="module")
def objects() -> sr.ObjectTable:
    rng = np.random.default_rng(0)
    table = {
        "size": list(rng.normal(size=(20, 3)) + 3 * np.eye(3)[np.arange(20) % 3]),
        "kind": np.arange(20) % 3,
        "price": [None if n == 5 else float(n) for n in range(20)],
    }
    return sr.read_objects(table, sr.Schema({"size": sr.Vector("size")}, label="kind"))


@pytest.fixture(scope="module")
def model(objects: sr.ObjectTable) -> sr.SphereEmbedder:
    return sr.SphereEmbedder(epochs=0, embedding_dim=4, verbose=False).fit(objects)


@pytest.fixture
def index(model: sr.SphereEmbedder, objects: sr.ObjectTable, tmp_path: Path) -> StoreIndex:
    place = sr.write_vectors(model, objects, f"parquet:{tmp_path / 'a.parquet'}", columns=["price"])
    return sr.Index.open(place, model=model)


def test_it_finds_what_an_index_in_memory_finds(
    index: StoreIndex, model: sr.SphereEmbedder, objects: sr.ObjectTable
) -> None:
    want = sr.Index.build(model, objects).search(objects[:4], k=6)
    got = index.search(objects[:4], k=6)
    np.testing.assert_allclose(got.cosines, want.cosines, atol=1e-6)
    assert got.labels is not None and want.labels is not None
    assert got.ids[:, 0].tolist() == [0, 1, 2, 3] and got.labels[:, 0].tolist() == [0, 1, 2, 0]
    near = index.search(objects[:4], k=6, where={"price": {"from": 4, "to": 9}, "label": [0, 2]})
    assert near.ids.shape == (4, 3) and set(near.ids.ravel()) == {6, 8, 9}
    assert near.to_pandas()["price"].min() == 6
    assert index.search(objects[:4], where={"price": 99}).ids.shape == (4, 0)
    with pytest.raises(InputError, match="Did you mean 'price'"):
        index.search(objects[:4], where={"prise": 3})


def test_objects_come_go_and_change(index: StoreIndex, objects: sr.ObjectTable) -> None:
    index.remove([3, 4])
    index.remove(5)
    index.remove([])
    assert len(index) == 17
    index.add(objects[3:5])
    index.add(np.eye(4)[:1], ids=[100], labels=[7])
    assert len(index) == 20
    found = index.search(np.eye(4)[:1], k=1)
    assert found.ids.tolist() == [[100]] and found.columns["price"].tolist() == [[None]]
    index.update(np.eye(4)[1:2], ids=[100], columns={"price": [2.5]})
    found = index.search(np.eye(4)[1:2], k=1)
    assert found.columns["price"].tolist() == [[2.5]] and found.labels is not None and found.labels[0, 0] is None


def test_wrong_ids_are_told_and_nothing_is_changed(index: StoreIndex, objects: sr.ObjectTable) -> None:
    vectors = np.eye(4)[:2]
    for call, says in (
        (lambda: index.add(objects[3:5]), "2 that are in it: 3, 4"),
        (lambda: index.add(vectors), "an id for each vector"),
        (lambda: index.add(vectors, ids=[50, 50]), "50"),
        (lambda: index.add(vectors, ids=["a", "b"]), "cells of the kind 'integer'"),
        (lambda: index.update(vectors, ids=[3, 50]), "1 others: 50"),
        (lambda: index.remove([3, 3]), "3"),
        (lambda: index.remove(["a"]), "ids of the kind 'integer'"),
        (lambda: index.remove([3, 50]), "1 others: 50"),
        (lambda: index.add(np.eye(3)[:1], ids=[50]), "vectors of width 4"),
        (lambda: index.add({"size": [[1, 2, 3]]}), "an ObjectTable with objects and a model"),
    ):
        with pytest.raises(InputError, match=says):
            call()
        assert len(index) == 20


def test_another_model_nothing_there_and_no_place(index: StoreIndex, tmp_path: Path) -> None:
    class Other:
        fingerprint = "0" * 16

        def transform(self, objects: object, /, *, modalities: object = None) -> np.ndarray:
            return np.eye(4)

    with pytest.raises(SavedModelError, match="filled by another"):
        sr.Index.open(index.store.place, model=Other())
    with pytest.raises(SavedModelError, match="nothing there"):
        sr.Index.open(f"parquet:{tmp_path / 'b.parquet'}")
    with pytest.raises(ConfigError, match="lancedb:PATH#TABLE"):
        sr.Index.open(str(tmp_path))
    with sr.Index.open(index.store.place) as alone:
        assert repr(alone) == f"StoreIndex: {index.store.place}, vectors of width 4, no model"
        with pytest.raises(InputError, match="this index has no model"):
            alone.search({"size": [[1, 2, 3]]})
