"""Vectors of objects as one file, of numpy's or Parquet."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from steradian.atomic_write import write_whole

if TYPE_CHECKING:
    from steradian.search import Index

__all__ = ["FILE_KINDS", "write_vector_file"]

FILE_KINDS = (".npy", ".parquet")


def write_vector_file(index: "Index", path: str | Path) -> None:
    """Write one row an object: the vectors alone (.npy), or ids, labels where there are any, and vectors (.parquet).

    Args:
        index: with the vectors.
        path: of the file, which ends in one of `FILE_KINDS`.
    """
    content = io.BytesIO()
    if str(path).lower().endswith(".npy"):
        np.save(content, index.vectors)
    else:
        import pyarrow as pa
        from pyarrow.parquet import write_table

        columns = {"id": pa.array(index.ids.tolist())}
        if index.labels is not None:
            columns["label"] = pa.array(index.labels.tolist())
        flat = pa.array(np.ascontiguousarray(index.vectors, dtype=np.float32).ravel())
        columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, index.vectors.shape[1])
        write_table(pa.table(columns), content)
    write_whole(Path(path), content.getvalue())
