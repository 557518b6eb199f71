"""Filling a store; the engines are in tests/engines."""

from pathlib import Path
from typing import Any

import pytest

import steradian as sr
from steradian.errors import InputError, SavedModelError
from steradian.stores import open_store


def test_a_table_is_written_and_written_again(
    gallery: sr.ObjectTable, embedder: sr.SphereEmbedder, tmp_path: Path
) -> None:
    place = sr.write_vectors(embedder, gallery[:8], f"parquet:{tmp_path / 'a.parquet'}", columns=["price"])
    sr.write_vectors(embedder, gallery[4:], place)
    store = open_store(place)
    facts = store.facts()
    assert facts is not None and facts.fingerprint == embedder.fingerprint and facts.thresholds is None
    assert store.count() == 12 and "price" in facts.kinds
    # A column that the store has is written whenever the table has it.
    (rows,) = store.search(embedder.transform(gallery[:1]), 12, [], exact=True)
    prices = dict(zip(rows["id"].to_pylist(), rows["price"].to_pylist(), strict=True))
    assert prices["x3"] == 1.5 and prices["x5"] is None and prices["x11"] == 5.5


def test_another_model_and_what_is_no_table_are_refused(
    gallery: sr.ObjectTable, embedder: sr.SphereEmbedder, tmp_path: Path
) -> None:
    place = sr.write_vectors(embedder, gallery, f"parquet:{tmp_path / 'a.parquet'}")
    other: Any = type("Other", (), {"transform": embedder.transform, "fingerprint": "0" * 16})()
    with pytest.raises(SavedModelError, match="Their angles mean nothing to each other"):
        sr.write_vectors(other, gallery, place)
    with pytest.raises(InputError, match="5"):
        sr.write_vectors(embedder, 5, place)


def test_a_table_that_was_not_read_is_read(
    gallery: sr.ObjectTable, embedder: sr.SphereEmbedder, tmp_path: Path
) -> None:
    raw = {name: gallery.columns[name][:4].tolist() for name in gallery.columns}
    stores = []
    for number, objects in enumerate((gallery[:4], raw)):
        store = open_store(sr.write_vectors(embedder, objects, f"parquet:{tmp_path / f'{number}.parquet'}"))
        stores.append(store.search(embedder.transform(gallery[:1]), 4, [], exact=True)[0].to_pydict())
    assert stores[0] == stores[1] and len(stores[0]["id"]) == 4
