"""Texts to tokens: one a word and one of the whole."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.data.modality import Tokens
from steradian.modalities.dropout import dropout
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
        embedded = self.ngrams(ngrams, offsets, per_sample_weights=weights)
        tokens = self.place[: mask.shape[1]].to(embedded.dtype).repeat(len(mask), 1, 1)
        tokens[mask] += embedded[words]
        return Tokens(torch.cat([whole[:, None], tokens], dim=1), F.pad(mask, (1, 0), value=True))
