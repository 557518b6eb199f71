"""Scores of left-out objects, an object at a time."""

import numpy as np
import pytest

from steradian.training.left_out_scores import average_precisions, log_losses, squared_errors


def test_precision_of_objects_that_lie_by_class_is_1_and_single_ones_do_not_count() -> None:
    vectors = np.float32([[1, 0], [0.9, 0.1], [0, 1], [0.1, 0.9], [-1, 0]])
    assert average_precisions(vectors, np.array([0, 0, 1, 1, 2])).tolist() == [1, 1, 1, 1]


def test_loss_falls_with_the_lead_of_the_own_class_whatever_the_length() -> None:
    near, far = np.array([[0.9, 0.1], [0.2, 0.8]] * 20), np.array([[0.6, 0.5], [0.8, 0.7]] * 20)
    numbers = np.array([0, 1] * 20)
    assert log_losses(near, numbers).mean() < log_losses(far, numbers).mean()
    np.testing.assert_allclose(log_losses(near / 3, numbers), log_losses(near, numbers), rtol=1e-5)


def test_the_mean_of_weighed_scores_is_their_weighed_mean() -> None:
    rng, numbers, weights = np.random.default_rng(0), np.arange(30) % 3, np.arange(1.0, 31)
    cosines = rng.uniform(-1, 1, size=(30, 3))
    plain, weighed = log_losses(cosines, numbers), log_losses(cosines, numbers, weights)
    assert np.isclose(weighed.mean(), np.average(plain, weights=weights))
    units = cosines / np.linalg.norm(cosines, axis=1, keepdims=True)
    numbers[0] = 3
    plain, weighed = average_precisions(units, numbers), average_precisions(units, numbers, weights)
    assert len(plain) == 29
    assert np.isclose(weighed.mean(), np.average(plain, weights=weights[1:]))


def test_squared_errors_are_those_of_the_best_length_of_all(rng: np.random.Generator) -> None:
    targets = rng.normal(size=(20, 3))
    vectors = targets + rng.normal(size=(20, 3)) * 0.2
    found = squared_errors(vectors, targets)
    tried = [np.square(scale * vectors - targets).sum() for scale in np.linspace(0.5, 1.5, 1001)]
    assert found.sum() == pytest.approx(min(tried), rel=1e-5)
    np.testing.assert_allclose(squared_errors(7 * vectors, targets), found)
    weights = rng.random(20)
    assert squared_errors(vectors, targets, weights).mean() == pytest.approx(np.average(found, weights=weights))
    assert squared_errors(0 * vectors, targets).sum() == pytest.approx(np.square(targets).sum())
