"""The answer "unknown": for objects too far from every class center."""

import numpy as np

from steradian.errors import InputError

__all__ = ["UNKNOWN", "with_unknown"]

UNKNOWN = "unknown"


def with_unknown(predicted: np.ndarray, accepted: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """The predicted classes, "unknown" where they are not accepted: text [objects], or Python objects for numbers.

    Args:
        predicted: class names [objects].
        accepted: bool [objects].
        classes: all class names [num_classes].

    Raises:
        InputError: a class is called "unknown" itself.

    Examples:
        >>> with_unknown(np.array(["cup", "jar"]), np.array([True, False]), np.array(["cup", "jar"])).tolist()
        ['cup', 'unknown']
    """
    if UNKNOWN in classes.tolist():
        raise InputError(
            want=f"classes with other names than {UNKNOWN!r}",
            got="one of that name",
            where="predict(..., reject=True)",
            fix="Rename the class before training, or compare angles: model.calibration_.thresholds(present).",
        )
    answers = predicted if predicted.dtype.kind == "U" else predicted.astype(object)
    return np.where(accepted, answers, UNKNOWN)
