"""What every objective is: the one class that a new one subclasses."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from steradian.config import TrainingConfig
from steradian.losses.blockwise_softmax import GradientTaker
from steradian.model import SphereEncoder, SphericalClassifier, TensorBatch
from steradian.training.joined_encoder import JoinedEncoder

__all__ = ["Derived", "Objective"]


@dataclass(frozen=True)
class Derived:
    """Numbers that were derived or given, each with the reason in words.

    Args:
        scale: factor of the cosines.
        margin: in radians.
        epochs: passes over the training objects.
        reasons: a line each, to be printed.
        alignment_weight: of the objective's term between modalities and whole objects.
    """

    scale: float
    margin: float
    epochs: int
    reasons: tuple[str, ...]
    alignment_weight: float = 0.0


class Objective(nn.Module, ABC):
    """What training minimises, and what the rest of training has to know of it.

    A subclass in a file of its own, with a line in `OBJECTIVES`, is all that a new objective needs:
    `SphereEmbedder(objective=...)` then takes its name. Most subclass `RowObjective` or `ModalityObjective`.

    Args:
        classifier: the class centers.
        config: the options of training.
        derived: scale, margin and weights that were derived from the data.
        anchor: number of the modality that some objectives compare all others with.
    """

    options: ClassVar[tuple[str, ...]] = ()
    """Which options of `TrainingConfig` that not all objectives take it takes; giving it others is refused. With
    "positives" it pulls rows of one class, or of one object, together; without, it learns from class numbers."""
    learns_centers: ClassVar[bool] = False
    """Whether it learns unit class centers; after training with another one, class means stand in their place."""
    paper_scale: ClassVar[float | None] = None
    """The scale of its paper; None derives one from the number of classes."""
    learned_scale: ClassVar[bool] = False
    """Whether the scale is only where it starts."""
    paper_margin: ClassVar[float | None] = None
    """The margin of its paper in radians; None derives one from the number of classes, if it takes a margin."""
    trains_fusion: ClassVar[bool] = True
    """Whether level 2 learns; else what is fused stays the mean of the modalities' vectors."""
    needs_modalities: ClassVar[Literal["one", "two", "every"]] = "one"
    """How many modalities an object must have to be learned from."""
    takes_weights: ClassVar[bool] = False
    """Whether it scales the losses of an object by its weight; giving weights to another one is refused."""
    streams: ClassVar[bool] = False
    """Whether it never holds all cosines to the class centers at once, and takes several centers a class."""

    def __init__(
        self, classifier: SphericalClassifier, config: TrainingConfig, derived: Derived, *, anchor: int = 0
    ) -> None:
        super().__init__()
        self.positives, self.anchor = config.positives, anchor
        self.scale, self.margin = derived.scale, derived.margin
        self.add_parts(classifier, config, derived)

    def add_parts(self, classifier: SphericalClassifier, config: TrainingConfig, derived: Derived) -> None:
        """Keep what a subclass needs besides, such as weights of its own: nothing here.

        Args:
            classifier: the class centers.
            config: the options of training.
            derived: what was derived from the data.
        """

    @abstractmethod
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
            batch: with labels, and with weights if it takes them.
            strength: the share of the margin, 0 to 1.
            take_gradient: takes the gradient of class centers tile by tile, see `AngularMarginLoss`.
        """

    @classmethod
    @abstractmethod
    def numbers_held(cls, objects: int, *, rows: int, num_classes: int, modalities: int) -> int:
        """How many numbers a step holds at once, gradients and what autograd keeps among them.

        Args:
            objects: of a batch.
            rows: of a batch: objects, their modalities' vectors and subsets.
            num_classes: of the model.
            modalities: of the schema.
        """

    @classmethod
    def can_learn_from(cls, present: np.ndarray) -> np.ndarray:
        """Which objects it can learn from, bool [objects].

        Args:
            present: which modalities they have, bool [objects, modalities].
        """
        least = {"one": 1, "two": 2, "every": max(2, present.shape[1])}[cls.needs_modalities]
        return np.asarray(present.sum(axis=1) >= least)

    def _labels(self, batch: TensorBatch) -> tuple[Tensor, Tensor]:
        """Class numbers of a batch's objects [objects], and the numbers of what belongs together."""
        if batch.labels is None:
            raise ValueError("training needs class numbers")
        by_class = self.positives == "class"
        return batch.labels, batch.labels if by_class else torch.arange(len(batch.labels), device=batch.labels.device)
