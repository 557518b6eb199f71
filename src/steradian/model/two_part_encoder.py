"""The closed form and the networks beside it: their vectors of a modality are added in one space."""

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.config import FusionKind
from steradian.data.closed_form import SHORTEST
from steradian.model.encoder import ModalityVectors, SphereEncoder
from steradian.model.fusion import Fusion
from steradian.model.tensor_batch import TensorBatch

__all__ = ["LengthGates", "TwoPartEncoder"]


class LengthGates(nn.Module):
    """Level 2: gates that start at the lengths of the closed form's vectors, so that their sum is what comes out.

    A closed-form vector is the longer the more its modality says. The networks' own gates, where left-out objects found
    them of use, are factors beside these lengths.

    Args:
        fusions: the networks' level 2, one each.
        learned: whether they take part.
    """

    kind: FusionKind = "certified"
    context_limit = 0.0

    def __init__(self, fusions: Sequence[Fusion], *, learned: bool) -> None:
        super().__init__()
        # Not registered: the weights belong to the networks.
        self._fusions, self.learned = tuple(fusions), learned

    def forward(self, vectors: Tensor, summaries: Tensor, present: Tensor) -> Tensor:
        """The unit vector of each object [objects, embedding_dim]; arguments as of `weigh`."""
        gates, _ = self.weigh(vectors, summaries, present)
        return _unit((gates[..., None] * vectors).sum(dim=1))

    def weigh(self, vectors: Tensor, summaries: Tensor, present: Tensor) -> tuple[Tensor, None]:
        """The gates [objects, modalities], 0 or more with sum 1, and 0 where absent; there is no context.

        Args:
            vectors: the modalities' unit vectors [objects, modalities, embedding_dim].
            summaries: the logarithm of each closed-form length, then each network's summaries
                [objects, modalities, 1 + networks x width].
            present: bool [objects, modalities], at least one True a row.
        """
        logits = summaries[..., 0].masked_fill(~present, float("-inf"))
        if self.learned:
            parts = summaries[..., 1:].chunk(len(self._fusions), dim=-1)
            gates = [fusion.weigh(vectors, part, present)[0] for fusion, part in zip(self._fusions, parts, strict=True)]
            logits = logits + torch.stack(gates).mean(dim=0).clamp(min=SHORTEST).log()
        return logits.softmax(dim=1), None


class TwoPartEncoder(nn.Module):
    """Level 1 is u_m = unit(unit(f_m) + share * n_m): f_m the closed form's vector, n_m the networks' mean.

    With share 0 and without learned gates the networks are not run, and may be left out.

    Args:
        names: of the modalities.
        networks: none or several encoders of the same modalities, each with both levels.
        embedding_dim: length of a vector.
        share: of the networks' vectors.
        learned_gates: whether the networks' gates take part.
        featured: for each modality, whether the closed form has features of it.
    """

    share: Tensor
    featured: Tensor

    def __init__(
        self,
        names: Sequence[str],
        networks: Sequence[SphereEncoder],
        *,
        embedding_dim: int,
        share: float,
        learned_gates: bool,
        featured: Sequence[bool],
    ) -> None:
        super().__init__()
        self.names, self.embedding_dim = tuple(names), embedding_dim
        self.networks = nn.ModuleList(networks)
        self.fusion = LengthGates([network.fusion for network in networks], learned=learned_gates)
        self.register_buffer("share", torch.tensor(float(share)))
        self.register_buffer("featured", torch.tensor(list(featured), dtype=torch.bool))

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.networks.parameters(), self.share).device

    def forward(self, batch: TensorBatch) -> Tensor:
        """Unit vectors [objects, embedding_dim]."""
        return self.fuse(self.encode(batch))

    def encode(self, batch: TensorBatch) -> ModalityVectors:
        """Level 1: the closed form's vector of every present modality, and the networks' beside it."""
        if batch.closed is None:
            raise ValueError("a batch without the closed form's vectors")
        networks = cast(Iterable[SphereEncoder], self.networks) if self.sees_items else ()
        encoded = [network.encode(batch) for network in networks]
        return self.joined(batch.closed, encoded, batch.present)

    def joined(self, closed: Tensor, encoded: Sequence[ModalityVectors], present: Tensor) -> ModalityVectors:
        """The sum of both parts.

        Args:
            closed: the closed form's vectors [objects, modalities, embedding_dim].
            encoded: what each network says, or none.
            present: bool [objects, modalities].
        """
        lengths = torch.linalg.vector_norm(closed, dim=-1)
        # A modality without features has no length of its own: 1 is that of a vector at its class center, but where no
        # network's vector stands for it either, it has nothing to say.
        own = (self.share > 0).to(lengths.dtype) if encoded else torch.zeros_like(self.share)
        lengths = torch.where(self.featured, lengths, own).clamp(min=SHORTEST)
        vectors = F.normalize(closed, dim=-1)
        if encoded:
            networks = torch.stack([each.vectors for each in encoded]).mean(dim=0)
            vectors = vectors + self.share * F.normalize(networks, dim=-1)
        vectors = _unit(vectors) * present[..., None]
        summaries = torch.cat([lengths.log()[..., None], *(each.summaries for each in encoded)], dim=-1)
        return ModalityVectors(vectors, summaries, present)

    def fuse(self, encoded: ModalityVectors, subset: Tensor | None = None) -> Tensor:
        """Level 2: unit vectors [objects, embedding_dim] of a subset of what is present; see `SphereEncoder.fuse`."""
        present = encoded.present if subset is None else encoded.present & subset
        fused: Tensor = self.fusion(encoded.vectors, encoded.summaries, present)
        return fused

    @property
    def sees_items(self) -> bool:
        """Whether networks take part: the closed form's vectors alone need no items."""
        return len(self.networks) > 0 and (self.fusion.learned or float(self.share) > 0)


def _unit(vectors: Tensor) -> Tensor:
    """Vectors at unit length; one of zeros, which has no direction, gets the same fixed one everywhere."""
    lengths = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    fixed = torch.full_like(vectors, vectors.shape[-1] ** -0.5)
    return torch.where(lengths > 1e-12, vectors / lengths.clamp(min=1e-12), fixed)
