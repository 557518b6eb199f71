"""The kind of margin that multiplies the angle; its function is tested in test_shifted_angle."""

import math

import pytest
import torch

from steradian.losses import BatchRows, sphereface
from steradian.losses.margins.sphereface import SphereFace

ROWS = BatchRows(torch.ones(3), torch.tensor([0, 1, 1]), strength=0.5)
COSINES = torch.tensor([0.0, 0.3, -0.8], dtype=torch.float64)


def test_a_right_angle_moves_by_the_margin_or_by_the_factor_given() -> None:
    assert float(SphereFace(0.4)(COSINES, ROWS)[0].acos()) - math.pi / 2 == pytest.approx(0.2)
    torch.testing.assert_close(SphereFace(0.4, angle_factor=1.6)(COSINES, ROWS), sphereface(COSINES, 1.3))
