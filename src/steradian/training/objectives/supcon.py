"""The supervised contrastive loss as an objective."""

from torch import Tensor

from steradian.losses import supcon_loss
from steradian.training.objectives.row_objective import LossRows, RowObjective

__all__ = ["SupCon"]


class SupCon(RowObjective):
    """Log softmax of a row's positives among all other rows (Khosla et al. 2020, arXiv 2004.11362)."""

    options = (*RowObjective.options, "positives")
    paper_scale = 10.0
    copies = 5

    def row_losses(self, rows: LossRows) -> Tensor:
        """The supervised contrastive loss of each row [rows]."""
        return supcon_loss(rows.vectors, rows.labels, scale=self.scale)
