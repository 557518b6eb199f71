"""A table of LanceDB as a store: files in a folder or an object store, or a cluster behind `db://`."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from steradian.errors import MissingExtraError, SavedModelError
from steradian.stores.conditions import Condition
from steradian.stores.facts import KEY, StoreFacts

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LanceDBStore"]

_IDS_A_QUERY = 1000
_REFINED = 10
"""Times as many rows as are wanted."""


class LanceDBStore:
    """A table of LanceDB; each batch is one version of the table, so a killed process leaves a whole number of them.

    Args:
        path: a folder, an address such as s3://bucket/folder, or db://name with LANCEDB_API_KEY in the environment.
        name: of the table.
    """

    errors: tuple[type[Exception], ...] = (OSError, RuntimeError, ValueError)

    def __init__(self, path: str, name: str) -> None:
        self.place, self._path, self._name = f"lancedb:{path}#{name}", path, name
        try:
            import lancedb
        except ImportError as error:
            raise MissingExtraError("lancedb", "lancedb", self.place) from error
        self._engine, self._opened = lancedb, None

    @property
    def _table(self) -> Any:
        if self._opened is None:
            self._opened = self._engine.connect(self._path).open_table(self._name)
        return self._opened

    def facts(self) -> StoreFacts | None:
        """As `VectorStore.facts`."""
        # To connect would make the folder.
        if "://" not in self._path and not Path(self._path).exists():
            return None
        try:
            schema = self._table.schema
        except ValueError as error:
            if "not found" in str(error):
                return None
            raise
        # A field's metadata can be replaced, also in a cluster; a table's cannot.
        kept = (schema.field("vector").metadata if "vector" in schema.names else None) or {}
        if KEY.encode() not in kept:
            fix = "Name another table."
            raise SavedModelError("a table that steradian filled", "another", self.place, fix)
        return StoreFacts.from_json(kept[KEY.encode()], self.place)

    def create(self, facts: StoreFacts) -> None:
        """As `VectorStore.create`."""
        schema = facts.schema
        field = schema.field("vector").with_metadata({KEY: facts.to_json()})
        schema = schema.set(schema.names.index("vector"), field)
        self._opened = self._engine.connect(self._path).create_table(self._name, schema=schema)

    def keep(self, facts: StoreFacts) -> None:
        """As `VectorStore.keep`."""
        self._table.update_field_metadata({"path": "vector", "metadata": {KEY: facts.to_json()}})

    def upsert(self, batches: Iterable["pa.Table"]) -> None:
        """As `VectorStore.upsert`."""
        for batch in batches:
            merge = self._table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
            merge.execute(batch)

    def known(self, ids: list[Any]) -> list[Any]:
        """As `VectorStore.known`."""
        found: list[Any] = []
        for start in range(0, len(ids), _IDS_A_QUERY):
            part = ids[start : start + _IDS_A_QUERY]
            query = self._table.search().where(_sql(Condition("id", tuple(part)))).select(["id"]).limit(len(part))
            found += query.to_arrow()["id"].to_pylist()
        return found

    def remove(self, ids: list[Any]) -> None:
        """As `VectorStore.remove`."""
        self._table.delete(_sql(Condition("id", tuple(ids))))

    def search(self, vectors: np.ndarray, k: int, where: Sequence[Condition], *, exact: bool) -> "list[pa.Table]":
        """As `VectorStore.search`."""
        found = []
        for vector in vectors:
            # What an index of shortened vectors finds is looked at again in the whole ones.
            query = self._table.search(vector).distance_type("cosine").limit(k).refine_factor(_REFINED)
            query = query.where(" AND ".join(map(_sql, where)), prefilter=True) if where else query
            query = query.bypass_vector_index() if exact else query
            found.append(query.to_arrow().drop_columns(["_distance"]))
        return found

    def count(self) -> int:
        """As `VectorStore.count`."""
        return int(self._table.count_rows())

    def close(self) -> None:
        """As `VectorStore.close`."""
        self._opened = None


def _sql(condition: Condition) -> str:
    """A condition in the words of LanceDB; text is quoted, so that no value is read as a command."""
    column = f"`{condition.column}`"
    if condition.values is None:
        return " AND ".join(f"{column} {sign} {end!r}" for sign, end in condition.ends.items())
    return f"{column} IN ({', '.join(map(_literal, condition.values))})" if condition.values else "false"


def _literal(value: Any) -> str:
    if isinstance(value, str):
        doubled = value.replace("'", "''")
        return f"'{doubled}'"
    return repr(value).lower()
