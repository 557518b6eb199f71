"""An index whose rows stay in a vector store."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from steradian.data import ObjectTable
from steradian.data.checks import refuse_repeated_ids
from steradian.errors import InputError, SavedModelError
from steradian.metrics import unit_vectors
from steradian.search.neighbors import Neighbors
from steradian.search.new_rows import named, refuse_known_ids, refuse_unknown_ids
from steradian.search.queries import Embedder, are_vectors, check_k, query_vectors
from steradian.stores import (
    StoreFacts,
    VectorStore,
    check_maker,
    conditions,
    open_store,
    row_batches,
    rows_of,
    telling_engine_errors,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["StoreIndex"]


@dataclass(frozen=True, eq=False, repr=False)
class StoreIndex:
    """An index in a vector store; `Index.open` gives one. What it adds, updates and removes is in the store at once.

    Close it, or use it in a `with` statement: some stores are open to one process at a time.

    Args:
        store: of the engine.
        facts: what it was filled with.
        model: embeds queries and new objects; None takes vectors only.

    Examples:
        >>> import numpy as np, steradian as sr
        >>> table = {"size": list(np.eye(4)), "brand": ["a", "b", "a", "b"], "price": [1, 2, 3, 4]}
        >>> objects = sr.read_objects(table, sr.Schema({"size": sr.Vector("size")}, label="brand"))
        >>> model = sr.SphereEmbedder(epochs=0, verbose=False).fit(objects)
        >>> place = sr.write_vectors(model, objects, "parquet:vectors.parquet", columns=["price"])
        >>> with sr.Index.open(place, model=model) as index:
        ...     index.remove([0])
        ...     found = index.search(objects, k=2, where={"price": {"from": 2}})
        >>> found.columns["price"].min(), index
        (np.int64(2), StoreIndex: parquet:vectors.parquet, vectors of width 128, model SphereEmbedder)
    """

    store: VectorStore
    facts: StoreFacts
    model: Embedder | None = None

    @classmethod
    def open(cls, place: str, *, model: Embedder | None = None) -> "StoreIndex":
        """See `Index.open`.

        Args:
            place: of the store.
            model: the model to embed with, or None.
        """
        store = open_store(place, option="Index.open(place)")
        try:
            with telling_engine_errors(store):
                facts = store.facts()
            if facts is None:
                fix = "Check the place, or fill it: write_vectors(model, objects, to=...)."
                raise SavedModelError("a store that steradian filled", "nothing there", store.place, fix)
            check_maker(facts, getattr(model, "fingerprint", None), store.place)
        except BaseException:
            store.close()
            raise
        return cls(store, facts, model)

    def search(
        self,
        queries: Any,
        k: int = 10,
        *,
        where: Mapping[str, Any] | None = None,
        modalities: str | Sequence[str] | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> Neighbors:
        """The k nearest objects of each query, of those that meet all conditions.

        The store finds them, by its own index where it has one; their cosines are computed from the stored vectors.
        Where an index of the store finds too few, all rows are searched.

        Args:
            queries: as for `Index.search`.
            k: neighbors a query; all, where fewer meet the conditions.
            where: conditions by column: a value, a list of values of which one must be there, or
                {"from": low, "to": high}, ends included, for numbers; None has none.
            modalities: as for `Index.search`.
            weights: as for `Index.search`.

        Raises:
            InputError: as for `Index.search`; a column that there is not, or a value of another kind.
        """
        check_k(k)
        wanted = conditions(where, self.facts.kinds)
        vectors = query_vectors(self.model, queries, dim=self.facts.dim, modalities=modalities, weights=weights)
        vectors = unit_vectors(vectors)
        with telling_engine_errors(self.store):
            found = self.store.search(vectors, k, wanted, exact=False)
            if min(map(len, found)) < k:
                found = self.store.search(vectors, k, wanted, exact=True)
        # Rows may have come and gone between two queries.
        least = min(map(len, found))
        ranked = [_ranked(rows, vector, least) for rows, vector in zip(found, vectors, strict=True)]
        columns = {name: _stacked([rows[name] for rows, _ in ranked]) for name in self.facts.kinds}
        ids, labels = columns.pop("id"), columns.pop("label", None)
        cosines = np.stack([cosine for _, cosine in ranked])
        return Neighbors(np.full(ids.shape, -1), cosines, ids, labels, columns)

    def add(
        self, objects: Any, *, ids: Any = None, labels: Any = None, columns: Mapping[str, Any] | None = None
    ) -> None:
        """Put further objects into the store, all of them or none.

        Args:
            objects: an `ObjectTable`, whose ids, labels and columns are taken, or vectors [objects, dim].
            ids: [objects] of vectors, none of which is there.
            labels: [objects] of vectors, or None.
            columns: by name further cells [objects] of vectors; what the store has besides is missing.

        Raises:
            InputError: an id that stands twice or is there; a column that the store does not have or of another kind;
                objects without a model.
        """
        rows = self._rows(objects, ids, labels, columns)
        with telling_engine_errors(self.store):
            refuse_known_ids(self.store.known(rows["id"].to_pylist()))
            self.store.upsert([rows])

    def update(
        self, objects: Any, *, ids: Any = None, labels: Any = None, columns: Mapping[str, Any] | None = None
    ) -> None:
        """Replace the rows of objects that are there, all of them or none.

        Args:
            objects: as for `add`.
            ids: as for `add`, but all there.
            labels: as for `add`.
            columns: as for `add`.

        Raises:
            InputError: an id that stands twice or is not there, and as for `add`.
        """
        rows = self._rows(objects, ids, labels, columns)
        self._refuse_unknown(rows["id"].to_pylist(), where="update(ids=...)")
        with telling_engine_errors(self.store):
            self.store.upsert([rows])

    def remove(self, ids: Any) -> None:
        """Remove objects from the store.

        Args:
            ids: of one object or of several.

        Raises:
            InputError: an id that stands twice or is not there.
        """
        names = np.atleast_1d(np.asarray(ids))
        if not len(names):
            return
        refuse_repeated_ids(names, np.arange(len(names)), name="ids")
        self._refuse_unknown(names.tolist(), where="remove(ids)")
        with telling_engine_errors(self.store):
            self.store.remove(names.tolist())

    def known(self, ids: list[Any]) -> list[Any]:
        """Those of some ids that are there.

        Args:
            ids: text or integers, as the store's.
        """
        with telling_engine_errors(self.store):
            return self.store.known(ids)

    def close(self) -> None:
        """Let go of the store's files and connections."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        with telling_engine_errors(self.store):
            return self.store.count()

    def __repr__(self) -> str:
        model = "no model" if self.model is None else f"model {type(self.model).__name__}"
        return f"StoreIndex: {self.store.place}, vectors of width {self.facts.dim}, {model}"

    def _refuse_unknown(self, ids: list[Any], *, where: str) -> None:
        kinds = {str: "text", int: "integer"}
        if other := next((name for name in ids if kinds.get(type(name)) != self.facts.kinds["id"]), None):
            raise InputError(f"ids of the kind {self.facts.kinds['id']!r}", repr(other), where, "Convert them.")
        there = set(self.known(ids))
        refuse_unknown_ids([name for name in ids if name not in there], where=where)

    def _rows(self, objects: Any, ids: Any, labels: Any, columns: Mapping[str, Any] | None) -> "pa.Table":
        """What a user passed, as rows for the store."""
        if are_vectors(objects):
            vectors = query_vectors(self.model, objects, dim=self.facts.dim, where="add(objects)")
            if ids is None:
                raise InputError("an id for each vector", "none", "add(ids=...)", "Add ids=[...].")
            cells = {"id": named(ids, len(vectors), name="ids")}
            cells |= {} if labels is None else {"label": named(labels, len(vectors), name="labels")}
            rows = rows_of(vectors, cells | dict(columns or {}), self.facts)
        elif not isinstance(objects, ObjectTable) or self.model is None or not len(objects):
            got = f"{type(objects).__name__}, and {'no' if self.model is None else 'a'} model"
            fix = "Read a table by read_objects, and name the model: Index.open(place, model=model)."
            raise InputError("vectors, or an ObjectTable with objects and a model", got, "add(objects)", fix)
        else:
            import pyarrow as pa

            rows = pa.concat_tables(row_batches(self.model.transform, objects, self.facts))
        names = np.array(rows["id"].to_pylist())
        refuse_repeated_ids(names, np.arange(len(names)), name="ids")
        return rows


def _ranked(rows: "pa.Table", vector: np.ndarray, k: int) -> tuple[dict[str, list[Any]], np.ndarray]:
    """The columns of the k nearest of some rows, nearest first, and their cosines float32 [k]."""
    held = rows["vector"].combine_chunks().flatten().to_numpy(zero_copy_only=False).astype(np.float64)
    held = held.reshape(len(rows), len(vector))
    cosines = np.clip(held @ vector / np.linalg.norm(held, axis=1), -1, 1)
    order = np.argsort(-cosines, kind="stable")[:k]
    return rows.take(order).drop_columns(["vector"]).to_pydict(), cosines[order].astype(np.float32)


def _stacked(cells: list[list[Any]]) -> np.ndarray:
    """Cells [queries, k]; of objects where some are missing."""
    missing = any(cell is None for row in cells for cell in row)
    return np.array(cells, dtype=object) if missing else np.array(cells)
