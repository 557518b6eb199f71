"""The mean of each class's unit vectors and how far its objects lie from it."""

from dataclasses import dataclass

import numpy as np

from steradian.errors import InputError
from steradian.metrics.classification import label_codes
from steradian.metrics.nearest import check_vectors

__all__ = ["ClassMeans", "class_means", "concentration", "labelled_unit", "mean_rows"]

_FINEST = float(np.finfo(np.float32).eps)


@dataclass(frozen=True, eq=False)
class ClassMeans:
    """Of each class, in the order in which the classes first appear.

    Args:
        means: of its unit vectors, float64 [classes, dim]; shorter than 1 unless all of them coincide.
        scatter: the mean squared distance of its unit vectors from their mean, float64 [classes]: 1 - |mean|^2.
        counts: its objects, int64 [classes].
    """

    means: np.ndarray
    scatter: np.ndarray
    counts: np.ndarray


def class_means(vectors: np.ndarray, labels: np.ndarray) -> ClassMeans:
    """The mean of each class's unit vectors, their scatter and their number.

    Args:
        vectors: [objects, dim]; rows need not be unit.
        labels: [objects].

    Raises:
        InputError: empty or non-finite vectors, different lengths, a missing class.

    Examples:
        >>> found = class_means(np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]]), ["cup", "cup", "lamp"])
        >>> found.means.tolist(), found.scatter.tolist(), found.counts.tolist()
        ([[0.5, 0.5], [0.0, 1.0]], [0.5, 0.0], [2, 1])
    """
    unit, codes = labelled_unit(vectors, labels)
    means = mean_rows(unit, codes)
    # From the differences: 1 - |mean|^2 has no digits left where the objects nearly coincide.
    scatter = mean_rows(((unit - means[codes]) ** 2).sum(axis=1), codes)
    return ClassMeans(means, scatter, np.bincount(codes))


def concentration(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The concentration kappa of each class as a von Mises-Fisher distribution: R (D - R^2) / (1 - R^2).

    Its density on the sphere is proportional to exp(kappa cos(angle to the mean direction)): 0 is uniform, and a class
    of large kappa keeps within about sqrt((D - 1) / kappa) radians. R is the length of the mean unit vector, D the
    width. Source of the approximation: Banerjee et al., "Clustering on the unit hypersphere using von Mises-Fisher
    distributions", JMLR 2005.

    1 - R^2 is held at float32's 1.2e-7 or more, so the result is finite, about 8e6 (D - 1), for objects that coincide
    and for one object, whose kappa nobody can know. From few objects kappa is too large: R of n uniform ones is about
    1 / sqrt(n).

    Args:
        vectors: [objects, dim], at least two numbers wide; rows need not be unit.
        labels: [objects].

    Returns:
        float64 [classes], in the order in which the classes first appear.

    Raises:
        InputError: empty or non-finite vectors, less than two numbers wide, different lengths, a missing class.

    Examples:
        >>> concentration(np.array([[1.0, 0.0], [0.0, 1.0]]), ["cup", "cup"]).round(3)
        array([2.121])
    """
    found = class_means(vectors, labels)
    dim = found.means.shape[1]
    if dim < 2:
        raise InputError(
            want="vectors of at least two numbers, which can have a direction",
            got="a width of 1",
            where="vectors",
            fix="Embed in more dimensions.",
        )
    left = np.maximum(found.scatter, _FINEST)
    length = np.sqrt(1.0 - np.minimum(left, 1.0))
    return np.asarray(length * (dim - length**2) / left)


def labelled_unit(vectors: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows in float64 and the class of each as a number.

    Args:
        vectors: [objects, dim]; rows need not be unit.
        labels: [objects].

    Returns:
        float64 [objects, dim], int64 [objects] counted from 0 in order of appearance.

    Raises:
        InputError: empty or non-finite vectors, different lengths, a missing class.

    Examples:
        >>> labelled_unit(np.array([[3.0, 4.0]]), ["cup"])
        (array([[0.6, 0.8]]), array([0]))
    """
    vectors, lengths = check_vectors(vectors, where="vectors")
    (codes,) = label_codes(labels)
    if len(codes) != len(vectors):
        raise InputError(
            want=f"{len(vectors)} classes, one a row",
            got=str(len(codes)),
            where="labels",
            fix="Pass one class a vector.",
        )
    return vectors / lengths[:, None], codes


def mean_rows(rows: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """The mean of the rows of each code.

    Args:
        rows: float64 [rows] or [rows, dim].
        codes: int64 [rows]; every number from 0 to the largest occurs.

    Returns:
        float64 [codes] or [codes, dim].

    Examples:
        >>> mean_rows(np.array([1.0, 2.0, 3.0]), np.array([0, 1, 0]))
        array([2., 2.])
    """
    counts = np.bincount(codes)
    sums = np.add.reduceat(rows[np.argsort(codes, kind="stable")], np.cumsum(counts) - counts)
    return np.asarray(sums / counts.reshape(-1, *[1] * (rows.ndim - 1)))
