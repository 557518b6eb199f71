"""Calibration error against loops over bins, likelihood against sums by hand, the best scale against a grid."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.errors import InputError
from steradian.metrics import confidence as module
from steradian.metrics import expected_calibration_error, fit_scale, negative_log_likelihood

# -- Calibration error


def slow_error(confidences: np.ndarray, right: np.ndarray, bins: int) -> float:
    error = 0.0
    for number in range(1, bins + 1):
        low, high = (number - 1) / bins, number / bins
        within = [row for row, sure in enumerate(confidences) if low < sure <= high or (sure == 0 and number == 1)]
        if within:
            gap = abs(right[within].mean() - confidences[within].mean())
            error += len(within) / len(confidences) * gap
    return error


@given(
    st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(1, 3)), min_size=1, max_size=40),
    st.sampled_from([1, 2, 7, 15, 64]),
)
def test_the_error_is_that_of_loops_over_bins(rows: list[tuple[float, bool, int]], bins: int) -> None:
    confidences, right, times = (np.array(column) for column in zip(*rows, strict=True))
    # A confidence may not stand within rounding of an edge, where loops and products may differ.
    clear = np.abs(confidences * bins - np.round(confidences * bins)) > 1e-9
    confidences = np.where(clear, confidences, 0.5 / bins)
    assert expected_calibration_error(confidences, right, bins=bins) == pytest.approx(
        slow_error(confidences, right, bins), abs=1e-12
    )
    repeated = slow_error(np.repeat(confidences, times), np.repeat(right, times), bins)
    got = expected_calibration_error(confidences, right, bins=bins, weights=times)
    assert got == pytest.approx(repeated, abs=1e-12)


def test_the_edges_belong_to_the_bin_below() -> None:
    # Bins (0, 0.5] and (0.5, 1]: the errors of 0.5 and 0.25 cancel within the first, and 0 joins them.
    assert expected_calibration_error(np.array([0.5, 0.25]), np.array([False, True]), bins=2) == 0.125
    assert expected_calibration_error(np.array([0.0, 1.0]), np.array([True, False]), bins=2) == 1.0
    assert expected_calibration_error(np.array([0.0, 0.5]), np.array([False, True]), bins=2) == 0.25


def test_drawn_truths_have_little_error_and_boasted_ones_what_they_boast(rng: np.random.Generator) -> None:
    confidences = rng.uniform(0.3, 0.8, 200_000)
    right = rng.random(200_000) < confidences
    assert expected_calibration_error(confidences, right) < 0.01
    assert expected_calibration_error(confidences + 0.2, right) == pytest.approx(0.2, abs=0.01)


@pytest.mark.parametrize(
    ("confidences", "right", "options", "says"),
    [
        ([], np.zeros(0, dtype=bool), {}, "want a float and a bool for each of at least one object"),
        ([0.5], [True, False], {}, r"shapes \[1\] and \[2\]"),
        ([0.5, 0.2], [1, 0], {}, "the second of int64"),
        ([[0.5]], [[True]], {}, "want a float and a bool"),
        ([0.5, 1.1], [True, False], {}, "confidences: want probabilities, from 0 to 1, got values from 0.5 to 1.1"),
        ([0.5, math.nan], [True, False], {}, "want probabilities"),
        ([0.5], [True], {"bins": 0}, "bins: want an integer from 1, got 0"),
        ([0.5], [True], {"bins": 2.5}, "bins: want an integer from 1"),
    ],
)
def test_what_is_no_confidence_is_refused(confidences: Any, right: Any, options: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        expected_calibration_error(confidences, np.asarray(right), **options)


# -- Likelihood and scale


@pytest.fixture
def make_cosines(rng: np.random.Generator) -> Any:
    """Cosines whose softmax under a scale is the truth: the class of each object is drawn from it."""

    def make(objects: int, classes: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
        cosines = rng.uniform(-1, 1, (objects, classes))
        gumbel = -np.log(-np.log(rng.random(cosines.shape)))
        return cosines, (scale * cosines + gumbel).argmax(axis=1)

    return make


def test_the_likelihood_is_the_sum_by_hand(make_cosines: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cosines, numbers = make_cosines(50, 4, 3.0)
    by_hand = 0.0
    for row, number in zip(cosines.tolist(), numbers.tolist(), strict=True):
        by_hand -= math.log(math.exp(2.5 * row[number]) / sum(math.exp(2.5 * cosine) for cosine in row)) / 50
    assert negative_log_likelihood(cosines, numbers, scale=2.5) == pytest.approx(by_hand, rel=1e-12)
    monkeypatch.setattr(module, "_NUMBERS_A_CHUNK", 12)
    assert negative_log_likelihood(cosines, numbers, scale=2.5) == pytest.approx(by_hand, rel=1e-12)


def test_a_large_scale_neither_overflows_nor_rounds_away() -> None:
    cosines = np.array([[1.0, -1.0], [-1.0, 1.0]], dtype=np.float32)
    assert negative_log_likelihood(cosines, np.array([0, 0]), scale=1e6) == 1e6
    assert negative_log_likelihood(cosines, np.array([0, 1]), scale=10.0) == pytest.approx(math.exp(-20), rel=1e-5)


def smoothed_loss(cosines: np.ndarray, numbers: np.ndarray, scale: float) -> float:
    """The cross-entropy with Platt's targets, by its definition."""
    objects, classes = cosines.shape
    targets = np.full(cosines.shape, 1 / (objects + 2) / (classes - 1))
    targets[np.arange(objects), numbers] = (objects + 1) / (objects + 2)
    powers = np.exp(scale * cosines)
    return float(-(targets * np.log(powers / powers.sum(axis=1, keepdims=True))).sum(axis=1).mean())


@pytest.mark.parametrize(("objects", "classes"), [(1, 2), (5, 3), (60, 4), (200, 30)])
def test_no_scale_of_a_grid_is_better(
    objects: int, classes: int, make_cosines: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cosines, numbers = make_cosines(objects, classes, 4.0)
    numbers[0] = cosines[0].argmax()
    best = fit_scale(cosines, numbers)
    grid = np.exp(np.linspace(math.log(0.1), math.log(300), 3000))
    losses = [smoothed_loss(cosines, numbers, scale) for scale in grid]
    assert best == pytest.approx(grid[np.argmin(losses)], rel=0.003)
    assert smoothed_loss(cosines, numbers, best) <= min(losses) + 1e-12
    monkeypatch.setattr(module, "_NUMBERS_A_CHUNK", 3 * classes)
    assert fit_scale(cosines, numbers) == pytest.approx(best, rel=1e-7)


def test_the_scale_that_drew_the_classes_is_found(make_cosines: Any) -> None:
    cosines, numbers = make_cosines(20_000, 10, 7.0)
    assert fit_scale(cosines.astype(np.float32), numbers) == pytest.approx(7.0, rel=0.05)


def test_where_all_are_right_the_scale_is_finite_and_grows_with_their_number() -> None:
    scales = []
    for objects in (2, 20, 200, 2000):
        cosines, numbers = np.tile([[0.9, 0.1], [0.1, 0.9]], (objects, 1)), np.tile([0, 1], objects)
        scales.append(fit_scale(cosines, numbers))
        # The own class then has its target's probability.
        own = 1 / (1 + math.exp(-0.8 * scales[-1]))
        assert own == pytest.approx((2 * objects + 1) / (2 * objects + 2), rel=1e-6)
    assert scales == sorted(scales)


def test_the_bounds_are_kept() -> None:
    cosines = np.array([[0.9, 0.1], [0.1, 0.9]])
    assert fit_scale(cosines, np.array([1, 0])) == 0.1
    assert fit_scale(cosines, np.array([0, 1]), bounds=(0.5, 1.25)) == 1.25
    assert fit_scale(np.full((3, 2), 0.5), np.array([0, 1, 0]), bounds=(0.5, 2.0)) == 0.5


@pytest.mark.parametrize(
    ("cosines", "numbers", "says"),
    [
        (np.zeros((0, 3)), [], r"cosines: want \[objects, num_classes\], at least one object and 2 classes"),
        (np.zeros((3, 1)), [0, 0, 0], r"at least one object and 2 classes, got shape \[3, 1\]"),
        (np.zeros(3), [0, 0, 0], r"got shape \[3\]"),
        (np.zeros((2, 2)), [0], "numbers: want an integer from 0 to 1 for each of 2 objects"),
        (np.zeros((2, 2)), [0, 2], "numbers: want an integer from 0 to 1"),
        (np.zeros((2, 2)), [-1, 0], "numbers: want an integer from 0 to 1"),
        (np.zeros((2, 2)), [0.0, 1.0], "got float64 of shape"),
        (np.array([[0, 0], [0, math.nan]]), [0, 1], "cosines, row 1: want finite cosines"),
        (np.array([[math.inf, 0], [0, 1]]), [0, 1], "cosines, row 0: want finite cosines"),
    ],
)
def test_cosines_without_a_likelihood_are_refused(cosines: Any, numbers: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        fit_scale(cosines, np.array(numbers))
    with pytest.raises(InputError, match=says):
        negative_log_likelihood(cosines, np.array(numbers), scale=1.0)


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (2.0, 1.0), (1.0, 1.0), (1.0, math.inf), (math.nan, 1.0)])
def test_bounds_that_are_none_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="bounds: want 0 < least < largest"):
        fit_scale(np.eye(2), np.array([0, 1]), bounds=bounds)
