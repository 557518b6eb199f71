"""Proxy-Anchor as an objective."""

import math

from torch import Tensor

from steradian.losses import proxy_anchor_loss
from steradian.training.objectives.row_objective import LossRows, RowObjective

__all__ = ["ProxyAnchor"]


class ProxyAnchor(RowObjective):
    """Each center pulls its rows and pushes the others, the hardest most (Kim et al. 2020, arXiv 2003.13911)."""

    options = (*RowObjective.options, "margin")
    learns_centers = True
    takes_weights = False
    paper_scale = 32.0
    paper_margin = math.asin(0.1)
    """The paper subtracts 0.1 from a cosine."""
    copies = 6

    def row_losses(self, rows: LossRows) -> Tensor:
        """The loss of the batch, for every row [rows]."""
        loss = proxy_anchor_loss(
            rows.vectors,
            rows.labels,
            class_centers=self.classifier.weight,
            scale=self.scale,
            cosine_margin=math.sin(self.margin),
        )
        return loss.expand(len(rows.labels))
