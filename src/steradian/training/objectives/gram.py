"""GRAM's loss over volumes as an objective."""

from torch import Tensor

from steradian.losses import gram_loss
from steradian.training.objectives.modality_objective import ComparedObjects, ModalityObjective

__all__ = ["Gram"]


class Gram(ModalityObjective):
    """InfoNCE over the volume that one modality spans with the others (Cicchetti et al. 2025, arXiv 2412.11959)."""

    needs_modalities = "every"

    def compare(self, batch: ComparedObjects) -> Tensor:
        """GRAM's loss."""
        return gram_loss(batch.vectors, batch.positives, present=batch.present, scale=batch.scale, anchor=self.anchor)

    @classmethod
    def numbers_held(cls, objects: int, *, rows: int, num_classes: int, modalities: int) -> int:
        """Four times the volumes of the anchor with the others; measured."""
        return 4 * objects**2 * (modalities + 1)
