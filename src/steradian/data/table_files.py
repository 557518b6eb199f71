"""From a table's file to its columns, of which none is converted before it is asked for."""

import csv
import io
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from steradian.data.columns import from_arrow, from_cells, to_column, to_objects
from steradian.data.json_limits import LONGEST_LINE, parse_json, refuse_deep_lines
from steradian.data.late_columns import LateColumn
from steradian.data.regular_files import open_regular
from steradian.data.schema import Schema
from steradian.errors import InputError

__all__ = ["read_file", "refuse_repeated_names"]

LONGEST_ROW = 1 << 24
"""Bytes of a CSV row at most, 16 MiB."""
LONGEST_HEADER = 1 << 20
"""Characters of a CSV header at most."""

LOSSY_AS_NUMBER = r"^[+-]?(0\d|\d{20,}$)"
"""Text that a number would not give back: leading zeros, more digits than 64 bits hold."""


def read_file(path: Path, schema: Schema, *, cell_by_cell: bool) -> dict[str, LateColumn]:
    r"""The columns of a file, as `steradian.read_objects` explains them.

    Args:
        path: of a .parquet, .csv, .jsonl or .ndjson file.
        schema: says what a CSV file holds as text or as lists.
        cell_by_cell: whether a cell that is not as the others of its column shall leave them what they are.

    Raises:
        InputError: no such regular file, another ending, a damaged file, or one that goes beyond the limits of its
            kind.

    Example:
        >>> import tempfile
        >>> import steradian as sr
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "table.csv")
        ...     _ = path.write_text("title,price\nshoe,20\n")
        ...     read_file(path, sr.Schema({"title": sr.Text("title")}), cell_by_cell=False)["price"].array
        array([20])
    """
    read = READERS.get(path.suffix.lower())
    try:
        if not os.path.exists(path):
            raise FileNotFoundError
        if read is not None:
            # Arrow would wait for a pipe for ever, and read what the system makes up as it is read.
            open_regular(path).close()
            return read(path, schema, cell_by_cell)
    except FileNotFoundError as error:
        raise InputError(
            want="a table's file",
            got="no such file",
            where=str(path),
            fix=f"Check the path; relative ones start at {Path.cwd()}.",
        ) from error
    except (pa.ArrowException, OSError, ValueError, RecursionError, csv.Error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            want=f"a whole {path.suffix} file",
            got=_short(error),
            where=str(path),
            fix="Fix the place it names, or write the file again (as UTF-8 if it is text).",
        ) from error
    raise InputError(
        want=f"a file whose name ends in {', '.join(READERS)}",
        got=repr(path.suffix),
        where=str(path),
        fix="Convert the table to one of these, or read it yourself and pass a dict of columns.",
    )


def refuse_repeated_names(names: Iterable[str]) -> None:
    """Refuse a table with two columns of one name.

    Args:
        names: of its columns.

    Raises:
        InputError: a name stands twice.
    """
    for name, count in Counter(names).items():
        if count > 1:
            raise InputError(
                want="columns of different names",
                got=f"{count} columns {name!r}",
                where="the table",
                fix="Rename or drop one of them.",
            )


def _short(error: Exception) -> str:
    """What a library says, on a line."""
    if "straddling object" in str(error):
        return f"a row of more than {LONGEST_ROW >> 20} MiB, or a quote that is never closed"
    said = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return (" ".join(said.split())[:200] or type(error).__name__).rstrip(".")


def _of_table(table: pa.Table) -> dict[str, LateColumn]:
    refuse_repeated_names(table.column_names)
    return {
        name: LateColumn(len(column), partial(to_column, column, name))
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


def _read_parquet(path: Path, schema: Schema, cell_by_cell: bool) -> dict[str, LateColumn]:
    from pyarrow import parquet

    return _of_table(parquet.read_table(path))


def _read_csv(path: Path, schema: Schema, cell_by_cell: bool) -> dict[str, LateColumn]:
    from pyarrow import csv as arrow_csv

    names = _header(path)
    _refuse_other_separators(names, path)
    refuse_repeated_names(names)
    # Read as text and converted afterwards, because Arrow's own guess takes "007" for 7 and dates from texts.
    table = arrow_csv.read_csv(
        path,
        read_options=arrow_csv.ReadOptions(block_size=LONGEST_ROW),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True
        ),
    )
    text, lists, read = _text_columns(schema), _list_columns(schema), set(schema.columns)
    return {
        name: LateColumn(
            len(table),
            partial(
                _from_csv,
                column,
                text=name in text,
                lists=name in lists,
                cell_by_cell=cell_by_cell and name in read,
            ),
        )
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


def _from_csv(column: pa.ChunkedArray, *, text: bool, lists: bool, cell_by_cell: bool) -> np.ndarray:
    """A CSV column of text as what it stands for."""
    cells = from_arrow(column) if text else _from_text(column)
    if cell_by_cell and not text and _holds_text(cells):
        # One cell that is no number makes text of a whole column.
        cells = from_cells(map(_parsed, cells))
    return to_objects(map(_as_list, cells)) if lists else cells


def _header(path: Path) -> list[str]:
    """The names of the columns; a line that never ends is not read to its end."""
    with io.TextIOWrapper(open_regular(path), encoding="utf-8-sig", newline="") as file:
        start = file.read(LONGEST_HEADER)
        rows = csv.reader(io.StringIO(start, newline=""))
        names = next(rows, [])
        if len(start) == LONGEST_HEADER and rows.line_num == start.count("\n") + 1:
            raise csv.Error(f"a header of more than {LONGEST_HEADER >> 20} MiB")
    return names


def _refuse_other_separators(names: list[str], path: Path) -> None:
    for separator in ";\t|":
        if len(names) == 1 and separator in names[0]:
            raise InputError(
                want="columns separated by commas",
                got=f"the separator {separator!r} in {names[0]!r:.80}",
                where=str(path),
                fix=f"Write the file with commas: pandas.read_csv(path, sep={separator!r}).to_csv(path, index=False).",
            )


def _text_columns(schema: Schema) -> set[str | None]:
    """Label, id and what modalities read as text, so that two files of one schema have one type.

    A guess would take the categories true and false for booleans where a file happens to lack a third.
    """
    modalities = schema.modalities.values()
    otherwise = {name for m in modalities for name in m.columns if name not in m.text_columns}
    return {schema.label, schema.id, *(name for m in modalities for name in m.text_columns)} - otherwise


def _list_columns(schema: Schema) -> set[str]:
    """Columns whose every reader takes a list of texts for several items."""
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
    known = pc.utf8_trim_whitespace(column.drop_null())
    if not len(known) or pc.any(pc.match_substring_regex(known, LOSSY_AS_NUMBER)).as_py():
        return from_arrow(column)
    if pc.all(pc.starts_with(known, "[")).as_py():
        try:
            return from_cells(None if cell is None else parse_json(cell) for cell in column.to_pylist())
        except ValueError:
            return from_arrow(column)
    for kind in (pa.int64(), pa.float64(), pa.bool_()):
        try:
            return from_arrow(pc.utf8_trim_whitespace(column).cast(kind))
        except pa.ArrowInvalid:
            continue
    return from_arrow(column)


def _holds_text(column: np.ndarray) -> bool:
    return column.dtype == object and any(isinstance(cell, str) for cell in column)


def _parsed(cell: Any) -> Any:
    """A CSV cell as a list or number if it is one."""
    if cell is None or "_" in cell or re.match(LOSSY_AS_NUMBER, cell.strip()):
        return cell
    try:
        return parse_json(cell) if cell.lstrip().startswith("[") else float(cell)
    except ValueError:
        return cell


def _read_jsonl(path: Path, schema: Schema, cell_by_cell: bool) -> dict[str, LateColumn]:
    from pyarrow import json as arrow_json

    # Arrow calls itself for every bracket, until the stack overflows.
    refuse_deep_lines(path)
    options = arrow_json.ReadOptions(block_size=LONGEST_LINE)
    try:
        table = arrow_json.read_json(path, read_options=options)
    except pa.ArrowInvalid:
        # Arrow takes no column of several types, such as one path here and a list of paths there.
        rows = _parsed_lines(path)
        alone = not any(isinstance(cell, list) for row in rows for cell in row.values())
        mixed = alone and any(_are_mixed(rows, name) for name in (*schema.columns, schema.label, schema.id))
        if not rows or (mixed and not cell_by_cell):
            raise
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: LateColumn(len(rows), partial(_from_rows, rows, name)) for name in names}
    fields = [(field.name, _with_dates_as_text(field.type)) for field in table.schema]
    if fields != [(field.name, field.type) for field in table.schema]:
        # Arrow takes text that looks like a date for one; what JSON writes as text shall stay text.
        table = arrow_json.read_json(
            path, read_options=options, parse_options=arrow_json.ParseOptions(explicit_schema=pa.schema(fields))
        )
    return _of_table(table)


def _parsed_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file, one after another."""
    with io.TextIOWrapper(open_regular(path), encoding="utf-8") as file:
        rows = [json.loads(line, object_pairs_hook=_object) for line in file if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("a line that is no JSON object")
    return rows


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(entries := dict(pairs)) != len(pairs):
        raise ValueError(f"a key twice in one object, of {', '.join(name for name, _ in pairs)}"[:200])
    return entries


def _from_rows(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    return to_column([row.get(name) for row in rows], name)


def _are_mixed(rows: list[dict[str, Any]], name: str | None) -> bool:
    """Whether the cells of a column are of several types; numbers are of one."""
    kinds = {type(row.get(str(name))) for row in rows} - {type(None)}
    return len({float if kind is int else kind for kind in kinds}) > 1


def _with_dates_as_text(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_with_dates_as_text(kind.value_type))
    return pa.string() if pa.types.is_timestamp(kind) else kind


READERS: dict[str, Callable[[Path, Schema, bool], dict[str, LateColumn]]] = {
    ".parquet": _read_parquet,
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
}
