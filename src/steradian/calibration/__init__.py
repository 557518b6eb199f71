"""Thresholds that keep a promise: what is accepted, what is unknown, which two are the same."""

from steradian.calibration.calibrate import calibrate
from steradian.calibration.of_model import calibration_of, scales_of
from steradian.calibration.rejection import with_unknown
from steradian.calibration.result import Calibration, OperatingPoint, PairPoint
from steradian.calibration.verify import Verification, verify

__all__ = [
    "Calibration",
    "OperatingPoint",
    "PairPoint",
    "Verification",
    "calibrate",
    "calibration_of",
    "scales_of",
    "verify",
    "with_unknown",
]
