"""Texts as hashed TF-IDF of character n-grams and words, by numpy alone; n-grams never met in training count too."""

from dataclasses import dataclass

import numpy as np

from steradian.data.modality import FeatureMap
from steradian.data.ragged import Ragged
from steradian.data.sparse_rows import SparseRows, scrambled
from steradian.modalities.text_ngrams import BUCKETS

__all__ = ["SUMS", "HashedNgrams", "TextFeatures"]

COLUMNS = 1 << 16
"""Features: with half as many, names of emoji never seen are found 1 to 2 points less often (docs/lab-log.md)."""
SUMS = 2048
"""Of a small table's texts: fewer sums than n-grams let those that training never met count by what they are mixed
with; products never seen are found at 97% instead of 90% (docs/lab-log.md)."""
WORDS = 0.3
"""Length of the part of whole words beside that of n-grams, 1: more lets rare words drown what spellings share."""
CHUNK = 4096
"""Texts counted at a time."""


@dataclass(frozen=True)
class HashedNgrams:
    """Texts as words and words as all their n-grams, known or not.

    Args:
        texts: row i holds the word numbers of text i.
        words: row j holds the hash buckets of word j, see `hash_ngrams`.
    """

    texts: Ragged
    words: Ragged

    def take(self, rows: np.ndarray) -> "HashedNgrams":
        """These texts."""
        return HashedNgrams(self.texts.take(rows), self.words)


@dataclass(frozen=True)
class TextFeatures(FeatureMap):
    """How rare each hashed n-gram is among training texts.

    Args:
        rarity: float32 [columns], ln((1 + texts) / (1 + texts with it)) + 1; the largest for what was never met.
        sums: random signed sums that take the place of the columns; 0: the columns themselves, sparse.
    """

    rarity: np.ndarray
    sums: int = 0

    @classmethod
    def fit(cls, inputs: HashedNgrams, *, sums: int = 0) -> "TextFeatures":
        """Count in how many training texts each n-gram stands.

        Args:
            inputs: training texts.
            sums: see the class.
        """
        frequency = np.zeros(COLUMNS, dtype=np.int64)
        for start in range(0, len(inputs.texts), CHUNK):
            part = inputs.take(np.arange(start, min(start + CHUNK, len(inputs.texts))))
            keys, _ = _counted(part)
            frequency += np.bincount(_columns(np.unique(_text_and_column(keys))), minlength=COLUMNS)
        return cls((np.log((1 + len(inputs.texts)) / (1 + frequency)) + 1).astype(np.float32), sums)

    def __call__(self, inputs: HashedNgrams) -> np.ndarray | SparseRows:
        """Rows of about length 1, float32 [texts, sums] or sparse [texts, 65,536]."""
        parts = [
            self._rows(inputs.take(np.arange(start, min(start + CHUNK, len(inputs.texts)))))
            for start in range(0, max(1, len(inputs.texts)), CHUNK)
        ]
        rows = SparseRows.joined(parts)
        return rows.sketch(self.sums) if self.sums else rows

    def _rows(self, inputs: HashedNgrams) -> SparseRows:
        keys, counts = _counted(inputs)
        texts, whole = keys // (4 * COLUMNS), (keys // (2 * COLUMNS)) % 2
        weights = (1 + np.log(counts)) * self.rarity[_columns(keys)]
        kinds = 2 * texts + whole
        lengths = np.sqrt(np.bincount(kinds, weights**2, minlength=2 * len(inputs.texts)))
        shares = np.array([1.0, WORDS]) * (lengths.reshape(-1, 2) > 0)
        shares /= np.maximum(np.linalg.norm(shares, axis=1, keepdims=True), 1e-12)
        weights *= shares.ravel()[kinds] / lengths[kinds]
        # The two signs of a column, and a word beside its n-grams, meet in one number.
        signs = np.where((keys // COLUMNS) % 2, 1.0, -1.0)
        cells, places = np.unique(texts * COLUMNS + _columns(keys), return_inverse=True)
        values = np.bincount(places, weights * signs, minlength=len(cells)).astype(np.float32)
        lengths = np.bincount(cells // COLUMNS, minlength=len(inputs.texts))
        return SparseRows(Ragged.from_lengths(cells % COLUMNS, lengths), values, COLUMNS)


def _counted(inputs: HashedNgrams) -> tuple[np.ndarray, np.ndarray]:
    """Each text's n-grams as keys (text, is it a whole word, sign, column), and how often each stands there."""
    ngrams = inputs.words.take(inputs.texts.flat)
    owners = np.repeat(np.repeat(np.arange(len(inputs.texts)), inputs.texts.lengths), ngrams.lengths)
    hashed = scrambled(ngrams.flat.astype(np.uint64))
    column = (hashed % np.uint64(COLUMNS)).astype(np.int64)
    sign = (hashed >> np.uint64(63)).astype(np.int64)
    keys = ((owners * 2 + (ngrams.flat >= BUCKETS)) * 2 + sign) * COLUMNS + column
    return np.unique(keys, return_counts=True)


def _columns(keys: np.ndarray) -> np.ndarray:
    columns: np.ndarray = keys % COLUMNS
    return columns


def _text_and_column(keys: np.ndarray) -> np.ndarray:
    """Text and column of keys, without kind and sign."""
    cells: np.ndarray = keys // (4 * COLUMNS) * COLUMNS + keys % COLUMNS
    return cells
