"""From a file, a table of another library or a dict of columns to an `ObjectTable`."""

import csv
import json
import os
import re
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from steradian.data.columns import from_arrow, from_cells, to_column, to_objects
from steradian.data.modality import is_url, shown
from steradian.data.objects import ObjectTable, OnError
from steradian.data.schema import Schema
from steradian.errors import ConfigError, InputError

__all__ = ["read_objects"]

JSON_BLOCK = 1 << 26
"""Bytes of JSONL that pyarrow parses at a time; no row may be longer."""

LOSSY_AS_NUMBER = r"^[+-]?(0\d|\d{20,}$)"
"""Text that a number would not give back: leading zeros, more digits than 64 bits hold."""


def read_objects(source: Any, schema: Schema, *, labelled: bool = True, on_error: OnError = "raise") -> ObjectTable:
    """Read and check a table of objects.

    None, NaN, NaT and empty CSV cells mean missing; so does the text NA, NaN, null and their like in CSV. In a CSV
    file labels, ids, categories, texts and paths are text as written. Any other column is numbers or truth values
    where every cell is one and loses nothing by it ("007" stays text), lists where every cell is a JSON list, and
    else text. Relative paths of pictures and sounds start at the table's folder. A list of pictures, sounds or texts
    in a cell is a set of items; a CSV cell writes it as a JSON list of texts.

    Args:
        source: the path of a .parquet, .csv, .jsonl or .ndjson file; a pyarrow, pandas or polars table, or any
            other that Arrow can take; a dict of columns, each a list or array with one entry a row; or an
            `ObjectTable`, which passes unchanged if its schema is the same and is read anew if not.
        schema: what the columns mean.
        labelled: refuse a table without labels, or without the column of ids that the schema names. Otherwise
            labels are kept where every row has one, and ids where there is the column.
        on_error: "raise" refuses a table with an item that cannot be read. "missing" goes on as if the item were not
            there, of a list as if it were shorter, and counts it; objects with nothing to read are left out. Pictures
            and sounds, otherwise decoded when they are needed, are all tried at once. The table prints the counts;
            its `unreadable` names row, column and reason of each.

    Raises:
        InputError: a table, row or cell that cannot be used.
        ConfigError: a schema that is none, or another `on_error`.

    Example:
        >>> import steradian as sr
        >>> schema = sr.Schema({"title": sr.Text("title"), "sound": sr.Series("sound")})
        >>> table = {"title": ["drum", None], "sound": [None, [0.1, 0.4, 0.2]], "label": ["a", "b"]}
        >>> sr.read_objects(table, schema).present
        array([[ True, False],
               [False,  True]])
    """
    if not isinstance(schema, Schema):
        raise ConfigError(
            want="a Schema",
            got=shown(schema),
            where="read_objects(..., schema)",
            fix="Use Schema.from_yaml(path) or Schema.from_dict(...).",
        )
    if isinstance(source, ObjectTable):
        return _read_again(source, schema, labelled=labelled, on_error=on_error)
    columns = _columns(source, schema, cell_by_cell=on_error == "missing")
    return ObjectTable.from_columns(columns, schema, labelled=labelled, on_error=on_error)


def _read_again(objects: ObjectTable, schema: Schema, *, labelled: bool, on_error: OnError) -> ObjectTable:
    incomplete = not objects.has_labels or schema.id not in (None, *objects.columns)
    if objects.schema == schema and not (labelled and incomplete) and on_error != "missing":
        return objects
    again = ObjectTable.from_columns(objects.columns, schema, labelled=labelled, rows=objects.rows, on_error=on_error)
    return replace(again, unreadable=objects.unreadable + again.unreadable)


def _columns(source: Any, schema: Schema, *, cell_by_cell: bool) -> dict[str, np.ndarray]:
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        columns = _read_file(path, schema, cell_by_cell=cell_by_cell)
        return _with_absolute_paths(columns, schema, folder=path.absolute().parent)
    if isinstance(source, Mapping):
        return {str(name): to_column(column, str(name)) for name, column in source.items()}
    # pandas: its object columns may hold what Arrow cannot, so they are read one by one.
    if hasattr(source, "iloc") and hasattr(source, "columns"):
        _refuse_repeated_names([str(name) for name in source.columns])
        return {str(name): to_column(source[name], str(name)) for name in source.columns}
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        # A single column speaks Arrow too, but is no table.
        with suppress(pa.ArrowException):
            source = pa.table(source)
    if isinstance(source, pa.Table):
        return _from_table(source)
    raise InputError(
        want="a path, a dict of columns, or a pyarrow, pandas or polars table",
        got=shown(source),
        where="read_objects(source, ...)",
        fix="For a list of dicts, one a row, pass pyarrow.Table.from_pylist(rows)."
        if isinstance(source, (list, tuple))
        else 'Write for example {"title": ["first", "second"], "label": ["a", "b"]}.',
    )


def _from_table(table: pa.Table) -> dict[str, np.ndarray]:
    _refuse_repeated_names(table.column_names)
    return {name: from_arrow(column) for name, column in zip(table.column_names, table.columns, strict=True)}


def _refuse_repeated_names(names: list[str]) -> None:
    for name, count in Counter(names).items():
        if count > 1:
            raise InputError(
                want="columns of different names",
                got=f"{count} columns {name!r}",
                where="the table",
                fix="Rename or drop one of them.",
            )


def _read_file(path: Path, schema: Schema, *, cell_by_cell: bool) -> dict[str, np.ndarray]:
    if not path.exists():
        raise InputError(
            want="a table's file",
            got="no such file",
            where=str(path),
            fix=f"Check the path; relative ones start at {Path.cwd()}.",
        )
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise InputError(
            want=f"a file whose name ends in {', '.join(READERS)}",
            got=repr(path.suffix),
            where=str(path),
            fix="Convert the table to one of these, or read it yourself and pass a dict of columns.",
        )
    try:
        return read(path, schema, cell_by_cell)
    except (pa.ArrowException, OSError, UnicodeDecodeError, json.JSONDecodeError, csv.Error) as error:
        raise InputError(
            want=f"a whole {path.suffix} file",
            got=" ".join(str(error).split())[:200].rstrip("."),
            where=str(path),
            fix="Mend the place it names, or write the file again (as UTF-8 if it is text).",
        ) from error


def _read_parquet(path: Path, schema: Schema, cell_by_cell: bool) -> dict[str, np.ndarray]:
    from pyarrow import parquet

    return _from_table(parquet.read_table(path))


def _read_csv(path: Path, schema: Schema, cell_by_cell: bool) -> dict[str, np.ndarray]:
    from pyarrow import csv as arrow_csv

    with path.open(encoding="utf-8-sig", newline="") as file:
        names = next(csv.reader(file), [])
    _refuse_other_separators(names, path)
    _refuse_repeated_names(names)
    # Read as text and converted afterwards, because Arrow's own guess takes "007" for 7 and dates from texts.
    table = arrow_csv.read_csv(
        path,
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True
        ),
    )
    text = _text_columns(schema)
    columns = {name: (from_arrow if name in text else _from_text)(table[name]) for name in table.column_names}
    if cell_by_cell:
        # One cell that is no number makes text of a whole column.
        mixed = [name for name in schema.columns if name in columns and name not in text and _holds_text(columns[name])]
        columns |= {name: from_cells(map(_parsed, columns[name])) for name in mixed}
    lists = _list_columns(schema) & columns.keys()
    return columns | {name: to_objects(map(_as_list, columns[name])) for name in lists}


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

    A guess would take the categories true and false for truth values where a file happens to lack a third.
    """
    modalities = schema.modalities.values()
    otherwise = {name for m in modalities for name in m.columns if name not in m.text_columns}
    return {schema.label, schema.id, *(name for m in modalities for name in m.text_columns)} - otherwise


def _list_columns(schema: Schema) -> set[str]:
    """Columns whose every reader takes a list of texts for several items."""
    modalities = schema.modalities.values()
    otherwise = {name for m in modalities if not m.holds_lists for name in m.columns}
    return {name for m in modalities for name in m.columns} - otherwise - {schema.label, schema.id}


def _as_list(cell: Any) -> Any:
    """A CSV cell that is a JSON list of texts as this list, any other as it stands."""
    if not isinstance(cell, str) or not cell.lstrip().startswith("["):
        return cell
    try:
        entries = json.loads(cell)
    except (ValueError, RecursionError):
        return cell
    return entries if all(entry is None or isinstance(entry, str) for entry in entries) else cell


def _from_text(column: pa.ChunkedArray) -> np.ndarray:
    """A CSV column as lists, numbers or truth values where every cell is one, otherwise as text."""
    known = pc.utf8_trim_whitespace(column.drop_null())
    if not len(known) or pc.any(pc.match_substring_regex(known, LOSSY_AS_NUMBER)).as_py():
        return from_arrow(column)
    if pc.all(pc.starts_with(known, "[")).as_py():
        try:
            return from_cells(None if cell is None else json.loads(cell) for cell in column.to_pylist())
        except json.JSONDecodeError:
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
        return json.loads(cell) if cell.lstrip().startswith("[") else float(cell)
    except ValueError:
        return cell


def _read_jsonl(path: Path, schema: Schema, cell_by_cell: bool) -> dict[str, np.ndarray]:
    from pyarrow import json as arrow_json

    options = arrow_json.ReadOptions(block_size=JSON_BLOCK)
    try:
        table = arrow_json.read_json(path, read_options=options)
    except pa.ArrowInvalid:
        # Arrow takes no column of several types, such as one path here and a list of paths there.
        with path.open(encoding="utf-8") as file:
            rows = [json.loads(line) for line in file if line.strip()]
        named = all(isinstance(row, dict) for row in rows)
        if not named or not (cell_by_cell or any(isinstance(cell, list) for row in rows for cell in row.values())):
            raise
        names = dict.fromkeys(name for row in rows for name in row)
        return {name: from_cells(row.get(name) for row in rows) for name in names}
    fields = [(field.name, _with_dates_as_text(field.type)) for field in table.schema]
    if fields != [(field.name, field.type) for field in table.schema]:
        # Arrow takes text that looks like a date for one; what JSON writes as text shall stay text.
        table = arrow_json.read_json(
            path, read_options=options, parse_options=arrow_json.ParseOptions(explicit_schema=pa.schema(fields))
        )
    return _from_table(table)


def _with_dates_as_text(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_with_dates_as_text(kind.value_type))
    return pa.string() if pa.types.is_timestamp(kind) else kind


READERS = {".parquet": _read_parquet, ".csv": _read_csv, ".jsonl": _read_jsonl, ".ndjson": _read_jsonl}


def _with_absolute_paths(columns: dict[str, np.ndarray], schema: Schema, *, folder: Path) -> dict[str, np.ndarray]:
    names = {name for m in schema.modalities.values() if m.holds_paths for name in m.columns} & columns.keys()
    objects = {name for name in names if columns[name].dtype == object}
    return columns | {name: to_objects(_absolute(cell, folder) for cell in columns[name]) for name in objects}


def _absolute(cell: Any, folder: Path) -> Any:
    """A path, or each of a list, joined to the folder; absolute ones, addresses and everything else as they are."""
    if isinstance(cell, list):
        return [_absolute(item, folder) for item in cell]
    if isinstance(cell, str) and cell.strip() and not is_url(cell):
        return str(folder / cell)
    return cell
