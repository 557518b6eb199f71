"""How sure a model is, and how sure it may be: calibration error, likelihood, and the scale that fits best."""

import math
from collections.abc import Iterator

import numpy as np

from steradian.errors import InputError

__all__ = ["expected_calibration_error", "fit_scale", "negative_log_likelihood"]

_NUMBERS_A_CHUNK = 2**22
_TOLERANCE = 1e-9


def expected_calibration_error(
    confidences: np.ndarray, right: np.ndarray, *, bins: int = 15, weights: np.ndarray | None = None
) -> float:
    """How far confidence and accuracy lie apart, in [0, 1]: the mean over objects of |accuracy - confidence| of a bin.

    Objects are sorted into bins of equal width by the confidence in their predicted class; bin b of B holds the
    confidences in ((b - 1) / B, b / B], the first one also 0.
    Source: Guo et al., "On calibration of modern neural networks", ICML 2017, equation 3; B = 15 is theirs.

    Args:
        confidences: the probability of the predicted class, in [0, 1] [objects].
        right: bool [objects], whether the predicted class is the true one.
        bins: how many bins. More of them see finer errors, and more noise.
        weights: how often each object counts, 0 or more [objects]; None counts each once.

    Raises:
        InputError: no object, different lengths, a confidence that is no probability, `bins` below 1.

    Examples:
        >>> round(expected_calibration_error(np.array([0.9, 0.9, 0.6]), np.array([True, True, False])), 4)
        0.2667
    """
    confidences, right = np.asarray(confidences, dtype=np.float64), np.asarray(right)
    if confidences.ndim != 1 or not len(confidences) or right.shape != confidences.shape or right.dtype != np.bool_:
        raise InputError(
            want="a float and a bool for each of at least one object",
            got=f"shapes {list(confidences.shape)} and {list(right.shape)}, the second of {right.dtype}",
            where="confidences and right",
            fix="Pass probabilities.max(axis=1) and predicted == labels.",
        )
    if not ((confidences >= 0) & (confidences <= 1)).all():
        raise InputError(
            want="probabilities, from 0 to 1",
            got=f"values from {confidences.min()} to {confidences.max()}",
            where="confidences",
            fix="Pass the largest probability of each object.",
        )
    if not isinstance(bins, (int, np.integer)) or bins < 1:
        raise InputError("an integer from 1", repr(bins), "bins", "Leave it out for 15.")
    weights = np.ones(len(confidences)) if weights is None else weights
    places = np.maximum(np.ceil(confidences * bins).astype(np.int64) - 1, 0)
    # Both shares of a bin have the objects of the bin below the line, and these are its weight in the mean.
    excess = np.bincount(places, weights=weights * (right - confidences), minlength=bins)
    return float(np.abs(excess).sum() / weights.sum())


def negative_log_likelihood(cosines: np.ndarray, numbers: np.ndarray, *, scale: float) -> float:
    """The mean of -log softmax(scale * cosines) at the own class, in float64; 0 is best.

    Args:
        cosines: to the class centers [objects, num_classes].
        numbers: the own class of each object as a column of `cosines`, int [objects].
        scale: factor of the cosines.

    Raises:
        InputError: no object, fewer than 2 classes, cosines that are not finite, numbers that are no columns.

    Examples:
        >>> round(negative_log_likelihood(np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([0, 1]), scale=1.0), 4)
        0.5032
    """
    from scipy.special import logsumexp

    cosines, numbers = _check_cosines(cosines, numbers)
    own = np.take_along_axis(cosines, numbers[:, None], axis=1)[:, 0].astype(np.float64)
    total = sum(float(logsumexp(scale * chunk, axis=1).sum()) for chunk in _chunks(cosines))
    return float(total / len(own) - scale * own.mean())


def fit_scale(cosines: np.ndarray, numbers: np.ndarray, *, bounds: tuple[float, float] = (0.1, 1000.0)) -> float:
    """The scale under which softmax(scale * cosines) explains the true classes best: temperature scaling.

    It minimises the negative log-likelihood, which is convex in the scale. Each own class has the target probability
    (n + 1) / (n + 2) and the other classes share the rest evenly, n being the number of objects: without this, objects
    whose nearest centers are all right would ask for an infinite scale.
    Sources: Guo et al., "On calibration of modern neural networks", ICML 2017 (temperature scaling); Platt,
    "Probabilistic outputs for support vector machines", 1999, equation 6 (the targets).

    Args:
        cosines: to the class centers [objects, num_classes], of objects that the model was not trained on.
        numbers: the own class of each object as a column of `cosines`, int [objects].
        bounds: the least and the largest scale; an optimum beyond one of them gives the bound.

    Returns:
        The scale, exact within a relative 1e-8.

    Raises:
        InputError: no object, fewer than 2 classes, cosines that are not finite, numbers that are no columns, bounds
            that are not 0 < least < largest.

    Examples:
        >>> cosines = np.array([[0.9, 0.1], [0.8, 0.3], [0.2, 0.7], [0.6, 0.5]])
        >>> round(fit_scale(cosines, np.array([0, 0, 1, 1])), 3)
        2.366
    """
    from scipy.optimize import brentq
    from scipy.special import softmax

    cosines, numbers = _check_cosines(cosines, numbers)
    least, largest = bounds
    if not 0 < least < largest < math.inf:
        raise InputError("0 < least < largest", repr(bounds), "bounds", "Leave it out for (0.1, 1000.0).")
    objects, classes = cosines.shape
    own = float(np.take_along_axis(cosines, numbers[:, None], axis=1).mean(dtype=np.float64))
    others = (classes * float(cosines.mean(dtype=np.float64)) - own) / (classes - 1)
    target: float = ((objects + 1) * own + others) / (objects + 2)

    def slope(log_scale: float) -> float:
        """Of the likelihood by the scale; it rises with the scale."""
        scale = math.exp(log_scale)
        sums = (float((softmax(scale * chunk, axis=1) * chunk).sum()) for chunk in _chunks(cosines))
        return sum(sums) / len(cosines) - target

    ends = math.log(least), math.log(largest)
    if slope(ends[0]) >= 0:
        return float(least)
    if slope(ends[1]) <= 0:
        return float(largest)
    return math.exp(float(brentq(slope, *ends, xtol=_TOLERANCE)))


def _chunks(cosines: np.ndarray) -> Iterator[np.ndarray]:
    """A block of rows at a time, in float64."""
    rows = max(1, _NUMBERS_A_CHUNK // cosines.shape[1])
    for start in range(0, len(cosines), rows):
        yield cosines[start : start + rows].astype(np.float64)


def _check_cosines(cosines: np.ndarray, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cosines, numbers = np.asarray(cosines), np.asarray(numbers)
    if cosines.ndim != 2 or not len(cosines) or cosines.shape[1] < 2:
        raise InputError(
            want="[objects, num_classes], at least one object and 2 classes",
            got=f"shape {list(cosines.shape)}",
            where="cosines",
            fix="A probability among classes needs two of them, and an object to measure it on.",
        )
    whole = np.issubdtype(numbers.dtype, np.integer)
    if numbers.shape != (len(cosines),) or not whole or numbers.min() < 0 or numbers.max() >= cosines.shape[1]:
        raise InputError(
            want=f"an integer from 0 to {cosines.shape[1] - 1} for each of {len(cosines)} objects",
            got=f"{numbers.dtype} of shape {list(numbers.shape)}",
            where="numbers",
            fix="Pass the column of each object's own class: np.searchsorted(model.classes_, labels).",
        )
    finite = np.isfinite(cosines).all(axis=1)
    if not finite.all():
        row = int(np.argmin(finite))
        raise InputError("finite cosines", str(cosines[row]), f"cosines, row {row}", "Check the vectors they are of.")
    return cosines, numbers
