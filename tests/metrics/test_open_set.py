"""OSCR against its curve walked threshold by threshold."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.errors import InputError
from steradian.metrics import auroc, oscr

known_objects = st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=1, max_size=20)
unknown_objects = st.lists(st.integers(0, 8), min_size=1, max_size=20)


def slow_area(scores: np.ndarray, right: np.ndarray, unknown: np.ndarray) -> float:
    """Trapezoids under the curve, one threshold after another."""
    area, before = 0.0, (0.0, 0.0)
    for threshold in sorted({*scores.tolist(), *unknown.tolist()}, reverse=True):
        classified = np.mean((scores >= threshold) & right)
        accepted = np.mean(unknown >= threshold)
        area += (accepted - before[0]) * (classified + before[1]) / 2
        before = accepted, classified
    return area


@given(known_objects, unknown_objects)
def test_the_area_is_that_under_the_curve(known: list[tuple[int, bool]], unknown: list[int]) -> None:
    scores, right = np.array([score for score, _ in known]), np.array([hit for _, hit in known])
    area = oscr(scores, right, np.array(unknown))
    assert area == pytest.approx(slow_area(scores, right, np.array(unknown)), abs=1e-12)
    assert 0 <= area <= right.mean()


def test_where_all_are_right_it_is_the_auroc_and_where_none_is_0(rng: np.random.Generator) -> None:
    scores, unknown = rng.normal(1, 1, 50), rng.normal(0, 1, 40)
    assert oscr(scores, np.ones(50, dtype=bool), unknown) == auroc(scores, unknown)
    assert oscr(scores, np.zeros(50, dtype=bool), unknown) == 0.0


@pytest.mark.parametrize(
    ("scores", "right", "unknown", "says"),
    [
        ([], np.zeros(0, dtype=bool), [1.0], "scores: want at least one score"),
        ([1.0], [True], [], "unknown_scores: want at least one score"),
        ([1.0, math.nan], [True, False], [1.0], "scores, row 1: want a number, got NaN"),
        ([1.0, 2.0], [True], [1.0], "right: want a bool for each known object"),
        ([1.0, 2.0], [1, 0], [1.0], "right: want a bool for each known object, got int64"),
    ],
)
def test_what_has_no_curve_is_refused(scores: Any, right: Any, unknown: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        oscr(scores, right, unknown)
