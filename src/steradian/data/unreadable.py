"""What is told of items that could not be read and are treated as missing."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = ["Unreadable", "UnreadableItem"]

SHOWN = 5
"""Items and rows that are printed at most; `Unreadable` itself has all."""


@dataclass(frozen=True)
class UnreadableItem:
    """An item that is treated as missing, because it could not be read.

    Args:
        row: its row in the user's table, counted from 0.
        id: of its object; the row where there are no ids.
        modality: its name.
        column: where it stood; several are joined where they count only together.
        message: what was wanted and what was got.
    """

    row: int
    id: Any
    modality: str
    column: str
    message: str

    def __str__(self) -> str:
        return f"row {_named(self.row, self.id)}, column {self.column!r}: {self.message}"


@dataclass(frozen=True)
class Unreadable:
    """Everything in a table that could not be read; false where all could.

    Args:
        items: those treated as missing.
        left_out: the ids of objects with nothing to read, which are not in the table, by row.

    Example:
        >>> photo = UnreadableItem(7, 7, "photo", "file", "want a picture that can be read, got no such file: 'a.png'")
        >>> print(Unreadable((photo,)))
        1 unreadable item treated as missing: photo 1
          row 7, column 'file': want a picture that can be read, got no such file: 'a.png'
    """

    items: tuple[UnreadableItem, ...] = ()
    left_out: Mapping[int, Any] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.items or self.left_out)

    def __add__(self, later: "Unreadable") -> "Unreadable":
        return Unreadable(self.items + later.items, {**self.left_out, **later.left_out})

    def __str__(self) -> str:
        lines = [f"  {item}" for item in self.items[:SHOWN]]
        if len(self.items) > SHOWN:
            lines.append(f"  and {len(self.items) - SHOWN:,} more")
        # The items stand below their count, which there is only with them.
        return "\n".join([*self.counts[: bool(lines)], *lines, *self.counts[bool(lines) :]])

    @property
    def counts(self) -> list[str]:
        """A line on the items, by modality, and one on the objects left out; neither where there are none."""
        lines = []
        if self.items:
            counts = Counter(item.modality for item in self.items)
            by_modality = ", ".join(f"{name} {count:,}" for name, count in counts.items())
            lines.append(f"{_counted(len(self.items), 'unreadable item')} treated as missing: {by_modality}")
        if self.left_out:
            named = [_named(row, id) for row, id in list(self.left_out.items())[:SHOWN]]
            more = f" and {len(self.left_out) - SHOWN:,} more" if len(self.left_out) > SHOWN else ""
            objects = _counted(len(self.left_out), "object")
            lines.append(f"{objects} left out, with nothing to read: row {', '.join(named)}{more}")
        return lines

    def of(self, rows: np.ndarray) -> "Unreadable":
        """Of the objects in these rows [objects] of the user's table; those left out are in none."""
        if not self:
            return self
        wanted = set(rows.tolist())
        return Unreadable(tuple(item for item in self.items if item.row in wanted))


def _counted(number: int, one: str) -> str:
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def _named(row: int, id: Any) -> str:
    return f"{row}" if row == id else f"{row} (id {id!r})"
