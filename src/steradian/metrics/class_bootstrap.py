"""How far a measure would move with other classes: intervals from classes drawn again.

Objects of one class are alike, and so are all pairs of it, so that an interval over single objects claims too much.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from steradian.errors import InputError

__all__ = ["class_interval"]


def class_interval(
    statistic: Callable[..., Any], *groups: np.ndarray, level: float = 0.95, rounds: int = 200, random_state: int = 0
) -> np.ndarray:
    """A percentile bootstrap interval of a statistic, drawn by whole classes.

    In each round as many classes are drawn, with replacement, as there are. An object counts as often as its class was
    drawn, a pair of one class likewise, a pair of two classes as often as both together. Groups that have classes in
    common are drawn together, any others apart: known and unknown objects keep their numbers of classes. The interval
    holds the middle `level` of the rounds' values. It answers: where would this number lie with other classes of the
    same kind? It does not cover the draw of the training set, and with fewer than about 20 classes it is too narrow.
    Sources: Field and Welsh, "Bootstrapping clustered data", JRSS B 2007; Bolle, Ratha and Pankanti, "Error analysis of
    pattern recognition systems: the subsets bootstrap", CVIU 2004 (pairs).

    Args:
        statistic: takes float64 weights, integers from 0 on [objects], of each group in turn, and gives a number
            or several [numbers]. NaN says that a round has no value. Sort before, so that a round is quick.
        groups: the class of each object [objects], or both classes of each pair [pairs, 2].
        level: the share of rounds within the interval, between 0 and 1.
        rounds: how many are drawn. Default 200: the ends of 95% are then right within about a tenth of the width.
        random_state: of the draws.

    Returns:
        The low and the high end, float64 [2] or [numbers, 2]. NaN where there are fewer than 2 classes to draw from, or
        where more than half of the rounds have no value: a group without any weight, or a statistic that is NaN.

    Raises:
        InputError: no group, one of another shape or without objects, a level or a number of rounds out of range.

    Examples:
        >>> heights, kinds = np.array([1.0, 1.2, 3.0, 3.1, 2.0, 2.2]), np.array(list("aabbcc"))
        >>> class_interval(lambda weights: np.average(heights, weights=weights), kinds).round(2)
        array([1.1 , 3.05])
    """
    _check(groups, level, rounds)
    ends, strata, classes = _ends(groups)
    shape = np.shape(statistic(*(np.ones(len(group)) for group in groups)))
    values = np.full((rounds, *shape), np.nan)
    rng = np.random.default_rng(random_state)
    counts = np.ones(classes + 1)
    for place in range(rounds if min(map(len, strata)) > 1 else 0):
        for stratum in strata:
            counts[stratum] = np.bincount(rng.integers(len(stratum), size=len(stratum)), minlength=len(stratum))
        weights = [counts[one] if other is None else counts[one] * counts[other] for one, other in ends]
        if all(weight.any() for weight in weights):
            values[place] = statistic(*weights)
    few = np.isfinite(values).sum(axis=0) * 2 < rounds
    tails = np.nanquantile(np.where(few, 0.0, values), [(1.0 - level) / 2, (1.0 + level) / 2], axis=0)
    return np.asarray(np.moveaxis(np.where(few, np.nan, tails), 0, -1))


def _ends(
    groups: Sequence[np.ndarray],
) -> tuple[list[tuple[np.ndarray, np.ndarray | None]], list[np.ndarray], int]:
    """The classes of each group as numbers, those that are drawn together, and how many there are."""
    names, codes = np.unique(np.concatenate([np.ravel(group) for group in groups]), return_inverse=True)
    ends: list[tuple[np.ndarray, np.ndarray | None]] = []
    strata: list[np.ndarray] = []
    for group in groups:
        own, codes = codes[: np.size(group)].reshape(np.shape(group)), codes[np.size(group) :]
        if own.ndim == 1:
            ends.append((own, None))
        else:
            # A pair of one class counts as often as the class: its other end is one that is drawn once each time.
            one, other = own.T
            ends.append((one.copy(), np.where(one == other, len(names), other)))
        stratum, apart = np.unique(own), []
        for former in strata:
            if np.isin(former, stratum).any():
                stratum = np.union1d(former, stratum)
            else:
                apart.append(former)
        strata = [*apart, stratum]
    return ends, strata, len(names)


def _check(groups: Sequence[np.ndarray], level: float, rounds: int) -> None:
    shapes = [list(np.shape(group)) for group in groups]
    if not shapes or any(not shape or not shape[0] or shape[1:] not in ([], [2]) for shape in shapes):
        raise InputError(
            want="the class of each object [objects], or both of each pair [pairs, 2], at least one a group",
            got=f"shapes {shapes}",
            where="groups",
            fix="Pass the labels of what is weighted.",
        )
    if not 0 < level < 1:
        raise InputError("a share between 0 and 1", repr(level), "level", "Leave it out for 0.95.")
    if not isinstance(rounds, (int, np.integer)) or rounds < 1:
        raise InputError("an integer from 1", repr(rounds), "rounds", "Leave it out for 200.")
