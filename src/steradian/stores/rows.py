"""Objects as rows of a store: ids, unit vectors, labels, what is present, and the columns that the user names."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from steradian.data import ObjectTable
from steradian.data.label_sets import are_several
from steradian.data.modality import is_missing
from steradian.errors import InputError
from steradian.metrics import unit_vectors
from steradian.misspelt import did_you_mean
from steradian.stores.facts import StoreFacts

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["kinds_of", "row_batches", "rows_of"]

_BATCH = 8192
_PYTHON = {str: "text", bool: "boolean", int: "integer", float: "number"}
_NUMPY = {"U": "text", "b": "boolean", "i": "integer", "u": "integer", "f": "number"}
_NAME = re.compile(r"[^\x00-\x1f\"`.$\\]{1,60}")


def kinds_of(objects: ObjectTable, columns: Sequence[str]) -> dict[str, str]:
    """The kinds of the columns of a table's rows, the id first, then the label where there is one.

    Args:
        objects: the table.
        columns: further plain columns of it.

    Raises:
        InputError: a column that there is not, that is not plain, or whose name no store takes.
    """
    cells = _cells(objects, columns)
    kinds = {name: _kind(name, column) for name, column in cells.items()}
    if bad := next((name for name in kinds if not _NAME.fullmatch(name)), None):
        want = 'names of at most 60 characters without . $ " ` \\ and line breaks'
        raise InputError(want, repr(bad), "columns for a store", "Rename the column or the modality.")
    return kinds


def row_batches(
    embed: Callable[[ObjectTable], np.ndarray], objects: ObjectTable, facts: StoreFacts
) -> "Iterator[pa.Table]":
    """The rows of a table, some at a time: all columns that the store has; those that the table lacks are missing.

    Args:
        embed: from objects to their vectors [objects, dim].
        objects: the table.
        facts: of the store.
    """
    extra = [name for name in facts.kinds if name not in {"id", "label"} and not name.startswith("has_")]
    for start in range(0, len(objects), _BATCH):
        part = objects[start : start + _BATCH]
        cells = _cells(part, [name for name in extra if name in part.columns])
        cells = {name: column for name, column in cells.items() if name in facts.kinds}
        yield rows_of(np.asarray(embed(part)), cells, facts)


def rows_of(vectors: np.ndarray, cells: Mapping[str, Any], facts: StoreFacts) -> "pa.Table":
    """Rows as Arrow has them.

    Args:
        vectors: [rows, dim]; brought to unit length.
        cells: arrays [rows] by name, "id" among them; others that the store has are missing.
        facts: of the store.

    Raises:
        InputError: a column that the store does not have, or cells of another kind.
    """
    import pyarrow as pa

    schema = facts.schema
    if other := set(cells) - set(facts.kinds):
        want = f"columns of the store: {', '.join(facts.kinds)}"
        raise InputError(want, repr(sorted(other)[0]), "the rows", "Leave it out, or fill another place.")
    flat = pa.array(unit_vectors(vectors).ravel(), pa.float32())
    arrays = {"vector": pa.FixedSizeListArray.from_arrays(flat, facts.dim)}
    for name, column in cells.items():
        plain = [None if is_missing(cell) else cell for cell in np.asarray(column).tolist()]
        try:
            arrays[name] = pa.array(plain, schema.field(name).type)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            want = f"cells of the kind {facts.kinds[name]!r}"
            raise InputError(want, str(error)[:100], f"column {name!r}", "Write them as the store has them.") from error
    missing = {field.name: pa.nulls(len(vectors), field.type) for field in schema if field.name not in arrays}
    return pa.table({name: (arrays | missing)[name] for name in schema.names}, schema=schema)


def _cells(objects: ObjectTable, columns: Sequence[str]) -> dict[str, np.ndarray]:
    """The columns of the rows, as arrays."""
    cells = {"id": objects.ids} | ({"label": _texts_of_several(objects.labels)} if objects.has_labels else {})
    present = {f"has_{name}": objects.present[:, m] for m, name in enumerate(objects.schema.modalities)}
    for name in columns:
        if name not in objects.columns:
            fix = did_you_mean(name, objects.columns, otherwise=f"There are {', '.join(objects.columns)}.")
            raise InputError("a column of the table", repr(name), "columns", fix)
        if name in cells or name in present or name == "vector":
            fix = "It is written as it is where it is the id, the label or says what is present; else rename it."
            raise InputError("another column than id, vector, label and has_...", repr(name), "columns", fix)
    return cells | present | {name: objects.columns[name] for name in columns}


def _texts_of_several(labels: np.ndarray) -> np.ndarray:
    """Labels [rows], several an object as the text of a JSON list, since a store's cells hold one value."""
    return np.array([json.dumps(own, ensure_ascii=False) for own in labels]) if are_several(labels) else labels


def _kind(name: str, column: np.ndarray) -> str:
    kinds: set[str | None] = {_NUMPY.get(column.dtype.kind)} if column.ndim == 1 else {None}
    if column.ndim == 1 and column.dtype == object:
        kinds = {_PYTHON.get(type(cell)) for cell in column.tolist() if not is_missing(cell)} or {"text"}
        kinds = {"number"} if kinds == {"integer", "number"} else kinds
    kind = kinds.pop()
    if kinds or kind is None:
        fix = "Leave it out, or convert it to one of these."
        raise InputError("text, numbers or booleans, one a row", "other or mixed values", f"column {name!r}", fix)
    return kind
