"""A user's weights of the modalities, as factors of the gates."""

import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.config import FusionKind
from steradian.model.encoder import ModalityVectors, SphereEncoder
from steradian.model.fusion import Fusion
from steradian.model.tensor_batch import TensorBatch
from steradian.model.two_part_encoder import LengthGates, TwoPartEncoder

__all__ = ["WeightedEncoder"]


class WeightedEncoder:
    """An encoder whose gates are multiplied by a weight of each modality and brought to the sum 1 again.

    Gates stay 0 or more, so certificates and attributions hold as they are. A context keeps its share of the sum's
    length. Level 1 is the encoder's own.

    Args:
        encoder: with gates: of any fusion but "free".
        weights: of the modalities, above 0, float [modalities].
    """

    def __init__(self, encoder: SphereEncoder | TwoPartEncoder, weights: Tensor) -> None:
        self.encoder, self.embedding_dim, self.device = encoder, encoder.embedding_dim, encoder.device
        self.fusion = _WeightedGates(encoder.fusion, weights.to(encoder.device, torch.float32))

    def encode(self, batch: TensorBatch) -> ModalityVectors:
        """Level 1."""
        return self.encoder.encode(batch)

    def fuse(self, encoded: ModalityVectors, subset: Tensor | None = None) -> Tensor:
        """Level 2: unit vectors [objects, embedding_dim] of a subset of what is present; see `SphereEncoder.fuse`."""
        present = encoded.present if subset is None else encoded.present & subset
        gates, context = self.fusion.weigh(encoded.vectors, encoded.summaries, present)
        fused = _sum(gates, encoded.vectors)
        return F.normalize(fused if context is None else fused + context, dim=-1)


class _WeightedGates:
    """Level 2's gates times the weights; arguments as of `Fusion`."""

    def __init__(self, fusion: Fusion | LengthGates, weights: Tensor) -> None:
        self.kind: FusionKind = fusion.kind
        self.context_limit = fusion.context_limit
        self._fusion, self._weights = fusion, weights

    def weigh(self, vectors: Tensor, summaries: Tensor, present: Tensor) -> tuple[Tensor, Tensor | None]:
        """The gates [objects, modalities], 0 or more with sum 1, and the context [objects, embedding_dim], if any."""
        own, context = self._fusion.weigh(vectors, summaries, present)
        # Logarithms: gates as small as the least float stay apart under any weights.
        gates = (own.log() + self._weights.log()).softmax(dim=1)
        if context is not None:
            lengths = [_sum(each, vectors).norm(dim=-1, keepdim=True) for each in (own, gates)]
            context = context * (lengths[1] / lengths[0].clamp(min=1e-12))
        return gates, context


def _sum(gates: Tensor, vectors: Tensor) -> Tensor:
    return (gates[..., None] * vectors).sum(dim=1)
