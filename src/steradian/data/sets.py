"""Cells that hold several items of one modality: three photos of a product, five clips of a speaker."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from steradian.data.columns import to_objects
from steradian.data.modality import Items, is_missing
from steradian.data.ragged import Ragged

__all__ = ["SET_SIZES", "ItemCells", "SetItems"]

SET_SIZES = "set_sizes"
"""The array that says how many items each row of a batch has."""


@dataclass(frozen=True)
class ItemCells:
    """The items of all cells one after another, and how many each cell has.

    Args:
        items: Python objects [items].
        sizes: int64 [cells]; None where every cell is one item.

    Examples:
        >>> cells = to_objects([["front.jpg", None, "back.jpg"], "side.jpg"])
        >>> ItemCells.of(cells).items.tolist(), ItemCells.of(cells).sizes.tolist()
        (['front.jpg', 'back.jpg', 'side.jpg'], [2, 1])
    """

    items: np.ndarray
    sizes: np.ndarray | None = None

    @classmethod
    def of(cls, cells: np.ndarray) -> "ItemCells":
        """Take apart cells [cells], each an item or a list or tuple of items; what is missing in a list is left out."""
        if not any(isinstance(cell, (list, tuple)) for cell in cells):
            return cls(cells)
        rows = [list(_known(cell)) if isinstance(cell, (list, tuple)) else [cell] for cell in cells]
        return cls(to_objects(item for row in rows for item in row), np.array([len(row) for row in rows]))

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """The row number of each item [items], from those of the cells [cells]."""
        return rows if self.sizes is None else np.repeat(rows, self.sizes)

    def grouped(self, items: Items) -> Items:
        """Prepared items as rows again: the very items where every cell is one, sets of them elsewhere."""
        if self.sizes is None:
            return items
        return SetItems(items, Ragged.from_lengths(np.arange(len(self.items)), self.sizes))


@dataclass(frozen=True)
class SetItems:
    """Prepared items of which each row has several.

    Args:
        items: all of them.
        sets: row i holds the numbers of the items of row i.
    """

    items: Items
    sets: Ragged

    def __call__(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """The arrays of all items of these rows, and `set_sizes` int64 [rows]."""
        taken = self.sets.take(rows)
        return {**self.items(taken.flat), SET_SIZES: taken.lengths}


def _known(cell: Any) -> Iterator[Any]:
    return (item for item in cell if not is_missing(item))
