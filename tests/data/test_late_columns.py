"""Late columns: nothing is converted before it is asked for, then once; rows are those chosen."""

import pickle
from typing import Any

import numpy as np
import pytest

from steradian.data.late_columns import LateColumn, LateColumns, row_numbers


def numbers() -> np.ndarray:
    return np.arange(5) * 10


def refusing() -> np.ndarray:
    raise RuntimeError("converted")


COLUMNS = LateColumns({"price": np.arange(5), "shop": LateColumn(5, numbers), "bad": LateColumn(5, refusing)})


def test_a_column_is_converted_once() -> None:
    calls = []
    column = LateColumn(2, lambda: calls.append(1) or np.zeros(2))  # type: ignore[func-returns-value]
    columns = LateColumns({"a": column})
    for rows in ([0], [1], [1, 0]):
        columns.at(np.array(rows))["a"]
    assert calls == [1]


def test_names_and_lengths_convert_nothing() -> None:
    few = COLUMNS.at(np.array([3, 1]))
    assert list(few) == ["price", "shop", "bad"] and len(few) == 3
    assert "bad" in few and "none" not in few
    assert few.lengths == {"price": 2, "shop": 2, "bad": 2}
    with pytest.raises(RuntimeError, match="converted"):
        few["bad"]


@pytest.mark.parametrize("rows", [slice(1, 4), slice(None, None, -2), np.array([4, 0, 0]), np.array([], dtype=int)])
@pytest.mark.parametrize("again", [slice(None), slice(0, 1), np.array([0]), np.array([], dtype=int)])
def test_rows_of_rows_are_those_of_the_array(rows: slice | np.ndarray, again: slice | np.ndarray) -> None:
    if isinstance(again, np.ndarray) and not len(numbers()[rows]):
        again = again[:0]
    chosen = COLUMNS.at(rows).at(again)
    assert chosen["shop"].tolist() == numbers()[rows][again].tolist()
    assert chosen["price"].tolist() == np.arange(5)[rows][again].tolist()
    assert set(chosen.lengths.values()) == {len(numbers()[rows][again])}


def test_a_slice_of_an_array_is_a_view() -> None:
    assert np.shares_memory(COLUMNS.at(slice(1, 3))["price"], COLUMNS["price"])


def test_arrays_replace_columns() -> None:
    few = COLUMNS.at(np.array([1])).with_arrays({"bad": np.array(["x"]), "new": np.array([1])})
    assert [few[name].tolist() for name in few] == [[1], [10], ["x"], [1]]
    assert list(COLUMNS) == ["price", "shop", "bad"]


def test_those_asked_for_are_converted() -> None:
    held = COLUMNS.converted(["shop", "none"])
    assert isinstance(held.columns["shop"], np.ndarray)
    assert isinstance(held.columns["bad"], LateColumn)


def test_pickling_keeps_them() -> None:
    again = pickle.loads(pickle.dumps(COLUMNS.at(np.array([2]))))
    assert again["shop"].tolist() == [20]


@pytest.mark.parametrize("rows", [slice(-2, None), [True, False, True], np.array([2, 0]), np.array([-1]), 1, []])
def test_numbers_of_rows_are_those_that_numpy_takes(rows: Any) -> None:
    chosen = np.array(rows, dtype=int) if isinstance(rows, list) and not rows else rows
    np.testing.assert_array_equal(row_numbers(chosen, 3), np.arange(3)[chosen])


@pytest.mark.parametrize("rows", [np.array([3]), np.array([-4, 0])])
def test_rows_that_there_are_not_are_refused(rows: np.ndarray) -> None:
    with pytest.raises(IndexError):
        row_numbers(rows, 3)
