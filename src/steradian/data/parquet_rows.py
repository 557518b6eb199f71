"""The rows of Parquet files that stay on disk, read by pyarrow."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from steradian.data.file_errors import common_types, damage_told
from steradian.data.machine_memory import machine_memory
from steradian.data.regular_files import open_regular
from steradian.data.schema import Schema
from steradian.data.stored_rows import OPEN, StoredRows, decoded_sizes
from steradian.data.table_sources import late_columns, named_columns, refuse_repeated_names
from steradian.errors import InputError

__all__ = ["open_parquet", "store_rows"]

BUFFER = 1 << 22
"""Bytes of a Parquet file read at a time."""
IN_MEMORY = 1 / 3
"""Share of the memory up to which a table is read in: its standardised copy stands beside it."""


def open_parquet(path: Path) -> Any:
    """A Parquet file, by pyarrow, of which no more is read ahead than what is asked for.

    Args:
        path: of the file.
    """
    from pyarrow import parquet

    return parquet.ParquetFile(path, buffer_size=BUFFER, pre_buffer=False)


def store_rows(
    paths: Sequence[Path],
    schema: Schema,
    *,
    always: bool,
    absolute: Callable[[str, np.ndarray, Path], np.ndarray],
) -> StoredRows | None:
    """The rows of Parquet files as a store that reads what is asked for; None where the memory holds them.

    Args:
        paths: of the files.
        schema: what the columns mean.
        always: whether rows that the memory holds stay on disk too.
        absolute: brings a column of a file, by its name, to paths that do not depend on where the file is.

    Raises:
        InputError: a file that is none of Parquet, a damaged one, or one of other columns than the first.
    """
    schemas, footers = [], []
    for path in paths:
        with damage_told(path):
            if not path.exists():
                raise FileNotFoundError
            open_regular(path).close()
            file = open_parquet(path)
            schemas.append(file.schema_arrow)
            footers.append(file.metadata)
            file.close()
    refuse_repeated_names(schemas[0].names)
    types = common_types(schemas, paths)
    sizes = decoded_sizes(footers, types.names)
    groups = [[file.row_group(number).num_rows for number in range(file.num_row_groups)] for file in footers]
    memory, rows = machine_memory(), sum(map(sum, groups))
    if not always and (memory is None or rows * sum(sizes.values()) <= memory * IN_MEMORY):
        return None
    fields = [name for name in named_columns(schema) if "." in name and name not in sizes]
    sizes |= {name: sizes[root] for name in fields if (root := name.split(".")[0]) in sizes}
    if not rows:
        raise InputError("at least one row", "an empty table", str(paths[0]), "Check where the table comes from.")
    opened: dict[Path, Any] = {}

    def read(path: Path, group: int, rows: int, name: str) -> Iterator[np.ndarray]:
        if path not in opened:
            if len(opened) >= OPEN:
                opened.pop(next(iter(opened))).close()
            with damage_told(path):
                opened[path] = open_parquet(path)
        root = name if name in types.names else name.split(".")[0]
        left = opened[path].metadata.row_group(group).num_rows
        batches = opened[path].iter_batches(batch_size=rows, row_groups=[group], columns=[root])
        while left > 0:
            with damage_told(path):
                batch = next(batches, None)
                if batch is None or len(batch) != min(rows, left):
                    raise ValueError(f"{left} rows of a row group cannot be read")
                column = pa.chunked_array([batch.column(0)])
                if column.type != types.field(root).type:
                    column = column.cast(types.field(root).type)
            yield absolute(name, late_columns({root: column}, schema)[name].array, path)
            left -= len(batch)

    return StoredRows(paths, read, groups, sizes)
