"""From the files of a table to its columns, of which none is converted before it is asked for."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from glob import glob, has_magic
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from steradian.data.column_parts import gathered
from steradian.data.columns import from_arrow, holds_number_lists
from steradian.data.csv_columns import list_columns, text_columns, to_csv_column
from steradian.data.file_errors import LONGEST_ROW, common_types, damage_told
from steradian.data.json_limits import LONGEST_LINE, refuse_deep_lines
from steradian.data.late_columns import LateColumn
from steradian.data.parquet_rows import open_parquet
from steradian.data.regular_files import open_regular, open_unpacked
from steradian.data.schema import Schema
from steradian.data.table_sources import late_columns, named_columns, refuse_repeated_names
from steradian.errors import InputError

__all__ = ["files_of", "raw_rows", "read_files"]

LONGEST_HEADER = 1 << 20
"""Characters of a CSV header at most."""
ROWS = 1 << 12
"""Rows of a Parquet file converted at a time."""


def files_of(source: Any) -> list[Path]:
    """The files of a table: one, all those of a folder or of a pattern, in the order of their names, or a list.

    Args:
        source: a path, or several; names in a folder that begin with a dot or an underscore are passed over.

    Raises:
        InputError: nothing there that may be a table.

    Examples:
        >>> files_of(["january.csv", "february.csv"])
        [PosixPath('january.csv'), PosixPath('february.csv')]
    """
    if isinstance(source, (list, tuple)):
        return [path for each in source for path in files_of(each)]
    path = Path(source).expanduser()
    if path.is_dir():
        parts = sorted(part for part in path.iterdir() if part.name[0] not in "._" and _ending(part) in READERS)
    elif has_magic(str(path)) and not path.exists():
        parts = sorted(Path(part) for part in glob(str(path), recursive=True))
    else:
        return [path]
    if not parts:
        raise InputError(
            want=f"files whose names end in {', '.join(ENDINGS)}",
            got="none",
            where=str(path),
            fix=f"Check the path; relative ones start at {Path.cwd()}.",
        )
    return parts


def read_files(
    paths: Sequence[Path], schema: Schema | None, *, cell_by_cell: bool
) -> tuple[dict[str, LateColumn], list[int]]:
    r"""The columns of one or several files below each other, as `steradian.read_objects` explains them.

    Args:
        paths: of .parquet, .csv, .tsv, .jsonl or .ndjson files, all of one kind; those of text also as .gz.
        schema: says what a CSV file holds as text or as lists; None: nothing is known.
        cell_by_cell: whether a cell that is not as the others of its column shall leave them what they are.

    Returns:
        The columns, and the rows of each file.

    Raises:
        InputError: no such regular file, another ending, a damaged file, one that goes beyond the limits of its kind,
            or one of other columns than the first.

    Examples:
        >>> import tempfile
        >>> import steradian as sr
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "table.csv")
        ...     _ = path.write_text("title,price\nshoe,20\n")
        ...     columns, _ = read_files([path], sr.Schema({"title": sr.Text("title")}), cell_by_cell=False)
        ...     columns["price"].array
        array([20])
    """
    kinds = [_ending(path) for path in paths]
    for path, kind in zip(paths, kinds, strict=True):
        if kind != kinds[0] and kind in READERS and kinds[0] in READERS:
            raise InputError(
                want=f"files of one kind, as {paths[0].name}",
                got=path.name,
                where=str(path),
                fix="Leave it out, or write all of them alike.",
            )
    parts = [_read_file(path, schema, cell_by_cell) for path in paths]
    if any(isinstance(part, list) for part in parts):
        # One of the files has rows that Arrow does not take.
        rows = [_parsed_lines(path) for path in paths]
        every = [row for part in rows for row in part]
        names = dict.fromkeys(name for row in every for name in row)
        columns = {name: [row.get(name) for row in every] for name in names}
        return late_columns(columns, schema), [len(part) for part in rows]
    table: Any = parts[0] if len(parts) == 1 else _below_each_other(parts, paths)
    lengths = [len(part) for part in parts]
    if kinds[0] in SEPARATORS:
        return _csv_columns(table, schema, cell_by_cell=cell_by_cell), lengths
    late = late_columns(dict(zip(table.column_names, table.columns, strict=True)), schema)
    if kinds[0] == ".parquet":
        total = sum(lengths)
        # In one of the files the whole column may be missing, and of no type.
        large = dict.fromkeys(name for path in paths for name in _number_lists(path, schema))
        late |= {name: LateColumn(total, partial(_read_number_lists, paths, name, total)) for name in large}
    return late, lengths


def raw_rows(paths: Sequence[Path]) -> tuple[pa.Table | list[bytes], str]:
    """What files hold, as it stands: a table, of text where they are CSV, or lines of JSON; and their ending.

    Args:
        paths: that `read_files` has read.
    """
    ending = _ending(paths[0])
    if ending in (".jsonl", ".ndjson"):
        lines = []
        for path in paths:
            with open_unpacked(path) as file:
                lines += [line.rstrip(b"\r\n") + b"\n" for line in file if line.strip()]
        return lines, ending
    if ending == ".parquet":
        return pa.concat_tables([open_parquet(path).read() for path in paths], promote_options="permissive"), ending
    return pa.concat_tables([_csv_table(path, empty=False) for path in paths]), ending


def _ending(path: Path) -> str:
    """The ending of a table's file, less .gz behind that of a text."""
    name = path.name.lower()
    ending = Path(name.removesuffix(".gz")).suffix
    return ending if ending != ".parquet" or not name.endswith(".gz") else ".gz"


def _read_file(path: Path, schema: Schema | None, cell_by_cell: bool) -> pa.Table | list[dict[str, Any]]:
    """What a file holds; rows where Arrow cannot hold them."""
    read = READERS.get(_ending(path))
    with damage_told(path):
        if not os.path.exists(path):
            raise FileNotFoundError
        if read is not None:
            # Arrow would wait for a pipe for ever, and read what the system makes up as it is read.
            open_regular(path).close()
            return read(path, schema, cell_by_cell)
    raise InputError(
        want=f"a file whose name ends in {', '.join(ENDINGS)}",
        got=repr(path.suffix),
        where=str(path),
        fix="Convert the table to one of these, or read it yourself and pass a dict of columns.",
    )


def _below_each_other(parts: Sequence[pa.Table], paths: Sequence[Path]) -> pa.Table:
    """One table; the files must have the same columns, of types that go together."""
    types = [_types(part, path) for part, path in zip(parts, paths, strict=True)]
    # A key of JSON may be absent.
    common_types(types, paths, may_lack=_ending(paths[0]) in (".jsonl", ".ndjson"))
    return pa.concat_tables(parts, promote_options="permissive")


def _types(part: pa.Table, path: Path) -> pa.Schema:
    """The types of a file's columns, also of those that are read later."""
    return open_parquet(path).schema_arrow if _ending(path) == ".parquet" else part.schema


def _read_parquet(path: Path, schema: Schema | None, cell_by_cell: bool) -> pa.Table:
    """The file's columns; of those that are read in parts, later, only the names."""
    file = open_parquet(path)
    names = file.schema_arrow.names
    refuse_repeated_names(names)
    large = _number_lists(path, schema)
    table = file.read(columns=[name for name in names if name not in large])
    length = file.metadata.num_rows
    return pa.table({name: pa.nulls(length) if name in large else table[name] for name in names})


def _number_lists(path: Path, schema: Schema | None) -> list[str]:
    """The columns of the schema in a Parquet file that are lists of numbers: by far the largest of a table."""
    return [
        field.name
        for field in open_parquet(path).schema_arrow
        if field.name in named_columns(schema) and holds_number_lists(field.type)
    ]


def _read_number_lists(paths: Sequence[Path], name: str, total: int) -> np.ndarray:
    """A column of all files, converted part by part, so that it is held but once."""

    def parts() -> Iterator[np.ndarray]:
        for path in paths:
            with damage_told(path):
                for batch in open_parquet(path).iter_batches(batch_size=ROWS, columns=[name]):
                    yield from_arrow(pa.chunked_array([batch.column(0)]))

    return gathered(parts(), total)


def _read_csv(path: Path, schema: Schema | None, cell_by_cell: bool) -> pa.Table:
    """The file's columns as text, with nothing where a cell is empty.

    They are converted afterwards, because Arrow's own guess takes "007" for 7 and dates from texts.
    """
    return _csv_table(path, empty=True)


def _csv_table(path: Path, *, empty: bool) -> pa.Table:
    """The file's columns as text; whether cells such as NA are empty."""
    from pyarrow import csv as arrow_csv

    separator = SEPARATORS[_ending(path)]
    names = _header(path, separator)
    _refuse_other_separators(names, path, separator)
    refuse_repeated_names(names)
    return arrow_csv.read_csv(
        path,
        read_options=arrow_csv.ReadOptions(block_size=LONGEST_ROW),
        parse_options=arrow_csv.ParseOptions(newlines_in_values=True, delimiter=separator),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=empty
        ),
    )


def _csv_columns(table: pa.Table, schema: Schema | None, *, cell_by_cell: bool) -> dict[str, LateColumn]:
    text, lists, read = text_columns(schema), list_columns(schema), set(named_columns(schema))
    return {
        name: LateColumn(
            len(table),
            partial(
                to_csv_column,
                column,
                text=name in text,
                lists=name in lists,
                cell_by_cell=cell_by_cell and name in read,
            ),
        )
        for name, column in zip(table.column_names, table.columns, strict=True)
    }


def _header(path: Path, separator: str) -> list[str]:
    """The names of the columns; a line that never ends is not read to its end."""
    with io.TextIOWrapper(open_unpacked(path), encoding="utf-8-sig", newline="") as file:
        start = file.read(LONGEST_HEADER)
        rows = csv.reader(io.StringIO(start, newline=""), delimiter=separator)
        names = next(rows, [])
        if len(start) == LONGEST_HEADER and rows.line_num == start.count("\n") + 1:
            raise csv.Error(f"a header of more than {LONGEST_HEADER >> 20} MiB")
    return names


def _refuse_other_separators(names: list[str], path: Path, separator: str) -> None:
    for other in {*";\t|,"} - {separator} if len(names) == 1 else ():
        if other in names[0]:
            raise InputError(
                want=f"columns separated by {'commas' if separator == ',' else 'tabs'}",
                got=f"the separator {other!r} in {names[0]!r:.80}",
                where=str(path),
                fix=f"Write the file with commas: pandas.read_csv(path, sep={other!r}).to_csv(path, index=False).",
            )


def _read_jsonl(path: Path, schema: Schema | None, cell_by_cell: bool) -> pa.Table | list[dict[str, Any]]:
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
        mixed = alone and any(_are_mixed(rows, name) for name in named_columns(schema))
        if not rows or (mixed and not cell_by_cell):
            raise
        return rows
    fields = [(field.name, _with_dates_as_text(field.type)) for field in table.schema]
    if fields != [(field.name, field.type) for field in table.schema]:
        # Arrow takes text that looks like a date for one; what JSON writes as text shall stay text.
        table = arrow_json.read_json(
            path, read_options=options, parse_options=arrow_json.ParseOptions(explicit_schema=pa.schema(fields))
        )
    refuse_repeated_names(table.column_names)
    return table


def _parsed_lines(path: Path) -> list[dict[str, Any]]:
    """The rows of a JSONL file, one after another."""
    with io.TextIOWrapper(open_unpacked(path), encoding="utf-8") as file:
        rows = [json.loads(line, object_pairs_hook=_object) for line in file if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("a line that is no JSON object")
    return rows


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(entries := dict(pairs)) != len(pairs):
        raise ValueError(f"a key twice in one object, of {', '.join(name for name, _ in pairs)}"[:200])
    return entries


def _are_mixed(rows: list[dict[str, Any]], name: str | None) -> bool:
    """Whether the cells of a column are of several types; numbers are of one."""
    kinds = {type(row.get(str(name))) for row in rows} - {type(None)}
    return len({float if kind is int else kind for kind in kinds}) > 1


def _with_dates_as_text(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_with_dates_as_text(kind.value_type))
    return pa.string() if pa.types.is_timestamp(kind) else kind


SEPARATORS = {".csv": ",", ".tsv": "\t"}
READERS: dict[str, Callable[[Path, Schema | None, bool], pa.Table | list[dict[str, Any]]]] = {
    ".parquet": _read_parquet,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
}
ENDINGS = (*READERS, *(f"{ending}.gz" for ending in READERS if ending != ".parquet"))
"""What the name of a table's file may end in."""
