"""The kind of margin that is added to the angle; its function is tested beside all others in test_shifted_angle."""

import math

import pytest
import torch

from steradian.losses import BatchRows, arcface, class_margins
from steradian.losses.margins.arcface import ArcFace

ROWS = BatchRows(torch.ones(3), torch.tensor([0, 1, 1]), strength=0.5)
COSINES = torch.tensor([0.0, 0.3, -0.8], dtype=torch.float64)


def test_a_right_angle_moves_by_the_share_of_the_margin_that_the_strength_says() -> None:
    assert float(ArcFace(0.4)(COSINES, ROWS)[0].acos()) - math.pi / 2 == pytest.approx(0.2)


def test_rare_classes_get_the_larger_margins_and_the_mean_is_the_one_asked_for() -> None:
    counts = torch.tensor([2, 50])
    kind = ArcFace(0.4, class_counts=counts)
    assert kind.margin_shares is not None
    assert float(kind.margin_shares.mean()) == pytest.approx(1.0)
    shares = (class_margins(counts) / class_margins(counts).mean())[ROWS.labels].double()
    torch.testing.assert_close(kind(COSINES, ROWS), arcface(COSINES, 0.2 * shares))
