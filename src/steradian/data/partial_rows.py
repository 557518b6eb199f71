"""Rows with only some of the schema's columns: what a modality would read from the others is missing."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

import numpy as np

from steradian.data.checks import table_length
from steradian.data.columns import column_length
from steradian.data.late_columns import LateColumns
from steradian.data.modality import listed
from steradian.data.schema import Schema
from steradian.errors import InputError

__all__ = ["as_rows", "with_absent_columns"]

NEAR = 0.7
"""How alike two names are, from 0 to 1, from which on one is taken for the other misspelt."""


def as_rows(source: Any) -> Any:
    """A dict of single values as a list of this one row; anything else as it is.

    Args:
        source: of which any value that is no column makes one object.

    Examples:
        >>> as_rows({"title": "red shoe", "sensors": [0.1, 0.4]})
        [{'title': 'red shoe', 'sensors': [0.1, 0.4]}]
        >>> as_rows({"title": ["red shoe"]})
        {'title': ['red shoe']}
    """
    if isinstance(source, Mapping) and not all(_is_column(value) for value in source.values()):
        return [source]
    return source


def with_absent_columns(columns: LateColumns, schema: Schema, *, by_hand: bool) -> LateColumns:
    """The columns, and an empty one for each that the schema names and that is not there.

    Args:
        columns: of a table.
        schema: names the columns of the modalities.
        by_hand: whether the rows were written for this purpose, so that any other name is a mistake.

    Raises:
        InputError: none of the modalities' columns is there, or one may be misspelt.

    Examples:
        >>> import steradian as sr
        >>> schema = sr.Schema({"title": sr.Text("title"), "price": sr.Tabular(numeric="price")})
        >>> with_absent_columns(LateColumns({"price": np.array([20.0])}), schema, by_hand=True)["title"]
        array([None], dtype=object)
    """
    absent = [name for name in schema.columns if name not in columns]
    known = {*schema.columns, schema.label, schema.id}
    for name in columns if absent else ():
        if name in known:
            continue
        near = _near(name, absent)
        if near or by_hand:
            raise InputError(
                want=f"columns of {listed(schema.columns, most=20)}",
                got=repr(name),
                where="the table",
                fix=f"Did you mean {near!r}?" if near else "Leave it out, or give all the columns.",
            )
    if len(absent) == len(schema.columns):
        raise InputError(
            want=f"a column of {listed(schema.columns, most=20)}",
            got=f"the columns {listed(map(repr, columns), most=20)}" if columns else "no column",
            where="the table",
            fix="Give at least one: the modalities of the others count as missing.",
        )
    length = table_length(columns.lengths)
    return columns.with_arrays({name: np.full(length, None, dtype=object) for name in absent})


def _near(name: str, absent: Iterable[str]) -> str | None:
    """The absent column that a name may stand for."""
    spelt = {column.casefold(): column for column in absent}
    near = get_close_matches(name.casefold(), spelt, n=1, cutoff=NEAR)
    return spelt[near[0]] if near else None


def _is_column(value: Any) -> bool:
    try:
        column_length(value, "")
    except InputError:
        return False
    return True
