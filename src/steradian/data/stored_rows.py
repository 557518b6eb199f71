"""Rows of Parquet files that stay on disk: what is asked for is read, and what was read last stays in memory."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

import numpy as np

from steradian.data.column_parts import below_each_other
from steradian.data.late_columns import LateColumn, LateColumns
from steradian.data.machine_memory import machine_memory
from steradian.data.modality import Modality, Values
from steradian.errors import InputError

__all__ = ["Piece", "StoredRows", "StoredValues", "decoded_sizes", "stored_columns"]

KEPT_SHARE, KEPT_MOST = 1 / 16, 4 << 30
"""Share of the memory, and bytes at most, of the columns that stay after they were read."""
READ_SHARE = 1 / 2
"""Share of the memory that a column may take which is read as a whole."""
UNKNOWN_MEMORY = 4 << 30
"""Bytes taken for the memory where the system does not say."""
PIECE = 32 << 20
"""Bytes of a row group up to which it is read as a whole; a larger one is read in pieces of this size."""
OPEN = 32
"""Files that are open at a time."""
CELL = 16
"""Bytes that a cell takes at least, as an object with its place in an array."""


class Piece(NamedTuple):
    """Rows that are read together.

    Args:
        file: the number of their file.
        group: their row group in it.
        number: which of the pieces of the row group they are.
        rows: how many rows a piece of this row group has, the last one perhaps fewer.
        length: how many rows these are.
    """

    file: int
    group: int
    number: int
    rows: int
    length: int


class StoredRows:
    """The rows of Parquet files, below each other.

    Args:
        paths: of the files.
        read: from a file, a row group, a number of rows and the name of a column to the column's arrays, so many rows
            each, one after the other.
        groups: for each file the rows of its row groups.
        sizes: bytes that a row of each column takes in memory.

    Examples:
        >>> def read(path, group, rows, name):
        ...     yield np.arange(3) + 10 * group
        >>> stored = StoredRows([Path("a.parquet")], read, [[3, 3]], {"x": 8.0})
        >>> stored.column("x", np.array([4, 0]))
        array([11,  0])
    """

    def __init__(
        self,
        paths: Sequence[Path],
        read: Callable[[Path, int, int, str], Iterator[np.ndarray]],
        groups: Sequence[Sequence[int]],
        sizes: Mapping[str, float],
    ) -> None:
        self.paths, self.sizes = list(paths), dict(sizes)
        memory = machine_memory() or UNKNOWN_MEMORY
        self._most, self._largest = int(min(KEPT_MOST, memory * KEPT_SHARE)), int(memory * READ_SHARE)
        self._read, self._groups = read, groups
        row = max(1.0, sum(self.sizes.values()))
        self.window = max(1, int(self._most / 2 / row))
        self.pieces = list(_pieces(groups, max(1, int(PIECE / row))))
        self.starts = np.cumsum([0, *(piece.length for piece in self.pieces)])
        self._kept: OrderedDict[tuple[int, str], np.ndarray] = OrderedDict()
        self._held = 0.0
        self._open: dict[str, tuple[int, Iterator[np.ndarray]]] = {}
        self._lock = RLock()

    def __len__(self) -> int:
        return int(self.starts[-1])

    def __reduce__(self) -> tuple[Any, ...]:
        # What was read is read again.
        return StoredRows, (self.paths, self._read, self._groups, self.sizes)

    @property
    def size(self) -> float:
        """Bytes that all rows would take in memory."""
        return len(self) * sum(self.sizes.values())

    @property
    def said(self) -> str:
        """Where the rows are, in a line."""
        memory = machine_memory() or UNKNOWN_MEMORY
        return f"rows stay on disk: {self.size / 1e9:,.3g} GB, memory {memory / 1e9:,.3g} GB; lazy=False reads them in"

    def row_groups(self, rows: np.ndarray) -> np.ndarray:
        """The number of the row group in which each of the rows stands, counted over all files, int64 [rows]."""
        first = np.array([piece.number == 0 for piece in self.pieces])
        numbers = first.cumsum() - 1
        found: np.ndarray = numbers[np.searchsorted(self.starts, rows, side="right") - 1]
        return found

    def column(self, name: str, rows: np.ndarray | None) -> np.ndarray:
        """A column of some rows, in their order.

        Args:
            name: of the column.
            rows: int64 [rows]; None: all.

        Raises:
            InputError: a damaged file, or more rows than the memory holds.
        """
        rows = np.arange(len(self)) if rows is None else rows
        self._refuse_too_many(name, len(rows))
        if not len(rows):
            return self._piece(0, name)[:0]
        pieces = np.searchsorted(self.starts, rows, side="right") - 1
        order = np.argsort(pieces, kind="stable")
        numbers, firsts = np.unique(pieces[order], return_index=True)
        parts = [
            _taken(self._piece(number, name), rows[chosen] - self.starts[number])
            for number, chosen in zip(numbers.tolist(), np.split(order, firsts[1:]), strict=True)
        ]
        joined = parts[0] if len(parts) == 1 else below_each_other(parts)
        if (np.diff(order) == 1).all():
            return joined
        places = np.empty(len(order), dtype=np.int64)
        places[order] = np.arange(len(order))
        return joined[places]

    def _refuse_too_many(self, name: str, count: int) -> None:
        size = self.sizes.get(name, CELL) * count
        if size > self._largest:
            raise InputError(
                want=f"rows of which column {name!r} takes at most {self._largest / 1e9:,.3g} GB, half of the memory",
                got=f"{count:,} rows of {size / 1e9:,.3g} GB, for what needs all of them in memory",
                where=f"a table whose rows stay on disk ({self.paths[0]})",
                fix="Take some of the rows, such as objects[:100_000] or objects.split(test_size=100_000)[1].",
            )

    def _piece(self, number: int, name: str) -> np.ndarray:
        """A column of a piece, which then stays as long as there is room."""
        key = number, name
        with self._lock:
            if key not in self._kept:
                self._kept[key] = self._next(number, name)
                self._held += self.pieces[number].length * self.sizes.get(name, CELL)
                while self._held > self._most and len(self._kept) > 1:
                    (gone, column), _ = self._kept.popitem(last=False)
                    self._held -= self.pieces[gone].length * self.sizes.get(column, CELL)
            self._kept.move_to_end(key)
            return self._kept[key]

    def _next(self, number: int, name: str) -> np.ndarray:
        """Read a column of a piece; of a row group that is read piece after piece none is read twice."""
        piece = self.pieces[number]
        due, parts = self._open.pop(name, (-1, iter(())))
        if due != number:
            parts = self._read(self.paths[piece.file], piece.group, piece.rows, name)
            for _ in range(piece.number):
                next(parts)
        found = next(parts)
        if number + 1 < len(self.pieces) and self.pieces[number + 1].number == piece.number + 1:
            self._open[name] = number + 1, parts
        return found


@dataclass(frozen=True, eq=False)
class StoredValues(Mapping[str, Values]):
    """The values of modalities as `Modality.read` gives them, read when they are asked for first.

    Args:
        stored: where the rows are.
        modalities: of the schema.
        columns: that they are read from, of these rows.
    """

    stored: StoredRows
    modalities: Mapping[str, Modality]
    columns: LateColumns
    _known: dict[str, Values] = field(default_factory=dict, init=False, repr=False)

    def __getitem__(self, name: str) -> Values:
        if name not in self._known:
            modality = self.modalities[name]
            self._known[name] = modality.read({each: self.columns[each] for each in modality.columns}).values
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.modalities)

    def __len__(self) -> int:
        return len(self.modalities)

    def at(self, columns: LateColumns) -> "StoredValues":
        """The values of other rows.

        Args:
            columns: of these rows.
        """
        return StoredValues(self.stored, self.modalities, columns)

    @property
    def places(self) -> np.ndarray:
        """Which rows of the files these are, int64 [rows]."""
        return np.arange(len(self.stored)) if self.columns.rows is None else self.columns.rows


class _StoredColumn(LateColumn):
    """A column of rows that stay on disk."""

    def __init__(self, stored: StoredRows, name: str) -> None:
        super().__init__(len(stored), partial(stored.column, name, None))
        self._stored, self._name = stored, name

    def at(self, rows: np.ndarray | None) -> np.ndarray:
        """Read, and not kept here."""
        return self._stored.column(self._name, rows)


def stored_columns(stored: StoredRows) -> LateColumns:
    """All columns of rows that stay on disk.

    Args:
        stored: the rows.
    """
    return LateColumns({name: _StoredColumn(stored, name) for name in stored.sizes})


def decoded_sizes(metadata: Sequence[Any], names: Sequence[str]) -> dict[str, float]:
    """Bytes that a row of each column takes in memory, on average, as the footers of Parquet files tell it.

    Args:
        metadata: of each file, by pyarrow.
        names: of the columns.
    """
    sizes = dict.fromkeys(names, 0.0)
    for file in metadata:
        for group in map(file.row_group, range(file.num_row_groups)):
            for column in map(group.column, range(group.num_columns)):
                path = column.path_in_schema
                name = path if path in sizes else next(each for each in names if path.startswith(f"{each}."))
                # Pages that refer to a dictionary are smaller than what they stand for.
                width = {"FLOAT": 4, "INT32": 4, "BOOLEAN": 1}.get(column.physical_type, 8)
                width = CELL if column.physical_type == "BYTE_ARRAY" else width
                decoded = max(column.total_uncompressed_size, width * column.num_values)
                sizes[name] += decoded
    total = max(1, sum(file.num_rows for file in metadata))
    return {name: size / total for name, size in sizes.items()}


def _taken(column: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Some rows of a column; a view of it where they follow each other."""
    if rows[-1] - rows[0] + 1 == len(rows) and (np.diff(rows) == 1).all():
        return column[int(rows[0]) : int(rows[-1]) + 1]
    chosen: np.ndarray = column[rows]
    return chosen


def _pieces(groups: Sequence[Sequence[int]], most: int) -> Iterator[Piece]:
    for file, lengths in enumerate(groups):
        for group, length in enumerate(lengths):
            count = max(1, -(-length // most))
            rows = -(-length // count)
            starts = range(0, length, max(1, rows))
            for number, start in enumerate(starts):
                yield Piece(file, group, number, rows, min(rows, length - start))
