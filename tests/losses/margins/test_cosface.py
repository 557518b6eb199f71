"""The kind of margin that is a difference of cosines; its function is tested in test_shifted_angle."""

import math

import pytest
import torch

from steradian.losses import BatchRows
from steradian.losses.margins.cosface import CosFace

ROWS = BatchRows(torch.ones(3), torch.tensor([0, 1, 1]), strength=0.5)
COSINES = torch.tensor([0.0, 0.3, -0.8], dtype=torch.float64)


def test_a_right_angle_moves_by_the_margin_or_the_cosine_by_what_is_given() -> None:
    assert float(CosFace(0.4)(COSINES, ROWS)[0].acos()) - math.pi / 2 == pytest.approx(0.2)
    torch.testing.assert_close(CosFace(0.4, cosine_margin=0.3)(COSINES, ROWS), COSINES - 0.15)
