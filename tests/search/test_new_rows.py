"""Rows for an index: their names, and which rows they are; see test_index.py for what comes of it."""

import numpy as np
import pytest

from steradian.errors import InputError
from steradian.search.new_rows import joined_names, places_of, refuse_known_ids


def test_names_of_one_kind_stand_below_each_other() -> None:
    assert joined_names(np.array(["a"]), np.array(["bcd"]), name="ids").tolist() == ["a", "bcd"]
    big = np.array([2**70], dtype=object)
    assert joined_names(np.array([1]), big, name="ids").tolist() == [1, 2**70]
    for other in (np.array([1]), np.array([True])):
        with pytest.raises(InputError, match="ids that are text, as in the index"):
            joined_names(np.array(["a"]), other, name="ids")


def test_places_are_in_the_order_asked_for() -> None:
    known = np.array(["a", "b", "c"])
    assert places_of(np.array(["c", "a"]), known, where="remove(ids)").tolist() == [2, 0]
    with pytest.raises(InputError, match=r"remove\(ids\): want ids of the index, got 4 others: 'd', 'e', 'f', \.\.\."):
        places_of(np.array(list("defg")), known, where="remove(ids)")
    with pytest.raises(InputError, match="got 1 that are in it: 7"):
        refuse_known_ids(np.array([7]))
