"""Ragged rows against plain lists."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.data.ragged import Ragged

ROWS = st.lists(st.lists(st.integers(-9, 9), max_size=5), min_size=1, max_size=8)


def ragged(rows: list[list[int]]) -> Ragged:
    return Ragged.from_rows([np.array(row, dtype=np.int64) for row in rows])


def lists(rows: Ragged) -> list[list[int]]:
    return [rows.flat[start:end].tolist() for start, end in zip(rows.offsets, rows.offsets[1:], strict=False)]


@given(ROWS)
def test_rows_come_back_as_they_were_given(rows: list[list[int]]) -> None:
    found = ragged(rows)
    assert lists(found) == rows
    assert len(found) == len(rows)
    assert found.lengths.tolist() == [len(row) for row in rows]
    again = Ragged.from_lengths(found.flat, found.lengths)
    assert lists(again) == rows
    assert again.offsets.dtype == np.int64


@given(ROWS, st.data())
def test_rows_are_taken_in_any_order_and_again(rows: list[list[int]], data: st.DataObject) -> None:
    order = data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=12))
    assert lists(ragged(rows).take(np.array(order, dtype=np.int64))) == [rows[i] for i in order]


@given(ROWS, st.integers(0, 3))
def test_padding_fills_with_zeros_and_says_so(rows: list[list[int]], more: int) -> None:
    length = max(map(len, rows)) + more
    values, mask = ragged(rows).padded(length)
    assert values.tolist() == [row + [0] * (length - len(row)) for row in rows]
    assert mask.tolist() == [[True] * len(row) + [False] * (length - len(row)) for row in rows]


def test_entries_may_have_axes_and_a_type_of_their_own() -> None:
    rows = Ragged.from_rows(
        [np.ones((2, 3), np.float32), np.zeros((0, 3), np.float32), 2 * np.ones((1, 3), np.float32)]
    )
    values, mask = rows.take(np.array([2, 1, 0])).padded(2)
    assert (values.shape, values.dtype) == ((3, 2, 3), np.float32)
    assert values[..., 0].tolist() == [[2, 0], [0, 0], [1, 1]]
    assert mask.tolist() == [[True, False], [False, False], [True, True]]


def test_entries_of_several_axes_are_padded_whole() -> None:
    flat = np.arange(24).reshape(4, 3, 2)
    values, mask = Ragged.from_lengths(flat, np.array([1, 0, 3])).padded(3)
    assert values.shape == (3, 3, 3, 2)
    np.testing.assert_array_equal(values[mask], flat)
    assert not values[~mask].any()
    # Every second number of a larger array.
    scattered = Ragged.from_lengths(flat[:, :, ::2], np.array([4]))
    np.testing.assert_array_equal(scattered.padded(4)[0][0], flat[:, :, ::2])


def test_no_rows_and_empty_rows_have_the_axes_of_the_others() -> None:
    rows = Ragged.from_lengths(np.ones((2, 5), np.float32), np.array([2, 0]))
    for chosen in ([], [1], [1, 1]):
        values, mask = rows.take(np.array(chosen, dtype=np.int64)).padded(2)
        assert values.shape == (len(chosen), 2, 5) and not values.any() and not mask.any()


def test_what_is_taken_is_a_copy() -> None:
    rows = ragged([[1, 2], [3]])
    rows.take(np.array([0])).flat[:] = 7
    assert lists(rows) == [[1, 2], [3]]


def test_a_length_shorter_than_a_row_is_an_error() -> None:
    for entries in (np.ones(3), np.ones((3, 2))):
        with pytest.raises(ValueError, match="assign"):
            Ragged.from_lengths(entries, np.array([2, 1])).padded(1)
