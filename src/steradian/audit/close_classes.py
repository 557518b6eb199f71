"""Pairs of classes that the model cannot tell apart: each gives the other much of its probability."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, triu

from steradian.metrics import pair_angles

__all__ = ["ClosePair", "find_close_classes"]


class ClosePair(NamedTuple):
    """Two classes too close to each other.

    Args:
        confused: the number of the class that gives more of its probability to the other.
        other: the number of the other class.
        confusion: the mean probability that an object of `confused` gives to `other`.
        back: the mean probability the other way round.
        angle: between their nearest centers, in radians.
    """

    confused: int
    other: int
    confusion: float
    back: float
    angle: float


def find_close_classes(
    probabilities: csr_array, numbers: np.ndarray, centers: np.ndarray, *, confusion: float
) -> list[ClosePair]:
    """Pairs of classes of which one gives the other at least `confusion` of its probability, the most confused first.

    One object that is no way confused is added to each class, so that a class of few objects needs more of them.

    Args:
        probabilities: the larger ones of each object, sparse [objects, num_classes].
        numbers: the class of each object, int64 [objects].
        centers: unit [num_classes, subcenters, embedding_dim].
        confusion: the least mean probability.

    Examples:
        >>> probabilities = csr_array(np.array([[0.6, 0.4, 0.0], [0.6, 0.4, 0.0], [0.0, 0.0, 1.0]]))
        >>> centers = np.array([[[1.0, 0.0]], [[0.8, 0.6]], [[0.0, 1.0]]])
        >>> [pair] = find_close_classes(probabilities, np.array([0, 0, 2]), centers, confusion=0.1)
        >>> pair.confused, pair.other, round(pair.confusion, 3), round(pair.angle, 3)
        (0, 1, 0.267, 0.644)
    """
    classes, objects = len(centers), len(numbers)
    weights = 1 / (np.bincount(numbers, minlength=classes) + 1)
    members = csr_array((weights[numbers], (numbers, np.arange(objects))), shape=(classes, objects))
    means = csr_array(members @ probabilities)
    pairs = triu(means.maximum(means.T), k=1).tocoo()
    found = []
    for first, second in zip(*(side[pairs.data >= confusion].tolist() for side in pairs.coords), strict=True):
        given, back = float(means[first, second]), float(means[second, first])
        sides = (first, second) if given >= back else (second, first)
        found.append(ClosePair(*sides, max(given, back), min(given, back), _angle(centers[first], centers[second])))
    return sorted(found, key=lambda pair: (-pair.confusion, pair.confused, pair.other))


def _angle(first: np.ndarray, second: np.ndarray) -> float:
    """The least angle between the sub-centers [subcenters, dim] of two classes."""
    left, right = np.divmod(np.arange(len(first) * len(second)), len(second))
    return float(pair_angles(np.concatenate([first, second]), left, len(first) + right).min())
