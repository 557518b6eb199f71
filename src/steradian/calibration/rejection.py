"""The answer "unknown": for objects too far from every class center."""

import numpy as np

from steradian.errors import InputError

__all__ = ["UNKNOWN", "nearest_angles", "with_unknown"]

UNKNOWN = "unknown"


def nearest_angles(cosines: np.ndarray) -> np.ndarray:
    """The angle to the nearest center in radians float64 [objects].

    Args:
        cosines: to the class centers [objects, num_classes].

    Example:
        >>> nearest_angles(np.array([[0.0, 1.0], [0.5, 0.0]])).round(3)
        array([0.   , 1.047])
    """
    return np.asarray(np.arccos(np.clip(cosines.max(axis=1).astype(np.float64), -1.0, 1.0)))


def with_unknown(predicted: np.ndarray, accepted: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The predicted classes, "unknown" where they are not accepted: text [objects], or Python objects for numbers.

    Args:
        predicted: class names [objects].
        accepted: bool [objects].
        classes: all class names [num_classes].

    Raises:
        InputError: a class is called "unknown" itself.

    Example:
        >>> with_unknown(np.array(["cup", "jar"]), np.array([True, False]), np.array(["cup", "jar"])).tolist()
        ['cup', 'unknown']
    """
    if UNKNOWN in classes.tolist():
        raise InputError(
            want=f"classes with other names than {UNKNOWN!r}",
            got="one of that name",
            where="predict(..., reject=True)",
            fix="Rename the class before training, or compare angles: model.calibration_.accept_angles(present).",
        )
    answers = predicted if predicted.dtype.kind == "U" else predicted.astype(object)
    return np.where(accepted, answers, UNKNOWN)
