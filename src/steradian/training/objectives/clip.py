"""CLIP's loss between each two modalities, and between one and each other, as objectives."""

from torch import Tensor

from steradian.losses import clip_loss
from steradian.training.objectives.modality_objective import ComparedObjects, ModalityObjective

__all__ = ["AnchorClip", "Clip"]


class Clip(ModalityObjective):
    """InfoNCE between each two modalities, both ways (Radford et al. 2021, arXiv 2103.00020)."""

    def compare(self, batch: ComparedObjects) -> Tensor:
        """CLIP's loss of each pair of modalities."""
        return clip_loss(batch.vectors, batch.positives, present=batch.present, scale=batch.scale)

    @classmethod
    def numbers_held(cls, objects: int, *, rows: int, num_classes: int, modalities: int) -> int:
        """Four times the cosines of each pair of modalities; measured."""
        return 4 * objects**2 * modalities * (modalities - 1) // 2


class AnchorClip(ModalityObjective):
    """InfoNCE between one modality and each other (Girdhar et al. 2023, arXiv 2305.05665)."""

    def compare(self, batch: ComparedObjects) -> Tensor:
        """CLIP's loss of the anchor's pairs."""
        return clip_loss(batch.vectors, batch.positives, present=batch.present, scale=batch.scale, anchor=self.anchor)

    @classmethod
    def numbers_held(cls, objects: int, *, rows: int, num_classes: int, modalities: int) -> int:
        """Four times the cosines of the anchor's pairs, and some; measured."""
        return 4 * objects**2 * (modalities + 1)
