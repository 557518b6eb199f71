"""The supervised contrastive loss as an objective: the loss function with the derived numbers."""

import torch
from torch.nn import functional as F

from steradian.config import TrainingConfig
from steradian.losses import supcon_loss
from steradian.model import SphericalClassifier
from steradian.training import Derived
from steradian.training.objectives.row_objective import LossRows
from steradian.training.objectives.supcon import SupCon


def test_it_is_the_loss_of_its_name_with_the_derived_numbers() -> None:
    classifier = SphericalClassifier(3, 8)
    objective = SupCon(classifier, TrainingConfig(objective="supcon"), Derived(6.0, 0.3, 1, ()))
    rows, labels = F.normalize(torch.randn(9, 8), dim=1), torch.arange(9) % 3
    expected = supcon_loss(rows, labels, scale=6.0)
    assert torch.equal(objective.row_losses(LossRows(rows, labels)), expected)
