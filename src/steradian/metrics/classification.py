"""How well predicted classes agree with true ones."""

import numpy as np

from steradian.data.modality import is_missing
from steradian.errors import InputError

__all__ = ["accuracy", "balanced_accuracy", "label_codes", "macro_f1"]


def accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """The share of objects whose predicted class is the true one, in [0, 1].

    Args:
        labels: [objects], the true classes: strings, numbers or any other values that compare equal.
        predicted: [objects].

    Raises:
        InputError: no object, different lengths, a missing class.

    Examples:
        >>> accuracy(["cat", "cat", "dog", "dog"], ["cat", "dog", "dog", "dog"])
        0.75
    """
    actual, guessed = _paired_codes(labels, predicted)
    return float(np.mean(actual == guessed))


def balanced_accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """The accuracy within each class, averaged over the classes that occur in `labels`; in [0, 1].

    Source: Brodersen et al., "The balanced accuracy and its posterior distribution", ICPR 2010.

    Args:
        labels: [objects], the true classes.
        predicted: [objects].

    Raises:
        InputError: no object, different lengths, a missing class.

    Examples:
        >>> balanced_accuracy(["cat", "cat", "cat", "dog"], ["cat", "cat", "cat", "cat"])
        0.5
    """
    hits, actual, _ = _class_counts(labels, predicted)
    return float(np.mean(hits[actual > 0] / actual[actual > 0]))


def macro_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """F1 = 2 hits / (objects of the class + predictions of it), averaged over classes; in [0, 1].

    The classes are those that occur in `labels` or in `predicted`, as in scikit-learn's `f1_score(average="macro")`.

    Args:
        labels: [objects], the true classes.
        predicted: [objects].

    Raises:
        InputError: no object, different lengths, a missing class.

    Examples:
        >>> round(macro_f1(["cat", "cat", "cat", "dog"], ["cat", "cat", "cat", "cat"]), 4)
        0.4286
    """
    hits, actual, guessed = _class_counts(labels, predicted)
    return float(np.mean(2 * hits / (actual + guessed)))


def label_codes(*parts: np.ndarray, where: str = "labels") -> list[np.ndarray]:
    """Classes as integers counted from 0 in order of appearance, one code a class over all parts.

    Args:
        parts: arrays of classes, each [objects].
        where: what to call the classes in messages.

    Returns:
        One int64 [objects] a part.

    Raises:
        InputError: an empty part, one of another shape, or a missing class (None or NaN).

    Examples:
        >>> [codes.tolist() for codes in label_codes(["dog", "cat", "dog"], ["cat"])]
        [[0, 1, 0], [1]]
    """
    known: dict[object, int] = {}
    return [_codes(np.asarray(part), known, where) for part in parts]


def _codes(labels: np.ndarray, known: dict[object, int], where: str) -> np.ndarray:
    if labels.ndim != 1 or len(labels) == 0:
        raise InputError(
            want="one class an object, at least one object",
            got=f"an array of shape {list(labels.shape)}",
            where=where,
            fix="Pass a list or array with one entry an object.",
        )
    if labels.dtype.kind in "iu":
        # The few different ones are numbered by the row where each stands first.
        values, first, places = np.unique(labels, return_index=True, return_inverse=True)
        numbers = np.empty(len(values), dtype=np.int64)
        for place in np.argsort(first).tolist():
            numbers[place] = known.setdefault(int(values[place]), len(known))
        return np.asarray(numbers[places])
    values = labels.tolist()
    # Integers, booleans and text are never missing, and a look at each would take most of the time.
    for row, value in enumerate(values if labels.dtype.kind not in "biuSU" else ()):
        if is_missing(value):
            raise InputError(
                want="a class",
                got=repr(value),
                where=f"{where}, row {row}",
                fix="Leave out objects without a class.",
            )
    return np.fromiter((known.setdefault(value, len(known)) for value in values), dtype=np.int64, count=len(values))


def _paired_codes(labels: np.ndarray, predicted: np.ndarray) -> list[np.ndarray]:
    codes = label_codes(labels, predicted)
    if len(codes[0]) != len(codes[1]):
        raise InputError(
            want=f"{len(codes[0])} predictions, one a label",
            got=str(len(codes[1])),
            where="predicted",
            fix="Predict exactly the objects whose labels you pass.",
        )
    return codes


def _class_counts(labels: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hits, objects and predictions of each class, each [classes]."""
    actual, guessed = _paired_codes(labels, predicted)
    classes = int(max(actual.max(), guessed.max())) + 1
    hits = np.bincount(actual[actual == guessed], minlength=classes)
    return hits, np.bincount(actual, minlength=classes), np.bincount(guessed, minlength=classes)
