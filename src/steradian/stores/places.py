"""Where a store is, in one line of text: `lancedb:PATH#TABLE` and the like."""

import re

from steradian.errors import ConfigError
from steradian.stores.vector_store import VectorStore

__all__ = ["is_place", "open_store"]

_KINDS = re.compile("(lancedb|qdrant|pgvector|faiss|parquet):")
_FORMS = "lancedb:PATH#TABLE, qdrant:URL_OR_PATH#NAME, pgvector:DSN#TABLE, faiss:FILE or parquet:FILE"


def open_store(text: str, *, option: str = "the place of a store") -> VectorStore:
    """The store that a line names; nothing is made yet.

    Args:
        text: such as "lancedb:gallery#shoes".
        option: the argument, for messages.

    Raises:
        ConfigError: no such form.
        MissingExtraError: the engine's package is not installed.

    Examples:
        >>> open_store("parquet:gallery.parquet").place
        'parquet:gallery.parquet'
    """
    kind, _, rest = str(text).partition(":")
    if kind in {"parquet", "faiss"} and rest:
        from steradian.stores.file_stores import FaissStore, ParquetStore

        return ParquetStore(rest) if kind == "parquet" else FaissStore(rest)
    path, mark, name = rest.rpartition("#")
    if kind not in {"lancedb", "qdrant", "pgvector"} or not (path and mark and name):
        # A database's address may hold a password.
        shown = re.sub(r"//[^@/]*@", "//...@", str(text))[:100]
        raise ConfigError(_FORMS, repr(shown), option, "Write for example lancedb:gallery#shoes.")
    if kind == "lancedb":
        from steradian.stores.lancedb_store import LanceDBStore

        return LanceDBStore(path, name)
    if kind == "qdrant":
        from steradian.stores.qdrant_store import QdrantStore

        return QdrantStore(path, name)
    from steradian.stores.pgvector_store import PgvectorStore

    return PgvectorStore(path, name)


def is_place(text: str | None) -> bool:
    """Whether a text names a store, and no folder.

    Args:
        text: that the user gave, or None.

    Examples:
        >>> is_place("lancedb:gallery#shoes"), is_place("model/index")
        (True, False)
    """
    return text is not None and _KINDS.match(text) is not None
