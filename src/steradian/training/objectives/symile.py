"""Symile's loss over all modalities at once as an objective."""

from torch import Tensor

from steradian.losses import symile_loss
from steradian.training.objectives.modality_objective import ComparedObjects, ModalityObjective

__all__ = ["Symile"]


class Symile(ModalityObjective):
    """InfoNCE between each modality and products of all others (Saporta et al. 2024, arXiv 2411.01053)."""

    needs_modalities = "every"

    def compare(self, batch: ComparedObjects) -> Tensor:
        """Symile's loss."""
        return symile_loss(batch.vectors, batch.positives, present=batch.present, scale=batch.scale)

    @classmethod
    def numbers_held(cls, objects: int, *, rows: int, num_classes: int, modalities: int) -> int:
        """Four times the products of each modality with all others; measured."""
        return 4 * objects**2 * (modalities + 1)
