"""Pairs of objects that a user names by their ids."""

from typing import Any

import numpy as np

from steradian.data import ObjectTable
from steradian.data.modality import is_missing
from steradian.data.reading import read_columns
from steradian.errors import InputError
from steradian.misspelt import did_you_mean

__all__ = ["rows_of_pairs"]


def rows_of_pairs(
    source: Any,
    first: ObjectTable,
    second: ObjectTable,
    *,
    where: str,
    tables: tuple[str, str] = ("the first table", "the second table"),
    unmatched: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The places of each pair's objects in both tables, int64 [pairs] each; ids are compared as text.

    Args:
        source: a table of two columns of ids, as `read_objects` takes it.
        first: the table of the first column.
        second: that of the second one.
        where: the argument, for messages.
        tables: what to call both tables.
        unmatched: whether cells of the second column may be empty, which gives -1.

    Raises:
        InputError: another number of columns, ids in place of their names, an empty cell, or an id that no object has;
            with the nearest one.

    Examples:
        >>> import steradian as sr
        >>> table = {"x": np.eye(2), "sku": [7, 8]}
        >>> objects = sr.read_objects(table, sr.Schema({"x": sr.Vector("x")}, id="sku"), labelled=False)
        >>> rows_of_pairs({"a": [8, 7], "b": [7.0, None]}, objects, objects, where="known", unmatched=True)
        (array([1, 0]), array([ 0, -1]))
    """
    columns, places = read_columns(source), [_places(first), _places(second)]
    if len(columns) != 2:
        fix = "Write the first id and the second id of each pair, below a header line."
        got = f"{len(columns)} column{'s' * (len(columns) != 1)}: {', '.join(columns)}"
        raise InputError("a table of two columns", got, where, fix)
    if all(name in known for name, known in zip(columns, places, strict=True)):
        fix = "Write for example first,second above the first pair."
        raise InputError("names above the two columns", f"the ids {' and '.join(columns)}", where, fix)
    found = []
    for name, known, table, place in zip(columns, places, tables, ("first", "second"), strict=True):
        ids = [_as_id(cell) for cell in np.asarray(columns[name]).tolist()]
        if None in ids and not (unmatched and place == "second"):
            want, got = f"an id in each row of the {place} column", f"none in row {ids.index(None)} (counted from 0)"
            raise InputError(want, got, where, "Fill in the cell, or drop its row.")
        lost = next((each for each in ids if each is not None and each not in known), None)
        if lost is not None:
            usual = f"Write ids as they stand in the table, in the {place} column those of {table}."
            raise InputError(f"ids of {table}", repr(lost), where, did_you_mean(lost, known, otherwise=usual))
        found.append(np.array([-1 if each is None else known[each] for each in ids], dtype=np.int64))
    return found[0], found[1]


def _places(objects: ObjectTable) -> dict[str, int]:
    return {str(name): row for row, name in enumerate(objects.ids.tolist())}


def _as_id(cell: Any) -> str | None:
    """An id as text; integers are floats where their column has gaps."""
    if is_missing(cell):
        return None
    return str(int(cell) if isinstance(cell, float) and cell.is_integer() else cell)
