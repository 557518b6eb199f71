"""Rates of two kinds of scores against loops over thresholds, and against scikit-learn."""

import math
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve

from steradian.errors import InputError
from steradian.metrics import SortedScores, auroc, equal_error_rate, false_positive_rate_at, true_accept_rate

# Few different values, so that there are ties within and between the kinds.
some_scores = st.lists(st.integers(-4, 4).map(lambda number: number / 4), min_size=1, max_size=25)
weighted_scores = st.lists(st.tuples(st.integers(-4, 4), st.integers(0, 3)), min_size=1, max_size=15).filter(
    lambda rows: any(weight for _, weight in rows)
)


def thresholds(positive: np.ndarray, negative: np.ndarray) -> list[float]:
    """Every threshold that accepts something else, from the highest, which accepts nothing."""
    return [math.inf, *sorted({*positive.tolist(), *negative.tolist()}, reverse=True)]


def rates(positive: np.ndarray, negative: np.ndarray) -> list[tuple[float, float]]:
    """The false and the true accept rate at each threshold."""
    return [((negative >= at).mean(), (positive >= at).mean()) for at in thresholds(positive, negative)]


def slow_auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    wins = [(one > other) + (one == other) / 2 for one in positive for other in negative]
    return sum(wins) / len(wins)


def slow_equal_error(positive: np.ndarray, negative: np.ndarray) -> float:
    """A fine walk along every straight piece of the curve, to where both errors are nearest to each other."""
    parts, best = np.linspace(0, 1, 2001), (2.0, 0.0)
    for (false, true), (next_false, next_true) in pairwise(rates(positive, negative)):
        accepted = false + parts * (next_false - false)
        refused = 1 - true - parts * (next_true - true)
        nearest = np.abs(accepted - refused).argmin()
        best = min(best, (abs(accepted - refused)[nearest], accepted[nearest]))
    return best[1]


# -- Against loops


@given(some_scores, some_scores)
def test_the_measures_are_those_of_loops(one: list[float], other: list[float]) -> None:
    positive, negative = np.array(one), np.array(other)
    corners = rates(positive, negative)
    assert auroc(positive, negative) == pytest.approx(slow_auroc(positive, negative), abs=1e-12)
    for wanted in (0.05, 0.5, 0.95, 1.0):
        slow = next(false for false, true in corners if true >= wanted)
        assert false_positive_rate_at(positive, negative, true_positive_rate=wanted) == slow
    for allowed in (0.0, 0.01, 0.1, 0.25, 0.5, 0.99):
        slow = max(true for false, true in corners if false <= allowed)
        assert true_accept_rate(positive, negative, false_accept=allowed) == slow


@given(some_scores.map(lambda scores: scores[:8]), some_scores.map(lambda scores: scores[:8]))
def test_the_equal_error_is_that_of_a_walk_along_the_curve(one: list[float], other: list[float]) -> None:
    positive, negative = np.array(one), np.array(other)
    assert equal_error_rate(positive, negative) == pytest.approx(slow_equal_error(positive, negative), abs=1e-3)


@pytest.mark.parametrize("digits", [1, 8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_measures_are_those_of_scikit_learn(digits: int, dtype: Any, rng: np.random.Generator) -> None:
    positive, negative = rng.normal(1, 1, 700).round(digits), rng.normal(0, 1, 900).round(digits)
    positive, negative = positive.astype(dtype), negative.astype(dtype)
    kinds, scores = np.repeat([1, 0], [700, 900]), np.concatenate([positive, negative])
    assert auroc(positive, negative) == pytest.approx(roc_auc_score(kinds, scores), abs=1e-12)
    false, true, _ = roc_curve(kinds, scores, drop_intermediate=False)
    assert false_positive_rate_at(positive, negative) == false[np.argmax(true >= 0.95)]
    assert true_accept_rate(positive, negative, false_accept=0.05) == true[false <= 0.05].max()
    error = equal_error_rate(positive, negative)
    assert error == pytest.approx(np.interp(0.0, false + true - 1, false), abs=1e-12)
    curve = SortedScores(positive, negative).curve()
    corners = set(zip(false.tolist(), true.tolist(), strict=True))
    assert set(zip(curve.false_accept.tolist(), curve.true_accept.tolist(), strict=True)) <= corners


@given(weighted_scores, weighted_scores)
def test_a_weight_is_so_many_copies(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    (positive, often), (negative, seldom) = (np.array(rows).T for rows in (one, other))
    curve = SortedScores(positive, negative).curve(often, seldom)
    repeated = SortedScores(np.repeat(positive, often), np.repeat(negative, seldom)).curve()
    assert curve.auroc == pytest.approx(repeated.auroc, abs=1e-12)
    assert curve.equal_error_rate == pytest.approx(repeated.equal_error_rate, abs=1e-12)
    assert curve.true_accept_rate(0.2) == repeated.true_accept_rate(0.2)
    assert curve.false_positive_rate(0.9) == repeated.false_positive_rate(0.9)


# -- What must hold


@given(some_scores, some_scores)
def test_only_the_order_counts_and_the_kinds_mirror_each_other(one: list[float], other: list[float]) -> None:
    positive, negative = np.array(one), np.array(other)
    for measure in (auroc, equal_error_rate, false_positive_rate_at, true_accept_rate):
        assert measure(np.exp(3 * positive), np.exp(3 * negative)) == measure(positive, negative)
    assert auroc(negative, positive) == pytest.approx(1 - auroc(positive, negative), abs=1e-12)
    assert equal_error_rate(-negative, -positive) == pytest.approx(equal_error_rate(positive, negative), abs=1e-12)


@pytest.mark.parametrize(
    ("positive", "negative", "expected"),
    [
        ([2, 3], [0, 1], (1.0, 0.0, 1.0, 0.0)),
        ([0, 1], [2, 3], (0.0, 1.0, 0.0, 1.0)),
        ([1, 1, 1], [1], (0.5, 1.0, 0.0, 0.5)),
        ([math.inf], [-math.inf], (1.0, 0.0, 1.0, 0.0)),
    ],
    ids=["apart", "the wrong way round", "all the same", "infinite"],
)
def test_the_ends(positive: list[float], negative: list[float], expected: tuple[float, ...]) -> None:
    measures = (auroc, false_positive_rate_at, true_accept_rate, equal_error_rate)
    assert tuple(measure(np.array(positive), np.array(negative)) for measure in measures) == expected


def test_the_rate_reached_is_never_above_the_wanted_one() -> None:
    # 100 negatives: at 1% one may be accepted, but the two highest are the same.
    negative = np.append(np.arange(98) / 100, [0.99, 0.99])
    assert true_accept_rate([0.995, 0.99, 0.985], negative) == pytest.approx(1 / 3)
    assert true_accept_rate([0.995, 0.99, 0.985], negative, false_accept=0.02) == 1.0
    # 99 cannot resolve 1%: none may be accepted.
    assert true_accept_rate([2.0, 0.5], np.arange(99) / 98) == 0.5
    assert true_accept_rate([2.0, 0.995], np.arange(100) / 99) == 1.0


# -- What is refused


@pytest.mark.parametrize("measure", [auroc, equal_error_rate, false_positive_rate_at, true_accept_rate])
@pytest.mark.parametrize(
    ("positive", "negative", "says"),
    [
        ([], [1.0], "positive: want at least one score, as numbers of one axis"),
        ([1.0], [], "negative: want at least one score"),
        ([1.0], [[1.0]], r"negative: want .* got float64 of shape \[1, 1\]"),
        (["high"], [1.0], "positive: want at least one score, as numbers"),
        ([1.0, math.nan], [1.0], "positive, row 1: want a number, got NaN"),
    ],
)
def test_scores_that_cannot_be_compared_are_refused(
    measure: Callable[..., float], positive: Any, negative: Any, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        measure(positive, negative)


@pytest.mark.parametrize("rate", [-0.1, 1.1, math.nan])
def test_rates_that_are_none_are_refused(rate: float) -> None:
    with pytest.raises(InputError, match="true_positive_rate: want a share above 0"):
        false_positive_rate_at([1.0], [0.0], true_positive_rate=rate)
    with pytest.raises(InputError, match="false_accept: want a share from 0 and below 1"):
        true_accept_rate([1.0], [0.0], false_accept=rate)
    with pytest.raises(InputError, match="true_positive_rate"):
        false_positive_rate_at([1.0], [0.0], true_positive_rate=0.0)
    with pytest.raises(InputError, match="false_accept"):
        true_accept_rate([1.0], [0.0], false_accept=1.0)
