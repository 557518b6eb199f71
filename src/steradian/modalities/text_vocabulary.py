"""The n-grams that training texts hold, whole texts as TF-IDF vectors of them, and what tells such vectors apart."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from steradian.data.ragged import Ragged
from steradian.data.sparse_rows import SparseRows
from steradian.modalities.text_ngrams import BUCKETS

__all__ = ["Vocabulary", "landmark_projection"]

MAX_NGRAMS = 1 << 16
"""N-grams known at most, the most frequent: an embedding table of 65,536 x width 64 in float32 is 16.8 MB."""

MAX_FEATURES = 512
"""Numbers to which likenesses are reduced: an SVM is as good on 512 as on the whole vectors of 1,500 texts, two points
worse on 256 and three to four on 128 (docs/lab-log.md)."""

CHUNK = 256
"""Texts whose n-grams are counted at a time: of titles some 75,000, which a cache holds."""


@dataclass(frozen=True)
class Vocabulary:
    """The n-grams known.

    Args:
        buckets: int64 [n-grams], their hash buckets, ascending.
        rarity: float32 [n-grams], ln((1 + texts) / (1 + texts with it)) + 1, scikit-learn's smoothed idf.
        shared: bool [n-grams], whether two training texts or more have it.
    """

    buckets: np.ndarray
    rarity: np.ndarray
    shared: np.ndarray

    @classmethod
    def of(cls, texts: Ragged, ngrams: Ragged) -> "Vocabulary":
        """The n-grams of training texts.

        Args:
            texts: row i holds the word numbers of text i.
            ngrams: row j holds the hash buckets of word j.
        """
        frequency = np.zeros(2 * BUCKETS, dtype=np.int64)
        for chunk in _chunks(texts):
            frequency += np.bincount(_counts(chunk, ngrams)[0].flat, minlength=2 * BUCKETS)
        met = np.flatnonzero(frequency)
        # A stable sort keeps the lower buckets of equally frequent ones.
        buckets = np.sort(met[np.argsort(-frequency[met], kind="stable")[:MAX_NGRAMS]])
        # Texts are counted, not distinct ones: a column of five brand names shares no n-gram between them.
        frequency = frequency[buckets]
        rarity = np.log((1 + len(texts)) / (1 + frequency)) + 1
        return cls(buckets, rarity.astype(np.float32), frequency >= 2)

    def known(self, ngrams: Ragged) -> Ragged:
        """The known n-grams of each word, as their places in `buckets`."""
        if not len(self.buckets):
            return Ragged(np.zeros(0, dtype=np.int64), np.zeros_like(ngrams.offsets))
        places = np.searchsorted(self.buckets, ngrams.flat).clip(max=len(self.buckets) - 1)
        return ngrams_where(Ragged(places, ngrams.offsets), self.buckets[places] == ngrams.flat)

    def vectors(self, texts: Ragged, known: Ragged) -> Iterator[SparseRows]:
        """Texts as unit vectors float32 [texts, n-grams], a chunk at a time.

        An n-gram weighs (1 + ln count) * rarity. Parts of words and whole words are of the same length together, as
        far as a text has both.

        Args:
            texts: row i holds the word numbers of text i.
            known: row j holds the n-grams of word j, see `known`.
        """
        kinds = self.buckets >= BUCKETS
        for chunk in _chunks(texts):
            found, counts = _counts(chunk, known)
            rows = np.repeat(np.arange(len(chunk)), found.lengths)
            weights = (1 + np.log(counts)) * self.rarity[found.flat]
            groups = 2 * rows + kinds[found.flat]
            squares = np.bincount(groups, weights**2, minlength=2 * len(chunk))
            weights /= np.sqrt(squares[groups] * (squares.reshape(-1, 2) > 0).sum(axis=1)[rows])
            yield SparseRows(found, weights.astype(np.float32), len(self.buckets))


def ngrams_where(words: Ragged, kept: np.ndarray) -> Ragged:
    """Words with some of their n-grams only.

    Args:
        words: row j holds the n-grams of word j.
        kept: bool [n-grams of all words].
    """
    owners = np.repeat(np.arange(len(words)), words.lengths)
    return Ragged.from_lengths(words.flat[kept], np.bincount(owners[kept], minlength=len(words)))


def landmark_projection(landmarks: SparseRows) -> np.ndarray:
    """What turns likenesses to landmarks into features, float32 [landmarks, features].

    The features of two landmarks have the same inner product as the landmarks, as nearly as so few numbers can (latent
    semantic analysis); their mean square is 1.

    Args:
        landmarks: unit vectors [landmarks, n-grams], at least one.

    Examples:
        >>> landmark_projection(SparseRows(Ragged.from_lengths(np.arange(2), np.ones(2)), np.ones(2), 5)).shape
        (2, 2)
    """
    # Only a fit needs these.
    from scipy.linalg import eigh
    from scipy.sparse import csr_array

    entries, shape = (landmarks.values, landmarks.columns.flat, landmarks.columns.offsets), len(landmarks)
    vectors = csr_array(entries, shape=(shape, landmarks.width))
    likeness = (vectors @ vectors.T).toarray().astype(np.float64)
    last = len(likeness) - 1
    values, vectors = eigh(likeness, subset_by_index=[max(last + 1 - MAX_FEATURES, 0), last])
    kept = values > 1e-6 * max(values[-1], 1e-6)
    values, vectors = values[kept], vectors[:, kept]
    scale = np.sqrt(len(likeness) * len(values) / max(values.sum(), 1e-6))
    projection: np.ndarray = (scale * vectors / np.sqrt(values)).astype(np.float32)
    return projection


def _chunks(texts: Ragged) -> Iterator[Ragged]:
    for start in range(0, len(texts), CHUNK):
        yield texts.take(np.arange(start, min(start + CHUNK, len(texts))))


def _counts(texts: Ragged, ngrams: Ragged) -> tuple[Ragged, np.ndarray]:
    """The distinct n-grams of each text, ascending, and how often it has each of them [n-grams of all texts]."""
    taken = ngrams.take(texts.flat)
    owners = np.repeat(np.repeat(np.arange(len(texts)), texts.lengths), taken.lengths)
    # Of a chunk's texts 32 bits hold them all, which are sorted in half the time.
    cells, counts = np.unique((owners * (2 * BUCKETS) + taken.flat).astype(np.uint32), return_counts=True)
    lengths = np.bincount(cells // (2 * BUCKETS), minlength=len(texts))
    return Ragged.from_lengths(cells % (2 * BUCKETS), lengths), counts
