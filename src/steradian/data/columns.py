"""One column, however it is held, as a numpy array with an entry a row.

Numbers become a numeric array whose empty cells are NaN; all else an array of Python objects whose empty cells are
None. Rows that are lists of numbers become one array where they have one length, and an array each where they have not.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from steradian.data.modality import is_missing, shown
from steradian.errors import InputError

__all__ = ["from_arrow", "from_cells", "to_column", "to_objects"]


def to_column(values: Any, name: str) -> np.ndarray:
    """A column from a list, tuple, numpy array, pyarrow array, or anything numpy can convert (Series, tensor).

    Args:
        values: one entry a row.
        name: the column's, for messages.

    Raises:
        InputError: a single value instead of one a row.

    Example:
        >>> to_column([1, None, 3], "price")
        array([ 1., nan,  3.])
    """
    if isinstance(values, pa.Array):
        values = pa.chunked_array([values])
    if isinstance(values, pa.ChunkedArray):
        return from_arrow(values)
    if not isinstance(values, (list, tuple, np.ndarray)) and hasattr(values, "__array__"):
        values = np.array(values.__array__())
    if not isinstance(values, (list, tuple, np.ndarray)) or (isinstance(values, np.ndarray) and not values.ndim):
        raise InputError(
            want="a list or an array with one entry a row",
            got=shown(values),
            where=f"column {name!r}",
            fix=f"Write for example {{{name!r}: [first, second, ...]}}.",
        )
    if isinstance(values, np.ndarray):
        if values.dtype.kind in "biufcmM" and not isinstance(values, np.ma.MaskedArray):
            return values
        values = values.tolist()
    return from_cells(values)


def from_cells(values: Iterable[Any]) -> np.ndarray:
    """A column from Python values, one a row.

    Args:
        values: numbers, strings, bytes, dates, lists, arrays, pictures, or None; dicts with `bytes` or `path`, or
            with `array` and `sampling_rate` (the ways pictures and sounds of public data sets come) give these,
            within lists too.

    Example:
        >>> from_cells([[1, 2], None]).tolist()
        [[1.0, 2.0], [nan, nan]]
    """
    cells = [_cell(value) for value in values]
    known = [cell for cell in cells if cell is not None]
    if known and all(isinstance(cell, np.ndarray) for cell in known):
        if len({cell.shape for cell in known}) == 1 and all(cell.dtype.kind in "biuf" for cell in known):
            return _spread(np.stack(known), np.array([cell is None for cell in cells]))
        return to_objects(cells)
    # Arrow is asked about numbers and dates only: text and bytes it would copy for nothing.
    if known and not any(isinstance(_first(cell), (str, bytes)) for cell in known):
        try:
            array = pa.array(cells)
        except (pa.ArrowException, OverflowError, TypeError, ValueError):
            return to_objects(cells)
        # Arrow takes 5 among dates for a day, and cuts the time off a moment.
        if _is_numeric(array.type) and not (_holds_dates(array.type) and _are_mixed(known)):
            return from_arrow(pa.chunked_array([array]))
    return to_objects(cells)


def from_arrow(column: pa.ChunkedArray) -> np.ndarray:
    """A column from Arrow, without a Python object a number.

    Args:
        column: of any type; lists of lists of numbers give [rows, steps, channels], or [steps, channels] a row.

    Example:
        >>> from_arrow(pa.chunked_array([[[1.0, 2.0]], [None]])).tolist()
        [[1.0, 2.0], [nan, nan]]
    """
    kind = column.type
    if isinstance(kind, pa.BaseExtensionType):
        stored = from_arrow(pa.chunked_array([chunk.storage for chunk in column.chunks], kind.storage_type))
        return stored.reshape(len(stored), *kind.shape) if isinstance(kind, pa.FixedShapeTensorType) else stored
    if not column.num_chunks:
        column = pa.chunked_array([pa.array([], kind)])
    if pa.types.is_dictionary(kind):
        return from_arrow(pa.chunked_array([chunk.dictionary_decode() for chunk in column.chunks]))
    if pa.types.is_decimal(kind):
        return from_arrow(column.cast(pa.float64()))
    if _is_list(kind):
        return _from_lists(column)
    if pa.types.is_nested(kind):
        return from_cells(column.to_pylist())
    # Concatenating copies: what Arrow lends is read-only, which torch warns about.
    return np.concatenate([chunk.to_numpy(zero_copy_only=False) for chunk in column.chunks])


def to_objects(cells: Iterable[Any]) -> np.ndarray:
    """An array of Python objects, one a cell.

    Args:
        cells: any objects; `np.array` would lay arrays of one shape out as numbers, this does not.

    Example:
        >>> to_objects([np.zeros(2), np.zeros(2)]).shape
        (2,)
    """
    cells = list(cells)
    return np.fromiter(cells, dtype=object, count=len(cells))


def _from_lists(column: pa.ChunkedArray) -> np.ndarray:
    """Cut the flat values of all lists at their ends; slices and chunks are Arrow's `flatten` to see to."""
    lengths = np.concatenate([_lengths(chunk) for chunk in column.chunks])
    flat = from_arrow(pa.chunked_array([chunk.flatten() for chunk in column.chunks], column.type.value_type))
    missing = lengths < 0
    known = lengths[~missing]
    if flat.dtype != object and known.size and (known == known[0]).all():
        return _spread(flat.reshape(len(known), known[0], *flat.shape[1:]), missing)
    ends = np.cumsum(np.maximum(lengths, 0))
    return to_objects(
        None if length < 0 else _row(flat[end - length : end]) for end, length in zip(ends, lengths, strict=True)
    )


def _lengths(lists: pa.Array) -> np.ndarray:
    """int64 [rows]; -1 where there is no list."""
    return np.asarray(pc.list_value_length(lists).fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)


def _row(entries: np.ndarray) -> Any:
    """A cell of a ragged column: an array of numbers, or a list of anything else."""
    if entries.dtype != object:
        return entries
    cells = entries.tolist()
    alike = all(isinstance(cell, np.ndarray) for cell in cells) and len({cell.shape for cell in cells}) == 1
    return np.stack(cells) if alike else cells


def _spread(known: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """Put the known rows [known, ...] where they belong among the missing ones."""
    if not missing.any():
        return known
    if known.ndim != 2 or known.dtype.kind not in "biuf":
        rows = iter(known)
        return to_objects(None if gone else next(rows) for gone in missing)
    dtype = known.dtype if known.dtype.kind == "f" else np.float64
    column = np.full((len(missing), known.shape[1]), np.nan, dtype=dtype)
    column[~missing] = known
    return column


def _cell(value: Any) -> Any:
    if is_missing(value):
        return None
    if isinstance(value, Mapping) and value.get("array") is not None and "sampling_rate" in value:
        return value["array"], value["sampling_rate"]
    if isinstance(value, Mapping) and ("bytes" in value or "path" in value):
        return value.get("bytes") or value.get("path")
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
        value = value.tolist()
    # A look at the first entry tells lists of items from long lists of numbers.
    if isinstance(value, (list, tuple)) and isinstance(_first(value), Mapping):
        return [_cell(item) for item in value]
    return value


def _first(cell: Any) -> Any:
    """The first entry that is there of a list; any other cell itself."""
    if not isinstance(cell, (list, tuple)):
        return cell
    return next((entry for entry in cell if entry is not None), None)


def _are_mixed(cells: Iterable[Any]) -> bool:
    """Whether the entries of cells, or of the lists they are, are of several types."""
    entries = (entry for cell in cells for entry in (cell if isinstance(cell, (list, tuple)) else [cell]))
    return len({type(entry) for entry in entries if not is_missing(entry)}) > 1


def _holds_dates(kind: pa.DataType) -> bool:
    while _is_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_temporal(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_numeric(kind: pa.DataType) -> bool:
    """Numbers, truth values and dates, and lists of them."""
    while _is_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_primitive(kind) or pa.types.is_decimal(kind))
