"""Objectives that compare the modalities of a batch's objects with each other."""

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from steradian.config import TrainingConfig
from steradian.losses.blockwise_softmax import GradientTaker
from steradian.model import SphereEncoder, SphericalClassifier, TensorBatch
from steradian.training.joined_encoder import JoinedEncoder
from steradian.training.objectives.objective import Derived, Objective

__all__ = ["ComparedObjects", "ModalityObjective"]

LARGEST_SCALE = 100.0
"""Of a learned scale, as CLIP holds it (arXiv 2103.00020), unless it starts beyond."""


@dataclass(frozen=True)
class ComparedObjects:
    """What a loss between modalities is of.

    Args:
        vectors: the modalities' unit vectors [objects, modalities, embedding_dim], in float32 also under autocast.
        positives: int64 [objects]; objects of one number belong together.
        present: bool [objects, modalities].
        scale: factor of the cosines, a scalar.
        fused: the objects' vectors [objects, embedding_dim], None unless the objective `trains_fusion`.
        labels: class numbers int64 [objects].
    """

    vectors: Tensor
    positives: Tensor
    present: Tensor
    scale: Tensor
    fused: Tensor | None
    labels: Tensor


class ModalityObjective(Objective):
    """A contrastive loss between modalities' vectors, at a scale that is learned unless a subclass fixes it.

    Only where a subclass says so is level 2 trained; else the fused vector stays the mean of the modalities' vectors.
    Without labels, `positives="object"`, these are the papers' own forms. A subclass gives `compare`.
    """

    options = ("positives",)
    paper_scale = 1 / 0.07
    """Where CLIP, Symile and GRAM start to learn it."""
    learned_scale = True
    trains_fusion = False
    needs_modalities: ClassVar[Literal["one", "two", "every"]] = "two"

    def add_parts(self, classifier: SphericalClassifier, config: TrainingConfig, derived: Derived) -> None:
        """Keep the scale, as a weight where it is learned."""
        self.largest_log_scale = math.log(max(derived.scale, LARGEST_SCALE))
        start = torch.tensor(math.log(derived.scale), device=classifier.weight.device)
        self.log_scale = nn.Parameter(start) if self.learned_scale else start

    @abstractmethod
    def compare(self, batch: ComparedObjects) -> Tensor:
        """The loss of a batch, a scalar.

        Args:
            batch: what there is to compare.
        """

    def forward(
        self,
        encoder: SphereEncoder | JoinedEncoder,
        batch: TensorBatch,
        *,
        strength: float,
        take_gradient: GradientTaker | None = None,
    ) -> Tensor:
        """The loss of a batch, a scalar."""
        labels, positives = self._labels(batch)
        encoded = encoder.encode(batch)
        fused = encoder.fuse(encoded) if self.trains_fusion else None
        with torch.no_grad():
            # The weight itself is held: beyond a bound of its exponential it would have no slope to come back by.
            self.log_scale.clamp_(max=self.largest_log_scale)
        with torch.autocast(labels.device.type, enabled=False):
            return self.compare(
                ComparedObjects(encoded.vectors, positives, batch.present, self.log_scale.exp(), fused, labels)
            )
