"""A Parquet file as a store, and a FAISS index beside one: read whole, searched exactly, replaced at once.

This is the plain way to do what the engines do; tests compare them with it.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from steradian.atomic_write import write_whole
from steradian.errors import MissingExtraError, SavedModelError
from steradian.metrics import nearest
from steradian.stores.conditions import Condition
from steradian.stores.facts import KEY, StoreFacts

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FaissStore", "ParquetStore"]


class ParquetStore:
    """The rows in a Parquet file: `id`, `vector` and the other columns, the facts in its metadata.

    A write replaces the file at once: whoever reads, or a process that is killed, leaves all rows or none.

    Args:
        path: the file.
    """

    errors: tuple[type[Exception], ...] = (OSError,)

    def __init__(self, path: str) -> None:
        self.place, self.rows_path = f"parquet:{path}", Path(path)

    def facts(self) -> StoreFacts | None:
        """As `VectorStore.facts`."""
        import pyarrow as pa
        from pyarrow import parquet

        if not self.rows_path.exists():
            return None
        try:
            metadata = parquet.read_schema(self.rows_path).metadata or {}
        except pa.ArrowException as error:
            fix = "Name another file."
            raise SavedModelError("a Parquet file", str(error)[:100], self.place, fix) from error
        if KEY.encode() not in metadata:
            raise SavedModelError("a file that steradian wrote", "another", self.place, "Name another file.")
        return StoreFacts.from_json(metadata[KEY.encode()], self.place)

    def create(self, facts: StoreFacts) -> None:
        """As `VectorStore.create`."""
        self._write(facts.schema.empty_table(), facts)

    def keep(self, facts: StoreFacts) -> None:
        """As `VectorStore.keep`."""
        self._write(self._read(), facts)

    def upsert(self, batches: Iterable["pa.Table"]) -> None:
        """As `VectorStore.upsert`."""
        import pyarrow as pa

        rows = pa.concat_tables([self._read(), *(batch.replace_schema_metadata() for batch in batches)])
        # Each id keeps the place where it came first, and the row that came last.
        last = {name: row for row, name in enumerate(rows["id"].to_pylist())}
        self._write(rows.take(pa.array(list(last.values()), pa.int64())))

    def known(self, ids: list[Any]) -> list[Any]:
        """As `VectorStore.known`."""
        there = set(self._read()["id"].to_pylist())
        return [name for name in ids if name in there]

    def remove(self, ids: list[Any]) -> None:
        """As `VectorStore.remove`."""
        gone, rows = set(ids), self._read()
        self._write(rows.filter([name not in gone for name in rows["id"].to_pylist()]))

    def search(self, vectors: np.ndarray, k: int, where: Sequence[Condition], *, exact: bool) -> "list[pa.Table]":
        """As `VectorStore.search`."""
        rows = self._read()
        for condition in where:
            rows = rows.filter([_meets(cell, condition) for cell in rows[condition.column].to_pylist()])
        if not len(rows):
            return [rows for _ in vectors]
        held = rows["vector"].combine_chunks().flatten().to_numpy().reshape(len(rows), -1)
        found, _ = nearest(vectors, held, k=min(k, len(rows)))
        return [rows.take(places) for places in found]

    def count(self) -> int:
        """As `VectorStore.count`."""
        from pyarrow import parquet

        return int(parquet.read_metadata(self.rows_path).num_rows)

    def close(self) -> None:
        """As `VectorStore.close`."""

    def _read(self) -> "pa.Table":
        from pyarrow import parquet

        return parquet.ParquetFile(self.rows_path).read().replace_schema_metadata()

    def _write(self, rows: "pa.Table", facts: StoreFacts | None = None) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        kept = facts or self.facts()
        buffer = pa.BufferOutputStream()
        parquet.write_table(rows.replace_schema_metadata({KEY: kept.to_json()} if kept else None), buffer)
        write_whole(self.rows_path, buffer.getvalue().to_pybytes())


class FaissStore(ParquetStore):
    """An index file of FAISS, exact and by inner product, beside the rows in FILE.parquet.

    Row i of the index is row i of that file. The rows are written first, and rows that are added come last: in a
    process killed between, the index is that of before, its rows still the first ones; the next write mends it.

    Args:
        path: the index file.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}.parquet")
        self.place, self.path = f"faiss:{path}", Path(path)
        try:
            import faiss
        except ImportError as error:
            raise MissingExtraError("faiss", "faiss", self.place) from error
        self._faiss = faiss

    def _write(self, rows: "pa.Table", facts: StoreFacts | None = None) -> None:
        super()._write(rows, facts)
        index = self._faiss.IndexFlatIP(rows.schema.field("vector").type.list_size)
        index.add(rows["vector"].combine_chunks().flatten().to_numpy().reshape(len(rows), index.d))
        write_whole(self.path, self._faiss.serialize_index(index).tobytes())


def _meets(cell: Any, condition: Condition) -> bool:
    """Whether a cell meets a condition; a missing one meets none."""
    if condition.values is not None:
        return cell is not None and cell in condition.values
    low, high = condition.low, condition.high
    return cell is not None and (low is None or cell >= low) and (high is None or cell <= high)
