"""Triplets as an objective: the loss function with the derived numbers."""

import math

import torch
from torch.nn import functional as F

from steradian.config import TrainingConfig
from steradian.losses import triplet_loss
from steradian.model import SphericalClassifier
from steradian.training import Derived
from steradian.training.objectives.row_objective import LossRows
from steradian.training.objectives.triplet import Triplet


def test_it_is_the_loss_of_its_name_with_the_derived_numbers() -> None:
    classifier = SphericalClassifier(3, 8)
    objective = Triplet(classifier, TrainingConfig(objective="triplet"), Derived(6.0, 0.3, 1, ()))
    rows, labels = F.normalize(torch.randn(9, 8), dim=1), torch.arange(9) % 3
    # A margin in radians moves a cosine of 0 by its sine.
    expected = triplet_loss(rows, labels, cosine_margin=math.sin(0.3))
    assert torch.equal(objective.row_losses(LossRows(rows, labels)), expected)
