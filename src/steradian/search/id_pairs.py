"""Pairs of ids that a user names, and where the objects of these ids stand."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from steradian.data import ObjectTable
from steradian.data.modality import is_missing
from steradian.data.reading import read_columns
from steradian.errors import InputError
from steradian.misspelt import did_you_mean

__all__ = ["read_id_pairs", "rows_of_ids"]


def read_id_pairs(source: Any, *, where: str) -> list[tuple[str, str | None]]:
    """The ids of each pair as text; None where a cell is empty in the second column.

    Args:
        source: a table of two columns, as `read_objects` takes it.
        where: the argument, for messages.

    Raises:
        InputError: another number of columns, or an empty cell in the first.

    Examples:
        >>> read_id_pairs({"a": [1, 2], "b": [7.0, None]}, where="known")
        [('1', '7'), ('2', None)]
    """
    columns = read_columns(source)
    if len(columns) != 2:
        fix = "Write the first id and the second id of each pair, below a header line."
        got = f"{len(columns)} column{'s' * (len(columns) != 1)}: {', '.join(columns)}"
        raise InputError("a table of two columns", got, where, fix)
    first, second = ([_as_id(cell) for cell in np.asarray(columns[name]).tolist()] for name in columns)
    if None in first:
        got = f"none in row {first.index(None)} (counted from 0)"
        raise InputError("an id in each row of the first column", got, where, "Fill in the cell, or drop its row.")
    return [(str(one), other) for one, other in zip(first, second, strict=True)]


def _as_id(cell: Any) -> str | None:
    """An id as text; integers are floats where their column has gaps."""
    if is_missing(cell):
        return None
    return str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell)


def rows_of_ids(objects: ObjectTable, ids: Sequence[str], *, where: str, table: str) -> np.ndarray:
    """The places of objects in a table, int64 [ids].

    Args:
        objects: the table.
        ids: as text.
        where: the argument that named them, for messages.
        table: what to call the table.

    Raises:
        InputError: an id that no object has; with the nearest one.
    """
    places = {str(name): row for row, name in enumerate(objects.ids.tolist())}
    lost = next((name for name in ids if name not in places), None)
    if lost is not None:
        fix = did_you_mean(lost, places, otherwise="Write ids as they stand in the table.")
        raise InputError(f"ids of {table}", repr(lost), where, fix)
    return np.array([places[name] for name in ids], dtype=np.int64)
