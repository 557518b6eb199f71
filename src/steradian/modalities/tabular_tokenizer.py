"""From the positions and codes of a table's cells to tokens: one a column, and a few that see the whole row."""

import torch
from torch import Tensor, nn

from steradian.data.modality import Tokens
from steradian.modalities.categories import BUCKETS

__all__ = ["TabularTokenizer"]

ROW_TOKENS = 8
"""Tokens that see all columns at once, as many as those of a vector."""
CATEGORY_WIDTH = 16
"""Features of a category in the tokens that see all columns."""
ROW_DROPOUT = 0.3
"""Share of the cells' dropout that the row's tokens get: what two categories decide together is not learnt where
either is often empty."""


class TabularTokenizer(nn.Module):
    """A token a column: piecewise-linear embeddings of numbers, embeddings of categories; and tokens of the row.

    A number becomes one entry a bin: 1 below it, 0 above it, the share passed within it (Gorishniy et al. 2022,
    arXiv 2203.05556). The row's tokens are linear in all standardised numbers and all categories together:
    what depends on several columns, a block of attention over single ones does not learn from few rows.

    Args:
        bins: for each number, how many bins it has.
        sizes: for each category, how many tokens of its own it has, those of empty and unknown cells included.
        hashed: for each category, whether codes from `sizes` on are pairs of hashed tokens.
        width: length of a token.
        dropout: share of cells emptied in training.
    """

    last_bin: Tensor
    own: Tensor
    first_own: Tensor
    first_bucket: Tensor

    def __init__(self, bins: list[int], sizes: list[int], hashed: list[bool], width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.register_buffer("last_bin", torch.tensor(bins, dtype=torch.float32), persistent=False)
        self.register_buffer("own", torch.tensor(sizes, dtype=torch.int64), persistent=False)
        self.register_buffer("first_own", _starts(sizes), persistent=False)
        self.register_buffer("first_bucket", _starts([BUCKETS * each for each in hashed]), persistent=False)
        features = max(bins, default=0) + 1
        self.slopes = nn.Parameter(torch.randn(len(bins), features, width) / features**0.5)
        self.bias = nn.Parameter(torch.randn(len(bins), width) * 0.02)
        self.empty = nn.Parameter(torch.randn(len(bins), width) * 0.02)
        self.categories = nn.Embedding(max(sum(sizes), 1), width)
        # At zero a hashed category starts as an unknown one.
        self.buckets = nn.Parameter(torch.zeros(BUCKETS * sum(hashed), width)) if any(hashed) else None
        self.narrow = nn.Linear(width, CATEGORY_WIDTH, bias=False) if sizes else None
        self.rows = nn.Linear(len(bins) + CATEGORY_WIDTH * len(sizes), ROW_TOKENS * width)

    def forward(self, positions: Tensor, deviations: Tensor, codes: Tensor) -> Tokens:
        """Tokens [items, columns + 8, width].

        Args:
            positions: of numbers among their bins [items, numbers], NaN where a cell is empty.
            deviations: the same numbers standardised [items, numbers].
            codes: int64 [items, categorical].
        """
        cells = [self._numbers(self._emptied(positions, float("nan"))), self._categories(self._emptied(codes, 0))]
        known = self._emptied(deviations.masked_fill(positions.isnan(), 0), 0, ROW_DROPOUT)
        if self.narrow is not None:
            categories = self.narrow(self._categories(self._emptied(codes, 0, ROW_DROPOUT)))
            known = torch.cat([known, categories.flatten(1)], dim=1)
        row = self.rows(known)
        return Tokens(torch.cat([*cells, row.reshape(row.shape[0], ROW_TOKENS, self.slopes.shape[2])], dim=1))

    def _emptied(self, cells: Tensor, empty: float, part: float = 1.0) -> Tensor:
        """In training, the cells [items, columns] with a part of the dropout's share empty."""
        if not self.training:
            return cells
        return cells.masked_fill(torch.rand(cells.shape, device=cells.device) < part * self.dropout, empty)

    def _numbers(self, positions: Tensor) -> Tensor:
        """Tokens [items, numbers, width]."""
        tokens = torch.einsum("inf,nfw->inw", self._shares(positions.nan_to_num()), self.slopes) + self.bias
        return torch.where(positions.isnan()[..., None], self.empty, tokens)

    def _shares(self, positions: Tensor) -> Tensor:
        """The share passed of each bin, and how far outside all bins: [items, numbers, bins + 1]."""
        inside = positions.clamp(min=0).minimum(self.last_bin)
        bins = torch.arange(self.slopes.shape[1] - 1, device=positions.device)
        shares = (inside[..., None] - bins).clamp(0, 1)
        return torch.cat([shares, (positions - inside)[..., None]], dim=-1)

    def _categories(self, codes: Tensor) -> Tensor:
        """Tokens [items, categorical, width]."""
        hashed = codes >= self.own
        tokens: Tensor = self.categories(codes.masked_fill(hashed, 1) + self.first_own)
        if self.buckets is None:
            return tokens
        pair = (codes - self.own).clamp(min=0)
        first, second = pair // BUCKETS + self.first_bucket, pair % BUCKETS + self.first_bucket
        both = self.buckets[first.masked_fill(~hashed, 0)] + self.buckets[second.masked_fill(~hashed, 0)]
        return tokens + hashed[..., None] * both


def _starts(sizes: list[int]) -> Tensor:
    """Where each of several tables of these sizes begins, laid end to end."""
    return torch.tensor([0, *sizes]).cumsum(0)[:-1]
