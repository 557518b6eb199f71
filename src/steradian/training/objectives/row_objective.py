"""Objectives that see every object as rows: whole, through each of its modalities and through a random subset."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from steradian.config import TrainingConfig
from steradian.losses.blockwise_softmax import GradientTaker
from steradian.model import ModalityVectors, SphereEncoder, SphericalClassifier, TensorBatch
from steradian.training.joined_encoder import JoinedEncoder
from steradian.training.objectives.objective import Derived, Objective

__all__ = ["LossRows", "RowObjective", "observed_subsets", "random_subsets"]


@dataclass(frozen=True)
class LossRows:
    """What a row loss is of.

    Args:
        vectors: unit rows [rows, embedding_dim], in float32 also under autocast.
        labels: int64 [rows]; rows of one number belong together.
        strength: the share of the margin, 0 to 1.
        take_gradient: see `Objective.forward`.
    """

    vectors: Tensor
    labels: Tensor
    strength: float = 1.0
    take_gradient: GradientTaker | None = None


class RowObjective(Objective):
    """L(z) + modality_weight * mean of L(u_m) + subset_weight * L(z of a random subset).

    One row loss L, and with it one set of class centers, serves all of them, so the cost grows with modalities + 2,
    with no pairs of modalities. The policy says which objects are seen through a subset, and how it is drawn:

    - "both": every object is fused twice, from all it has and from one of `random_subsets`.
    - "half": every object is fused once. A random half of the batch is whole, the other half gives the subsets; each
      half's mean stands for the mean of all, so that the loss is the same on average, from half the fused rows.
    - "observed": as "both", with one of `observed_subsets`.

    An object's weight is a factor of all its rows' losses.

    A subclass gives `row_losses`.
    """

    options: ClassVar[tuple[str, ...]] = ("modality_weight", "subset_weight", "subset_policy")
    takes_weights = True
    copies: ClassVar[int] = 4
    """How often a step holds the cosines of the rows, gradients and what autograd keeps among them; measured."""

    def add_parts(self, classifier: SphericalClassifier, config: TrainingConfig, derived: Derived) -> None:
        """Keep the class centers, and the weights of the terms."""
        self.classifier = classifier
        self.modality_weight, self.subset_weight = config.modality_weight, config.subset_weight
        self.subset_policy = config.subset_policy

    @abstractmethod
    def row_losses(self, rows: LossRows) -> Tensor:
        """The loss of each row [rows].

        Args:
            rows: of a batch.
        """

    def further_loss(self, encoded: ModalityVectors, fused: Tensor, labels: Tensor) -> Tensor | float:
        """What is added to the loss of the rows, a scalar: nothing here.

        Args:
            encoded: the modalities' vectors.
            fused: the objects' [objects, embedding_dim].
            labels: the objects'.
        """
        return 0.0

    def forward(
        self,
        encoder: SphereEncoder | JoinedEncoder,
        batch: TensorBatch,
        *,
        strength: float,
        take_gradient: GradientTaker | None = None,
    ) -> Tensor:
        """The loss of a batch, a scalar."""
        _, labels = self._labels(batch)
        present = batch.present
        encoded = encoder.encode(batch)
        fused, weights = self._fuse(encoder, encoded)
        further = self.further_loss(encoded, fused[: len(labels)], labels)
        times = len(fused) // len(labels)
        row_labels = labels.repeat(times)
        if batch.weights is not None:
            weights = weights * batch.weights.repeat(times)
        if present.shape[1] > 1 and self.modality_weight > 0:
            shares = self.modality_weight / present.sum(dim=1, keepdim=True)
            if batch.weights is not None:
                shares = shares * batch.weights[:, None]
            fused = torch.cat([fused, encoded.vectors[present]])
            row_labels = torch.cat([row_labels, labels[:, None].expand_as(present)[present]])
            weights = torch.cat([weights, shares.expand(present.shape)[present]])
        with torch.autocast(labels.device.type, enabled=False):
            losses = self.row_losses(LossRows(fused, row_labels, strength, take_gradient))
        return (losses * weights).sum() / len(labels) + further

    @classmethod
    def numbers_held(cls, objects: int, *, rows: int, num_classes: int, modalities: int) -> int:
        """All cosines between rows and class centers; between rows, where it learns from positives."""
        return cls.copies * rows * (rows if "positives" in cls.options else num_classes)

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
