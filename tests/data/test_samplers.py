"""The order of rows and their batches: every row, every class, the same for the same seed."""

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.data.samplers import Windows, balanced_order, batches, grouped_order, plain_order, windowed_order

LABELS = st.lists(st.integers(0, 5), min_size=1, max_size=60).map(np.array)
Order = Callable[..., np.ndarray]


@given(LABELS, st.integers(0, 1000), st.integers(0, 50))
def test_plain_has_every_row_once(labels: np.ndarray, random_state: int, epoch: int) -> None:
    assert sorted(plain_order(labels, random_state=random_state, epoch=epoch)) == list(range(len(labels)))


@given(LABELS, st.integers(0, 1000), st.integers(0, 50))
def test_balanced_has_every_class_as_often_and_each_of_its_rows_too(
    labels: np.ndarray, random_state: int, epoch: int
) -> None:
    order = balanced_order(labels, random_state=random_state, epoch=epoch)
    assert len(order) == len(labels)
    classes, rounds = np.unique(labels), -(-len(labels) // len(np.unique(labels)))
    of_class = Counter(labels[order].tolist())
    assert all(of_class[c] in (rounds, rounds - 1) for c in classes.tolist())
    whole_rounds = labels[order[: len(order) // len(classes) * len(classes)]].reshape(-1, len(classes))
    assert (np.sort(whole_rounds, axis=1) == classes).all()
    of_row = Counter(order.tolist())
    for c in classes:
        times = [of_row[row] for row in np.flatnonzero(labels == c).tolist()]
        # The last round may be cut, so the last row drawn may lack.
        assert max(times) - min(times) <= 1 + (of_class[int(c)] < rounds)


def slow_balanced_order(labels: np.ndarray, *, random_state: int, epoch: int) -> np.ndarray:
    """Looks through all labels for each class."""
    rng, classes = np.random.default_rng((random_state, epoch)), np.unique(labels)
    rounds = -(-len(labels) // len(classes))
    columns: list[list[int]] = []
    for label in classes:
        rows, column = np.flatnonzero(labels == label), []
        while len(column) < rounds:
            column += rng.permutation(rows).tolist()
        columns.append(column[:rounds])
    return rng.permuted(np.array(columns).T, axis=1).reshape(-1)[: len(labels)]


@given(LABELS, st.integers(0, 1000), st.integers(0, 50))
def test_balanced_is_the_order_of_the_slow_loop(labels: np.ndarray, random_state: int, epoch: int) -> None:
    expected = slow_balanced_order(labels, random_state=random_state, epoch=epoch)
    assert np.array_equal(balanced_order(labels, random_state=random_state, epoch=epoch), expected)


@given(LABELS, st.integers(0, 1000), st.integers(0, 50), st.integers(1, 7))
def test_grouped_has_every_row_once_and_groups_of_a_class_together(
    labels: np.ndarray, random_state: int, epoch: int, size: int
) -> None:
    order = grouped_order(labels, random_state=random_state, epoch=epoch, size=size)
    assert order.dtype == np.int64 and sorted(order) == list(range(len(labels)))
    # Groups of one class may meet, so a run is one or several of them; only a class's last is smaller.
    runs = [(label, len(list(run))) for label, run in groupby(labels[order].tolist())]
    for label, count in Counter(labels.tolist()).items():
        lengths = [length for of, length in runs if of == label]
        assert sum(lengths) == count
        assert sum(length % size != 0 for length in lengths) == (count % size != 0)


def test_groups_and_their_members_differ_from_epoch_to_epoch() -> None:
    labels = np.arange(60) % 3
    orders = [grouped_order(labels, random_state=0, epoch=epoch, size=4) for epoch in range(20)]
    groups = [{frozenset(group) for group in order.reshape(-1, 4).tolist()} for order in orders]
    assert all((labels[order].reshape(-1, 4) == labels[order][::4, None]).all() for order in orders)
    assert all(first != second for first in groups for second in groups if first is not second)
    # Classes are mixed: the first group is of each class now and then.
    assert {int(labels[order[0]]) for order in orders} == {0, 1, 2}


def test_groups_of_one_row_are_a_plain_order_of_another_draw() -> None:
    labels = np.arange(100) % 7
    order = grouped_order(labels, random_state=0, epoch=0, size=1)
    neighbors = (labels[order][1:] == labels[order][:-1]).mean()
    assert neighbors < 0.3


def test_no_rows_are_no_order() -> None:
    assert len(grouped_order(np.zeros(0, dtype=np.int64), random_state=0, epoch=0, size=4)) == 0


@pytest.mark.parametrize("order", [plain_order, balanced_order, partial(grouped_order, size=3)])
def test_the_seed_and_the_epoch_decide(order: Order) -> None:
    labels = np.arange(100) % 7
    first = order(labels, random_state=3, epoch=5)
    assert np.array_equal(order(labels, random_state=3, epoch=5), first)
    assert not np.array_equal(order(labels, random_state=3, epoch=6), first)
    assert not np.array_equal(order(labels, random_state=4, epoch=5), first)
    # Seed and epoch are two numbers, not one sum.
    assert not np.array_equal(order(labels, random_state=5, epoch=3), first)
    assert not np.array_equal(order(labels, random_state=4, epoch=4), first)


def test_global_generators_are_left_alone() -> None:
    state = np.random.get_state()[1].copy()
    plain_order(np.arange(9), random_state=0, epoch=0)
    balanced_order(np.arange(9) % 3, random_state=0, epoch=0)
    grouped_order(np.arange(9) % 3, random_state=0, epoch=0, size=2)
    assert np.array_equal(np.random.get_state()[1], state)


def test_a_small_class_comes_as_often_as_a_large_one() -> None:
    labels = np.array([0] * 97 + [1] * 3)
    order = balanced_order(labels, random_state=0, epoch=0)
    assert Counter(labels[order].tolist()) == {0: 50, 1: 50}
    assert sorted(Counter(order[labels[order] == 1].tolist()).values()) == [16, 17, 17]
    assert max(Counter(order[labels[order] == 0].tolist()).values()) == 1


def test_rounds_are_shuffled_within() -> None:
    labels = np.arange(200) % 2
    firsts = labels[balanced_order(labels, random_state=0, epoch=0)][::2]
    assert 30 < firsts.sum() < 70


@given(st.integers(1, 200), st.integers(1, 70))
def test_batches_are_the_order_in_nearly_equal_parts(rows: int, batch_size: int) -> None:
    order = np.random.default_rng(0).permutation(rows)
    parts = list(batches(order, batch_size))
    assert np.array_equal(np.concatenate(parts), order)
    sizes = [len(part) for part in parts]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == -(-rows // batch_size)


# -- Windows


@pytest.mark.parametrize("order", [plain_order, partial(grouped_order, size=2)])
def test_windows_hold_every_row_once_and_whole_row_groups(order: Any) -> None:
    windows, labels = Windows(np.repeat(np.arange(6), 5), 10), np.arange(30) % 3
    first, again, other = (windowed_order(order, labels, windows, random_state=1, epoch=epoch) for epoch in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert sorted(first.tolist()) == list(range(30))
    for part in np.split(first, 3):
        assert len(np.unique(windows.groups[part])) == 2 and (np.diff(part) < 0).any()


def test_one_window_is_shuffled_as_rows_in_memory() -> None:
    labels = np.arange(30) % 3
    found = windowed_order(plain_order, labels, Windows(np.arange(30), 30), random_state=3, epoch=2)
    np.testing.assert_array_equal(found, plain_order(labels, random_state=3, epoch=2))


def test_balanced_windows_balance_each() -> None:
    windows, labels = Windows(np.repeat([0, 1], 8), 8), np.array([0] * 6 + [1] * 2 + [0] * 2 + [1] * 6)
    found = windowed_order(balanced_order, labels, windows, random_state=0, epoch=0)
    assert [np.bincount(labels[part]).tolist() for part in np.split(found, 2)] == [[4, 4], [4, 4]]
