"""Thresholds keep their guarantee on the next object, whatever the angles are."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.calibration.threshold_rules import (
    ACCEPT_ALL,
    ACCEPT_NONE,
    check_rate,
    coverage_angle,
    false_accept_angle,
    least_for_precision,
    narrowed,
    precision_angle,
    widened,
)
from steradian.errors import InputError

ANGLES = st.lists(st.floats(0.0, math.pi), min_size=2, max_size=40)
RATES = st.floats(0.01, 0.99)


def left_out(angles: list[float]):
    """Each object once as the next one, the others as those measured: of exchangeable objects all are as likely."""
    for place, angle in enumerate(angles):
        yield angle, np.array(angles[:place] + angles[place + 1 :])


@given(ANGLES, RATES)
def test_the_next_object_is_covered_as_often_as_promised(angles: list[float], coverage: float) -> None:
    covered = [angle <= coverage_angle(others, coverage=coverage) for angle, others in left_out(angles)]
    assert np.mean(covered) >= coverage - 1e-9


@given(st.lists(st.floats(0.0, math.pi), min_size=2, max_size=40, unique=True), RATES)
def test_and_of_different_angles_hardly_more_often(angles: list[float], coverage: float) -> None:
    covered = [angle <= coverage_angle(others, coverage=coverage) for angle, others in left_out(angles)]
    assert np.mean(covered) < coverage + 1 / len(angles) + 1e-9


@given(ANGLES, RATES)
def test_the_next_unknown_object_is_accepted_no_oftener_than_promised(angles: list[float], rate: float) -> None:
    accepted = [angle <= false_accept_angle(others, false_accept=rate) for angle, others in left_out(angles)]
    assert np.mean(accepted) <= rate + 1e-9


def test_nineteen_objects_are_the_fewest_for_95_percent() -> None:
    angles = np.linspace(0.1, 1.9, 19)
    assert coverage_angle(angles, coverage=0.95) == angles[-1]
    assert coverage_angle(angles[:-1], coverage=0.95) == ACCEPT_ALL
    assert false_accept_angle(angles, false_accept=0.05) == pytest.approx(angles[0])
    assert false_accept_angle(angles, false_accept=0.05) < angles[0]
    assert false_accept_angle(angles[:-1], false_accept=0.05) == ACCEPT_NONE


def test_a_precision_is_held_nine_times_in_ten() -> None:
    """Within 0.7 nearly all is right, beyond it half: a share of 0.95 is reached at about 0.77 and no farther."""
    reached, found = (0.7 * 0.99 - 0.7 * 0.5) / (0.95 - 0.5), []
    for random_state in range(300):
        rng = np.random.default_rng(random_state)
        angles = rng.random(400)
        right = rng.random(400) < np.where(angles < 0.7, 0.99, 0.5)
        found.append(precision_angle(angles, right, precision=0.95))
    assert np.mean(np.array(found) > reached) <= 0.1
    # It is no empty guarantee: most of what could be accepted is.
    assert np.median(found) > 0.65 and np.mean(np.array(found) == ACCEPT_NONE) < 0.1


def test_one_mistake_among_the_nearest_does_not_decide() -> None:
    angles, right = np.linspace(0, 1, 400), np.ones(400, dtype=bool)
    right[3] = False
    assert precision_angle(angles, right, precision=0.95) == 1.0


def test_where_nothing_shows_the_precision_nothing_is_accepted() -> None:
    angles = np.linspace(0, 1, 50)
    assert precision_angle(angles, np.zeros(50, dtype=bool), precision=0.9) == ACCEPT_NONE
    # Flawless, but 37 are too few to tell it from 0.9 at a fifth of a level of 10%; 38 are enough.
    assert least_for_precision(0.9) == 38
    assert 0.9**37 > 0.1 / 5 >= 0.9**38
    assert precision_angle(angles[:37], np.ones(37, dtype=bool), precision=0.9) == ACCEPT_NONE
    assert precision_angle(angles[:38], np.ones(38, dtype=bool), precision=0.9) == angles[37]


def test_equal_angles_are_judged_together() -> None:
    angles = np.repeat([0.1, 0.5], [40, 30])
    right = np.arange(70) < 40
    assert precision_angle(angles, right, precision=0.9) == 0.1
    assert precision_angle(np.full(70, 0.1), right, precision=0.9) == ACCEPT_NONE


@pytest.mark.parametrize("rate", [0, 1, -0.1, "0.9", True, None, math.nan])
def test_a_rate_is_a_share(rate: object) -> None:
    with pytest.raises(InputError, match=r"Did you mean coverage=0\.95\?"):
        check_rate(95, name="coverage")
    with pytest.raises(InputError, match=r"Write for example pair_false_accept=0\.01\."):
        check_rate(0, name="pair_false_accept")
    with pytest.raises(InputError, match=r"coverage: want a share, more than 0 and less than 1.*coverage=0\.95"):
        check_rate(rate, name="coverage")


@given(st.floats(0.0, math.pi))
def test_room_for_rounding_is_on_the_side_of_the_promise(angle: float) -> None:
    rounded = [math.acos(max(-1.0, min(1.0, math.cos(angle) + error))) for error in (-5e-7, 5e-7)]
    assert all(each <= widened(angle) for each in rounded)
    assert all(each > narrowed(angle) for each in rounded)
    assert widened(angle) - angle < 2e-3 and (narrowed(angle) == ACCEPT_NONE or angle - narrowed(angle) < 2e-3)


def test_all_and_none_stay_and_no_angle_is_below_zero() -> None:
    assert widened(ACCEPT_ALL) == ACCEPT_ALL and widened(ACCEPT_NONE) == narrowed(ACCEPT_NONE) == ACCEPT_NONE
    assert false_accept_angle(np.zeros(9), false_accept=0.5) == ACCEPT_NONE
