"""What a search returns: the nearest objects of each query, and how they print."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Neighbors", "fit_text"]

_QUERIES_SHOWN = 5
_NEIGHBORS_SHOWN = 10
_ID_WIDTH = 22
_LABEL_WIDTH = 28


@dataclass(frozen=True, eq=False, repr=False)
class Neighbors:
    """The k nearest objects of each query, nearest first; prints as a table.

    `neighbors[i]` and `neighbors[i:j]` are the Neighbors of some of the queries, always with both axes.

    Args:
        rows: int64 [queries, k], rows of the index.
        cosines: float32 [queries, k].
        ids: [queries, k], what the index calls these rows.
        labels: [queries, k], their classes; None if the index has none.

    Example:
        >>> import numpy as np
        >>> rows, cosines = np.array([[4, 0]]), np.array([[1.0, 0.5]], dtype=np.float32)
        >>> Neighbors(rows, cosines, ids=rows, labels=np.array([["cat", "dog"]]))
        Neighbors: 1 query, the 2 nearest objects
        query rank  id                      label                         cosine  angle
            0    1  4                       cat                            1.000  0.000
            0    2  0                       dog                            0.500  1.047
    """

    rows: np.ndarray
    cosines: np.ndarray
    ids: np.ndarray
    labels: np.ndarray | None = None

    @property
    def angles(self) -> np.ndarray:
        """The angle to each neighbor in radians, float64 [queries, k] in [0, pi]."""
        angles: np.ndarray = np.arccos(np.clip(self.cosines.astype(np.float64), -1.0, 1.0))
        return angles

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, queries: Any) -> "Neighbors":
        # numpy checks the index and refuses what is out of range.
        chosen = np.atleast_1d(np.arange(len(self))[queries])
        labels = None if self.labels is None else self.labels[chosen]
        return Neighbors(self.rows[chosen], self.cosines[chosen], self.ids[chosen], labels)

    def __iter__(self) -> Iterator["Neighbors"]:
        return (self[query] for query in range(len(self)))

    def __repr__(self) -> str:
        queries, k = self.rows.shape
        lines = [f"Neighbors: {queries} {'query' if queries == 1 else 'queries'}, the {k} nearest objects"]
        lines.append(self._line("query rank", "id", "label", "cosine  angle"))
        angles = self.angles
        # Who asks for one query wants all of its answer.
        shown = k if queries == 1 else min(k, _NEIGHBORS_SHOWN)
        for query in range(min(queries, _QUERIES_SHOWN)):
            for rank in range(shown):
                label = "" if self.labels is None else self.labels[query, rank]
                numbers = f"{self.cosines[query, rank]:6.3f} {angles[query, rank]:6.3f}"
                lines.append(self._line(f"{query:5} {rank + 1:4}", self.ids[query, rank], label, numbers))
        if queries > _QUERIES_SHOWN or k > shown:
            lines.append(f"... up to {shown} neighbors of the first {_QUERIES_SHOWN} queries shown")
        return "\n".join(lines)

    def _line(self, place: str, name: Any, label: Any, numbers: str) -> str:
        labels = [] if self.labels is None else [fit_text(str(label), _LABEL_WIDTH)]
        return "  ".join([place, fit_text(str(name), _ID_WIDTH), *labels, numbers])


def fit_text(text: str, width: int) -> str:
    """The text on `width` columns of a terminal: padded, or cut with an ellipsis; wide characters count as two.

    Args:
        text: any; line breaks and other characters that do not print become spaces.
        width: terminal columns, at least 1.

    Example:
        >>> fit_text("violet", 4), fit_text("red", 4)
        ('vio…', 'red ')
    """
    text = "".join(character if character.isprintable() else " " for character in text)
    ends = np.cumsum([_columns(character) for character in text])
    if len(text) and ends[-1] > width:
        text = text[: np.searchsorted(ends, width - 1, side="right")] + "…"
    return text + " " * (width - sum(map(_columns, text)))


def _columns(character: str) -> int:
    """How many terminal columns it takes: none for a combining mark, two for a wide character such as an emoji."""
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
