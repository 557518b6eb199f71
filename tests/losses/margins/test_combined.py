"""The kind of margin that is all three at once; its function is tested in test_shifted_angle."""

import math

import pytest
import torch

from steradian.losses import BatchRows, arcface, combined
from steradian.losses.margins.combined import Combined

ROWS = BatchRows(torch.ones(3), torch.tensor([0, 1, 1]), strength=0.5)
COSINES = torch.tensor([0.0, 0.3, -0.8], dtype=torch.float64)


def test_alone_it_is_arcface_and_every_part_follows_the_strength() -> None:
    torch.testing.assert_close(Combined(0.4)(COSINES, ROWS), arcface(COSINES, 0.2))
    all_three = Combined(0.4, cosine_margin=0.2, angle_factor=1.4)(COSINES, ROWS)
    torch.testing.assert_close(all_three, combined(COSINES, angle_factor=1.2, margin=0.2, cosine_margin=0.1))
    assert float(all_three[0].acos()) > math.pi / 2 + 0.2


@pytest.mark.parametrize("strength", [0.0, 1.0])
def test_rare_classes_get_the_larger_margins(strength: float) -> None:
    rows = BatchRows(ROWS.norms, ROWS.labels, strength)
    psi = Combined(0.4, class_counts=torch.tensor([2, 50]))(COSINES[[1, 1, 1]], rows)
    assert (float(psi[0]) < float(psi[1])) == bool(strength)
