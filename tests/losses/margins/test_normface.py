"""The kind without a margin."""

import math

import pytest
import torch

from steradian.losses import BatchRows
from steradian.losses.margins.normface import NormFace

ROWS = BatchRows(torch.ones(3), torch.tensor([0, 1, 1]), strength=0.5)
COSINES = torch.tensor([0.0, 0.3, -0.8], dtype=torch.float64)


def test_the_cosine_stays_whatever_the_margin() -> None:
    torch.testing.assert_close(NormFace(0.4)(COSINES, ROWS), COSINES, rtol=0, atol=0)
    assert float(NormFace(math.pi / 4)(COSINES.float(), ROWS)[0]) == pytest.approx(0.0)
