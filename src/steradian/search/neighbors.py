"""What a search returns: the nearest objects of each query, and how they print."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from steradian.data.frames import to_frame
from steradian.metrics import to_angles
from steradian.text_table import fit_text, rich_table

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Neighbors"]

_QUERIES_SHOWN = 5
_NEIGHBORS_SHOWN = 10
_ID_WIDTH = 22
_LABEL_WIDTH = 28


@dataclass(frozen=True, eq=False, repr=False)
class Neighbors:
    """The k nearest objects of each query, nearest first; prints as a table.

    `neighbors[i]` and `neighbors[i:j]` are the Neighbors of some of the queries, always with both axes.

    Args:
        rows: int64 [queries, k], rows of the index; -1 in a vector store, which has no row numbers.
        cosines: float32 [queries, k].
        ids: [queries, k], what the index calls these rows.
        labels: [queries, k], their classes; None if the index has none.
        columns: further columns of the rows by name, each [queries, k], where the index has them.

    Examples:
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
    columns: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def angles(self) -> np.ndarray:
        """The angle to each neighbor in radians, float64 [queries, k] in [0, pi]."""
        return to_angles(self.cosines)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, queries: Any) -> "Neighbors":
        # numpy checks the index and refuses what is out of range.
        chosen = np.atleast_1d(np.arange(len(self))[queries])
        labels = None if self.labels is None else self.labels[chosen]
        columns = {name: column[chosen] for name, column in self.columns.items()}
        return Neighbors(self.rows[chosen], self.cosines[chosen], self.ids[chosen], labels, columns)

    def __iter__(self) -> Iterator["Neighbors"]:
        return (self[query] for query in range(len(self)))

    def to_pandas(self) -> Any:
        """All neighbors as a pandas DataFrame, a row each: query, rank from 1, id, label, cosine, angle; needs pandas.

        Raises:
            MissingExtraError: pandas is not installed: `pip install 'steradian[pandas]'`.
        """
        queries, k = self.rows.shape
        names = {"id": self.ids} | ({} if self.labels is None else {"label": self.labels})
        cells = names | {"cosine": self.cosines, "angle": self.angles} | dict(self.columns)
        places = {"query": np.repeat(np.arange(queries), k), "rank": np.tile(np.arange(k) + 1, queries)}
        return to_frame(places | {name: column.ravel() for name, column in cells.items()})

    def __repr__(self) -> str:
        return "\n".join([self._title(), *map(_line, self._table()), *self._notes()])

    def __rich__(self) -> "Table":
        return rich_table(self._title(), self._table(), text={"id", "label"}, notes=self._notes())

    def _title(self) -> str:
        queries, k = self.rows.shape
        return f"Neighbors: {queries} {'query' if queries == 1 else 'queries'}, the {k} nearest objects"

    def _shown(self) -> int:
        """How many neighbors of a query are printed: who asks for one query wants all of its answer."""
        k: int = self.rows.shape[1]
        return k if len(self) == 1 else min(k, _NEIGHBORS_SHOWN)

    def _table(self) -> Iterator[list[str]]:
        """The heads of the columns, then the cells of each row."""
        yield self._row("query", "rank", "id", "label", "cosine", "angle")
        angles = self.angles
        for query in range(min(len(self), _QUERIES_SHOWN)):
            for rank in range(self._shown()):
                label = "" if self.labels is None else self.labels[query, rank]
                numbers = f"{self.cosines[query, rank]:.3f}", f"{angles[query, rank]:.3f}"
                yield self._row(str(query), str(rank + 1), self.ids[query, rank], label, *numbers)

    def _row(self, query: str, rank: str, name: Any, label: Any, cosine: str, angle: str) -> list[str]:
        shown = ", ".join(map(str, label)) if isinstance(label, tuple) else str(label)
        labels = [] if self.labels is None else [fit_text(shown, _LABEL_WIDTH)]
        return [query, rank, fit_text(str(name), _ID_WIDTH), *labels, cosine, angle]

    def _notes(self) -> list[str]:
        queries, k = self.rows.shape
        shown = self._shown()
        if queries <= _QUERIES_SHOWN and k <= shown:
            return []
        return [f"... up to {shown} neighbors of the first {_QUERIES_SHOWN} queries shown"]


def _line(cells: Sequence[str]) -> str:
    query, rank, *names, cosine, angle = cells
    return "  ".join([f"{query:>5} {rank:>4}", *names, f"{cosine:>6} {angle:>6}"])
