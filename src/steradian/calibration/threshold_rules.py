"""How far from its center an object may lie: angles that keep a guarantee on objects not seen yet.

All rest on one assumption: the next object is exchangeable with those measured, as one more draw of the same kind.
Then its rank among them is uniform, whatever the distribution of their angles.
"""

import math
from typing import Literal

import numpy as np

from steradian.errors import InputError

__all__ = [
    "ACCEPT_ALL",
    "ACCEPT_NONE",
    "coverage_angle",
    "false_accept_angle",
    "least_for_precision",
    "least_objects",
    "narrowed",
    "precision_angle",
    "widened",
]

Goal = Literal["coverage", "false_accept", "precision"]

ACCEPT_ALL = math.pi
"""No two directions are farther apart."""

ACCEPT_NONE = -1.0
"""No angle is as small."""

ROUNDING = 1e-6
"""Of a cosine. A float32 product of as many numbers as an embedding has differs by a tenth of it with the size of the
table, and a threshold is the very angle of some object: without slack such an object, and all that lie at its
angle, would be accepted in one table and refused in another."""

_STARTS, _STEPS = 5, 50


def coverage_angle(angles: np.ndarray, *, coverage: float) -> float:
    """The least angle within which the next object lies with a probability of at least `coverage`: split conformal.

    It is the ceil((n + 1) coverage)-th smallest of n angles; with fewer than coverage / (1 - coverage) of them no angle
    guarantees as much, and all are accepted. Source: Vovk et al., "Algorithmic learning in a random world", 2005; Lei
    et al., "Distribution-free predictive inference for regression", JASA 2018, section 2.2.

    Args:
        angles: of objects of known classes to their nearest center, radians [objects].
        coverage: between 0 and 1.

    Raises:
        InputError: a coverage that is no share.

    Examples:
        >>> coverage_angle(np.array([0.1, 0.2, 0.3, 0.4]), coverage=0.8)
        0.4
        >>> coverage_angle(np.array([0.1, 0.2, 0.3, 0.4]), coverage=0.9) == ACCEPT_ALL
        True
    """
    check_rate(coverage, name="coverage")
    # The product is not exact: 20 * 0.95 must be 19, not the next integer above 19.000000000000004.
    rank = math.ceil((len(angles) + 1) * coverage - 1e-9)
    return float(np.sort(angles)[rank - 1]) if rank <= len(angles) else ACCEPT_ALL


def false_accept_angle(angles: np.ndarray, *, false_accept: float) -> float:
    """The largest angle within which the next unknown object lies with a probability of at most `false_accept`.

    With k = floor((n + 1) false_accept), it is just below the k-th smallest of n angles; where k is 0, no angle
    guarantees as little, and none is accepted. It is the split conformal quantile from the other side.

    Args:
        angles: of objects that must not be accepted, radians [objects].
        false_accept: between 0 and 1.

    Raises:
        InputError: a rate that is no share.

    Examples:
        >>> false_accept_angle(np.array([0.5, 0.6, 0.7, 0.8]), false_accept=0.4) < 0.6
        True
        >>> false_accept_angle(np.array([0.5, 0.6, 0.7, 0.8]), false_accept=0.1) == ACCEPT_NONE
        True
    """
    check_rate(false_accept, name="false_accept")
    rank = math.floor((len(angles) + 1) * false_accept + 1e-9)
    if rank < 1:
        return ACCEPT_NONE
    # More than all of them would be accepted only at a rate of 1.
    angle = float(np.nextafter(np.sort(angles)[min(rank, len(angles)) - 1], -np.inf))
    return angle if angle >= 0.0 else ACCEPT_NONE


def precision_angle(angles: np.ndarray, right: np.ndarray, *, precision: float, confidence: float = 0.9) -> float:
    """The largest angle within which a share of at least `precision` is right, with a given confidence.

    Larger and larger numbers of nearest objects are tested against the binomial law until one fails, which errs at
    most once at the test's level; this begins anew at each fifth of the objects, with a fifth of the level, so that one
    early mistake does not decide. Source: Angelopoulos et al., "Learn then test", arXiv 2110.01052. Where every first
    test fails, none is accepted.

    Args:
        angles: of objects to their nearest center, radians [objects]; of unknown classes too, which are never right.
        right: bool [objects], whether the nearest center is that of the object's class.
        precision: between 0 and 1.
        confidence: between 0 and 1, that the guarantee holds.

    Raises:
        InputError: a precision or a confidence that is no share.

    Examples:
        >>> angles, right = np.linspace(0.0, 1.0, 101), np.arange(101) < 80
        >>> float(round(precision_angle(angles, right, precision=0.9), 2))
        0.81
    """
    # Imported late, as what only searches shall not wait for it.
    from scipy.stats import binom

    check_rate(precision, name="precision")
    check_rate(confidence, name="confidence")
    level = (1.0 - confidence) / _STARTS
    order = np.argsort(angles, kind="stable")
    ordered, wrong = angles[order], np.cumsum(~right[order])
    found = ACCEPT_NONE
    for start in range(1, _STARTS + 1):
        first = max(least_for_precision(precision, confidence=confidence), start * len(angles) // _STARTS)
        for nth in range(first, len(angles) + 1, max(1, len(angles) // _STEPS)):
            # Of equal angles all are accepted or none.
            count = np.searchsorted(ordered, ordered[nth - 1], side="right")
            if binom.cdf(wrong[count - 1], count, 1.0 - precision) > level:
                break
            found = max(found, float(ordered[nth - 1]))
    return found


def least_for_precision(precision: float, *, confidence: float = 0.9) -> int:
    """How many objects, all right, it takes for `precision_angle` to accept any.

    Args:
        precision: between 0 and 1.
        confidence: between 0 and 1.

    Examples:
        >>> least_for_precision(0.9)
        38
    """
    return math.ceil(math.log((1.0 - confidence) / _STARTS) / math.log(precision))


def widened(angle: float) -> float:
    """The angle with room for rounding: what lies at it is accepted, whatever table it stands in.

    Args:
        angle: in radians, or `ACCEPT_NONE`, which stays.

    Examples:
        >>> widened(1.0) > 1.0, widened(ACCEPT_NONE) == ACCEPT_NONE
        (True, True)
    """
    return angle if angle == ACCEPT_NONE else math.acos(max(math.cos(angle) - ROUNDING, -1.0))


def narrowed(angle: float) -> float:
    """The angle less room for rounding: what lies beyond it is refused, whatever table it stands in.

    Args:
        angle: in radians, or `ACCEPT_NONE`, which stays; `ACCEPT_NONE` too where nothing is left.

    Examples:
        >>> narrowed(1.0) < 1.0, narrowed(0.0) == ACCEPT_NONE
        (True, True)
    """
    if angle == ACCEPT_NONE or math.cos(angle) + ROUNDING >= 1.0:
        return ACCEPT_NONE
    return math.acos(math.cos(angle) + ROUNDING)


def least_objects(goal: Goal, rate: float) -> int:
    """How many objects it takes to keep a guarantee by any angle, of unknown classes for "false_accept".

    Args:
        goal: "coverage", "false_accept" or "precision".
        rate: the share that is guaranteed.

    Examples:
        >>> least_objects("coverage", 0.95), least_objects("false_accept", 0.05), least_objects("precision", 0.95)
        (19, 19, 77)
    """
    if goal == "precision":
        return least_for_precision(rate)
    missed = rate if goal == "false_accept" else 1.0 - rate
    return math.ceil((1.0 - missed) / missed - 1e-9)


def check_rate(rate: float, *, name: str) -> None:
    """See to it that a share lies between 0 and 1.

    Args:
        rate: what the user gave.
        name: of the argument.

    Raises:
        InputError: it does not.
    """
    number = float(rate) if isinstance(rate, (int, float, np.number)) and not isinstance(rate, bool) else math.nan
    if not 0.0 < number < 1.0:
        percent = 1.0 < number < 100.0
        example = number / 100.0 if percent else 0.01 if name.endswith("false_accept") else 0.95
        raise InputError(
            want="a share, more than 0 and less than 1",
            got=repr(rate),
            where=name,
            fix=f"Did you mean {name}={example:g}?" if percent else f"Write for example {name}={example:g}.",
        )
