"""Separate tables joined on a key: an object is what all of them say of it, and may be absent in any."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from steradian.data.checks import refuse_unknown_column, table_length, to_names
from steradian.data.columns import to_objects
from steradian.data.late_columns import LateColumn, LateColumns
from steradian.data.modality import is_missing, listed, shown
from steradian.data.schema import Schema
from steradian.errors import InputError

__all__ = ["join_tables"]


def join_tables(
    tables: Mapping[str, LateColumns], schema: Schema, *, on: str, sets: Collection[str] = ()
) -> tuple[LateColumns, tuple[str, ...]]:
    """The columns of all tables, a row a key, and lines on how many keys each of them has.

    A column keeps its name where one table alone has it; "table.column" names it in any case. The name of a table
    stands for all its columns of numbers, as one vector, unless a column is called so.

    Args:
        tables: the columns of each table by its name.
        schema: names the columns that are needed.
        on: the column of keys, which every table has.
        sets: tables of which several rows of a key are the items of a set.

    Returns:
        The columns [keys], keys in the order in which they are met first, and the lines.

    Raises:
        InputError: a table without keys, keys of several types, a key in several rows of a table that is none of
            `sets`, a name that several tables have, or a vector of a table with anything but numbers.

    Examples:
        >>> import steradian as sr
        >>> schema = sr.Schema({"rna": sr.Vector("rna"), "age": sr.Tabular(numeric="age")}, label="kind")
        >>> rna = LateColumns({"id": np.array([1, 2]), "g1": np.array([0.1, 0.2]), "g2": np.array([1.1, 1.2])})
        >>> ages = LateColumns({"id": np.array([3, 1]), "age": np.array([50, 60]), "kind": np.array(["a", "b"])})
        >>> columns, lines = join_tables({"rna": rna, "ages": ages}, schema, on="id")
        >>> columns["rna"].tolist(), columns["age"].tolist()
        ([[0.1, 1.1], [0.2, 1.2], [nan, nan]], [60.0, nan, 50.0])
        >>> print(lines[0])
        joined on 'id', 3 keys: rna 2, ages 2
    """
    keys = {name: _keys(columns, name, on) for name, columns in tables.items()}
    _refuse_keys_of_two_kinds(keys, on)
    places = {key: place for place, key in enumerate(dict.fromkeys(key for each in keys.values() for key in each))}
    parts = {
        name: _Part(name, columns, _rows(keys[name], places, name, on, several=name in sets), on)
        for name, columns in tables.items()
    }
    joined: dict[str, np.ndarray | LateColumn] = {on: np.array(list(places))}
    owners = Counter(column for part in parts.values() for column in part.columns if column != on)
    for part in parts.values():
        for column in part.columns:
            if column != on:
                name = column if owners[column] == 1 else f"{part.name}.{column}"
                joined[name] = LateColumn(len(places), partial(part.column, column))
    for wanted in (*schema.columns, schema.label, schema.id):
        if wanted is None or wanted in joined:
            continue
        if owners[wanted] > 1:
            raise _ambiguous(wanted, [name for name, part in parts.items() if wanted in part.columns])
        table, _, column = wanted.partition(".")
        if wanted in parts:
            excluded = {on, schema.label, schema.id}
            joined[wanted] = LateColumn(len(places), partial(parts[wanted].vectors, excluded))
        elif table in parts and column in parts[table].columns:
            joined[wanted] = LateColumn(len(places), partial(parts[table].column, column))
    return LateColumns(joined), _lines(keys, len(places), on)


@dataclass(frozen=True)
class _Part:
    """A table and, for each key, its row int64 [keys], -1 where there is none, or its rows, an array a key."""

    name: str
    columns: LateColumns
    rows: np.ndarray
    on: str

    def column(self, name: str) -> np.ndarray:
        """A column [keys]."""
        return self._gathered(self.columns[name])

    def vectors(self, excluded: Collection[str | None]) -> np.ndarray:
        """All other columns as one vector a key."""
        names = [name for name in self.columns if name not in excluded]
        parts = [self.columns[name] for name in names]
        for name, part in zip(names, parts, strict=True):
            if part.dtype.kind not in "biuf":
                raise InputError(
                    want=f"numbers in all columns of the table {self.name!r}, as it is read as a vector",
                    got=_no_number(part),
                    where=f"column {name!r}",
                    fix=f"Write nothing there where none was measured, drop the column, or name those to read: "
                    f"Vector('{self.name}.{names[0]}', ...).",
                )
        return self._gathered(np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1))

    def _gathered(self, column: np.ndarray) -> np.ndarray:
        if self.rows.dtype == object:
            return to_objects(_set(column, rows) for rows in self.rows)
        absent = self.rows < 0
        taken: np.ndarray = column[np.maximum(self.rows, 0)]
        if absent.any():
            if taken.dtype.kind in "iu" and np.abs(taken.astype(np.float64)).max(initial=0) < 2**53:
                taken = taken.astype(np.float64)
            if taken.dtype.kind not in "fmM" or taken.ndim > 2:
                taken = to_objects(taken)
            taken[absent] = None if taken.dtype == object else np.nan if taken.dtype.kind == "f" else "NaT"
        return taken


def _no_number(column: np.ndarray) -> str:
    """The first cell of a column that is no number, and its row."""
    for row, cell in enumerate(column.tolist()):
        if not is_missing(cell) and not isinstance(cell, (int, float)):
            with suppress(ValueError, TypeError):
                float(cell)
                continue
            return f"{shown(cell)} in row {row} (counted from 0)"
    return f"another kind, {column.dtype}"


def _set(column: np.ndarray, rows: np.ndarray) -> Any:
    """The cells of a key's rows as one cell."""
    if not len(rows):
        return None
    if column.dtype.kind in "biuf":
        return column[rows].reshape(len(rows), -1)
    cells = [cell for row in rows if not is_missing(cell := column[row])]
    return [item for cell in cells for item in (cell if isinstance(cell, list) else [cell])] or None


def _keys(columns: LateColumns, name: str, on: str) -> list[Any]:
    refuse_unknown_column(on, columns, where=f"the table {name!r}, on=..., which every table has")
    table_length(columns.lengths)
    column = columns[on]
    return to_names(column, np.arange(len(column)), name=f"{name}.{on}", role="a key").tolist()  # type: ignore[no-any-return]


def _refuse_keys_of_two_kinds(keys: Mapping[str, Sequence[Any]], on: str) -> None:
    kinds = {type(each[0]).__name__: name for name, each in keys.items() if each}
    if len(kinds) > 1:
        raise InputError(
            want=f"keys of one type in all columns {on!r}",
            got=" and ".join(f"{kind} in the table {name!r}" for kind, name in kinds.items()),
            where="read_objects(..., on=...)",
            fix="Write the keys as text in all tables.",
        )


def _rows(keys: list[Any], places: Mapping[Any, int], name: str, on: str, *, several: bool) -> np.ndarray:
    """For each key its row, or its rows."""
    of_row = np.array([places[key] for key in keys], dtype=np.int64)
    if several:
        order = np.argsort(of_row, kind="stable")
        ends = np.cumsum(np.bincount(of_row, minlength=len(places)))
        return to_objects(np.split(order, ends[:-1]))
    rows = np.full(len(places), -1, dtype=np.int64)
    rows[of_row] = np.arange(len(keys))
    repeated = np.flatnonzero(rows[of_row] != np.arange(len(keys)))
    if repeated.size:
        raise InputError(
            want="one row a key",
            got=f"the key {keys[repeated[0]]!r} in rows {repeated[0]} and {rows[of_row[repeated[0]]]}",
            where=f"the table {name!r}, column {on!r} (rows counted from 0)",
            fix=f"Drop one of the rows, or take them as a set of items: sets={name!r}.",
        )
    return rows


def _lines(keys: Mapping[str, Iterable[Any]], total: int, on: str) -> tuple[str, ...]:
    distinct = {name: set(each) for name, each in keys.items()}
    counts = Counter(key for each in distinct.values() for key in each)
    alone = {name: sum(counts[key] == 1 for key in each) for name, each in distinct.items()}
    lines = [
        f"joined on {on!r}, {total:,} keys: {', '.join(f'{name} {len(each):,}' for name, each in distinct.items())}"
    ]
    if len(keys) > 1 and any(alone.values()):
        lines.append(
            f"keys in one table alone: {', '.join(f'{name} {many:,}' for name, many in alone.items() if many)}"
        )
    return tuple(lines)


def _ambiguous(name: str, tables: Sequence[str]) -> InputError:
    return InputError(
        want=f"a column {name!r} in one table",
        got=f"one in each of {listed(map(repr, tables))}",
        where="the schema",
        fix=f"Write in the schema which is meant, such as '{tables[0]}.{name}'.",
    )
