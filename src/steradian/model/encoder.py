"""The two levels: each modality to a unit vector, then any subset of them to the object's unit vector."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.data.modality import Tokens
from steradian.data.sets import SET_SIZES
from steradian.model.fusion import Fusion
from steradian.model.tensor_batch import TensorBatch
from steradian.model.transformer import Block

__all__ = ["ModalityEncoder", "ModalityVectors", "SphereEncoder"]

SUMMARIES = 4
"""Summary tokens of a modality; four give steadier vectors on small sets than one or eight (docs/lab-log.md)."""


@dataclass(frozen=True)
class ModalityVectors:
    """What level 1 says of a batch; zeros where a modality is absent.

    Args:
        vectors: unit vectors float [objects, modalities, embedding_dim].
        summaries: float [objects, modalities, width].
        present: bool [objects, modalities].
    """

    vectors: Tensor
    summaries: Tensor
    present: Tensor

    def __getitem__(self, rows: Tensor) -> "ModalityVectors":
        """Some of the objects, by row numbers or a bool mask."""
        return ModalityVectors(self.vectors[rows], self.summaries[rows], self.present[rows])

    def to(self, device: torch.device) -> "ModalityVectors":
        """The same on a device."""
        return ModalityVectors(self.vectors.to(device), self.summaries.to(device), self.present.to(device))

    def room_for(self, objects: int) -> "ModalityVectors":
        """Memory for more objects of these widths, on the CPU, with anything in it.

        Args:
            objects: how many.
        """
        each = (self.vectors, self.summaries, self.present)
        return ModalityVectors(*(torch.empty(objects, *tensor.shape[1:], dtype=tensor.dtype) for tensor in each))

    def write(self, start: int, part: "ModalityVectors") -> None:
        """Write some objects in the place of others.

        Args:
            start: the first of these.
            part: on any device.
        """
        rows = slice(start, start + len(part.present))
        self.vectors[rows], self.summaries[rows], self.present[rows] = part.vectors, part.summaries, part.present

    @classmethod
    def joined(cls, parts: Sequence["ModalityVectors"]) -> "ModalityVectors":
        """Batches one behind the other, on the CPU.

        Args:
            parts: at least one.
        """
        columns = zip(*((part.vectors, part.summaries, part.present) for part in parts), strict=True)
        return cls(*(torch.cat([tensor.cpu() for tensor in column]) for column in columns))


class ModalityEncoder(nn.Module):
    """Level 1 for one modality: tokens, a few summary tokens among them, and from these a unit vector.

    Where a row is a set of items (several photos), each is encoded for itself, and the row's vector is the unit of a
    sum of theirs with weights of 0 or more: it knows no order, its cost is linear in their number, and a center that
    is nearest to every item is nearest to the row.

    Args:
        tokenizer: from a batch of items to `Tokens`, see `FittedModality.tokenizer`.
        width: length of a token.
        embedding_dim: length of the unit vector.
        depth: transformer blocks.
        heads: attention heads.
        dropout: in training.
    """

    def __init__(
        self, tokenizer: nn.Module, *, width: int, embedding_dim: int, depth: int, heads: int, dropout: float
    ) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.summary_tokens = nn.Parameter(torch.randn(SUMMARIES, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, heads=heads, dropout=dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.vector = nn.Linear(SUMMARIES * width, embedding_dim)
        # No bias: the softmax over a row's items would cancel it. All weigh the same before the first step.
        self.item_gates = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.item_gates.weight)

    def forward(self, items: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Unit vectors [rows, embedding_dim] and their mean summaries [rows, width]."""
        tensors = dict(items)
        sizes = tensors.pop(SET_SIZES, None)
        vectors, summaries = self._encode(self.tokenizer(**tensors))
        return (vectors, summaries) if sizes is None else self._join(vectors, summaries, sizes)

    def _encode(self, tokens: Tokens) -> tuple[Tensor, Tensor]:
        values, mask = tokens.values, tokens.mask
        summaries = self.summary_tokens.to(values.dtype).expand(values.shape[0], -1, -1)
        values = torch.cat([summaries, values], dim=1)
        mask = None if mask is None else F.pad(mask, (SUMMARIES, 0), value=True)
        *early, last = self.blocks
        for block in early:
            values = block(values, mask)
        # Only the summaries leave the last block, so only their rows are computed.
        # float32, since autocast leaves each kind of modality another type.
        summaries = self.norm(last(values, mask, outputs=SUMMARIES)).float()
        return F.normalize(self.vector(summaries.flatten(1)).float(), dim=-1), summaries.mean(dim=1)

    def _join(self, vectors: Tensor, summaries: Tensor, sizes: Tensor) -> tuple[Tensor, Tensor]:
        """Rows [rows, ...] from their items' vectors and summaries [items, ...]; sizes int64 [rows], none 0."""
        rows = torch.arange(len(sizes), device=sizes.device).repeat_interleave(sizes, output_size=len(vectors))
        gates = self.item_gates(summaries).squeeze(-1).float()
        # A softmax over each row's items; its largest gate is taken off first, so that no exponential overflows.
        top = gates.new_full((len(sizes),), -torch.inf).scatter_reduce(0, rows, gates.detach(), "amax")
        exponentials = (gates - top[rows]).exp()
        sums = exponentials.new_zeros(len(sizes)).index_add(0, rows, exponentials)
        shares = (exponentials / sums[rows])[:, None]
        joined = [t.new_zeros(len(sizes), t.shape[1]).index_add(0, rows, shares * t) for t in (vectors, summaries)]
        return F.normalize(joined[0], dim=-1), joined[1]


class SphereEncoder(nn.Module):
    """Both levels. Only items that are there are encoded, so an absent modality costs nothing.

    Args:
        modalities: the level-1 encoder of each modality by name.
        fusion: level 2.
    """

    sees_items = True

    def __init__(self, modalities: Mapping[str, ModalityEncoder], fusion: Fusion) -> None:
        super().__init__()
        # A ModuleList, since a modality may have any name and a module's name may hold no dot.
        self.names = tuple(modalities)
        self.modalities = nn.ModuleList(modalities.values())
        self.fusion = fusion
        self.embedding_dim = fusion.embedding_dim

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return next(self.parameters()).device

    def forward(self, batch: TensorBatch) -> Tensor:
        """Unit vectors [objects, embedding_dim]."""
        return self.fuse(self.encode(batch))

    def encode(self, batch: TensorBatch) -> ModalityVectors:
        """Level 1: every present item of every modality."""
        objects = len(batch.present)
        # Counted at once, so that an accelerator is waited for once, and before its work.
        counts = batch.present.sum(dim=0).tolist()
        encoded: list[tuple[Tensor, Tensor] | None] = []
        for name, encoder, count in zip(self.names, self.modalities, counts, strict=True):
            # Without an item its weights get no gradient, so that the optimizer leaves them where they are. What is
            # encoded of no items at all, the last, says how long vectors are.
            needed = count or not (any(encoded) or len(encoded) < len(counts) - 1)
            encoded.append(encoder(batch.items[name]) if needed else None)
        some = next((each for each in encoded if each is not None), None)
        if some is None:
            raise ValueError("an encoder needs at least one modality")
        columns = [
            [_in_place(each and each[part], some[part], batch.present[:, m], objects) for m, each in enumerate(encoded)]
            for part in range(2)
        ]
        vectors, summaries = (torch.stack(each, dim=1) for each in columns)
        return ModalityVectors(vectors, summaries, batch.present)

    def fuse(self, encoded: ModalityVectors, subset: Tensor | None = None) -> Tensor:
        """Level 2: unit vectors [objects, embedding_dim] of a subset of what is present.

        Args:
            encoded: level 1's output.
            subset: bool [objects, modalities], at least one present modality a row; None for all that are present.
        """
        present = encoded.present if subset is None else encoded.present & subset
        fused: Tensor = self.fusion(encoded.vectors, encoded.summaries, present)
        return fused


def _in_place(items: Tensor | None, like: Tensor, has: Tensor, objects: int) -> Tensor:
    """What a modality's items say, in the places of the objects that have it [objects, ...]; zeros elsewhere."""
    if items is not None and len(items) == objects:
        return items
    column = like.new_zeros(objects, like.shape[1])
    return column if items is None else column.index_put((has,), items)
