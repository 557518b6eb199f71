"""What a calibration holds: scales and thresholds, by subset of modalities."""

from steradian.calibration.operating_points import Calibration, OperatingPoint, PairPoint
from steradian.calibration.rejection import with_unknown
from steradian.calibration.threshold_rules import precision_angle

__all__ = ["Calibration", "OperatingPoint", "PairPoint", "precision_angle", "with_unknown"]
