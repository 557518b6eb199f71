"""Texts to tokens: one a word and one of the whole."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from steradian.data.modality import Tokens
from steradian.modalities.dropout import dropout
from steradian.modalities.tensors import laid_out
from steradian.modalities.text_ngrams import MAX_TOKENS

__all__ = ["TextTokenizer"]

INITIAL_STD = 0.1
"""Of n-gram embeddings: as large as training moves them, so that what was drawn at random does not outlast it."""


class TextTokenizer(nn.Module):
    """A token of the text as a whole, then a token a word: the weighted sum of the embeddings of its n-grams.

    Args:
        ngrams: rows of the embedding table.
        features: numbers that say what a text is like as a whole.
        width: length of a token.
        dropout: share of n-grams and features left out in training.
    """

    def __init__(self, ngrams: int, features: int, *, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.ngrams = nn.EmbeddingBag(max(ngrams, 1), width, mode="sum")
        nn.init.normal_(self.ngrams.weight, std=INITIAL_STD)
        self.place = nn.Parameter(torch.randn(MAX_TOKENS, width) * 0.02)
        self.whole = nn.Linear(features, width)

    def forward(
        self, ngrams: Tensor, offsets: Tensor, weights: Tensor, words: Tensor, mask: Tensor, features: Tensor
    ) -> Tokens:
        """Tokens [items, 1 + words, width].

        Args:
            ngrams: int64 [n-grams], of all distinct words.
            offsets: int64 [distinct words], where each begins.
            weights: float [n-grams], of unit length within a word.
            words: int64 [real words], which distinct word each is.
            mask: bool [items, words], True where a word is real.
            features: float16 [items, features].
        """
        whole = self.whole(dropout(features.float(), self.dropout, training=self.training))
        weights = dropout(weights, self.dropout, training=self.training)
        if weights.device.type == "cpu":
            embedded = _Bags.apply(self.ngrams.weight, ngrams, offsets, weights)  # type: ignore[no-untyped-call]
        else:
            embedded = self.ngrams(ngrams, offsets, per_sample_weights=weights)
        tokens = self.place[: mask.shape[1]].to(embedded.dtype) + laid_out(F.embedding(words, embedded), mask)
        return Tokens(torch.cat([whole[:, None], tokens], dim=1), F.pad(mask, (1, 0), value=True))


class _Bags(torch.autograd.Function):
    """`nn.EmbeddingBag` by sums, whose gradient torch takes three times as long for on a CPU."""

    @staticmethod
    def forward(ctx: Any, table: Tensor, ngrams: Tensor, offsets: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(ngrams, offsets, weights)
        ctx.size = len(table)
        return F.embedding_bag(ngrams, table, offsets, mode="sum", per_sample_weights=weights)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, above: Tensor) -> tuple[Tensor | None, ...]:
        ngrams, offsets, weights = ctx.saved_tensors
        lengths = offsets.diff(append=offsets.new_tensor([len(ngrams)]))
        owners = torch.arange(len(offsets)).repeat_interleave(lengths, output_size=len(ngrams))
        of_rows = above.index_select(0, owners).mul_(weights[:, None])
        return above.new_zeros(ctx.size, above.shape[1]).index_add_(0, ngrams, of_rows), None, None, None
