"""Unit vectors with their ids, labels and columns in the engine of a vector store."""

from steradian.stores.conditions import Condition, conditions
from steradian.stores.facts import StoreFacts
from steradian.stores.places import is_place, open_store
from steradian.stores.rows import row_batches, rows_of
from steradian.stores.vector_store import VectorStore, check_maker, telling_engine_errors
from steradian.stores.write_vectors import write_vectors

__all__ = [
    "Condition",
    "StoreFacts",
    "VectorStore",
    "check_maker",
    "conditions",
    "is_place",
    "open_store",
    "row_batches",
    "rows_of",
    "telling_engine_errors",
    "write_vectors",
]
