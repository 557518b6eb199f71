"""How tightly classes keep together and how well vectors and class centers use the sphere."""

import math

import numpy as np

from steradian.metrics.class_means import class_means
from steradian.metrics.labelled_pairs import MAX_PAIRS, all_pairs, pair_angles, pair_distances
from steradian.metrics.nearest import check_vectors

__all__ = ["alignment", "effective_rank", "hyperspherical_energy", "least_center_angle", "uniformity"]

_ROWS_A_CHUNK = 8192


def alignment(vectors: np.ndarray, labels: np.ndarray) -> float:
    """The mean squared distance |x - y|^2 over all pairs of objects of one class, in [0, 4]; less is tighter.

    Every pair counts the same, so large classes count more. NaN where no class has two objects. Source: Wang and
    Isola, "Understanding contrastive representation learning through alignment and uniformity on the hypersphere",
    ICML 2020, with alpha = 2 and the objects of a class as positive pairs.

    Args:
        vectors: [objects, dim]; rows need not be unit.
        labels: [objects].

    Raises:
        InputError: empty or non-finite vectors, different lengths, a missing class.

    Examples:
        >>> alignment(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]), ["cup", "cup", "lamp"])
        2.0
    """
    found = class_means(vectors, labels)
    # The squared distances within a class sum to its size times those from its mean.
    squares = found.counts**2 * found.scatter
    pairs = found.counts * (found.counts - 1) / 2
    return float(squares.sum() / pairs.sum()) if pairs.any() else np.nan


def uniformity(vectors: np.ndarray, *, max_pairs: int = MAX_PAIRS, random_state: int = 0) -> float:
    """Log of the mean of exp(-2 |x - y|^2) over pairs of vectors, in [-8, 0]; less is more evenly spread.

    Vectors drawn evenly from a sphere of D dimensions give about -4 + 8 / D, vectors that coincide 0. NaN for one
    vector. Source: Wang and Isola, ICML 2020, with t = 2.

    Args:
        vectors: [objects, dim]; rows need not be unit.
        max_pairs: where there are more, that many are drawn.
        random_state: of the draw.

    Raises:
        InputError: empty or non-finite vectors, `max_pairs` out of range.

    Examples:
        >>> round(uniformity(np.array([[1.0, 0.0], [0.0, 1.0]])), 6)
        -4.0
    """
    vectors, _ = check_vectors(vectors, where="vectors")
    angles = pair_angles(vectors, *all_pairs(len(vectors), max_pairs=max_pairs, random_state=random_state))
    if not len(angles):
        return np.nan
    return float(np.log(np.exp(-2.0 * (2.0 * np.sin(angles / 2.0)) ** 2).mean()))


def hyperspherical_energy(class_centers: np.ndarray) -> float:
    """The mean of 1 / |w_i - w_j| over the pairs of class centers, at least 1/2; less is more evenly spread.

    C centers of a simplex, which is the least there can be, give sqrt((C - 1) / (2 C)). Infinite where two centers
    coincide, NaN for one center. Source: Liu et al., "Learning towards minimum hyperspherical energy", NeurIPS 2018,
    their energy of power s = 1, as a mean instead of a sum so that numbers of classes compare.

    Args:
        class_centers: [num_classes, dim]; rows need not be unit.

    Raises:
        InputError: empty or non-finite centers.

    Examples:
        >>> hyperspherical_energy(np.array([[1.0, 0.0], [-1.0, 0.0]]))
        0.5
    """
    total, pairs = 0.0, 0
    for distances in pair_distances(class_centers, where="class_centers"):
        with np.errstate(divide="ignore"):
            total += float((1.0 / distances).sum())
        pairs += len(distances)
    return total / pairs if pairs else np.nan


def least_center_angle(class_centers: np.ndarray) -> tuple[float, float]:
    """The angle of the two nearest class centers in radians, and its ratio to the widest angle possible.

    The bound is that of the simplex, arccos(-1 / (C - 1)), which no C centers can exceed in any dimension. They reach
    it only where C <= D + 1; beyond, `steradian.losses.center_spacing` says about what can be reached.

    Args:
        class_centers: [num_classes, dim]; rows need not be unit.

    Returns:
        The angle in [0, pi] and the ratio in [0, 1]; both NaN for one center.

    Raises:
        InputError: empty or non-finite centers.

    Examples:
        >>> angle, ratio = least_center_angle(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]))
        >>> round(angle, 4), round(ratio, 4)
        (1.5708, 0.75)
    """
    least = min(float(block.min(initial=2.0)) for block in pair_distances(class_centers, where="class_centers"))
    if len(class_centers) < 2:
        return np.nan, np.nan
    angle = 2.0 * math.asin(min(1.0, least / 2.0))
    return angle, angle / math.acos(-1.0 / (len(class_centers) - 1))


def effective_rank(vectors: np.ndarray) -> float:
    """How many directions the unit vectors use: exp of the entropy of their singular values over the sum of these.

    From 1, all on one line, to the smaller of objects and dim, all directions alike. The mean is not taken off.
    Source: Roy and Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO 2007.

    Args:
        vectors: [objects, dim]; rows need not be unit.

    Raises:
        InputError: empty or non-finite vectors.

    Examples:
        >>> round(effective_rank(np.eye(3)), 6), round(effective_rank(np.array([[1.0, 2.0], [-2.0, -4.0]])), 6)
        (3.0, 1.0)
    """
    vectors, lengths = check_vectors(vectors, where="vectors")
    # The triangle of the QR decomposition has the singular values of all rows that went into it.
    triangle = np.zeros((0, vectors.shape[1]))
    for start in range(0, len(vectors), _ROWS_A_CHUNK):
        chunk = slice(start, start + _ROWS_A_CHUNK)
        rows = np.concatenate([triangle, vectors[chunk] / lengths[chunk, None]])
        triangle = np.asarray(np.linalg.qr(rows, mode="r"))
    values = np.linalg.svd(triangle, compute_uv=False)
    shares = values[values > 0] / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
