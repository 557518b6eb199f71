"""The margin softmax over class centers, which steradian is made for, and the same without a margin."""

import torch
from torch import Tensor

from steradian.config import TrainingConfig
from steradian.losses import gmc_loss
from steradian.model import AngularMarginLoss, ModalityVectors, SphericalClassifier
from steradian.training.objectives.objective import Derived
from steradian.training.objectives.row_objective import LossRows, RowObjective

__all__ = ["Angular", "NormalisedCrossEntropy"]

LARGEST_GROUP, ALIGNMENT_SCALE = 128, 10.0
"""Objects whose modalities are aligned with each other at once, and 1 / temperature, GMC's for MHD."""


class NormalisedCrossEntropy(RowObjective):
    """Cross entropy of scaled cosines to unit class centers (NormFace, arXiv 1704.06369)."""

    learns_centers = True
    streams = True

    def add_parts(self, classifier: SphericalClassifier, config: TrainingConfig, derived: Derived) -> None:
        """Keep the margin loss."""
        super().add_parts(classifier, config, derived)
        directions = classifier.weight
        self.margin_loss = AngularMarginLoss(
            classifier.num_classes,
            directions.shape[-1],
            kind=config.margin_kind if "margin_kind" in self.options else "normface",
            margin=derived.margin,
            scale=derived.scale,
            subcenters=directions.shape[1] if directions.ndim == 3 else 1,
            gradient=config.margin_gradient,
            smoothing=config.label_smoothing,
            class_share=config.class_share,
            reduction="none",
            classifier=classifier,
        ).to(directions.device)

    def row_losses(self, rows: LossRows) -> Tensor:
        """The margin loss of each row [rows]."""
        losses: Tensor = self.margin_loss(
            rows.vectors, rows.labels, strength=rows.strength, take_gradient=rows.take_gradient
        )
        return losses


class Angular(NormalisedCrossEntropy):
    """The margin softmax (ArcFace, arXiv 1801.07698), and GMC's alignment of modalities with whole objects.

    The second pulls the vectors of a modality and of whole objects together where they are of one class, and apart
    where they are not: see `gmc_loss`. It takes groups of at most 128 objects, so that its cost too is linear in
    objects and modalities.
    """

    options = (
        *RowObjective.options,
        *("margin", "margin_kind", "margin_gradient", "label_smoothing", "class_share", "center_optimizer"),
        "alignment_weight",
    )

    def add_parts(self, classifier: SphericalClassifier, config: TrainingConfig, derived: Derived) -> None:
        """Keep the weight of the alignment too."""
        super().add_parts(classifier, config, derived)
        self.alignment_weight = derived.alignment_weight

    def further_loss(self, encoded: ModalityVectors, fused: Tensor, labels: Tensor) -> Tensor | float:
        """The weighed alignment, a scalar."""
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
