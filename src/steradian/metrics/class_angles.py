"""How the angles within classes and the angles between classes are distributed, and how well they are told apart."""

from dataclasses import dataclass

import numpy as np

from steradian.errors import InputError
from steradian.metrics.class_means import labelled_unit
from steradian.metrics.labelled_pairs import MAX_PAIRS, other_class_pairs, pair_angles, same_class_pairs

__all__ = ["ClassAngles", "class_angles"]


@dataclass(frozen=True, eq=False)
class ClassAngles:
    """The angles of pairs of objects in radians, of one class (within) and of two (between).

    Every pair counts the same. A number that needs a pair that does not exist is NaN, and its histogram zeros.

    Args:
        edges: of the histograms' bins, rising from 0 to pi [bins + 1].
        within: the share of the pairs within classes that falls into each bin [bins].
        between: the same of the pairs between classes [bins].
        within_mean: the mean angle within classes.
        within_95: the angle that 95% of the pairs within classes keep below.
        between_mean: the mean angle between classes.
        between_5: the angle that 95% of the pairs between classes keep above.
        overlap: what the two histograms have in common, the sum over bins of the smaller share: from 0 to 1.
        decidability: d', the difference of the means over the root of the mean variance; infinite where the means
            differ and neither kind of angle varies.
        within_pairs: how many pairs within classes were measured.
        between_pairs: how many between classes.
    """

    edges: np.ndarray
    within: np.ndarray
    between: np.ndarray
    within_mean: float
    within_95: float
    between_mean: float
    between_5: float
    overlap: float
    decidability: float
    within_pairs: int
    between_pairs: int


def class_angles(
    vectors: np.ndarray, labels: np.ndarray, *, bins: int = 60, max_pairs: int = MAX_PAIRS, random_state: int = 0
) -> ClassAngles:
    """Histograms of the angles within and between classes, their means and tails, and how far they overlap.

    The overlap is 1 for equal histograms and 0 where one threshold tells all pairs apart; finer bins give a smaller
    one. The decidability is d' = |mean_b - mean_w| / sqrt((var_b + var_w) / 2). Source: Daugman, "Biometric decision
    landscapes", University of Cambridge report 482, 2000.

    Args:
        vectors: [objects, dim]; rows need not be unit.
        labels: [objects].
        bins: of equal width, from 0 to pi. Default 60: 3 degrees each.
        max_pairs: of each of the two kinds; where there are more, that many are drawn.
        random_state: of the draw.

    Raises:
        InputError: empty or non-finite vectors, different lengths, a missing class, `bins` or `max_pairs` out of range.

    Examples:
        >>> degrees = np.array([0, 10, 90, 100])
        >>> vectors = np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)
        >>> found = class_angles(vectors, ["cup", "cup", "lamp", "lamp"])
        >>> np.degrees([found.within_mean, found.between_mean]).round(3).tolist(), found.overlap
        ([10.0, 90.0], 0.0)
    """
    if not isinstance(bins, (int, np.integer)) or bins < 1:
        raise InputError("an integer from 1", repr(bins), "bins", "Leave it out for 60, of 3 degrees each.")
    unit, codes = labelled_unit(vectors, labels)
    within = pair_angles(unit, *same_class_pairs(codes, max_pairs=max_pairs, random_state=random_state))
    between = pair_angles(unit, *other_class_pairs(codes, max_pairs=max_pairs, random_state=random_state))
    edges = np.linspace(0.0, np.pi, bins + 1)
    within_shares, between_shares = (np.histogram(part, edges)[0] / max(1, len(part)) for part in (within, between))
    both = len(within) > 0 and len(between) > 0
    return ClassAngles(
        edges,
        within_shares,
        between_shares,
        within_mean=_mean(within),
        within_95=_percentile(within, 95),
        between_mean=_mean(between),
        between_5=_percentile(between, 5),
        overlap=float(np.minimum(within_shares, between_shares).sum()) if both else np.nan,
        decidability=_decidability(within, between) if both else np.nan,
        within_pairs=len(within),
        between_pairs=len(between),
    )


def _mean(angles: np.ndarray) -> float:
    return float(angles.mean()) if len(angles) else np.nan


def _percentile(angles: np.ndarray, percent: float) -> float:
    return float(np.percentile(angles, percent)) if len(angles) else np.nan


def _decidability(within: np.ndarray, between: np.ndarray) -> float:
    difference = abs(float(between.mean() - within.mean()))
    spread = float(np.sqrt((within.var() + between.var()) / 2))
    if spread > 0:
        return difference / spread
    return np.inf if difference > 0 else 0.0
