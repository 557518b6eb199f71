"""From a file, a table of another library or a dict of columns to an `ObjectTable`."""

import functools
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import chain, pairwise, repeat
from pathlib import Path
from typing import Any

import numpy as np

from steradian.data.checks import refuse_repeated_ids, to_names
from steradian.data.columns import to_objects
from steradian.data.joined import join_tables
from steradian.data.late_columns import LateColumns
from steradian.data.modality import is_url, shown
from steradian.data.objects import ObjectTable, OnError
from steradian.data.partial_rows import as_rows, with_absent_columns
from steradian.data.read_errors import form_of
from steradian.data.schema import Schema
from steradian.data.stored_rows import StoredRows, StoredValues, stored_columns
from steradian.data.table_sources import named_columns, read_source
from steradian.errors import ConfigError, InputError
from steradian.misspelt import telling_of_misspelt

__all__ = ["read_columns", "read_objects"]


@telling_of_misspelt
def read_objects(
    source: Any,
    schema: Schema,
    *,
    labelled: bool = True,
    partial: bool = False,
    on_error: OnError = "raise",
    on: str | None = None,
    sets: str | Sequence[str] = (),
    lazy: bool | None = None,
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
            its `unreadable` names row, column and reason of each. Rows without a label or an id, and those with an id
            that stands before, are left out and counted too.
        on: a column of keys; `source` is then a dict of tables, each as above, which are joined on it. What a table
            lacks is missing; the table of objects prints how many keys each has. A column that several tables have is
            named "table.column" in the schema, and the name of a table stands for all its numbers as one vector.
        sets: the names of joined tables of which several rows of a key are the items of a set; else they are refused.
        lazy: whether the rows of Parquet files stay on disk, where they are read when they are needed. Each row is
            checked once now, and labels, ids and what each object has stay in memory. None leaves rows on disk that
            would take more than a third of the memory; the table prints which it is. True takes neither `on` nor
            on_error="missing".

    Raises:
        InputError: a table, row or cell that cannot be used.
        ConfigError: a schema that is none, another `on_error`, or `on` without tables, or `sets` without `on`, or
            `lazy` for what is no Parquet file.

    Examples:
        >>> import steradian as sr
        >>> schema = sr.Schema({"title": sr.Text("title"), "sound": sr.Series("sound")})
        >>> table = {"title": ["drum", None], "sound": [None, [0.1, 0.4, 0.2]], "label": ["a", "b"]}
        >>> sr.read_objects(table, schema).present
        array([[ True, False],
               [False,  True]])
    """
    if not isinstance(schema, Schema):
        fix = "Use Schema.from_yaml(path) or Schema.from_dict(...)."
        raise ConfigError(want="a Schema", got=shown(schema), where="read_objects(..., schema)", fix=fix)
    if isinstance(source, ObjectTable):
        return _read_again(source, schema, labelled=labelled, partial=partial, on_error=on_error)
    if lazy is not False:
        whole = on_error == "missing" or on is not None or bool(sets)
        stored = _stored(source, schema, always=bool(lazy), whole=whole)
        if stored is not None:
            return _stored_table(stored, schema, labelled=labelled, partial=partial)
    columns, notes = _source_columns(source, schema, on, [sets] if isinstance(sets, str) else sets, partial, on_error)
    objects = ObjectTable.from_columns(columns, schema, labelled=labelled, on_error=on_error)
    return replace(objects, notes=notes)


def _source_columns(
    source: Any, schema: Schema, on: str | None, sets: Sequence[str], partial: bool, on_error: OnError
) -> tuple[LateColumns, tuple[str, ...]]:
    """The columns of a source that is read into memory, and lines on what was joined."""
    if on is not None or sets:
        columns, notes = _joined(source, schema, on, sets, on_error)
        return with_absent_columns(columns, schema, by_hand=False) if partial else columns, notes
    source = as_rows(source) if partial else source
    columns = _columns(source, schema, named_columns(schema), cell_by_cell=on_error == "missing")
    if partial:
        columns = with_absent_columns(columns, schema, by_hand=isinstance(source, (Mapping, list)))
    return columns, ()


def _joined(
    source: Any, schema: Schema, on: str | None, sets: Sequence[str], on_error: OnError
) -> tuple[LateColumns, tuple[str, ...]]:
    """The columns of tables that are joined, and lines on their keys."""
    if on is None or not isinstance(source, Mapping) or not source or not set(sets) <= set(source):
        raise ConfigError(
            want="a dict of tables, the column of their keys as on=..., and names of these tables as sets=...",
            got=f"{shown(source)}, on={on!r}, sets={list(sets)!r}",
            where="read_objects(source, ...)",
            fix='Write for example read_objects({"rna": first, "ages": second}, schema, on="sample").',
        )
    tables = {}
    # Keys are ids, which CSV files keep as written.
    keys_as_ids = replace(schema, id=on)
    for name, table in source.items():
        # The keys of a data frame may be its index.
        keyed = table.reset_index() if getattr(getattr(table, "index", None), "name", None) == on else table
        names = {on, *(wanted.removeprefix(f"{name}.") for wanted in named_columns(schema))}
        tables[str(name)] = _columns(keyed, keys_as_ids, names, cell_by_cell=on_error == "missing", table=str(name))
    return join_tables(tables, schema, on=on, sets=sets)


def _read_again(
    objects: ObjectTable, schema: Schema, *, labelled: bool, partial: bool, on_error: OnError
) -> ObjectTable:
    incomplete = not objects.has_labels or schema.id not in (None, *objects.columns)
    if objects.schema == schema and not (labelled and incomplete) and on_error != "missing":
        return objects
    columns = with_absent_columns(objects.columns, schema, by_hand=False) if partial else objects.columns
    again = ObjectTable.from_columns(columns, schema, labelled=labelled, rows=objects.rows, on_error=on_error)
    return replace(again, unreadable=objects.unreadable + again.unreadable)


def read_columns(source: Any) -> LateColumns:
    """The columns of a table of which no schema is known.

    Args:
        source: as of `read_objects`.

    Raises:
        InputError: a source that cannot be read.

    Examples:
        >>> read_columns([{"price": 20}, {"price": 35}])["price"]
        array([20, 35])
    """
    return source.columns if isinstance(source, ObjectTable) else _columns(source, None, [], cell_by_cell=False)


def _columns(
    source: Any, schema: Schema | None, wanted: Iterable[str], *, cell_by_cell: bool, table: str = ""
) -> LateColumns:
    """The columns of a source; those that are wanted as arrays, the others as they are."""
    if not _is_path(source) and not (isinstance(source, (list, tuple)) and source and all(map(_is_path, source))):
        return LateColumns(read_source(source, schema)).converted(wanted)
    from steradian.data.table_files import files_of, read_files

    paths = files_of(source)
    columns, lengths = read_files(paths, schema, cell_by_cell=cell_by_cell)
    late = LateColumns(columns).converted(wanted)
    readers = [modality for modality in (() if schema is None else schema.modalities.values()) if modality.holds_paths]
    names = {name.removeprefix(f"{table}.") for modality in readers for name in modality.columns}
    return _with_absolute_paths(late, [name for name in names if name in late], paths, lengths)


def _stored(source: Any, schema: Schema, *, always: bool, whole: bool) -> StoredRows | None:
    """The rows of Parquet files that are to stay on disk; None where they are to be read, as those of other sources."""
    if _is_path(source) or (isinstance(source, (list, tuple)) and source and all(map(_is_path, source))):
        from steradian.data.parquet_rows import store_rows
        from steradian.data.table_files import files_of

        paths = files_of(source)
        if not whole and all(path.suffix.lower() == ".parquet" for path in paths):
            holds_paths = {name for each in schema.modalities.values() if each.holds_paths for name in each.columns}
            return store_rows(paths, schema, always=always, absolute=functools.partial(_absolute_column, holds_paths))
    if always:
        raise ConfigError(
            want='Parquet files, without on=..., sets=... and on_error="missing"',
            got=shown(source),
            where="read_objects(..., lazy=True)",
            fix="Write the table to Parquet files, or leave lazy out.",
        )
    return None


def _stored_table(stored: StoredRows, schema: Schema, *, labelled: bool, partial: bool) -> ObjectTable:
    """The table of rows that stay on disk, of which each is checked once, and none kept."""
    columns = stored_columns(stored)
    columns = with_absent_columns(columns, schema, by_hand=False) if partial else columns
    ids, labels, present = list[np.ndarray](), list[np.ndarray | None](), list[np.ndarray]()
    forms: dict[str, dict[Any, int]] = {}
    for start, end in pairwise(stored.starts.tolist()):
        rows = np.arange(start, end)
        try:
            part = ObjectTable.from_columns(columns.at(rows), schema, labelled=labelled, rows=rows)
        except InputError as error:
            # Rows after these were not looked at.
            counted = rf"in at least \1 of {len(stored)} rows"
            got = (
                re.sub(rf"\bin (\d+) of {len(rows)} rows", counted, error.got) if len(rows) < len(stored) else error.got
            )
            raise InputError(error.want, got, error.where, error.fix) from error
        ids.append(part.ids)
        labels.append(part.labels_or_none)
        present.append(part.present)
        _refuse_misfits(part, columns, forms)
    rows = np.arange(len(stored))
    known = [each for each in labels if each is not None]
    names = rows
    if schema.id is not None and schema.id in columns:
        names = _joined_names(ids, rows, name=schema.id)
        refuse_repeated_ids(names, rows, name=str(schema.id))
    return ObjectTable(
        schema=schema,
        columns=columns,
        values=StoredValues(stored, schema.modalities, columns),
        present=np.concatenate(present),
        rows=rows,
        ids=names,
        labels_or_none=_joined_names(known, rows, name=schema.label) if len(known) == len(labels) else None,
        notes=(stored.said,),
    )


def _refuse_misfits(part: ObjectTable, columns: LateColumns, forms: dict[str, dict[Any, int]]) -> None:
    """Refuse a part whose values do not go together with those of parts before it; forms are those known so far."""
    for (name, values), has in zip(part.values.items(), part.present.T, strict=True):
        if has.any():
            place, known = int(has.argmax()), forms.setdefault(name, {})
            known.setdefault(
                form_of({key: array[place : place + 1] for key, array in values.items()}), part.rows[place]
            )
            first, row = next(iter(known.values())), [*known.values()][-1]
            if first != row == part.rows[place]:
                # Read together, they are refused if they are to be.
                both = np.array([first, row])
                ObjectTable.from_columns(columns.at(both), part.schema, labelled=False, rows=both)


def _joined_names(parts: Sequence[np.ndarray], rows: np.ndarray, *, name: str) -> np.ndarray:
    """Labels or ids of parts, below each other."""
    if len({part.dtype.kind for part in parts}) == 1:
        return np.concatenate(parts)
    # numpy would make floats of integers of different kinds.
    return to_names(to_objects(chain.from_iterable(part.tolist() for part in parts)), rows, name=name)


def _is_path(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike))


def _with_absolute_paths(
    columns: LateColumns, names: Iterable[str], files: Sequence[Path], lengths: Sequence[int]
) -> LateColumns:
    """The columns with paths joined to the folder of their row's file."""

    def absolute(column: np.ndarray) -> np.ndarray:
        folders = chain.from_iterable(map(repeat, (file.absolute().parent for file in files), lengths))
        return to_objects(map(_absolute, column, folders)) if column.dtype == object else column

    return columns.with_arrays({name: absolute(columns[name]) for name in names})


def _absolute_column(holds_paths: Collection[str], name: str, column: np.ndarray, file: Path) -> np.ndarray:
    """A column of a file, paths in it joined to the file's folder."""
    if name not in holds_paths or column.dtype != object:
        return column
    folder = file.absolute().parent
    return to_objects(_absolute(cell, folder) for cell in column)


def _absolute(cell: Any, folder: Path) -> Any:
    """A path, or each of a list, joined to the folder; absolute ones, addresses and everything else as they are."""
    if isinstance(cell, list):
        return [_absolute(item, folder) for item in cell]
    if isinstance(cell, str) and cell.strip() and not is_url(cell):
        return str(folder / cell)
    return cell
