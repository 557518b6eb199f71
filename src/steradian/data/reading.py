"""From a file, a table of another library or a dict of columns to an `ObjectTable`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from steradian.data.columns import to_objects
from steradian.data.late_columns import LateColumns
from steradian.data.modality import is_url, shown
from steradian.data.objects import ObjectTable, OnError
from steradian.data.partial_rows import as_rows, with_absent_columns
from steradian.data.schema import Schema
from steradian.data.table_files import files_of, read_files
from steradian.data.table_sources import read_source
from steradian.errors import ConfigError

__all__ = ["read_objects"]


def read_objects(
    source: Any, schema: Schema, *, labelled: bool = True, partial: bool = False, on_error: OnError = "raise"
) -> ObjectTable:
    """Read and check a table of objects.

    None, NaN, NaT and empty CSV cells mean missing; so does the text NA, NaN, null and their like in CSV. In a CSV
    file labels, ids, categories, texts and paths are text as written. Any other column is numbers or booleans
    where every cell is one and loses nothing by it ("007" stays text), lists where every cell is a JSON list, and
    else text. Relative paths of pictures and sounds start at the table's folder. A list of pictures, sounds or texts
    in a cell is a set of items; a CSV cell writes it as a JSON list of texts.

    Args:
        source: the path of a .parquet, .csv, .tsv, .jsonl or .ndjson file, a text also as .gz; a folder, a pattern
            such as "parts/*.parquet" or a list of such files, one below the other; a pyarrow, pandas or polars table,
            a lazy one too, a data set of Hugging Face's, or anything else that Arrow can take; a dict of columns, each
            a list, array or sparse matrix with one entry a row; a list of dicts, one a row; or an `ObjectTable`, which
            passes unchanged if its schema is the same and is read anew if not.
        schema: what the columns mean; "maker.name" is the field of a struct.
        labelled: refuse a table without labels, or without the column of ids that the schema names. Otherwise
            labels are kept where every row has one, and ids where there is the column.
        partial: take a table that lacks columns of the schema, and one dict of single values as one object: what a
            modality reads from absent columns is missing. Names that look misspelt are refused, and in what is written
            by hand, as dicts, all others beside an absent column.
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
        return _read_again(source, schema, labelled=labelled, partial=partial, on_error=on_error)
    source = as_rows(source) if partial else source
    columns = _columns(source, schema, cell_by_cell=on_error == "missing")
    if partial:
        columns = with_absent_columns(columns, schema, by_hand=isinstance(source, (Mapping, list)))
    return ObjectTable.from_columns(columns, schema, labelled=labelled, on_error=on_error)


def _read_again(
    objects: ObjectTable, schema: Schema, *, labelled: bool, partial: bool, on_error: OnError
) -> ObjectTable:
    incomplete = not objects.has_labels or schema.id not in (None, *objects.columns)
    if objects.schema == schema and not (labelled and incomplete) and on_error != "missing":
        return objects
    columns = with_absent_columns(objects.columns, schema, by_hand=False) if partial else objects.columns
    again = ObjectTable.from_columns(columns, schema, labelled=labelled, rows=objects.rows, on_error=on_error)
    return replace(again, unreadable=objects.unreadable + again.unreadable)


def _columns(source: Any, schema: Schema, *, cell_by_cell: bool) -> LateColumns:
    """The columns of a source; those of the schema as arrays, the others as they are."""
    wanted = [*schema.columns, schema.label, *filter(None, [schema.id])]
    if not _is_path(source) and not (isinstance(source, (list, tuple)) and source and all(map(_is_path, source))):
        return LateColumns(read_source(source, schema)).converted(wanted)
    paths = files_of(source)
    columns, lengths = read_files(paths, schema, cell_by_cell=cell_by_cell)
    return _with_absolute_paths(LateColumns(columns).converted(wanted), schema, paths, lengths)


def _is_path(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike))


def _with_absolute_paths(
    columns: LateColumns, schema: Schema, files: Sequence[Path], lengths: Sequence[int]
) -> LateColumns:
    """The columns with paths joined to the folder of their row's file."""
    folders = list(chain.from_iterable(map(repeat, (file.absolute().parent for file in files), lengths)))
    names = {name for m in schema.modalities.values() if m.holds_paths for name in m.columns if name in columns}
    objects = [name for name in names if columns[name].dtype == object]
    return columns.with_arrays({name: to_objects(map(_absolute, columns[name], folders)) for name in objects})


def _absolute(cell: Any, folder: Path) -> Any:
    """A path, or each of a list, joined to the folder; absolute ones, addresses and everything else as they are."""
    if isinstance(cell, list):
        return [_absolute(item, folder) for item in cell]
    if isinstance(cell, str) and cell.strip() and not is_url(cell):
        return str(folder / cell)
    return cell
