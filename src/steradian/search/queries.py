"""What is searched for: vectors as they are, or objects that a model embeds."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from steradian.errors import InputError

__all__ = ["Embedder", "are_vectors", "check_k", "query_vectors"]


class Embedder(Protocol):
    """What an index needs of a model."""

    def transform(self, objects: Any, /, *, modalities: Sequence[str] | None = None) -> np.ndarray:
        """Unit vectors [objects, dim] of a table, from all modalities or from some of them."""
        ...


def are_vectors(given: Any) -> bool:
    """Whether what a user passed are vectors, and no objects.

    Args:
        given: an array or anything else.
    """
    return isinstance(given, np.ndarray) and given.dtype.kind in "fiu"


def check_k(k: Any) -> None:
    """Refuse what is no number of neighbors.

    Args:
        k: that the user gave.

    Raises:
        InputError: no integer from 1.
    """
    if not isinstance(k, (int, np.integer)) or k < 1:
        raise InputError(want="an integer from 1", got=repr(k), where="k", fix="Write for example k=10.")


def query_vectors(
    model: Embedder | None,
    queries: Any,
    *,
    dim: int,
    modalities: str | Sequence[str] | None = None,
    weights: Mapping[str, float] | None = None,
    where: str = "search(queries)",
) -> np.ndarray:
    """The vectors [queries, dim] of what a user passed.

    Args:
        model: of the index, or None.
        queries: vectors, or objects as `model.transform` takes them.
        dim: the width of the index.
        modalities: of the objects to use; None uses all that are present.
        weights: factors of the gates by modality, or None.
        where: the argument, for messages.

    Raises:
        InputError: objects without a model, modalities or weights of vectors, or vectors of another width.
    """
    if not are_vectors(queries):
        vectors = _embedded(model, queries, modalities, weights, where)
    elif modalities is not None or weights is not None:
        fix = "Leave out modalities and weights."
        raise InputError("objects and an index with a model", "vectors", where, fix)
    else:
        vectors = np.asarray(queries)
    if vectors.ndim == 2 and vectors.shape[1] != dim:
        raise InputError(
            want=f"{'queries' if 'queries' in where else 'vectors'} of width {dim}, as the index",
            got=f"width {vectors.shape[1]}",
            where=where,
            fix="Embed them with the model of the index: model.transform(objects).",
        )
    return vectors


def _embedded(
    model: Embedder | None,
    objects: Any,
    modalities: str | Sequence[str] | None,
    weights: Mapping[str, float] | None,
    where: str,
) -> np.ndarray:
    if model is None:
        raise InputError(
            want="objects and an index with a model" if modalities or weights else "a numeric array [queries, dim]",
            got=f"{type(objects).__name__}, and this index has no model",
            where=where,
            fix="Use Index.load(folder, model=model).",
        )
    if weights is not None:
        if not hasattr(model, "encode"):
            want, where = "a model with gates, such as a SphereEmbedder", "search(weights=...)"
            raise InputError(want, type(model).__name__, where, "Leave out weights.")
        objects = model.encode(objects).weighted(weights)
    names = [modalities] if isinstance(modalities, str) else modalities
    return np.asarray(model.transform(objects, modalities=names))
