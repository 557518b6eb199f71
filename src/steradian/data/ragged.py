"""Rows of unequal length, kept in one flat array."""

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

    Example:
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

    def take(self, rows: np.ndarray) -> "Ragged":
        """These rows, in this order."""
        lengths = self.lengths[rows]
        taken = _offsets(lengths)
        # Entry j of a taken row lies j places behind the start of that row in the flat array.
        index = np.arange(taken[-1]) + np.repeat(self.offsets[:-1][rows] - taken[:-1], lengths)
        return Ragged(self.flat[index], taken)

    def padded(self, length: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows filled with zeros to one length.

        Returns:
            values [rows, length, ...] and mask bool [rows, length], True where an entry is real.
        """
        mask = np.arange(length) < self.lengths[:, None]
        values = np.zeros((len(self), length, *self.flat.shape[1:]), dtype=self.flat.dtype)
        values[mask] = self.flat
        return values, mask


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
