"""Rows that have no name to be known by: without a label or an id, or with an id that another row has."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from steradian.data.late_columns import LateColumns
from steradian.data.modality import is_missing
from steradian.data.schema import Schema
from steradian.errors import InputError

__all__ = ["named_rows"]


def named_rows(
    columns: LateColumns, schema: Schema, rows: np.ndarray, *, labelled: bool
) -> tuple[np.ndarray, dict[str, Mapping[int, Any]]]:
    """The places that can be named, int64, and what is wrong with the others: the id by row, by reason.

    Args:
        columns: of a table.
        schema: names the columns of labels and ids.
        rows: the row numbers in the user's table, int64 [objects].
        labelled: whether a label is needed.

    Raises:
        InputError: no row can be named.

    Examples:
        >>> import steradian as sr
        >>> schema = sr.Schema({"title": sr.Text("title")}, label="kind", id="sku")
        >>> columns = LateColumns({"kind": np.array(["a", None, "b"], object), "sku": np.array([7, 8, 7])})
        >>> named_rows(columns, schema, np.arange(3), labelled=True)
        (array([0]), {'without a label': {1: 8}, 'with an id that stands before': {2: 7}})
    """
    ids = None if schema.id is None else columns.get(schema.id)
    names = rows if ids is None else ids
    faults: dict[str, dict[int, Any]] = {}
    kept = np.ones(len(rows), dtype=bool)

    def drop(faulty: np.ndarray, reason: str) -> None:
        places = np.flatnonzero(faulty & kept)
        if places.size:
            faults[reason] = dict(zip(rows[places].tolist(), names[places].tolist(), strict=True))
        kept[places] = False

    if labelled:
        drop(_missing(columns[schema.label]), "without a label")
    if ids is not None:
        drop(_missing(ids), "without an id")
        drop(_repeated(ids, kept), "with an id that stands before")
    if not kept.any():
        raise InputError(
            want=f"a row with a label in column {schema.label!r}" + (" and an id" if schema.id else ""),
            got=f"none in {len(rows)} rows",
            where="the table",
            fix="Check the columns that the schema names, or read without labels: labelled=False.",
        )
    return np.flatnonzero(kept), dict(faults)


def _missing(column: np.ndarray) -> np.ndarray:
    return np.array([is_missing(cell) for cell in column.tolist()], dtype=bool)


def _repeated(ids: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Which rows have the id of one before that is kept."""
    seen: set[Any] = set()
    repeated = np.zeros(len(ids), dtype=bool)
    for place, name in enumerate(ids.tolist()):
        # Anything else is no name, which is told when names are read.
        if kept[place] and isinstance(name, (str, int, float)):
            repeated[place] = name in seen
            seen.add(name)
    return repeated
