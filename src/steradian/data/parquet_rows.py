"""The rows of Parquet files that stay on disk, read by pyarrow."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from steradian.data.checks import NoRowsError
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
        raise NoRowsError("at least one row", "an empty table", str(paths[0]), "Check where the table comes from.")
    # The working folder may become another one.
    states = {path.absolute(): _state(path) for path in paths}
    return StoredRows([path.absolute() for path in paths], _Reader(types, schema, absolute, states), groups, sizes)


class _Reader:
    """Reads columns of row groups, as `StoredRows` asks for them; pickled without the files that are open."""

    def __init__(
        self,
        types: pa.Schema,
        schema: Schema,
        absolute: Callable[[str, np.ndarray, Path], np.ndarray],
        states: Mapping[Path, tuple[int, int]],
    ) -> None:
        self._given = types, schema, absolute, states
        self._opened: dict[Path, Any] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return _Reader, self._given

    def __call__(self, path: Path, group: int, rows: int, name: str) -> Iterator[np.ndarray]:
        types, schema, absolute, _ = self._given
        root = name if name in types.names else name.split(".")[0]
        with damage_told(path):
            file = self._file(path)
            left = file.metadata.row_group(group).num_rows
            batches = file.iter_batches(batch_size=rows, row_groups=[group], columns=[root])
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

    def _file(self, path: Path) -> Any:
        """The file, which must be what it was when the table was read."""
        if _state(path) != self._given[-1][path]:
            raise InputError(
                want="the file that was there when the table was read",
                got="one that was written since",
                where=str(path),
                fix="Read the table again, and keep its files as they are while it is in use.",
            )
        if path not in self._opened:
            if len(self._opened) >= OPEN:
                self._opened.pop(next(iter(self._opened)))
            self._opened[path] = open_parquet(path)
        return self._opened[path]


def _state(path: Path) -> tuple[int, int]:
    state = path.stat()
    return state.st_size, state.st_mtime_ns
