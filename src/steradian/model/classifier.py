"""The spherical classifier: unit class centers, one set for all modalities and subsets."""

from hashlib import sha256

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = ["SphericalClassifier"]


class SphericalClassifier(nn.Module):
    """Unit class centers and the cosines to them.

    Args:
        num_classes: at least 2.
        embedding_dim: length of a center.
        subcenters: centers a class, of which the nearest counts.

    Example:
        >>> SphericalClassifier(3, 8)(torch.ones(2, 8) / 8**0.5).shape
        torch.Size([2, 3])
    """

    def __init__(self, num_classes: int, embedding_dim: int, *, subcenters: int = 1) -> None:
        super().__init__()
        shape = (num_classes, embedding_dim) if subcenters == 1 else (num_classes, subcenters, embedding_dim)
        # Only the direction of a row counts; unit rows keep its step size the same for all classes.
        self.weight = nn.Parameter(F.normalize(torch.randn(shape), dim=-1))

    @property
    def class_centers(self) -> Tensor:
        """Unit rows float32 [num_classes, embedding_dim], or [num_classes, subcenters, embedding_dim]."""
        return F.normalize(self.weight, dim=-1)

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits of the centers: others for other centers, or for as many more or fewer of them."""
        return sha256(self.weight.detach().cpu().numpy().tobytes()).hexdigest()[:16]

    def forward(self, embeddings: Tensor) -> Tensor:
        """Cosines float32 [rows, num_classes] of unit rows [rows, embedding_dim], to the nearest center of a class."""
        with torch.autocast(embeddings.device.type, enabled=False):
            cosines: Tensor = torch.tensordot(embeddings.float(), self.class_centers, dims=([1], [-1]))
        return cosines if cosines.ndim == 2 else cosines.amax(2)
