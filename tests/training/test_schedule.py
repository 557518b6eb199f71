"""Learning rate, margin and number of epochs over a training."""

import math
from itertools import pairwise

import pytest

from steradian.training.schedule import default_epochs, learning_rate_factor, margin_factor


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 100, 6000])
def test_the_learning_rate_rises_in_a_line_and_falls_in_half_a_cosine(steps: int) -> None:
    warm_up = max(1, round(0.05 * steps))
    for step in range(steps):
        done = (step - warm_up) / max(1, steps - warm_up)
        expected = (step + 1) / warm_up if step < warm_up else (1 + math.cos(math.pi * done)) / 2
        assert learning_rate_factor(step, steps) == pytest.approx(expected, abs=1e-12)
        assert 0 < learning_rate_factor(step, steps) <= 1
    assert learning_rate_factor(warm_up - 1, steps) == 1


def test_the_learning_rate_ends_near_0_and_changes_smoothly() -> None:
    rates = [learning_rate_factor(step, 1000) for step in range(1000)]
    assert rates[-1] < 1e-4
    assert max(rates) == 1
    assert rates.index(1.0) == 49
    assert rates[49:] == sorted(rates[49:], reverse=True)
    assert max(abs(a - b) for a, b in pairwise(rates)) < 0.021


@pytest.mark.parametrize("steps", [1, 2, 5, 10, 1000])
def test_the_margin_comes_in_from_a_fifth_to_two_fifths(steps: int) -> None:
    factors = [margin_factor(step, steps) for step in range(steps)]
    for step, factor in enumerate(factors):
        share = step / steps
        expected = 0.0 if share <= 0.2 else 1.0 if share >= 0.4 else (share - 0.2) / 0.2
        assert factor == pytest.approx(expected, abs=1e-9)
    assert factors == sorted(factors)
    assert factors[0] == 0.0
    assert steps < 5 or factors[-1] == 1.0


@pytest.mark.parametrize("objects", [1, 2, 10, 64, 65, 500, 640, 3000, 5000, 6400, 20_000, 100_000, 383_999, 10**7])
@pytest.mark.parametrize("batch_size", [1, 64, 1000])
def test_60_epochs_but_between_400_and_6000_steps(objects: int, batch_size: int) -> None:
    epochs, steps_an_epoch = default_epochs(objects, batch_size), math.ceil(objects / batch_size)
    assert epochs >= 1
    # An epoch is whole, so the bounds hold to within one of them.
    assert epochs * steps_an_epoch >= 400 - steps_an_epoch / 2
    assert epochs * steps_an_epoch <= 6000 + steps_an_epoch / 2 or epochs == 1
    if 400 <= 60 * steps_an_epoch <= 6000:
        assert epochs == 60
