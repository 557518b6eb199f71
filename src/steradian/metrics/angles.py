"""From cosines to angles."""

import numpy as np

__all__ = ["to_angles"]


def to_angles(cosines: np.ndarray) -> np.ndarray:
    """Angles in radians float64, of the shape of the cosines.

    Rounding lifts cosines of unit vectors a little above 1, where an arccosine would be NaN: they are held at it. What
    must tell angles below 5e-4 apart takes `pair_angles` of the vectors, since cosines of float32 cannot.

    Args:
        cosines: any shape; NaN stays NaN.

    Examples:
        >>> to_angles(np.array([1.0000001, 0.5, -1.0])).round(3)
        array([0.   , 1.047, 3.142])
    """
    return np.asarray(np.arccos(np.clip(np.asarray(cosines, dtype=np.float64), -1.0, 1.0)))
