"""The spherical classifier: unit class centers, one set for all modalities and subsets."""

from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.losses.sharded_softmax import ClassSlices
from steradian.ranks import Ranks

__all__ = ["SphericalClassifier"]

DRAWN = 1 << 16
"""Classes whose centers are drawn at a time."""


class SphericalClassifier(nn.Module):
    """Unit class centers and the cosines to them.

    Args:
        num_classes: at least 2.
        embedding_dim: length of a center.
        subcenters: centers a class, of which the nearest counts.
        ranks: those that the classes are spread over, each of which draws and holds its own; None: this process has
            all.

    Attributes:
        slices: who holds which classes; None where this process has all.

    Examples:
        >>> SphericalClassifier(3, 8)(torch.ones(2, 8) / 8**0.5).shape
        torch.Size([2, 3])
    """

    def __init__(
        self, num_classes: int, embedding_dim: int, *, subcenters: int = 1, ranks: Ranks | None = None
    ) -> None:
        super().__init__()
        shape = (embedding_dim,) if subcenters == 1 else (subcenters, embedding_dim)
        spread = ranks is not None and ranks.size > 1
        self.slices = ClassSlices(num_classes, ranks) if spread and ranks is not None else None
        # Only the direction of a row counts; unit rows keep its step size the same for all classes.
        directions = torch.randn(num_classes, *shape) if self.slices is None else _drawn(self.slices, shape)
        self.weight = nn.Parameter(F.normalize(directions, dim=-1))

    @property
    def num_classes(self) -> int:
        """Classes of all ranks."""
        return len(self.weight) if self.slices is None else self.slices.num_classes

    def spread(self, ranks: Ranks) -> None:
        """Keep this rank's slice of the centers, which each rank has in full.

        Args:
            ranks: that hold them from now on.
        """
        if self.slices is None and ranks.size > 1:
            self.slices = ClassSlices(len(self.weight), ranks)
            self._replace(self.weight.detach()[self.slices.own].clone())

    def gather(self) -> None:
        """Bring the slices of all ranks together, so that each has all class centers; all ranks must call it."""
        if self.slices is not None:
            whole = self.slices.ranks.gathered(self.weight.detach(), self.slices.counts)
            self.slices = None
            self._replace(whole)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """All class centers in place for a while, as `gather` brings them; all ranks must enter."""
        weight, slices = self.weight, self.slices
        self.gather()
        try:
            yield
        finally:
            self.weight, self.slices = weight, slices

    def _replace(self, weight: Tensor) -> None:
        self.weight = nn.Parameter(weight, requires_grad=self.weight.requires_grad)

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
        return self.cosines(embeddings, self.class_centers)

    @staticmethod
    def cosines(embeddings: Tensor, class_centers: Tensor) -> Tensor:
        """The same to given unit centers, for several parts of the rows.

        Args:
            embeddings: unit rows [rows, embedding_dim].
            class_centers: as the attribute has them.
        """
        with torch.autocast(embeddings.device.type, enabled=False):
            cosines: Tensor = torch.tensordot(embeddings.float(), class_centers, dims=([1], [-1]))
        return cosines if cosines.ndim == 2 else cosines.amax(2)


def _drawn(slices: ClassSlices, shape: tuple[int, ...]) -> Tensor:
    """This rank's classes of one draw of all, made in parts: ranks of the same seed must not hold the same centers."""
    own, parts = slices.own, []
    for start in range(0, slices.num_classes, DRAWN):
        drawn = torch.randn(min(DRAWN, slices.num_classes - start), *shape)
        parts.append(drawn[max(0, own.start - start) : max(0, own.stop - start)].clone())
    return torch.cat(parts)
