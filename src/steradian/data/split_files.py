"""A table's file split into files of the same kind, whose rows stand as they were."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from steradian.atomic_write import write_whole
from steradian.data.checks import refuse_unknown_column, to_names
from steradian.data.late_columns import LateColumns
from steradian.data.reading import read_columns
from steradian.data.splitting import draw_parts
from steradian.data.table_files import files_of, raw_rows
from steradian.errors import InputError

__all__ = ["split_file"]


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

    No schema is needed. Relative paths of pictures and sounds start at the folder of a file, so let the parts be
    written to that of the table.

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
        InputError: a table that cannot be read or split so, or a column that is not there.
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
    numbers = [None if name is None else _numbers(columns, name) for name in (label, groups)]
    parts = draw_parts(
        np.zeros(rows, dtype=np.int64) if numbers[0] is None else numbers[0],
        numbers[1],
        test_size=test_size,
        validation_size=validation_size,
        unseen_classes=unseen_classes,
        random_state=random_state,
    )
    names = ("train", "test") if len(parts) == 2 else ("train", "validation", "test")
    content, ending = raw_rows(paths)
    written = {}
    for name, part in zip(names, parts, strict=True):
        path = Path(folder, f"{name}{ending}")
        write_whole(path, _bytes(content, part, ending))
        written[path] = len(part)
    return written


def _numbers(columns: LateColumns, name: str) -> np.ndarray:
    """A column's names as numbers [rows]."""
    refuse_unknown_column(name, columns, where="the table")
    column = columns[name]
    return np.unique(to_names(column, np.arange(len(column)), name=name), return_inverse=True)[1]


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
