"""What training minimises: the margin loss of the object, of its modalities and of a random subset of them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from steradian.data.batch import Batch
from steradian.losses.sweep import GradientTaker
from steradian.model import AngularMarginLoss, SphereEncoder

__all__ = ["Objective", "random_subsets"]


@dataclass(frozen=True)
class Objective:
    """L(z) + modality_weight * mean over modalities L(u_m) + subset_weight * L(z of a random subset).

    One set of class centers serves all of them, so the cost grows with modalities + 2, with no pairs.

    Args:
        modality_weight: 0 or more.
        subset_weight: 0 or more.
        margin_loss: with the class centers; gives a loss a row.
    """

    modality_weight: float
    subset_weight: float
    margin_loss: AngularMarginLoss

    def __call__(
        self, encoder: SphereEncoder, batch: Batch, *, strength: float, take_gradient: GradientTaker | None = None
    ) -> Tensor:
        """The loss of a batch with labels, a scalar; strength is the share of the margin, 0 to 1."""
        labels, present = batch.labels, batch.present
        if labels is None:
            raise ValueError("training needs class numbers")
        encoded = encoder.encode(batch)
        rows, owners, weights = [encoder.fuse(encoded)], [labels], [torch.ones_like(labels, dtype=torch.float32)]
        if present.shape[1] > 1 and self.modality_weight > 0:
            rows.append(encoded.vectors[present])
            owners.append(labels[:, None].expand_as(present)[present])
            shares = self.modality_weight / present.sum(dim=1, keepdim=True)
            weights.append(shares.expand(present.shape)[present])
        if present.shape[1] > 1 and self.subset_weight > 0:
            rows.append(encoder.fuse(encoded, random_subsets(present)))
            owners.append(labels)
            weights.append(torch.full_like(weights[0], self.subset_weight))
        options = {"strength": strength, "take_gradient": take_gradient}
        losses: Tensor = self.margin_loss(torch.cat(rows), torch.cat(owners), **options)
        return (losses * torch.cat(weights)).sum() / len(labels)


def random_subsets(present: Tensor) -> Tensor:
    """A non-empty subset of each row's modalities: its size uniform, then its members.

    Args:
        present: bool [objects, modalities], at least one True a row.

    Returns:
        bool [objects, modalities].

    Example:
        >>> random_subsets(torch.tensor([[False, True]]))
        tensor([[False,  True]])
    """
    order = torch.rand(present.shape, device=present.device).masked_fill(~present, 2.0)
    rank = order.argsort(dim=1).argsort(dim=1)
    size = 1 + (torch.rand(len(present), 1, device=present.device) * present.sum(dim=1, keepdim=True)).floor()
    return present & (rank < size)
