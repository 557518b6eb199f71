"""Rows that an index is to take: their vectors, ids and labels, and which of its rows they are."""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from steradian.data.checks import refuse_repeated_ids, to_names
from steradian.data.columns import to_column
from steradian.data.label_sets import are_several, label_cells, to_labels
from steradian.errors import InputError
from steradian.metrics import unit_vectors
from steradian.search.queries import Embedder, query_vectors

__all__ = [
    *("NewRows", "joined_names", "named", "new_rows", "places_of", "refuse_known_ids", "refuse_unknown_ids"),
]

_SHOWN = 3


@dataclass(frozen=True, eq=False)
class NewRows:
    """Rows to be put into an index.

    Args:
        vectors: float32 [rows, dim], unit rows.
        ids: [rows], all different.
        labels: [rows], or None.
    """

    vectors: np.ndarray
    ids: np.ndarray
    labels: np.ndarray | None


class _Index(Protocol):
    @property
    def vectors(self) -> np.ndarray: ...
    @property
    def ids(self) -> np.ndarray: ...
    @property
    def labels(self) -> np.ndarray | None: ...
    @property
    def model(self) -> Embedder | None: ...


def new_rows(index: _Index, objects: Any, *, ids: Any, labels: Any, known: bool = False) -> NewRows:
    """What a user passed, as rows for an index.

    Args:
        index: whose width, kinds of names and model count.
        objects: vectors, or objects as the model takes them.
        ids: [rows], or None for those of the objects, or the next numbers.
        labels: [rows], or None for those of the objects.
        known: whether the rows are to be in the index already.

    Raises:
        InputError: see `Index.add`.
    """
    where = "update(objects)" if known else "add(objects)"
    vectors = unit_vectors(query_vectors(index.model, objects, dim=index.vectors.shape[1], where=where))
    if ids is None and getattr(getattr(objects, "schema", None), "id", None) is not None:
        ids = objects.ids
    if ids is None and not known and index.ids.dtype.kind in "iu":
        ids = np.arange(len(vectors)) + max(-1, int(index.ids.max())) + 1
    if ids is None:
        got = "none" if known else "none, and the index has ids of its own"
        raise InputError("an id for each object", got, where, "Add ids=[...].")
    names = named(ids, len(vectors), name="ids")
    refuse_repeated_ids(names, np.arange(len(names)), name="ids")
    if labels is None and index.labels is not None and getattr(objects, "has_labels", False):
        labels = objects.labels
    if (labels is None) != (index.labels is None):
        given, fix = ("labels", "Leave them out.") if index.labels is None else ("no labels", "Add labels=[...].")
        raise InputError("labels, as the index has" if labels is None else "no labels", given, where, fix)
    return NewRows(vectors, names, None if labels is None else named(labels, len(vectors), name="labels"))


def named(values: Any, rows: int, *, name: str) -> np.ndarray:
    """Ids or labels as an array of text, integers or booleans [rows]; several labels a row as tuples.

    Args:
        values: that the user gave.
        rows: how many there should be.
        name: of the argument, for messages.

    Raises:
        InputError: too few or many, or one that is missing or of another type.
    """
    column = to_column(values, name)
    if len(column) != rows:
        raise InputError(
            want=f"{rows} {name}, one a vector", got=str(len(column)), where=name, fix="Give one a row, in order."
        )
    if name == "labels":
        return to_labels(label_cells(column), np.arange(rows), name=name)
    return to_names(column, np.arange(rows), name=name)


def joined_names(old: np.ndarray, new: np.ndarray | None, *, name: str) -> np.ndarray:
    """Names of one kind below each other.

    Args:
        old: of the index.
        new: to come below.
        name: of the argument, for messages.

    Raises:
        InputError: text beside numbers, or the like.
    """
    kinds = [_kind(names) for names in (old, old if new is None else new)]
    if kinds[0] != kinds[1]:
        raise InputError(f"{name} that are {kinds[0]}, as in the index", kinds[1], name, "Convert them.")
    return np.concatenate([old, old[:0] if new is None else new])


def places_of(ids: np.ndarray, known: np.ndarray, *, where: str) -> np.ndarray:
    """The rows of an index that have these ids, int64 [ids].

    Args:
        ids: each different.
        known: the ids of the index.
        where: the argument, for messages.

    Raises:
        InputError: an id that is not in the index, or stands twice.
    """
    refuse_repeated_ids(ids, np.arange(len(ids)), name="ids")
    rows = {name: row for row, name in enumerate(known.tolist())}
    unknown = [name for name in ids.tolist() if name not in rows]
    refuse_unknown_ids(unknown, where=where)
    return np.array([rows[name] for name in ids.tolist()], dtype=np.int64)


def refuse_unknown_ids(unknown: list[Any], *, where: str) -> None:
    """See to it that no id is meant that an index does not have.

    Args:
        unknown: ids that are not in the index.
        where: the argument, for messages.

    Raises:
        InputError: there are some.
    """
    if unknown:
        fix = "Leave them out; new objects come in by add."
        raise InputError("ids of the index", f"{len(unknown)} others: {_shown(unknown)}", where, fix)


def refuse_known_ids(known: Any) -> None:
    """See to it that no new row has an id that an index has.

    Args:
        known: the ids of new rows that are in the index.

    Raises:
        InputError: there are some.
    """
    if len(known):
        got = f"{len(known)} that are in it: {_shown(list(known))}"
        raise InputError("ids that the index does not have", got, "add(ids=...)", "Replace these by update.")


def _shown(names: list[Any]) -> str:
    shown = ", ".join(repr(getattr(name, "item", lambda name=name: name)()) for name in names[:_SHOWN])
    return shown + ", ..." * (len(names) > _SHOWN)


def _kind(names: np.ndarray) -> str:
    return "lists" if are_several(names) else {"U": "text", "b": "booleans"}.get(names.dtype.kind, "integers")
