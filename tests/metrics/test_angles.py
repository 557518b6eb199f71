"""From cosines to angles."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from steradian.metrics import to_angles


@given(st.floats(0.0, math.pi))
def test_it_undoes_the_cosine(angle: float) -> None:
    # Near 0 and pi the cosine is flat: 1e-16 of it is 1e-8 of the angle.
    assert abs(float(to_angles(np.array(math.cos(angle)))) - angle) < 3e-8


def test_rounding_above_one_is_no_nan_and_float32_is_taken_as_it_is() -> None:
    cosines = np.array([[1.0 + 3e-7, -1.0 - 3e-7], [0.0, np.nan]], dtype=np.float32)
    angles = to_angles(cosines)
    assert angles.dtype == np.float64 and angles.shape == (2, 2)
    np.testing.assert_array_equal(angles, [[0.0, np.pi], [np.pi / 2, np.nan]])
