"""Intervals by class: against copies of whole classes, and how often they hold what they should."""

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from steradian.errors import InputError
from steradian.metrics import class_interval


def drawn_weights(*groups: Any, rounds: int = 50, random_state: int = 0) -> list[list[np.ndarray]]:
    """What the statistic is given, round by round; the first call is of all objects once."""
    calls: list[list[np.ndarray]] = []

    def statistic(*weights: np.ndarray) -> float:
        calls.append([weight.copy() for weight in weights])
        return 0.0

    class_interval(statistic, *groups, rounds=rounds, random_state=random_state)
    assert all((weight == 1).all() for weight in calls[0])
    return calls[1:]


def test_objects_of_a_class_come_together_and_as_many_classes_as_there_are() -> None:
    kinds = np.array(["owl", "cat", "owl", "dog", "cat", "owl"])
    calls = drawn_weights(kinds)
    assert len(calls) == 50
    totals = []
    for (weights,) in calls:
        counts = {kind: set(weights[kinds == kind]) for kind in ("owl", "cat", "dog")}
        assert all(len(count) == 1 for count in counts.values())
        totals.append([count.pop() for count in counts.values()])
    assert np.sum(totals, axis=1).tolist() == [3] * 50
    assert len(np.unique(totals, axis=0)) == 10  # all that three draws of three can give


def test_a_round_is_a_table_with_copies_of_the_classes(rng: np.random.Generator) -> None:
    kinds = rng.integers(4, size=15)
    rows = np.arange(15)
    one, other = np.array([pair for pair in combinations(rows, 2) if kinds[pair[0]] == kinds[pair[1]]]).T
    left, right = np.array([pair for pair in combinations(rows, 2) if kinds[pair[0]] != kinds[pair[1]]]).T
    pairs = np.stack([kinds[one], kinds[other]], axis=1), np.stack([kinds[left], kinds[right]], axis=1)
    for alone, same, different in drawn_weights(kinds, *pairs):
        drawn = [int(alone[kinds == kind][0]) for kind in range(4)]
        # Each copy of a class is a class of its own, but copies of one class are not compared with each other.
        copies = [(row, kind, copy) for row, kind in enumerate(kinds) for copy in range(drawn[kind])]
        met = {True: np.zeros((15, 15)), False: np.zeros((15, 15))}
        for (row, kind, copy), (row2, kind2, copy2) in combinations(copies, 2):
            if kind != kind2 or copy == copy2:
                met[bool(kind == kind2)][row, row2] += 1
        assert same.tolist() == met[True][one, other].tolist()
        assert different.tolist() == met[False][left, right].tolist()


def test_groups_without_a_class_in_common_are_drawn_apart() -> None:
    known, unknown = np.repeat(np.arange(5), 2), np.array([7, 8, 8])
    for first, second in drawn_weights(known, unknown):
        assert first[::2].sum() == 5
        assert second[:2].sum() == 2
    # A third group that has a class of each ties them all together.
    totals = [[first[::2].sum(), second[:2].sum()] for first, second, _ in drawn_weights(known, unknown, [4, 7])]
    assert {sum(total) for total in totals} == {7}
    assert len({total[0] for total in totals}) > 1


def test_the_ends_are_quantiles_of_the_rounds() -> None:
    heights, kinds = np.array([1.0, 2.0, 4.0, 8.0, 16.0]), np.arange(5)
    means = [np.average(heights, weights=weights) for (weights,) in drawn_weights(kinds, rounds=400, random_state=3)]
    for level in (0.5, 0.95):
        got = class_interval(
            lambda weights: np.average(heights, weights=weights), kinds, level=level, rounds=400, random_state=3
        )
        assert got.tolist() == pytest.approx(np.quantile(means, [(1 - level) / 2, (1 + level) / 2]))


def test_several_numbers_have_an_interval_each() -> None:
    heights, kinds = np.arange(6.0), np.array([0, 0, 1, 1, 2, 2])

    def both(weights: np.ndarray) -> list[float]:
        mean = np.average(heights, weights=weights)
        return [mean, -mean]

    got = class_interval(both, kinds)
    assert got.shape == (2, 2)
    assert got[1].tolist() == pytest.approx(-got[0][::-1])
    assert got[0].tolist() == class_interval(lambda weights: both(weights)[0], kinds).tolist()


def test_it_holds_the_truth_as_often_as_it_says_where_single_objects_do_not(rng: np.random.Generator) -> None:
    kinds = np.repeat(np.arange(40), 8)
    held = {"classes": 0, "objects": 0}
    for _ in range(200):
        values = rng.normal(size=40)[kinds] + 0.5 * rng.normal(size=320)
        for unit, groups in {"classes": kinds, "objects": np.arange(320)}.items():
            low, high = class_interval(lambda weights, v=values: v @ weights / weights.sum(), groups, rounds=100)
            held[unit] += low <= 0 <= high
    assert 0.88 < held["classes"] / 200 < 0.99
    assert held["objects"] / 200 < 0.7


def test_one_class_has_no_interval() -> None:
    assert np.isnan(class_interval(np.mean, np.array(["cat"] * 5))).all()
    got = class_interval(lambda one, other: [one.mean(), other.mean()], np.array([0, 1]), np.array([2, 2]))
    assert got.shape == (2, 2)
    assert np.isnan(got).all()


def test_rounds_without_a_value_do_not_count_unless_they_are_many() -> None:
    kinds = np.array([0, 1])

    def half(weights: np.ndarray) -> float:
        """No value where both draws gave the second class, in a quarter of the rounds."""
        return float(weights[0]) if weights[0] else math.nan

    assert class_interval(half, kinds, rounds=100).tolist() == [1.0, 2.0]
    assert np.isnan(class_interval(lambda weights: 1.0 if weights[0] == 2 else math.nan, kinds, rounds=100)).all()
    # Two draws of two classes give the same one half of the time: then there is no pair of different classes.
    pairs, times = np.array([[0, 1]]), []
    class_interval(lambda weights: times.append(weights[0]) or 1.0, pairs, rounds=100)
    assert set(times) == {1.0}
    assert 35 < len(times) < 65


def test_the_seed_says_what_is_drawn() -> None:
    heights, kinds = np.arange(9.0) ** 2, np.arange(9)
    first, again, other = (
        class_interval(lambda weights: np.average(heights, weights=weights), kinds, random_state=random_state).tolist()
        for random_state in (1, 1, 2)
    )
    assert first == again != other


@pytest.mark.parametrize(
    ("groups", "options", "says"),
    [
        ([], {}, "groups: want the class of each object"),
        ([np.array([])], {}, r"got shapes \[\[0\]\]"),
        ([np.array(3)], {}, r"got shapes \[\[\]\]"),
        ([np.zeros((4, 3))], {}, r"both of each pair \[pairs, 2\]"),
        ([np.arange(3)], {"level": 1.0}, "level: want a share between 0 and 1, got 1.0"),
        ([np.arange(3)], {"rounds": 0}, "rounds: want an integer from 1, got 0"),
        ([np.arange(3)], {"rounds": 2.5}, "rounds: want an integer from 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(groups: Any, options: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        class_interval(lambda *weights: 0.0, *groups, **options)
