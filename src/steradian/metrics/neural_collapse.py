"""Neural collapse: how far classes have shrunk to points, the points to a simplex, and class centers to the points.

Source of all four: Papyan, Han and Donoho, "Prevalence of neural collapse during the terminal phase of deep learning
training", PNAS 2020. There every class has as many objects; here every class counts the same, however many it has, and
the global mean is the mean of the class means.
"""

import numpy as np

from steradian.errors import InputError
from steradian.metrics.class_means import labelled_unit, mean_rows
from steradian.metrics.classification import label_codes
from steradian.metrics.labelled_pairs import pair_distances
from steradian.metrics.nearest import check_vectors

__all__ = ["center_disagreement", "equiangularity", "self_duality", "single_centers", "within_class_variability"]

_FINEST = float(np.finfo(np.float32).eps)
_COSINES_A_CHUNK = 2**22


def within_class_variability(vectors: np.ndarray, labels: np.ndarray) -> float:
    """NC1: trace(S_W pinv(S_B)) / C, the scatter within classes against that of the class means; 0 when collapsed.

    S_W is the mean over classes of the covariance around the class mean, S_B that of the class means around the
    global mean. Directions in which the class means differ by no more than float32's rounding are left out. A class
    of one object says nothing of S_W and is left out of it; few objects a class make the number small. NaN where no
    class has two objects, or where the class means coincide.

    Args:
        vectors: [objects, dim]; rows need not be unit.
        labels: [objects].

    Raises:
        InputError: empty or non-finite vectors, different lengths, a missing class.

    Examples:
        >>> angles = np.radians([0, 40, 160, 200])
        >>> vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        >>> round(within_class_variability(vectors, ["cup", "cup", "lamp", "lamp"]), 4)
        0.0021
    """
    unit, codes = labelled_unit(vectors, labels)
    means = mean_rows(unit, codes)
    between = (means - means.mean(axis=0)) / np.sqrt(len(means))
    _, sizes, directions = np.linalg.svd(between, full_matrices=False)
    several = np.bincount(codes) > 1
    if not several.any() or sizes[0] <= _FINEST:
        return np.nan
    kept = sizes > max(between.shape) * _FINEST * sizes[0]
    within = (unit - means[codes]) @ (directions[kept] / sizes[kept, None]).T
    return float(mean_rows((within**2).sum(axis=1), codes)[several].mean() / len(means))


def equiangularity(centers: np.ndarray, *, centered: bool = False) -> tuple[float, float]:
    """NC2: how unequal the cosines of all pairs of centers are, and how far from those of a simplex; both 0 there.

    Args:
        centers: [num_classes, dim]; rows need not be unit.
        centered: take their mean off first, as the source does with class means, but not with the classifier's.

    Returns:
        The standard deviation of the cosines, and the largest |cosine + 1 / (C - 1)|; both NaN for one center, or
        where a centered one has no direction left.

    Raises:
        InputError: empty or non-finite centers.

    Examples:
        >>> [[round(number, 6) for number in equiangularity(np.eye(3), centered=which)] for which in (False, True)]
        [[0.0, 0.5], [0.0, 0.0]]
    """
    if centered:
        centers = np.asarray(centers) - np.mean(centers, axis=0)
        if np.linalg.norm(centers, axis=1).min() <= _FINEST:
            return np.nan, np.nan
    total, squares, pairs, farthest = 0.0, 0.0, 0, 0.0
    simplex = -1.0 / max(1, len(centers) - 1)
    for distances in pair_distances(centers, where="centers"):
        excess = 1.0 - distances**2 / 2.0 - simplex
        total, squares, pairs = total + excess.sum(), squares + (excess**2).sum(), pairs + len(excess)
        farthest = max(farthest, float(np.abs(excess).max(initial=0.0)))
    if not pairs:
        return np.nan, np.nan
    return float(np.sqrt(max(0.0, squares / pairs - (total / pairs) ** 2))), farthest


def self_duality(vectors: np.ndarray, labels: np.ndarray, *, class_centers: np.ndarray, classes: np.ndarray) -> float:
    """NC3: |W / |W| - M / |M||, class centers W against class means M less their mean; from 0, one figure, to 2.

    The norms are over the whole matrices (Frobenius). Only classes that have both a center and objects count; the
    centers stay as they are, so that a part of the classes cannot give 0. NaN for fewer than two such classes, or
    where their means coincide.

    Args:
        vectors: [objects, dim]; rows need not be unit.
        labels: [objects].
        class_centers: [num_classes, dim], or [num_classes, subcenters, dim], of which `single_centers` are taken.
        classes: whose centers they are [num_classes].

    Raises:
        InputError: empty or non-finite vectors, different lengths or widths, a class that is missing or given twice.

    Examples:
        >>> vectors = np.array([[1.0, 0.0], [-1.0, 0.0]])
        >>> self_duality(vectors, ["cup", "lamp"], class_centers=-vectors, classes=["lamp", "cup"])
        0.0
    """
    unit, codes, centers = _of_shared_classes(vectors, labels, class_centers, classes)
    if len(centers) < 2:
        return np.nan
    centers, means = single_centers(centers), mean_rows(unit, codes)
    means = means - means.mean(axis=0)
    size = np.linalg.norm(means)
    if size <= _FINEST:
        return np.nan
    return float(np.linalg.norm(centers / np.linalg.norm(centers) - means / size))


def center_disagreement(
    vectors: np.ndarray, labels: np.ndarray, *, class_centers: np.ndarray, classes: np.ndarray
) -> float:
    """NC4: the share of objects whose nearest center, by angle, is of another class than their nearest class mean.

    The class mean is the nearest by straight distance, as in the source. Only classes that have both a center and
    objects count, and of sub-centers the nearest. NaN without any such class.

    Args:
        vectors: [objects, dim]; rows need not be unit.
        labels: [objects].
        class_centers: [num_classes, dim], or [num_classes, subcenters, dim].
        classes: whose centers they are [num_classes].

    Raises:
        InputError: empty or non-finite vectors, different lengths or widths, a class that is missing or given twice.

    Examples:
        >>> center_disagreement(np.eye(2), ["cup", "lamp"], class_centers=np.eye(2), classes=["lamp", "cup"])
        1.0
    """
    unit, codes, centers = _of_shared_classes(vectors, labels, class_centers, classes)
    if not len(unit):
        return np.nan
    means, subcenters = mean_rows(unit, codes), centers.reshape(len(centers), -1, unit.shape[1])
    step = max(1, _COSINES_A_CHUNK // (len(means) * subcenters.shape[1]))
    different = 0
    for start in range(0, len(unit), step):
        part = unit[start : start + step]
        by_center = np.tensordot(part, subcenters, axes=([1], [2])).max(axis=2).argmax(axis=1)
        by_mean = ((means**2).sum(axis=1) - 2.0 * part @ means.T).argmin(axis=1)
        different += int(np.count_nonzero(by_center != by_mean))
    return different / len(unit)


def single_centers(class_centers: np.ndarray) -> np.ndarray:
    """One unit center a class: of sub-centers their mean, even of those that no object is near.

    Args:
        class_centers: [num_classes, dim], or [num_classes, subcenters, dim]; rows need not be unit.

    Returns:
        float64 [num_classes, dim].

    Raises:
        InputError: of another shape, empty, not finite, or sub-centers that cancel out.

    Examples:
        >>> single_centers(np.array([[[1.0, 0.0], [0.0, 1.0]]])).round(3)
        array([[0.707, 0.707]])
    """
    centers = np.asarray(class_centers)
    if centers.ndim == 3:
        centers = _unit(centers.reshape(-1, centers.shape[2])).reshape(centers.shape).mean(axis=1)
    return _unit(centers)


def _unit(centers: np.ndarray) -> np.ndarray:
    centers, lengths = check_vectors(centers, where="class_centers")
    return np.asarray(centers / lengths[:, None])


def _of_shared_classes(
    vectors: np.ndarray, labels: np.ndarray, class_centers: np.ndarray, classes: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The unit vectors of objects whose class has a center, their classes counted from 0, these classes' centers."""
    unit, _ = labelled_unit(vectors, labels)
    centers = np.asarray(class_centers)
    numbers, codes = label_codes(classes, labels, where="classes or labels")
    if centers.ndim not in (2, 3) or centers.shape[0] != len(numbers) or centers.shape[-1] != unit.shape[1]:
        raise InputError(
            want=f"centers of {len(numbers)} classes, each {unit.shape[1]} wide",
            got=f"shape {list(centers.shape)}",
            where="class_centers",
            fix="Pass the centers, the classes and the vectors of one model.",
        )
    if (numbers != np.arange(len(numbers))).any():
        place = int(np.flatnonzero(numbers != np.arange(len(numbers)))[0])
        raise InputError(
            want="each class once",
            got=f"{np.asarray(classes)[place]!s} again",
            where=f"classes, row {place}",
            fix="Give each class one row of centers.",
        )
    centers = _unit(centers.reshape(-1, unit.shape[1])).reshape(centers.shape)
    known = codes < len(numbers)
    shared, codes = np.unique(codes[known], return_inverse=True)
    return unit[known], codes, centers[shared]
