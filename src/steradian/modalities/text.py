"""Text in any script, without a tokenizer to download: each word is a bag of hashed character n-grams."""

import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.data.modality import (
    Columns,
    FittedModality,
    Items,
    Modality,
    ReadValues,
    Tokens,
    Values,
    is_missing,
    shown,
)
from steradian.data.ragged import Ragged
from steradian.errors import InputError

__all__ = ["FittedText", "Text"]

MAX_WORDS = 64
"""Words read of one text; what follows is left out, so that one long text cannot fill the memory."""

MAX_WORD_LENGTH = 128
"""Characters of one word; longer ones (unspaced scripts, links) are cut into pieces."""

ACCENTS = dict.fromkeys(range(0x300, 0x370))
"""Combining marks of alphabets that can be read without; those of other scripts carry meaning and stay."""

LONGEST_NGRAM = 5
BUCKETS = 1 << 20
"""Hash buckets; only those met twice in training are kept, so the table is as large as the language seen."""

MAX_NGRAMS = 1 << 16
"""Rows of the embedding table at most: 65,536 x width 64 in float32 is 16.8 MB."""


@dataclass(frozen=True)
class Text(Modality):
    """One or several columns of text, joined with a space. Empty text counts as missing.

    Args:
        columns: the columns to join.

    Example:
        >>> Text("title", "brand").columns
        ('title', 'brand')
    """

    columns: tuple[str, ...]

    def __init__(self, *columns: str) -> None:
        object.__setattr__(self, "columns", columns)

    @classmethod
    def from_options(cls, options: Any) -> "Text":
        """From a schema file's `columns`, a name or a list of names."""
        columns = options["columns"]
        return cls(*([columns] if isinstance(columns, str) else columns))

    @property
    def text_columns(self) -> tuple[str, ...]:
        """All of them."""
        return self.columns

    def read(self, columns: Columns) -> ReadValues:
        """Join the columns to `text`, an object array of strings [objects].

        Raises:
            InputError: a cell that is no text.
        """
        for name in self.columns:
            for row, value in enumerate(columns[name]):
                if not isinstance(value, str) and not is_missing(value):
                    raise InputError(
                        want="text",
                        got=shown(value),
                        where=f"row {row} (counted from 0), column {name!r}",
                        fix="Convert the column to strings, or declare it as Tabular or Vector.",
                    )
        cells = zip(*(columns[name] for name in self.columns), strict=True)
        joined = [" ".join(cell for cell in row if isinstance(cell, str) and cell.strip()) for row in cells]
        text = np.array(joined, dtype=object)
        return ReadValues({"text": text}, np.array([bool(value) for value in joined]))

    def fit(self, values: Values) -> "FittedText":
        """Keep the n-grams that at least two training rows hold, the most frequent first if they are too many."""
        words, texts = _words(values["text"])
        ngrams = _ngrams(words).take(texts.flat)
        text_of_ngram = np.repeat(_owners(texts), ngrams.lengths)
        pairs = np.unique(np.stack([ngrams.flat, text_of_ngram]), axis=1)
        buckets, frequency = np.unique(pairs[0], return_counts=True)
        # Rows are counted, not distinct texts: a column of five brand names shares no n-gram between them.
        shared = np.flatnonzero(frequency >= 2)
        # A stable sort keeps the lower buckets of equally frequent ones.
        shared = np.sort(shared[np.argsort(-frequency[shared], kind="stable")[:MAX_NGRAMS]])
        buckets, frequency = buckets[shared], frequency[shared]
        rarity = np.log((1 + len(texts)) / (1 + frequency)) + 1
        return FittedText(buckets.astype(np.int64), rarity.astype(np.float32))


@dataclass(frozen=True)
class FittedText(FittedModality):
    """The n-grams worth an embedding.

    Args:
        buckets: int64 [n-grams], the hash buckets kept, ascending.
        rarity: float32 [n-grams], ln((1 + texts) / (1 + texts with it)) + 1, scikit-learn's smoothed idf.
    """

    buckets: np.ndarray
    rarity: np.ndarray

    def prepare(self, values: Values, rows: np.ndarray) -> Items:
        """Hash the n-grams of every word; see `FittedModality.prepare`."""
        words, texts = _words(values["text"])
        ngrams = _ngrams(words)
        place = np.searchsorted(self.buckets, ngrams.flat)
        place[place == len(self.buckets)] = 0
        known = np.zeros(len(place), dtype=bool)
        if len(self.buckets):
            known = self.buckets[place] == ngrams.flat
        counts = np.add.reduceat(np.append(known, False), ngrams.offsets[:-1]) if len(ngrams) else np.zeros(0, int)
        return TextItems(texts, Ragged.from_lengths(place[known], counts), self.rarity)

    def tokenizer(self, width: int, dropout: float) -> nn.Module:
        """A table of n-gram embeddings, summed to a token a word."""
        return TextTokenizer(len(self.buckets), width, dropout)


@dataclass(frozen=True)
class TextItems:
    """Texts as words and words as n-grams.

    Args:
        texts: row i holds the word numbers of text i.
        words: row j holds the n-gram numbers of word j.
        rarity: float32 [n-grams].
    """

    texts: Ragged
    words: Ragged
    rarity: np.ndarray

    def __call__(self, rows: np.ndarray) -> dict[str, Tensor]:
        """The n-grams of these rows' words in one flat list, and which word of which text is real."""
        texts = self.texts.take(rows)
        words = self.words.take(texts.flat)
        _, mask = texts.padded(int(texts.lengths.max(initial=1)))
        weights = self.rarity[words.flat] if len(words.flat) else np.zeros(0, dtype=np.float32)
        lengths = np.sqrt(np.maximum(np.bincount(_owners(words), weights**2, len(words)), 1e-12))
        return {
            "ngrams": torch.from_numpy(words.flat.astype(np.int64)),
            "offsets": torch.from_numpy(words.offsets[:-1].astype(np.int64)),
            "weights": torch.from_numpy((weights / np.repeat(lengths, words.lengths)).astype(np.float32)),
            "mask": torch.from_numpy(mask),
        }


class TextTokenizer(nn.Module):
    """A token a word: the weighted sum of the embeddings of its n-grams, and its place in the text.

    Args:
        ngrams: rows of the embedding table.
        width: length of a token.
        dropout: share of n-grams left out in training.
    """

    def __init__(self, ngrams: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.ngrams = nn.EmbeddingBag(max(ngrams, 1), width, mode="sum")
        self.place = nn.Parameter(torch.randn(MAX_WORDS, width) * 0.02)

    def forward(self, ngrams: Tensor, offsets: Tensor, weights: Tensor, mask: Tensor) -> Tokens:
        """Tokens [items, words, width] of flat n-grams.

        Args:
            ngrams: int64 [n-grams], of all words of all items.
            offsets: int64 [real words], where each word begins.
            weights: float [n-grams], of unit length within a word.
            mask: bool [items, words], True where a word is real.
        """
        weights = F.dropout(weights, self.dropout, self.training)
        words = self.ngrams(ngrams, offsets, per_sample_weights=weights)
        tokens = words.new_zeros(*mask.shape, words.shape[-1])
        tokens[mask] = words
        return Tokens(tokens + self.place[: mask.shape[1]], mask)


def _words(texts: np.ndarray) -> tuple[list[str], Ragged]:
    """All distinct words, and each text as numbers of words; a text without any has the empty word."""
    numbers: dict[str, int] = {}
    rows = []
    for text in texts:
        # What follows the limits is cut off first; a letter and its accents are up to four characters.
        prefix = " ".join(text.split(maxsplit=MAX_WORDS)[:MAX_WORDS])[: 4 * MAX_WORDS * (MAX_WORD_LENGTH + 1)]
        pieces = [
            word[start : start + MAX_WORD_LENGTH]
            for word in _plain(prefix).split()
            for start in range(0, len(word), MAX_WORD_LENGTH)
        ]
        rows.append(np.array([numbers.setdefault(w, len(numbers)) for w in pieces[:MAX_WORDS] or [""]], dtype=np.int64))
    return list(numbers), Ragged.from_rows(rows) if rows else Ragged(np.zeros(0, np.int64), np.zeros(1, np.int64))


def _plain(text: str) -> str:
    """Case, width and the accents of Latin, Greek and Cyrillic letters removed, so that relatives share n-grams."""
    return unicodedata.normalize("NFKD", text).casefold().translate(ACCENTS)


def _ngrams(words: list[str]) -> Ragged:
    """Hash buckets of the 1- to 5-grams of each word between its borders, row by row."""
    codes = np.frombuffer(
        "".join(f"\x02{word}\x03" for word in words).encode("utf-32-le", "surrogatepass"), dtype=np.uint32
    )
    lengths = np.array([len(word) + 2 for word in words], dtype=np.int64)
    word_of_code = np.repeat(np.arange(len(words)), lengths)
    end_of_word = np.repeat(np.cumsum(lengths), lengths)
    start = np.arange(len(codes))
    hashed = np.zeros(len(codes), dtype=np.uint64)
    buckets, owners = [], []
    for n in range(1, LONGEST_NGRAM + 1):
        inside = start + n <= end_of_word
        last = codes[np.minimum(start + n - 1, max(len(codes) - 1, 0))]
        hashed = _mix(hashed * np.uint64(0x9E3779B97F4A7C15) + last + np.uint64(n))
        buckets.append((hashed[inside] % np.uint64(BUCKETS)).astype(np.int64))
        owners.append(word_of_code[inside])
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    return Ragged.from_lengths(np.concatenate(buckets)[order], np.bincount(owner, minlength=len(words)))


def _mix(hashed: np.ndarray) -> np.ndarray:
    """Spread the bits (the finaliser of splitmix64, Steele et al. 2014)."""
    hashed = (hashed ^ (hashed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashed = (hashed ^ (hashed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = hashed ^ (hashed >> np.uint64(31))
    return mixed


def _owners(rows: Ragged) -> np.ndarray:
    return np.repeat(np.arange(len(rows)), rows.lengths)
