"""The columns of a table; those that nothing reads stay as their source holds them until they are asked for."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

__all__ = ["LateColumn", "LateColumns", "row_numbers"]


class LateColumn:
    """A column as its source holds it.

    Args:
        length: its rows.
        convert: makes an array [rows] of it; raises InputError where it cannot.

    Examples:
        >>> LateColumn(2, lambda: np.array([1, 2])).array
        array([1, 2])
    """

    def __init__(self, length: int, convert: Callable[[], np.ndarray]) -> None:
        self.length = length
        self._convert = convert

    def __len__(self) -> int:
        return self.length

    @cached_property
    def array(self) -> np.ndarray:
        """The column [rows], converted when it is asked for first."""
        return self._convert()

    def at(self, rows: np.ndarray | None) -> np.ndarray:
        """Some of the rows.

        Args:
            rows: int64 [rows]; None: all.
        """
        return self.array if rows is None else self.array[rows]


@dataclass(frozen=True, eq=False)
class LateColumns(Mapping[str, np.ndarray]):
    """Arrays by name, first axis rows.

    Args:
        columns: arrays, which are of these rows, and late columns, which are of all rows of the source.
        rows: the rows of the late columns that count, int64; None: all.

    Examples:
        >>> columns = LateColumns({"price": np.array([1, 2]), "shop": LateColumn(2, lambda: np.array(["a", "b"]))})
        >>> columns.at(np.array([1]))["shop"]
        array(['b'], dtype='<U1')
    """

    columns: Mapping[str, "np.ndarray | LateColumn"]
    rows: np.ndarray | None = field(default=None, repr=False)

    def __getitem__(self, name: str) -> np.ndarray:
        column = self.columns[name]
        return column.at(self.rows) if isinstance(column, LateColumn) else column

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __contains__(self, name: object) -> bool:
        # A mapping would convert a column to say that it is there.
        return name in self.columns

    @property
    def lengths(self) -> dict[str, int]:
        """The rows of each column, without converting it."""
        late = None if self.rows is None else len(self.rows)
        return {
            name: late if isinstance(column, LateColumn) and late is not None else len(column)
            for name, column in self.columns.items()
        }

    def at(self, rows: Any) -> "LateColumns":
        """Some of the rows: of arrays at once, views where `rows` is a slice; of late columns when they are asked for.

        Args:
            rows: a slice or int64 [rows].
        """
        columns = {
            name: column if isinstance(column, LateColumn) else column[rows] for name, column in self.columns.items()
        }
        late = max((column.length for column in columns.values() if isinstance(column, LateColumn)), default=0)
        if self.rows is not None:
            return LateColumns(columns, self.rows[rows])
        return LateColumns(columns, row_numbers(rows, late) if late else None)

    def with_arrays(self, arrays: Mapping[str, np.ndarray]) -> "LateColumns":
        """The same with other or further arrays of the same rows."""
        return replace(self, columns={**self.columns, **arrays})

    def converted(self, names: Iterable[str]) -> "LateColumns":
        """The same with those of these columns that there are as arrays."""
        return self.with_arrays({name: self[name] for name in names if name in self})


def row_numbers(rows: Any, length: int) -> np.ndarray:
    """What an index chooses of so many rows, int64 of any shape, without a number for each of them where it can be.

    Args:
        rows: a slice, integers or a bool mask.
        length: how many rows there are.

    Raises:
        IndexError: rows that there are not.

    Examples:
        >>> row_numbers(slice(-2, None), 5), row_numbers([True, False], 2)
        (array([3, 4]), array([0]))
    """
    if isinstance(rows, slice):
        return np.arange(*rows.indices(length))
    if isinstance(rows, np.ndarray) and rows.dtype.kind == "i" and rows.size:
        least, most = int(rows.min()), int(rows.max())
        if least >= 0 and most < length:
            return rows
    numbers: np.ndarray = np.arange(length)[rows]
    return numbers
