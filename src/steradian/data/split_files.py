"""A table's file split into files of the same kind, whose rows stand as they were."""

import io
import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from steradian.atomic_write import write_whole
from steradian.data.checks import refuse_unknown_column, to_names
from steradian.data.guessed_columns import PICTURES, SOUNDS
from steradian.data.label_sets import holds_lists, label_cells, strata, to_labels
from steradian.data.late_columns import LateColumns
from steradian.data.modality import is_url
from steradian.data.reading import read_columns
from steradian.data.splitting import draw_parts
from steradian.data.table_files import files_of, raw_rows
from steradian.errors import InputError

__all__ = ["split_file"]

MAY_NAME_FILES = (pa.types.is_string, pa.types.is_large_string, pa.types.is_list, pa.types.is_large_list)


def split_file(
    source: str | Path,
    folder: str | Path,
    *,
    test_size: float | None = 0.2,
    validation_size: float | None = None,
    label: str | None = None,
    groups: str | None = None,
    unseen_classes: float = 0,
    random_state: int = 0,
) -> dict[Path, int]:
    r"""Write the rows of a table to train, test and perhaps validation files, as `ObjectTable.split` draws them.

    No schema is needed. Relative paths of pictures and sounds start at the folder of a file: those that are there are
    rewritten where the parts lie in another folder than the table.

    Args:
        source: as of `read_objects`, files only.
        folder: where to write them; it must exist.
        test_size: as of `ObjectTable.split`.
        validation_size: likewise; None writes no validation file.
        label: the column of classes, of which each gives its share; None draws without regard to any.
        groups: the column of groups, none of which is on two sides.
        unseen_classes: as of `ObjectTable.split`.
        random_state: likewise.

    Returns:
        The rows of each file that was written.

    Raises:
        InputError: a table that cannot be read or split so, a column that is not there, or a table that a part would
            replace.
        ConfigError: a share, number or seed that cannot be.

    Examples:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as here:
        ...     _ = Path(here, "table.csv").write_text("title\na\nb\nc\nd\n")
        ...     written = split_file(Path(here, "table.csv"), here, test_size=1)
        ...     {path.name: rows for path, rows in written.items()}
        {'train.csv': 3, 'test.csv': 1}
    """
    paths = files_of(source)
    columns = read_columns(source)
    rows = next(iter(columns.lengths.values()), 0)
    if unseen_classes and label is None:
        raise InputError("the column of classes", "none", "--unseen-classes", "Name it as label, such as label='kind'.")
    numbers = [
        None if label is None else _strata(columns, label, unseen=bool(unseen_classes)),
        None if groups is None else _numbers(columns, groups),
    ]
    parts = draw_parts(
        np.zeros(rows, dtype=np.int64) if numbers[0] is None else numbers[0],
        numbers[1],
        test_size=test_size,
        validation_size=validation_size,
        unseen_classes=unseen_classes,
        random_state=random_state,
    )
    names = ("train", "test") if len(parts) == 2 else ("train", "validation", "test")
    content, ending = _moved_rows(paths, Path(folder))
    written = {Path(folder, f"{name}{ending}"): part for name, part in zip(names, parts, strict=True)}
    own = next((path for path in written if path.resolve() in {source.resolve() for source in paths}), None)
    if own is not None:
        fix = "Name another folder."
        raise InputError("a folder whose files are not those of the table", str(own), "--out", fix)
    for path, part in written.items():
        write_whole(path, _bytes(content, part, ending))
    return {path: len(part) for path, part in written.items()}


def _strata(columns: LateColumns, name: str, *, unseen: bool) -> np.ndarray:
    """By what rows are drawn: their classes, or where a label's cells are lists the rarest of each [rows]."""
    cells = label_cells(columns[name]) if name in columns else np.zeros(0)
    if not holds_lists(cells):
        return _numbers(columns, name)
    return strata(to_labels(cells, np.arange(len(cells)), name=name), unseen=unseen)


def _numbers(columns: LateColumns, name: str) -> np.ndarray:
    """A column's names as numbers [rows]."""
    refuse_unknown_column(name, columns, where="the table")
    column = columns[name]
    return np.unique(to_names(column, np.arange(len(column)), name=name), return_inverse=True)[1]


def _moved_rows(paths: Sequence[Path], folder: Path) -> tuple[pa.Table | list[bytes], str]:
    """What files hold, as `raw_rows`, with relative paths that start at another folder."""
    bases = [os.path.relpath(path.absolute().parent, folder.absolute()) for path in paths]
    if all(base == "." for base in bases):
        return raw_rows(paths)
    parts, (ending, *_) = zip(*(raw_rows([path]) for path in paths), strict=True)
    moves = [partial(_moved, there=path.absolute().parent, base=base) for path, base in zip(paths, bases, strict=True)]
    if not isinstance(parts[0], pa.Table):
        return [_moved_json(line, move) for part, move in zip(parts, moves, strict=True) for line in part], ending
    tables = []
    for table, move in zip(parts, moves, strict=True):
        for place, field in enumerate(table.schema):
            if any(is_kind(field.type) for is_kind in MAY_NAME_FILES):
                cells = table.column(place).to_pylist()
                moved = [move(cell) for cell in cells]
                if moved != cells:
                    table = table.set_column(place, field, pa.array(moved, field.type))
        tables.append(table)
    return pa.concat_tables(tables, promote_options="permissive"), ending


def _moved(cell: Any, *, there: Path, base: str) -> Any:
    """A cell whose names of files in a folder start elsewhere; everything else as it is."""
    move = partial(_moved, there=there, base=base)
    if isinstance(cell, list):
        return [move(item) for item in cell]
    if isinstance(cell, dict):
        return {key: move(item) for key, item in cell.items()}
    if not isinstance(cell, str):
        return cell
    if cell.startswith("["):
        return _moved_json(cell, move)
    named = cell.lower().endswith((*PICTURES, *SOUNDS)) and not is_url(cell) and not Path(cell).is_absolute()
    return Path(base, cell).as_posix() if named and Path(there, cell).is_file() else cell


def _moved_json(text: Any, move: Callable[[Any], Any]) -> Any:
    """A text of JSON likewise; as it stands where nothing moves."""
    try:
        found = json.loads(text)
    except ValueError:
        return text
    moved = move(found)
    if moved == found:
        return text
    written = json.dumps(moved, ensure_ascii=False)
    return written if isinstance(text, str) else f"{written}\n".encode()


def _bytes(content: pa.Table | Sequence[bytes], rows: np.ndarray, ending: str) -> bytes:
    """The file of some rows."""
    if not isinstance(content, pa.Table):
        return b"".join(content[row] for row in rows.tolist())
    sink: Any = io.BytesIO()
    if ending == ".parquet":
        from pyarrow import parquet

        parquet.write_table(content.take(pa.array(rows)), sink)
    else:
        from pyarrow import csv

        options = csv.WriteOptions(delimiter="\t" if ending == ".tsv" else ",", quoting_style="needed")
        csv.write_csv(content.take(pa.array(rows)), sink, options)
    return bytes(sink.getvalue())
