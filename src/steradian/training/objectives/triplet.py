"""The triplet loss as an objective."""

import math

from torch import Tensor

from steradian.losses import triplet_loss
from steradian.training.objectives.row_objective import LossRows, RowObjective

__all__ = ["Triplet"]


class Triplet(RowObjective):
    """A positive nearer than a semi-hard negative (Schroff et al. 2015, arXiv 1503.03832)."""

    options = (*RowObjective.options, "positives", "margin")
    paper_margin = math.asin(0.1)
    """FaceNet's 0.2 between squared distances is 0.1 between cosines."""
    copies = 14

    def row_losses(self, rows: LossRows) -> Tensor:
        """The triplet loss of each row [rows]."""
        return triplet_loss(rows.vectors, rows.labels, cosine_margin=math.sin(self.margin))
