"""A collection of Qdrant as a store: on a server, or in a folder for small ones."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_OID, uuid5

import numpy as np

from steradian.errors import MissingExtraError, SavedModelError
from steradian.stores.conditions import Condition
from steradian.stores.facts import KEY, StoreFacts

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["QdrantStore"]

_POINTS_A_REQUEST = 256


class QdrantStore:
    """A collection of Qdrant, whose points have ids made of the rows' own ones.

    A server takes 256 points at once, so a killed process leaves a whole number of such parts; in a folder, where the
    client keeps the points itself, it takes them one by one.

    Args:
        address: http://host:port, with QDRANT_API_KEY in the environment where it asks for one, or a folder.
        name: of the collection.
    """

    def __init__(self, address: str, name: str) -> None:
        import os

        self.place, self._name = f"qdrant:{address}#{name}", name
        try:
            import qdrant_client
            from qdrant_client.http.exceptions import ApiException
        except ImportError as error:
            raise MissingExtraError("qdrant", "qdrant_client", self.place) from error
        self.errors: tuple[type[Exception], ...] = (ApiException, OSError, RuntimeError, ValueError)
        self._models = qdrant_client.models
        served = address.startswith(("http://", "https://"))
        there = {"url": address, "api_key": os.environ.get("QDRANT_API_KEY")} if served else {"path": address}
        self._engine, self._there, self._made = qdrant_client, there, None

    @property
    def _client(self) -> Any:
        if self._made is None:
            self._made = self._engine.QdrantClient(**self._there)
        return self._made

    def facts(self) -> StoreFacts | None:
        """As `VectorStore.facts`."""
        if not self._client.collection_exists(self._name):
            return None
        kept = self._client.get_collection(self._name).config.metadata or {}
        if KEY not in kept:
            fix = "Name another collection."
            raise SavedModelError("a collection that steradian filled", "another", self.place, fix)
        return StoreFacts.from_json(kept[KEY], self.place)

    def create(self, facts: StoreFacts) -> None:
        """As `VectorStore.create`."""
        vectors = self._models.VectorParams(size=facts.dim, distance=self._models.Distance.COSINE)
        self._client.create_collection(self._name, vectors_config=vectors, metadata={KEY: facts.to_json()})

    def keep(self, facts: StoreFacts) -> None:
        """As `VectorStore.keep`."""
        self._client.update_collection(self._name, metadata={KEY: facts.to_json()})

    def upsert(self, batches: Iterable["pa.Table"]) -> None:
        """As `VectorStore.upsert`."""
        for batch in batches:
            for part in batch.to_batches(max_chunksize=_POINTS_A_REQUEST):
                points = [
                    self._models.PointStruct(id=_point(row["id"]), vector=row.pop("vector"), payload=row)
                    for row in part.to_pylist()
                ]
                self._client.upsert(self._name, points=points, wait=True)

    def known(self, ids: list[Any]) -> list[Any]:
        """As `VectorStore.known`."""
        found = self._client.retrieve(self._name, ids=[_point(name) for name in ids], with_payload=["id"])
        return [point.payload["id"] for point in found]

    def remove(self, ids: list[Any]) -> None:
        """As `VectorStore.remove`."""
        points = self._models.PointIdsList(points=[_point(name) for name in ids])
        self._client.delete(self._name, points_selector=points, wait=True)

    def search(self, vectors: np.ndarray, k: int, where: Sequence[Condition], *, exact: bool) -> "list[pa.Table]":
        """As `VectorStore.search`."""
        import pyarrow as pa

        facts, models = self.facts(), self._models
        must = models.Filter(must=[must for condition in where for must in self._must(condition)]) if where else None
        asked = {"filter": must, "limit": k, "with_payload": True, "with_vector": True}
        # In a folder every search is exact, and the client warns of this.
        asked |= {"params": models.SearchParams(exact=exact)} if "url" in self._there else {}
        requests = [models.QueryRequest(query=vector.tolist(), **asked) for vector in vectors]
        answers = self._client.query_batch_points(self._name, requests=requests)
        schema = facts.schema if facts else pa.schema({})
        rows = [[{**point.payload, "vector": point.vector} for point in answer.points] for answer in answers]
        return [pa.Table.from_pylist(found, schema=schema) for found in rows]

    def count(self) -> int:
        """As `VectorStore.count`."""
        return int(self._client.count(self._name, exact=True).count)

    def close(self) -> None:
        """As `VectorStore.close`."""
        if self._made is not None:
            self._made.close()
            self._made = None

    def _must(self, condition: Condition) -> list[Any]:
        """A condition in the words of Qdrant, which matches no numbers with a point but by their range."""
        models, column = self._models, f'"{condition.column}"'
        if condition.values is None:
            ends = models.Range(gte=condition.low, lte=condition.high)
            return [models.FieldCondition(key=column, range=ends)]
        either = [
            models.FieldCondition(key=column, range=models.Range(gte=value, lte=value))
            if isinstance(value, (int, float)) and not isinstance(value, bool)
            else models.FieldCondition(key=column, match=models.MatchValue(value=value))
            for value in condition.values
        ]
        return [models.Filter(should=either) if either else models.HasIdCondition(has_id=[])]


def _point(name: Any) -> str:
    """The id of a point, which Qdrant wants as a UUID."""
    return str(uuid5(NAMESPACE_OID, str(name)))
