"""What the text of a CSV column stands for, by what the schema says of it and by all of its cells."""

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from steradian.data.columns import from_arrow, from_cells, to_objects
from steradian.data.json_limits import parse_json
from steradian.data.schema import Schema

__all__ = ["list_columns", "text_columns", "to_csv_column"]

LOSSY_AS_NUMBER = r"^\s*[+-]?(0\d|\d{20,}\s*$)"
"""Text that a number would not give back: leading zeros, more digits than 64 bits hold."""

_ENTRY = r"(0|-?[1-9]\d{0,14}|-?(0|[1-9]\d{0,14})(\.\d+([eE][+-]?\d+)?|[eE][+-]?\d+)|null|NaN)"
TRIED = 100
"""Cells tried before all others."""
NUMBER_LIST = rf"^\s*\[\s*{_ENTRY}(\s*,\s*{_ENTRY})*\s*\]\s*$"
"""A JSON list of numbers that Arrow reads as Python does."""


def to_csv_column(column: pa.ChunkedArray, *, text: bool, lists: bool, cell_by_cell: bool) -> np.ndarray:
    """A CSV column of text as what it stands for.

    Args:
        column: of text, null where a cell is empty.
        text: whether it stays text.
        lists: whether a JSON list of texts is a list.
        cell_by_cell: whether a cell that is not as the others leaves them what they are.

    Examples:
        >>> to_csv_column(pa.chunked_array([["1", "2.5", None]]), text=False, lists=False, cell_by_cell=False)
        array([1. , 2.5, nan])
    """
    cells = from_arrow(column) if text else _from_text(column)
    if cell_by_cell and not text and _holds_text(cells):
        # One cell that is no number makes text of a whole column.
        cells = from_cells(map(_parsed, cells))
    if (
        lists
        and cells.dtype == object
        and not pa.types.is_null(column.type)
        and _any(pc.starts_with(pc.utf8_ltrim_whitespace(column), "["))
    ):
        return to_objects(map(_as_list, cells))
    return cells


def text_columns(schema: Schema | None) -> set[str | None]:
    """Label, id and what modalities read as text, so that two files of one schema have one type.

    A guess would take the categories true and false for booleans where a file happens to lack a third.

    Args:
        schema: of the table, if it is known.
    """
    if schema is None:
        return set()
    modalities = schema.modalities.values()
    otherwise = {name for m in modalities for name in m.columns if name not in m.text_columns}
    return {schema.label, schema.id, *(name for m in modalities for name in m.text_columns)} - otherwise


def list_columns(schema: Schema | None) -> set[str]:
    """Columns whose every reader takes a list of texts for several items.

    Args:
        schema: of the table, if it is known.
    """
    if schema is None:
        return set()
    modalities = schema.modalities.values()
    otherwise = {name for m in modalities if not m.holds_lists for name in m.columns}
    return {name for m in modalities for name in m.columns} - otherwise - {schema.label, str(schema.id)}


def _as_list(cell: Any) -> Any:
    """A CSV cell that is a JSON list of texts as this list, any other as it stands."""
    if not isinstance(cell, str) or not cell.lstrip().startswith("["):
        return cell
    try:
        entries = parse_json(cell)
    except ValueError:
        return cell
    return entries if all(entry is None or isinstance(entry, str) for entry in entries) else cell


def _from_text(column: pa.ChunkedArray) -> np.ndarray:
    """A CSV column as lists, numbers or booleans where every cell is one, otherwise as text."""
    if column.null_count == len(column):
        return from_arrow(column)
    if pc.all(pc.starts_with(pc.utf8_ltrim_whitespace(column), "[")).as_py():
        return _from_lists(column)
    for kind in (pa.int64(), pa.float64(), pa.bool_()):
        numbers = _cast(column, kind)
        if numbers is not None:
            lossy = kind != pa.bool_() and _any(pc.match_substring_regex(column, LOSSY_AS_NUMBER))
            return from_arrow(column if lossy else numbers)
    return from_arrow(column)


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    """The column as another type, whatever blanks stand around; None where a cell is none of it."""
    # Most columns have no blanks. Arrow writes a message for every cell that it cannot cast, so a few are tried first.
    for prepare in (None, pc.utf8_trim_whitespace):
        try:
            for cells in (column[:TRIED], column):
                found = (prepare(cells) if prepare else cells).cast(kind)
            return found
        except pa.ArrowInvalid:
            continue
    return None


def _from_lists(column: pa.ChunkedArray) -> np.ndarray:
    """A CSV column of which every cell begins as a list."""
    if pc.all(pc.match_substring_regex(column, NUMBER_LIST)).as_py():
        kind = pa.float64() if _any(pc.match_substring_regex(column, "[.eEN]")) else pa.int64()
        return from_arrow(pa.chunked_array([_numbers(chunk, kind) for chunk in column.chunks], pa.list_(kind)))
    try:
        return from_cells(None if cell is None else parse_json(cell) for cell in column.to_pylist())
    except ValueError:
        return from_arrow(column)


def _numbers(cells: pa.Array, kind: pa.DataType) -> pa.ListArray:
    """Texts of lists of numbers as these lists."""
    entries = pc.split_pattern(pc.utf8_trim(cells, "[] \t\r\n"), ",")
    flat = pc.utf8_trim_whitespace(entries.flatten())
    numbers = pc.if_else(pc.equal(flat, "null"), None, flat).cast(kind)
    ends = np.cumsum(pc.list_value_length(entries).fill_null(0).to_numpy(zero_copy_only=False))
    offsets = pa.array(np.concatenate([[0], ends]).astype(np.int32))
    return pa.ListArray.from_arrays(offsets, numbers, mask=cells.is_null())


def _any(found: pa.ChunkedArray) -> bool:
    return bool(pc.any(found).as_py())


def _holds_text(column: np.ndarray) -> bool:
    return column.dtype == object and any(isinstance(cell, str) for cell in column)


def _parsed(cell: Any) -> Any:
    """A CSV cell as a list or number if it is one."""
    if cell is None or "_" in cell or re.match(LOSSY_AS_NUMBER, cell):
        return cell
    try:
        return parse_json(cell) if cell.lstrip().startswith("[") else float(cell)
    except ValueError:
        return cell
