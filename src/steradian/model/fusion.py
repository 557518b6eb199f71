"""Level 2: any non-empty subset of modalities to one unit vector."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.config import FusionKind
from steradian.model.transformer import Block

__all__ = ["Fusion"]


class Fusion(nn.Module):
    """A transformer over the summaries of present modalities, and from it the object's unit vector.

    - "certified": z = unit(sum of a_m u_m), gates a_m >= 0 with sum 1 from the transformer. If every u_m lies nearer
      to one center than to another, so does every subset's z: see docs/design.md.
    - "context": the same plus a vector from the transformer, at most `context_limit` times as long as the sum, which
      tilts z by at most arcsin(context_limit).
    - "free": z from a token of the transformer, without any guarantee.

    Args:
        modalities: how many there are.
        width: length of a summary.
        embedding_dim: length of a unit vector.
        kind: one of the above.
        depth: transformer blocks.
        heads: attention heads.
        dropout: in training.
        context_limit: for "context".
    """

    def __init__(
        self,
        *,
        modalities: int,
        width: int,
        embedding_dim: int,
        kind: FusionKind = "certified",
        depth: int = 1,
        heads: int = 4,
        dropout: float = 0.1,
        context_limit: float = 0.2,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.embedding_dim = embedding_dim
        self.context_limit = context_limit
        self.kinds_of_modality = nn.Parameter(torch.randn(modalities, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads=heads, dropout=dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        if kind == "free":
            self.object_token = nn.Parameter(torch.randn(width) * 0.02)
            self.vector = nn.Linear(width, embedding_dim)
        else:
            # No bias: the softmax over modalities would cancel it. All weigh the same before the first step.
            self.gates = nn.Linear(width, 1, bias=False)
            nn.init.zeros_(self.gates.weight)
        if kind == "context":
            self.context = nn.Linear(width, embedding_dim)

    def forward(self, vectors: Tensor, summaries: Tensor, present: Tensor) -> Tensor:
        """The unit vector of each object [objects, embedding_dim].

        Args:
            vectors: the modalities' unit vectors [objects, modalities, embedding_dim].
            summaries: the modalities' summaries [objects, modalities, width].
            present: bool [objects, modalities], at least one True a row.
        """
        if self.kind == "free":
            tokens = summaries + self.kinds_of_modality
            token = self.object_token.to(tokens.dtype).expand(tokens.shape[0], 1, -1)
            tokens, mask = torch.cat([token, tokens], dim=1), F.pad(present, (1, 0), value=True)
            return F.normalize(self.vector(self._transform(tokens, mask)[:, 0]).float(), dim=-1)
        gates, context = self.weigh(vectors, summaries, present)
        fused = _weighted_sum(gates, vectors)
        return F.normalize(fused if context is None else fused + context, dim=-1)

    def weigh(self, vectors: Tensor, summaries: Tensor, present: Tensor) -> tuple[Tensor, Tensor | None]:
        """What the fused vector is made of, unless the kind is "free", which has no gates.

        Args:
            vectors: as of `forward`.
            summaries: as of `forward`.
            present: as of `forward`.

        Returns:
            The gates [objects, modalities], 0 or more with sum 1, and 0 where absent; the context
            [objects, embedding_dim] that is added to the weighted sum, or None.
        """
        if vectors.shape[1] == 1 and self.kind == "certified":
            # The only gate is 1, whatever the transformer says.
            return torch.ones_like(summaries[..., 0], dtype=torch.float32), None
        tokens = self._transform(summaries + self.kinds_of_modality, present)
        gates = self.gates(tokens).squeeze(-1).float().masked_fill(~present, float("-inf")).softmax(dim=1)
        if self.kind != "context":
            return gates, None
        return gates, self._bounded_context(tokens, present, _weighted_sum(gates, vectors))

    def _transform(self, tokens: Tensor, mask: Tensor) -> Tensor:
        for block in self.blocks:
            tokens = block(tokens, mask)
        normed: Tensor = self.norm(tokens)
        return normed

    def _bounded_context(self, tokens: Tensor, present: Tensor, fused: Tensor) -> Tensor:
        """A vector [objects, embedding_dim] shorter than context_limit times the fused one."""
        mean = (tokens * present[..., None]).sum(dim=1) / present.sum(dim=1, keepdim=True)
        context: Tensor = self.context(mean).float()
        length: Tensor = self.context_limit * fused.norm(dim=-1, keepdim=True)
        return length * context / (1.0 + context.square().sum(dim=-1, keepdim=True)).sqrt()


def _weighted_sum(gates: Tensor, vectors: Tensor) -> Tensor:
    # Written out, because under autocast a matrix product would round the sum of unit vectors to bfloat16.
    return (gates[..., None] * vectors).sum(dim=1)
