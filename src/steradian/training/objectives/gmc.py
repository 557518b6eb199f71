"""GMC's loss between whole objects and their modalities as objectives."""

from torch import Tensor

from steradian.config import TrainingConfig
from steradian.losses import gmc_loss
from steradian.model import SphericalClassifier
from steradian.training.objectives.cross_entropy import LinearHead
from steradian.training.objectives.modality_objective import ComparedObjects, ModalityObjective
from steradian.training.objectives.objective import Derived

__all__ = ["Gmc", "GmcCrossEntropy"]


class Gmc(ModalityObjective):
    """InfoNCE between the whole object and each modality (Poklukar et al. 2022, arXiv 2202.03390)."""

    paper_scale = 10.0
    learned_scale = False
    trains_fusion = True
    needs_modalities = "one"

    def compare(self, batch: ComparedObjects) -> Tensor:
        """GMC's loss."""
        if batch.fused is None:
            raise ValueError("GMC compares modalities with the fused vector")
        return gmc_loss(batch.vectors, batch.fused, batch.positives, present=batch.present, scale=batch.scale)

    @classmethod
    def numbers_held(cls, objects: int, *, rows: int, num_classes: int, modalities: int) -> int:
        """Four times the cosines of each modality and the whole, among both; measured."""
        return 4 * (2 * objects) ** 2 * modalities


class GmcCrossEntropy(Gmc):
    """The same, and cross entropy of the whole object."""

    def add_parts(self, classifier: SphericalClassifier, config: TrainingConfig, derived: Derived) -> None:
        """Keep the head."""
        super().add_parts(classifier, config, derived)
        self.head = LinearHead(classifier)

    def compare(self, batch: ComparedObjects) -> Tensor:
        """GMC's loss and the head's."""
        loss = super().compare(batch)
        head: Tensor = self.head(batch.fused, batch.labels)
        return loss + head.mean()

    @classmethod
    def numbers_held(cls, objects: int, *, rows: int, num_classes: int, modalities: int) -> int:
        """Also the logits."""
        between = super().numbers_held(objects, rows=rows, num_classes=num_classes, modalities=modalities)
        return between + 4 * objects * num_classes
