"""What is told of items that could not be read and are treated as missing."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steradian.data.modality import is_missing, listed

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
        unnamed: likewise of rows that cannot be named, such as those "without a label", by reason.

    Examples:
        >>> photo = UnreadableItem(7, 7, "photo", "file", "want a picture that can be read, got no such file: 'a.png'")
        >>> print(Unreadable((photo,)))
        1 unreadable item treated as missing: photo 1
          row 7, column 'file': want a picture that can be read, got no such file: 'a.png'
    """

    items: tuple[UnreadableItem, ...] = ()
    left_out: Mapping[int, Any] = field(default_factory=dict)
    unnamed: Mapping[str, Mapping[int, Any]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.items or self.left_out or self.unnamed)

    def __add__(self, later: "Unreadable") -> "Unreadable":
        reasons = dict.fromkeys((*self.unnamed, *later.unnamed))
        unnamed = {reason: {**self.unnamed.get(reason, {}), **later.unnamed.get(reason, {})} for reason in reasons}
        return Unreadable(self.items + later.items, {**self.left_out, **later.left_out}, unnamed)

    def __str__(self) -> str:
        lines = [f"  {item}" for item in self.items[:SHOWN]]
        if len(self.items) > SHOWN:
            lines.append(f"  and {len(self.items) - SHOWN:,} more")
        # The items stand below their count, which there is only with them.
        return "\n".join([*self.counts[: bool(lines)], *lines, *self.counts[bool(lines) :]])

    @property
    def counts(self) -> list[str]:
        """A line on the items, by modality, and one on each kind of objects left out; none where there are none."""
        lines = []
        if self.items:
            counts = Counter(item.modality for item in self.items)
            by_modality = ", ".join(f"{name} {count:,}" for name, count in counts.items())
            lines.append(f"{_counted(len(self.items), 'unreadable item')} treated as missing: {by_modality}")
        for reason, rows in {**self.unnamed, "with nothing to read": self.left_out}.items():
            if rows:
                named = listed((_named(row, id) for row, id in rows.items()), SHOWN)
                lines.append(f"{_counted(len(rows), 'object')} left out, {reason}: row {named}")
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
    return f"{row}" if is_missing(id) or row == id else f"{row} (id {id!r})"
