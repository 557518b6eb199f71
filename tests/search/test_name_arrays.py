"""Names as arrays and back; which arrays are refused stands with the index."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.data.columns import to_objects
from steradian.search.name_arrays import are_different, from_arrays, to_arrays


@given(st.lists(st.text(st.characters(exclude_characters="\0"), max_size=5), min_size=1))
def test_text_comes_back(names: list[str]) -> None:
    array = np.array(names)
    again = from_arrays(to_arrays(array, key="k"), key="k", rows=len(names))
    assert again.tolist() == names
    assert again.dtype == array.dtype


@pytest.mark.parametrize(
    "names",
    [
        np.array([3, -1]),
        np.array([2**63 + 1], dtype=np.uint64),
        np.array([True, False]),
        np.array(["\ud800", ""]),
        np.array([2**70, 5]),
    ],
)
def test_names_of_every_kind_come_back(names: np.ndarray) -> None:
    again = from_arrays(to_arrays(names, key="k"), key="k", rows=len(names))
    assert again.tolist() == names.tolist()
    assert again.dtype == names.dtype


@given(st.lists(st.text(alphabet="ab", max_size=4), min_size=1, max_size=12))
def test_repeated_text_is_noticed(names: list[str]) -> None:
    assert are_different(np.array(names)) == (len(set(names)) == len(names))


def test_repeated_numbers_are_noticed() -> None:
    assert are_different(np.array([3, 1, 2]))
    assert not are_different(np.array([3, 1, 3]))
    assert are_different(np.array([True, False]))


@pytest.mark.parametrize(
    "sets", [[("ox", "cat"), (), ("cat",)], [(1,), (2, 3)], [(), ()]], ids=["text", "numbers", "none"]
)
def test_several_names_a_row_come_back(sets: list[tuple[Any, ...]]) -> None:
    arrays = to_arrays(to_objects(sets), key="labels")
    assert from_arrays(arrays, key="labels", rows=len(sets)).tolist() == sets


@pytest.mark.parametrize("sizes", [[2, -1, 2], [2, 0], [2, 0, 2], [2.0, 0.0, 1.0]])
def test_sizes_that_do_not_fit_are_refused(sizes: list[Any]) -> None:
    arrays = to_arrays(to_objects([("ox", "cat"), (), ("cat",)]), key="labels") | {"labels/sizes": np.array(sizes)}
    with pytest.raises(ValueError, match="labels"):
        from_arrays(arrays, key="labels", rows=3)
