"""From a file, a table of another library or a dict of columns to an `ObjectTable`."""

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from steradian.data.columns import column_length, to_column, to_objects
from steradian.data.late_columns import LateColumn, LateColumns
from steradian.data.modality import is_url, shown
from steradian.data.objects import ObjectTable, OnError
from steradian.data.schema import Schema
from steradian.data.table_files import read_file, refuse_repeated_names
from steradian.errors import ConfigError, InputError

__all__ = ["read_objects"]


def read_objects(source: Any, schema: Schema, *, labelled: bool = True, on_error: OnError = "raise") -> ObjectTable:
    """Read and check a table of objects.

    None, NaN, NaT and empty CSV cells mean missing; so does the text NA, NaN, null and their like in CSV. In a CSV
    file labels, ids, categories, texts and paths are text as written. Any other column is numbers or booleans
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


def _columns(source: Any, schema: Schema, *, cell_by_cell: bool) -> LateColumns:
    """The columns of a source; those of the schema as arrays, the others as they are."""
    wanted = [*schema.columns, schema.label, *filter(None, [schema.id])]
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        columns = LateColumns(read_file(path, schema, cell_by_cell=cell_by_cell)).converted(wanted)
        return _with_absolute_paths(columns, schema, folder=path.absolute().parent)
    return LateColumns(_held(source)).converted(wanted)


def _held(source: Any) -> dict[str, LateColumn]:
    """The columns of what is no file, as they are."""
    if isinstance(source, Mapping):
        return {str(name): _late(column, str(name)) for name, column in source.items()}
    # pandas and polars: their columns may hold what Arrow cannot, so they are read one by one.
    if hasattr(source, "columns") and (hasattr(source, "iloc") or hasattr(source, "get_columns")):
        refuse_repeated_names([str(name) for name in source.columns])
        return {str(name): _late(source[name], str(name)) for name in source.columns}
    if hasattr(source, "__arrow_c_stream__") or hasattr(source, "__arrow_c_array__"):
        # A single column speaks Arrow too, but is no table.
        with suppress(pa.ArrowException):
            source = pa.table(source)
    if isinstance(source, pa.Table):
        refuse_repeated_names(source.column_names)
        return {name: _late(source[name], name) for name in source.column_names}
    raise InputError(
        want="a path, a dict of columns, or a pyarrow, pandas or polars table",
        got=shown(source),
        where="read_objects(source, ...)",
        fix="For a list of dicts, one a row, pass pyarrow.Table.from_pylist(rows)."
        if isinstance(source, (list, tuple))
        else 'Write for example {"title": ["first", "second"], "label": ["a", "b"]}.',
    )


def _late(values: Any, name: str) -> LateColumn:
    return LateColumn(column_length(values, name), partial(to_column, values, name))


def _with_absolute_paths(columns: LateColumns, schema: Schema, *, folder: Path) -> LateColumns:
    names = {name for m in schema.modalities.values() if m.holds_paths for name in m.columns if name in columns}
    objects = [name for name in names if columns[name].dtype == object]
    return columns.with_arrays(
        {name: to_objects(_absolute(cell, folder) for cell in columns[name]) for name in objects}
    )


def _absolute(cell: Any, folder: Path) -> Any:
    """A path, or each of a list, joined to the folder; absolute ones, addresses and everything else as they are."""
    if isinstance(cell, list):
        return [_absolute(item, folder) for item in cell]
    if isinstance(cell, str) and cell.strip() and not is_url(cell):
        return str(folder / cell)
    return cell
