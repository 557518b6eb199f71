"""What training minimises: the margin loss of the object, of its modalities and of a random subset of them."""

import torch
from torch import Tensor, nn

from steradian.config import Positives, SubsetPolicy
from steradian.losses import gmc_loss
from steradian.losses.blockwise_softmax import GradientTaker
from steradian.model import ModalityVectors, SphereEncoder, TensorBatch
from steradian.training.joined_encoder import JoinedEncoder

__all__ = ["Objective", "observed_subsets", "random_subsets"]

LARGEST_GROUP, ALIGNMENT_SCALE = 128, 10.0
"""Objects whose modalities are aligned with each other at once, and 1 / temperature, GMC's for MHD."""


class Objective(nn.Module):
    """L(z) + modality_weight * mean of L(u_m) + subset_weight * L(z of a random subset) + alignment_weight * A(u, z).

    One row loss, and with it one set of class centers, serves all of them, so the cost grows with modalities + 2, with
    no pairs of modalities. A pulls the vectors of a modality and of whole objects together where they are of one class,
    and apart where they are not: see `gmc_loss`. The policy says which objects are seen through a subset, and how it is
    drawn:

    - "both": every object is fused twice, from all it has and from one of `random_subsets`.
    - "half": every object is fused once. A random half of the batch is whole, the other half gives the subsets; each
      half's mean stands for the mean of all, so that the loss is the same on average, from half the fused rows.
    - "observed": as "both", with one of `observed_subsets`.

    Args:
        modality_weight: 0 or more.
        subset_weight: 0 or more; 0: every object is whole, whatever the policy.
        row_loss: from unit rows [rows, embedding_dim] and their labels int64 [rows] to a loss a row, with the keywords
            of `forward`: `AngularMarginLoss` or a rival of it.
        subset_policy: one of the above.
        positives: "class", or "object": to a row loss that needs no class centers, each object is a class of its own.
        alignment_weight: 0 or more; of the GMC term with class numbers, in groups of at most 128 objects, so that its
            cost too is linear in objects and modalities.
    """

    def __init__(
        self,
        modality_weight: float,
        subset_weight: float,
        row_loss: nn.Module,
        *,
        subset_policy: SubsetPolicy = "both",
        positives: Positives = "class",
        alignment_weight: float = 0.0,
    ) -> None:
        super().__init__()
        self.modality_weight, self.subset_weight, self.alignment_weight = (
            modality_weight,
            subset_weight,
            alignment_weight,
        )
        self.row_loss, self.subset_policy, self.positives = row_loss, subset_policy, positives

    def forward(
        self,
        encoder: SphereEncoder | JoinedEncoder,
        batch: TensorBatch,
        *,
        strength: float,
        take_gradient: GradientTaker | None = None,
    ) -> Tensor:
        """The loss of a batch, a scalar.

        Args:
            encoder: both levels.
            batch: with labels.
            strength: the share of the margin, 0 to 1.
            take_gradient: see `AngularMarginLoss`.
        """
        labels, present = batch.labels, batch.present
        if labels is None:
            raise ValueError("training needs class numbers")
        if self.positives == "object":
            labels = torch.arange(len(labels), device=labels.device)
        encoded = encoder.encode(batch)
        fused, weights = self._fuse(encoder, encoded)
        alignment = self._align(encoded, fused[: len(labels)], labels)
        row_labels = labels.repeat(len(fused) // len(labels))
        if present.shape[1] > 1 and self.modality_weight > 0:
            shares = self.modality_weight / present.sum(dim=1, keepdim=True)
            fused = torch.cat([fused, encoded.vectors[present]])
            row_labels = torch.cat([row_labels, labels[:, None].expand_as(present)[present]])
            weights = torch.cat([weights, shares.expand(present.shape)[present]])
        losses: Tensor = self.row_loss(fused, row_labels, strength=strength, take_gradient=take_gradient)
        return (losses * weights).sum() / len(labels) + alignment

    def _align(self, encoded: ModalityVectors, fused: Tensor, labels: Tensor) -> Tensor | float:
        """The weighed alignment of modalities' vectors and fused ones [objects, embedding_dim]."""
        if self.alignment_weight == 0 or encoded.present.shape[1] == 1:
            return 0.0
        # Groups as equal as can be: batches come in random order, and a group of one would have no negatives.
        count = -(-len(labels) // LARGEST_GROUP)
        groups = zip(*(t.tensor_split(count) for t in (encoded.vectors, fused, labels, encoded.present)), strict=True)
        with torch.autocast(labels.device.type, enabled=False):
            losses = [
                gmc_loss(vectors, whole, row_labels, present=present, scale=ALIGNMENT_SCALE)
                for vectors, whole, row_labels, present in groups
            ]
        return self.alignment_weight * torch.stack(losses).mean()

    def _fuse(self, encoder: SphereEncoder | JoinedEncoder, encoded: ModalityVectors) -> tuple[Tensor, Tensor]:
        """The fused rows, once or twice the objects in their order [rows, embedding_dim], and the weight of each."""
        present = encoded.present
        objects = len(present)
        ones = torch.ones(objects, device=present.device)
        if present.shape[1] == 1 or self.subset_weight == 0:
            return encoder.fuse(encoded), ones
        if self.subset_policy == "half":
            # The larger half is whole: so is a batch of one object.
            whole = torch.randperm(objects, device=present.device) < (objects + 1) // 2
            seen = torch.where(whole[:, None], present, random_subsets(present))
            subset_weight = self.subset_weight * objects / max(1, objects // 2)
            return encoder.fuse(encoded, seen), torch.where(whole, objects / whole.sum(), subset_weight)
        subsets = observed_subsets(present) if self.subset_policy == "observed" else random_subsets(present)
        # Both at once: on batches of this size a call of level 2 costs as much as its work.
        vectors, summaries = encoded.vectors.repeat(2, 1, 1), encoded.summaries.repeat(2, 1, 1)
        twice = ModalityVectors(vectors, summaries, present.repeat(2, 1))
        return encoder.fuse(twice, torch.cat([present, subsets])), torch.cat([ones, self.subset_weight * ones])


def random_subsets(present: Tensor) -> Tensor:
    """A non-empty subset of each row's modalities: its size uniform, then its members.

    Args:
        present: bool [objects, modalities], at least one True a row.

    Returns:
        bool [objects, modalities].

    Examples:
        >>> random_subsets(torch.tensor([[False, True]]))
        tensor([[False,  True]])
    """
    order = torch.rand(present.shape, device=present.device).masked_fill(~present, 2.0)
    rank = order.argsort(dim=1).argsort(dim=1)
    size = 1 + (torch.rand(len(present), 1, device=present.device) * present.sum(dim=1, keepdim=True)).floor()
    return present & (rank < size)


def observed_subsets(present: Tensor) -> Tensor:
    """What each row keeps where it lacks what another row lacks: one of those that leave it anything, or itself.

    Args:
        present: bool [objects, modalities], at least one True a row.

    Returns:
        bool [objects, modalities].

    Examples:
        >>> observed_subsets(torch.tensor([[False, True], [True, False]]))
        tensor([[False,  True],
                [ True, False]])
    """
    sharing = (present.float() @ present.float().T) > 0
    return present & present[torch.multinomial(sharing.float(), 1).squeeze(1)]
