"""Parquet as a store: what it holds, and that a write which ends early leaves it; FAISS is in tests/engines."""

import os
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from steradian.errors import MissingExtraError, SavedModelError
from steradian.stores import Condition, StoreFacts, open_store, rows_of
from steradian.stores.file_stores import ParquetStore

FACTS = StoreFacts("3f", 3, {"id": "text", "price": "number"})


def filled(path: Path) -> ParquetStore:
    store = ParquetStore(str(path))
    store.create(FACTS)
    store.upsert([rows_of(np.eye(3), {"id": ["a", "b", "c"], "price": [1, None, 3]}, FACTS)])
    return store


def test_rows_stay_in_their_places_and_the_last_one_counts(tmp_path: Path) -> None:
    store = filled(tmp_path / "new" / "a.parquet")
    store.upsert([rows_of(-np.eye(3)[:2], {"id": ["b", "d"], "price": [7, 8]}, FACTS)])
    table = parquet.read_table(tmp_path / "new" / "a.parquet")
    assert table["id"].to_pylist() == ["a", "b", "c", "d"]
    assert table["price"].to_pylist() == [1, 7, 3, 8]
    assert table["vector"].to_pylist()[1] == [-1, 0, 0]
    assert store.facts() == FACTS and store.count() == 4 and store.known(["d", "z", "a"]) == ["d", "a"]
    store.remove(["a", "c"])
    (found,) = store.search(np.array([[-1.0, 0.1, 0.0]]), 5, [], exact=True)
    assert found["id"].to_pylist() == ["b", "d"]
    (found,) = store.search(np.array([[-1.0, 0.1, 0.0]]), 5, [Condition("price", low=7.5)], exact=True)
    assert found["id"].to_pylist() == ["d"]


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()], ids=["full disk", "Ctrl-C"])
def test_a_write_that_ends_early_leaves_what_was_there(
    tmp_path: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = filled(tmp_path / "a.parquet")
    before = (tmp_path / "a.parquet").read_bytes()

    def stop(*_: object) -> None:
        raise error

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(type(error)):
        store.remove(["a"])
    assert (tmp_path / "a.parquet").read_bytes() == before and len(list(tmp_path.iterdir())) == 1


def test_files_of_others_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_store(f"parquet:{tmp_path / 'none.parquet'}").facts() is None
    parquet.write_table(pa.table({"id": [1]}), tmp_path / "other.parquet")
    (tmp_path / "text.parquet").write_text("id\n1\n")
    for name, says in (("other", "that steradian wrote"), ("text", "a Parquet file")):
        with pytest.raises(SavedModelError, match=says):
            open_store(f"parquet:{tmp_path / name}.parquet").facts()
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(MissingExtraError, match=r"steradian\[faiss\]"):
        open_store("faiss:there")
