"""The usual softmax head of a transformer, to which an angle has no meaning."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.config import TrainingConfig
from steradian.model import SphericalClassifier
from steradian.training.objectives.objective import Derived
from steradian.training.objectives.row_objective import LossRows, RowObjective

__all__ = ["CrossEntropy", "LinearHead"]


class LinearHead(nn.Module):
    """Cross entropy of a linear layer with bias on vectors of mean square 1 an entry, as by an RMS norm: a loss a row.

    Lengths of the weights are free.

    Args:
        classifier: its directions are the layer's weights.

    Examples:
        >>> LinearHead(SphericalClassifier(3, 8))(torch.eye(8)[:2], torch.tensor([0, 2])).shape
        torch.Size([2])
    """

    def __init__(self, classifier: SphericalClassifier) -> None:
        super().__init__()
        self.classifier = classifier
        self.bias = nn.Parameter(torch.zeros(len(classifier.weight), device=classifier.weight.device))

    def forward(self, rows: Tensor, labels: Tensor) -> Tensor:
        """The loss of each row [rows].

        Args:
            rows: unit vectors [rows, embedding_dim].
            labels: int64 [rows].
        """
        logits = F.linear(rows * math.sqrt(rows.shape[1]), self.classifier.weight, self.bias)
        return F.cross_entropy(logits, labels, reduction="none")


class CrossEntropy(RowObjective):
    """Cross entropy of a linear layer with bias."""

    def add_parts(self, classifier: SphericalClassifier, config: TrainingConfig, derived: Derived) -> None:
        """Keep the head."""
        super().add_parts(classifier, config, derived)
        self.head = LinearHead(classifier)

    def row_losses(self, rows: LossRows) -> Tensor:
        """The head's loss of each row [rows]."""
        losses: Tensor = self.head(rows.vectors, rows.labels)
        return losses
