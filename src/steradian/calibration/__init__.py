"""What a calibration holds: scales and thresholds, by subset of modalities."""

from steradian.calibration.operating_points import Calibration, OperatingPoint, PairPoint
from steradian.calibration.rejection import with_unknown

__all__ = ["Calibration", "OperatingPoint", "PairPoint", "with_unknown"]
