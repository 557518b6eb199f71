"""Proxy-Anchor as an objective: the loss function with the derived numbers."""

import math

import torch
from torch.nn import functional as F

from steradian.config import TrainingConfig
from steradian.losses import proxy_anchor_loss
from steradian.model import SphericalClassifier
from steradian.training import Derived
from steradian.training.objectives.proxy_anchor import ProxyAnchor
from steradian.training.objectives.row_objective import LossRows


def test_it_is_the_loss_of_its_name_with_the_derived_numbers() -> None:
    classifier = SphericalClassifier(3, 8)
    objective = ProxyAnchor(classifier, TrainingConfig(objective="proxy_anchor"), Derived(6.0, 0.3, 1, ()))
    rows, labels = F.normalize(torch.randn(9, 8), dim=1), torch.arange(9) % 3
    loss = proxy_anchor_loss(rows, labels, class_centers=classifier.weight, scale=6.0, cosine_margin=math.sin(0.3))
    expected = loss.expand(9)
    assert torch.equal(objective.row_losses(LossRows(rows, labels)), expected)
