"""Rows of numbers of which most are zero, as numpy arrays alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from steradian.data.ragged import Ragged

__all__ = ["SparseRows", "scrambled"]

GATHERED = 1 << 18
"""Numbers gathered at a time by a product: 1 MiB of float32, which stays in the processor's cache."""


@dataclass(frozen=True)
class SparseRows:
    """Rows of few numbers in many columns.

    Args:
        columns: int64, ragged [numbers of each row]: where they stand.
        values: float32 [numbers of all rows].
        width: how many columns there are.

    Examples:
        >>> rows = SparseRows(Ragged.from_rows([np.array([0, 2]), np.array([1])]), np.float32([1, 2, 3]), 3)
        >>> (rows @ np.float32([[1], [10], [100]])).ravel().tolist()
        [201.0, 30.0]
    """

    columns: Ragged
    values: np.ndarray
    width: int

    @classmethod
    def joined(cls, parts: "Sequence[SparseRows]") -> "SparseRows":
        """The rows of all parts, of which there is at least one, one behind the other."""
        flat = np.concatenate([part.columns.flat for part in parts])
        lengths = np.concatenate([part.columns.lengths for part in parts])
        values = np.concatenate([part.values for part in parts])
        return cls(Ragged.from_lengths(flat, lengths), values, parts[0].width)

    def __len__(self) -> int:
        return len(self.columns)

    def take(self, rows: np.ndarray) -> "SparseRows":
        """These rows, in this order."""
        values = Ragged(self.values, self.columns.offsets).take(rows).flat
        return SparseRows(self.columns.take(rows), values, self.width)

    def __matmul__(self, matrix: np.ndarray) -> np.ndarray:
        """The product with a matrix float32 or float16 [width, outputs], float32 [rows, outputs]."""
        product = np.zeros((len(self), matrix.shape[1]), dtype=np.float32)
        most = max(1, GATHERED // max(1, matrix.shape[1]))
        start = 0
        while start < len(self):
            offsets = self.columns.offsets
            end = max(start + 1, int(np.searchsorted(offsets, offsets[start] + most, side="right")) - 1)
            first = offsets[start]
            # `take` and `dot` are a fifth faster than an index and @.
            gathered = matrix.take(self.columns.flat[first : offsets[end]], axis=0).astype(np.float32, copy=False)
            # Row by row, a third of the time of sums over groups: a row's numbers need no product in memory.
            for row, (begin, stop) in enumerate(pairwise(offsets[start : end + 1].tolist()), start):
                if begin < stop:
                    np.dot(self.values[begin:stop], gathered[begin - first : stop - first], out=product[row])
            start = end
        return product

    def transposed(self) -> "SparseRows":
        """The columns as rows."""
        order = np.argsort(self.columns.flat, kind="stable")
        owners = np.repeat(np.arange(len(self)), self.columns.lengths)
        lengths = np.bincount(self.columns.flat, minlength=self.width)
        return SparseRows(Ragged.from_lengths(owners[order], lengths), self.values[order], len(self))

    def means(self, sizes: np.ndarray) -> "SparseRows":
        """The means of so many rows each [groups]; none may be 0, and together they are all rows."""
        inside = Ragged.from_lengths(self.columns.lengths, sizes)
        lengths = np.add.reduceat(inside.flat, inside.offsets[:-1]) if len(sizes) else inside.flat
        return SparseRows(
            Ragged.from_lengths(self.columns.flat, lengths),
            (self.values / np.repeat(sizes, lengths)).astype(np.float32),
            self.width,
        )

    def sketch(self, outputs: int) -> np.ndarray:
        """Random signed sums of the columns, float32 [rows, outputs]: inner products stay but for noise.

        Each column is spread over four outputs, chosen by a hash, so that columns never met before take part too.

        Args:
            outputs: of which two rows that share nothing have a cosine of about outputs ** -0.5 by chance.
        """
        owners = np.repeat(np.arange(len(self)), self.columns.lengths) * outputs
        sums = np.zeros(len(self) * outputs)
        for draw in range(4):
            hashed = scrambled(self.columns.flat.astype(np.uint64) * np.uint64(4) + np.uint64(draw))
            places = (hashed % np.uint64(outputs)).astype(np.int64)
            signs = np.where(hashed >> np.uint64(63), np.float32(0.5), np.float32(-0.5))
            sums += np.bincount(owners + places, self.values * signs, minlength=len(sums))
        return sums.astype(np.float32).reshape(len(self), outputs)


def scrambled(numbers: np.ndarray) -> np.ndarray:
    """Numbers uint64 with their bits spread (the finaliser of splitmix64, Steele et al. 2014).

    Args:
        numbers: uint64, of any shape.

    Examples:
        >>> int(scrambled(np.array([1], dtype=np.uint64))[0]) != 1
        True
    """
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = numbers ^ (numbers >> np.uint64(31))
    return mixed
