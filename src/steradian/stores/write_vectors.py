"""From a table and a model to a store that is filled."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from steradian.data import ObjectTable, read_objects
from steradian.misspelt import telling_of_misspelt
from steradian.stores.facts import StoreFacts
from steradian.stores.places import open_store
from steradian.stores.rows import kinds_of, row_batches
from steradian.stores.vector_store import check_maker, telling_engine_errors

if TYPE_CHECKING:
    from steradian.embedder import SphereEmbedder

__all__ = ["write_vectors"]


@telling_of_misspelt
def write_vectors(model: "SphereEmbedder", objects: Any, to: str, *, columns: Sequence[str] = ()) -> str:
    """Write the unit vectors of objects to a vector store, by cosine; a row with an id that is there replaces that one.

    Rows have the columns `id`, `vector`, `label` where there are labels, `has_NAME` for each modality, and those that
    are named. The store keeps the model's fingerprint and thresholds. A killed process leaves whole batches of 8,192
    rows in LanceDB and PostgreSQL, whole parts of 256 in a Qdrant server, all or none in files; write them again to go
    on.

    Args:
        model: a fitted model.
        objects: an `ObjectTable`, or what `read_objects` takes with partial=True; labels are optional. Without a column
            of ids the row numbers are the ids, so that a second table replaces the rows of the first.
        to: "lancedb:PATH#TABLE", "qdrant:URL_OR_PATH#NAME", "pgvector:DSN#TABLE", "faiss:FILE" or "parquet:FILE".
        columns: plain columns of the table to write too: text, numbers or booleans, to filter searches by. A store that
            is there keeps its columns: those that it has are written where the table has them.

    Returns:
        Where they are, as messages show it: without a password.

    Raises:
        ConfigError: no such kind of place.
        MissingExtraError: its package is not installed: `pip install 'steradian[lancedb]'`.
        SavedModelError: another model has filled it, or somebody else.
        InputError: columns that are not plain, that there are not or that the store does not have; a store that does
            not answer.

    Examples:
        >>> import numpy as np, steradian as sr
        >>> from steradian.data import Schema, read_objects
        >>> table = {"size": list(np.eye(4)), "brand": ["a", "b", "a", "b"]}
        >>> objects = sr.read_objects(table, sr.Schema({"size": sr.Vector("size")}, label="brand"))
        >>> model = sr.SphereEmbedder(epochs=0, verbose=False).fit(objects)
        >>> write_vectors(model, objects, "parquet:vectors.parquet")
        'parquet:vectors.parquet'
    """
    if not isinstance(objects, ObjectTable):
        objects = read_objects(objects, model.schema_, labelled=False, partial=True)
    store, fingerprint = open_store(to, option="write_vectors(to=...)"), getattr(model, "fingerprint", None)
    kinds, calibration = kinds_of(objects, columns), getattr(model, "calibration_", None)
    thresholds = None if calibration is None else calibration.to_dict()
    with telling_engine_errors(store):
        try:
            facts = store.facts()
            if facts is not None:
                check_maker(facts, fingerprint, store.place)
            new = StoreFacts(fingerprint, int(model.transform(objects[:1]).shape[1]), kinds, thresholds)
            kept = new if facts is None else facts.joined(new, store.place)
            if facts is None:
                store.create(kept)
            elif facts != kept:
                store.keep(kept)
            store.upsert(row_batches(model.transform, objects, kept))
        finally:
            store.close()
    return store.place
