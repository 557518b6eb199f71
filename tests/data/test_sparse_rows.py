"""Sparse rows against the dense matrices they stand for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.data import sparse_rows
from steradian.data.ragged import Ragged
from steradian.data.sparse_rows import SparseRows, scrambled

WIDTH = 7
ROWS = st.lists(st.lists(st.tuples(st.integers(0, WIDTH - 1), st.integers(-9, 9)), max_size=5), min_size=1, max_size=8)
"""Rows of columns and values; empty ones, and a column twice in a row, among them."""


def sparse(rows: list[list[tuple[int, int]]], width: int = WIDTH) -> SparseRows:
    columns = [np.array([column for column, _ in row], dtype=np.int64) for row in rows]
    return SparseRows(Ragged.from_rows(columns), np.array([v for row in rows for _, v in row], np.float32), width)


def dense(rows: SparseRows) -> np.ndarray:
    found = np.zeros((len(rows), rows.width), np.float32)
    owners = np.repeat(np.arange(len(rows)), rows.columns.lengths)
    np.add.at(found, (owners, rows.columns.flat), rows.values)
    return found


def some_rows(count: int = 40, width: int = 500, random_state: int = 0) -> SparseRows:
    rng = np.random.default_rng(random_state)
    lengths = rng.integers(0, 30, count)
    columns = Ragged.from_lengths(rng.integers(0, width, lengths.sum()), lengths)
    return SparseRows(columns, rng.normal(size=lengths.sum()).astype(np.float32), width)


@given(ROWS, st.integers(0, 3))
def test_a_product_is_that_of_the_dense_rows(rows: list[list[tuple[int, int]]], outputs: int) -> None:
    matrix = np.random.default_rng(0).normal(size=(WIDTH, outputs)).astype(np.float32)
    found = sparse(rows) @ matrix
    assert (found.shape, found.dtype) == ((len(rows), outputs), np.float32)
    np.testing.assert_allclose(found, dense(sparse(rows)) @ matrix, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("gathered", [1, 3, 10, 64])
def test_a_product_in_parts_is_the_same(monkeypatch: pytest.MonkeyPatch, gathered: int) -> None:
    rows = some_rows()
    assert not rows.columns.lengths.all()
    matrix = np.random.default_rng(1).normal(size=(rows.width, 3)).astype(np.float32)
    whole = rows @ matrix
    monkeypatch.setattr(sparse_rows, "GATHERED", gathered)
    np.testing.assert_array_equal(rows @ matrix, whole)


@given(ROWS)
def test_columns_become_rows(rows: list[list[tuple[int, int]]]) -> None:
    found = sparse(rows).transposed()
    assert found.width == len(rows)
    np.testing.assert_array_equal(dense(found), dense(sparse(rows)).T)


@given(st.lists(ROWS, min_size=1, max_size=3))
def test_parts_stand_one_behind_the_other(parts: list[list[list[tuple[int, int]]]]) -> None:
    found = SparseRows.joined([sparse(rows) for rows in parts])
    np.testing.assert_array_equal(dense(found), np.concatenate([dense(sparse(rows)) for rows in parts]))


def test_a_matrix_of_halves_is_multiplied_in_full() -> None:
    rows = some_rows()
    halves = np.random.default_rng(1).normal(size=(rows.width, 3)).astype(np.float16)
    found = rows @ halves
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, rows @ halves.astype(np.float32))


def test_rows_without_a_number_become_zeros() -> None:
    rows = sparse([[], [(2, 3)], [], []])
    assert (rows @ np.ones((WIDTH, 2), np.float32)).tolist() == [[0, 0], [3, 3], [0, 0], [0, 0]]
    assert not rows.sketch(4)[[0, 2, 3]].any()


def test_no_rows_have_no_products() -> None:
    none = some_rows().take(np.arange(0))
    assert len(none) == 0
    assert (none @ np.ones((none.width, 3), np.float32)).shape == (0, 3)
    assert none.sketch(5).shape == (0, 5)
    assert len(none.means(np.zeros(0, np.int64))) == 0


@given(ROWS, st.data())
def test_rows_are_taken_in_any_order_and_again(rows: list[list[tuple[int, int]]], data: st.DataObject) -> None:
    order = np.array(data.draw(st.lists(st.integers(0, len(rows) - 1), max_size=12)), dtype=np.int64)
    taken = sparse(rows).take(order)
    assert taken.width == WIDTH
    np.testing.assert_array_equal(dense(taken), dense(sparse(rows))[order])


@given(ROWS, st.data())
def test_means_are_those_of_groups_of_dense_rows(rows: list[list[tuple[int, int]]], data: st.DataObject) -> None:
    ends = sorted(data.draw(st.sets(st.integers(1, len(rows)))) | {len(rows)})
    found = sparse(rows).means(np.diff([0, *ends]))
    assert (len(found), found.width, found.values.dtype) == (len(ends), WIDTH, np.float32)
    slow = [group.mean(axis=0) for group in np.split(dense(sparse(rows)), ends[:-1])]
    np.testing.assert_allclose(dense(found), slow, rtol=1e-5, atol=1e-6)


def test_a_sketch_keeps_inner_products_but_for_noise() -> None:
    rows, outputs = some_rows(), 2048
    sketched = rows.sketch(outputs)
    assert (sketched.shape, sketched.dtype) == ((len(rows), outputs), np.float32)
    wide = dense(rows)
    lengths = np.linalg.norm(wide, axis=1)
    errors = sketched @ sketched.T - wide @ wide.T
    noise = errors / np.maximum(np.outer(lengths, lengths), 1e-9)
    assert abs(noise.mean()) < 2e-3
    assert 0 < noise.std() < 2 * outputs**-0.5


def test_fewer_sums_are_noisier() -> None:
    rows = some_rows()
    wide = dense(rows)
    errors = [np.abs(s @ s.T - wide @ wide.T).mean() for s in map(rows.sketch, (32, 512, 8192))]
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


@given(ROWS, st.integers(-4, 4))
def test_a_sketch_is_linear(rows: list[list[tuple[int, int]]], factor: int) -> None:
    one, other = sparse(rows), sparse([[(3, 2), (0, -1)]] * len(rows))
    both = sparse([[*((c, factor * v) for c, v in row), (3, 2), (0, -1)] for row in rows])
    np.testing.assert_allclose(both.sketch(5), factor * one.sketch(5) + other.sketch(5), atol=1e-4)


def test_a_sketch_of_a_row_knows_no_other_row() -> None:
    rows = some_rows()
    together = rows.sketch(64)
    alone = [rows.take(np.array([row])).sketch(64)[0] for row in range(len(rows))]
    np.testing.assert_array_equal(together, alone)


def test_each_column_is_spread_over_four_halves() -> None:
    found = sparse([[(column, 1)] for column in range(500)], 500).sketch(1 << 14)
    # Two of the four may meet in one output.
    assert (np.abs(found).sum(axis=1) <= 2).all()
    assert ((np.abs(found) == 0.5).sum(axis=1) == 4).mean() > 0.99
    assert abs(found.sum()) < 100


def test_scrambled_numbers_differ_in_about_half_their_bits() -> None:
    found = scrambled(np.arange(1, 2001, dtype=np.uint64))
    assert found.dtype == np.uint64
    assert len(np.unique(found)) == 2000
    bits = np.unpackbits(found.view(np.uint8)).reshape(2000, 64)
    assert np.abs(bits.mean(axis=0) - 0.5).max() < 0.06
    assert abs((bits[1:] != bits[:-1]).mean() - 0.5) < 0.01


def test_scrambled_numbers_are_those_of_splitmix64() -> None:
    # The first output of splitmix64 from the seed 0 is the finaliser of 0x9E3779B97F4A7C15.
    assert int(scrambled(np.array([0x9E3779B97F4A7C15], dtype=np.uint64))[0]) == 0xE220A8397B1DCDAF
