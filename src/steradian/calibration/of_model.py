"""What a model has of a calibration: thresholds only after `calibrate`, scales always."""

from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from steradian.calibration.result import Calibration
from steradian.errors import InputError

__all__ = ["calibration_of", "scales_of"]


def calibration_of(model: Any) -> Calibration:
    """The calibration of a fitted model.

    Args:
        model: a `SphereEmbedder`.

    Raises:
        InputError: it was not calibrated.
    """
    check_is_fitted(model)
    found: Calibration | None = getattr(model, "calibration_", None)
    if found is None:
        raise InputError(
            want="a model with accept angles",
            got="one that was not calibrated",
            where="predict(..., reject=True) and verify(...)",
            fix="Call model.calibrate(held_out_objects) first.",
        )
    return found


def scales_of(model: Any, present: np.ndarray) -> np.ndarray:
    """The scale of each object's cosines float64 [objects]: calibrated for what it has, or else that of training.

    Args:
        model: a fitted `SphereEmbedder`.
        present: what each object has, bool [objects, modalities].
    """
    found: Calibration | None = getattr(model, "calibration_", None)
    return np.full(len(present), float(model.scale_)) if found is None else found.scales(present)
