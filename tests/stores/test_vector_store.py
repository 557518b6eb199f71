"""What holds for every engine: its errors are told as the user's, and another model's vectors are refused."""

from pathlib import Path

import pytest

from steradian.errors import SavedModelError, StoreError
from steradian.stores import StoreFacts, check_maker, open_store, telling_engine_errors


def test_errors_of_an_engine_name_the_place(tmp_path: Path) -> None:
    store = open_store(f"parquet:{tmp_path / 'a.parquet'}")
    says = r"a\.parquet: want a store that does what it is asked, got it is full"
    with pytest.raises(StoreError, match=says), telling_engine_errors(store):
        raise OSError("it is full\nmore")
    with pytest.raises(SavedModelError), telling_engine_errors(store):
        raise SavedModelError("a", "b", "c", "d")
    with pytest.raises(ZeroDivisionError), telling_engine_errors(store):
        raise ZeroDivisionError


def test_only_known_and_different_fingerprints_are_refused() -> None:
    facts = StoreFacts("3f", 4, {"id": "text"})
    check_maker(facts, "3f", "there")
    check_maker(facts, None, "there")
    with pytest.raises(SavedModelError, match=r"there: want a store filled by this model \(4a\)"):
        check_maker(facts, "4a", "there")
