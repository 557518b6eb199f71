"""One column, however it is held, as a numpy array with an entry a row.

Numbers become a numeric array whose empty cells are NaN; all else an array of Python objects whose empty cells are
None. Integers that a float would not tell apart stay Python integers, since they may be names. Rows that are lists
of numbers become one array where they have one length, and an array each where they have not.

Where a model is only served there may be no pyarrow; then cells are Python values, and numpy makes the same of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from steradian.data.modality import is_missing, shown
from steradian.data.number_arrays import EXACT_WHOLE, number_arrays
from steradian.errors import InputError

try:
    import pyarrow as pa
    import pyarrow.compute as pc
except ImportError:
    pa = None

__all__ = [
    "column_length",
    "from_arrow",
    "from_cells",
    "holds_number_lists",
    "to_column",
    "to_objects",
]

EXACT_DIGITS = 1e15
"""Decimals of fewer units in their last place are told apart by a float64."""

SAMPLE = 1000
"""Cells that show whether the texts of a column are met again and again."""
MOST_AXES = 32
"""Lists within lists that may be numbers."""


def column_length(values: Any, name: str) -> int:
    """The number of rows of what `to_column` takes, without converting it.

    Args:
        values: one entry a row.
        name: the column's, for messages.

    Raises:
        InputError: a single value instead of one a row.

    Examples:
        >>> column_length([1, None, 3], "price")
        3
    """
    # Arrow's own columns are arrays too.
    like_a_column = isinstance(values, (list, tuple)) or any(
        hasattr(values, method) for method in ("__array__", "__arrow_c_stream__")
    )
    try:
        # A sparse matrix has no length, but as many rows as any other.
        return int(values.shape[0]) if _is_sparse(values) else len(values if like_a_column else None)  # type: ignore[arg-type]
    except TypeError as error:
        raise InputError(
            want="a list or an array with one entry a row",
            got=shown(values),
            where=f"column {name!r}",
            fix="Tables are joined by a column of keys: on=..., see read_objects."
            if isinstance(values, (str, PathLike)) and Path(values).suffix
            else f"Write for example {{{name!r}: [first, second, ...]}}.",
        ) from error


def to_column(values: Any, name: str) -> np.ndarray:
    """A column from a list, tuple, array of numpy or pyarrow, sparse matrix, or what numpy converts (Series, tensor).

    Args:
        values: one entry a row.
        name: the column's, for messages.

    Raises:
        InputError: a single value instead of one a row, or a type that cannot be converted.

    Examples:
        >>> to_column([1, None, 3], "price")
        array([ 1., nan,  3.])
    """
    column_length(values, name)
    try:
        return _converted(values)
    # Nothing less: other libraries raise what they like for types that they do not convert.
    except Exception as error:
        kind = getattr(values, "dtype", getattr(values, "type", type(values).__name__))
        raise InputError(
            want="a column of numbers, text, bytes, dates, lists or arrays",
            got=f"{kind!s:.80}, which cannot be converted ({' '.join(str(error).split())[:120].rstrip('.')})",
            where=f"column {name!r}",
            fix="Convert the column, or give it as a list of Python values.",
        ) from error


def _converted(values: Any) -> np.ndarray:
    if _is_sparse(values):
        return np.asarray(values.toarray())
    if pa is not None and isinstance(values, pa.Array):
        values = pa.chunked_array([values])
    elif hasattr(values, "detach"):
        values = _from_tensor(values)
    elif hasattr(values, "iloc"):
        # numpy would make floats of integers with gaps.
        whole = not isinstance(values.dtype, np.dtype) and values.dtype.kind in "iu"
        values = pa.chunked_array([pa.array(values)]) if whole else np.array(values.__array__())
    elif pa is not None and hasattr(values, "__arrow_c_stream__") and not isinstance(values, pa.ChunkedArray):
        try:
            values = pa.chunked_array(values)
        except pa.ArrowException:
            # Arrow has no integers of 128 bits.
            values = list(values)
    if pa is not None and isinstance(values, pa.ChunkedArray):
        return from_arrow(values)
    if not isinstance(values, (list, tuple, np.ndarray)):
        values = np.array(values.__array__())
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

    Examples:
        >>> from_cells([[1, 2], None]).tolist()
        [[1.0, 2.0], [nan, nan]]
    """
    cells = [_cell(value) for value in values]
    known = [cell for cell in cells if cell is not None]
    if known and all(isinstance(cell, np.ndarray) for cell in known):
        if len({cell.shape for cell in known}) == 1 and all(cell.dtype.kind in "biuf" for cell in known):
            return _spread(np.stack(known), np.array([cell is None for cell in cells]))
        return to_objects(cells)
    # Arrow is asked about numbers and dates only: text and bytes it would copy for nothing. It takes for ever for lists
    # of very many axes.
    if known and not any(isinstance(_first(cell), (str, bytes)) or _is_deep(cell) for cell in known):
        if pa is None:
            arrays = number_arrays(cells)
            return to_objects(cells) if arrays is None else from_cells(arrays)
        if _ends_arrow(known):
            return to_objects(cells)
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

    Examples:
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
        return from_arrow(pa.chunked_array([_decoded(chunk) for chunk in column.chunks]))
    if pa.types.is_decimal(kind):
        return _from_decimals(column)
    if pa.types.is_integer(kind) and column.null_count and _largest(column) > EXACT_WHOLE:
        return to_objects(column.to_pylist())
    if _is_list(kind):
        return _from_lists(column)
    if pa.types.is_nested(kind):
        return from_cells(column.to_pylist())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _from_texts(column)
    # Concatenating copies: what Arrow lends is read-only, which torch warns about.
    return np.concatenate([chunk.to_numpy(zero_copy_only=False) for chunk in column.chunks])


def to_objects(cells: Iterable[Any]) -> np.ndarray:
    """An array of Python objects, one a cell.

    Args:
        cells: any objects; `np.array` would lay arrays of one shape out as numbers, this does not.

    Examples:
        >>> to_objects([np.zeros(2), np.zeros(2)]).shape
        (2,)
    """
    cells = list(cells)
    return np.fromiter(cells, dtype=object, count=len(cells))


def holds_number_lists(kind: pa.DataType) -> bool:
    """Whether cells of an Arrow type are lists of numbers, of any depth.

    Args:
        kind: of a column.

    Examples:
        >>> holds_number_lists(pa.list_(pa.float32())), holds_number_lists(pa.float32())
        (True, False)
    """
    if isinstance(kind, pa.FixedShapeTensorType):
        return True
    return _is_list(kind) and _is_numeric(kind) and not _holds_dates(kind)


def _from_texts(column: pa.ChunkedArray) -> np.ndarray:
    """Text; where few are met again and again, each is made but once."""
    if len(column) < SAMPLE or pc.count_distinct(column[:SAMPLE]).as_py() > SAMPLE // 2:
        return np.concatenate([chunk.to_numpy(zero_copy_only=False) for chunk in column.chunks])
    chunks = column.dictionary_encode().unify_dictionaries().chunks
    texts = to_objects([*chunks[0].dictionary.to_pylist(), None])
    return np.concatenate([texts[chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False)] for chunk in chunks])


def _decoded(chunk: pa.DictionaryArray) -> pa.Array:
    """The entries that a dictionary stands for."""
    entries = chunk.dictionary
    # Arrow takes no entries by number from views.
    if pa.types.is_string_view(entries.type):
        entries = entries.cast(pa.large_string())
    elif pa.types.is_binary_view(entries.type):
        entries = entries.cast(pa.large_binary())
    return entries.take(chunk.indices)


def _from_decimals(column: pa.ChunkedArray) -> np.ndarray:
    """Decimals as floats where these tell them apart, else as Python integers and decimals."""
    floats = column.cast(pa.float64())
    if _largest(floats) * 10.0 ** max(column.type.scale, 0) < EXACT_DIGITS:
        return from_arrow(floats)
    cells = column.to_pylist()
    return to_objects(int(cell) if cell is not None and cell == cell.to_integral_value() else cell for cell in cells)


def _largest(column: pa.ChunkedArray) -> float:
    """The largest size of a number in a column."""
    ends = pc.min_max(column).as_py().values()
    return max((abs(end) for end in ends if end is not None), default=0)


def _from_tensor(tensor: Any) -> np.ndarray:
    """A torch tensor as an array, whatever it is on and whether it learns; numpy has no bfloat16."""
    column: np.ndarray = (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy(force=True)
    return column


def _from_lists(column: pa.ChunkedArray) -> np.ndarray:
    """Cut the flat values of all lists at their ends; slices and chunks are Arrow's `flatten` to see to."""
    lengths = np.concatenate([_lengths(chunk) for chunk in column.chunks])
    flat = from_arrow(pa.chunked_array([chunk.flatten() for chunk in column.chunks], column.type.value_type))
    if flat.dtype == object and _is_real(column.type.value_type):
        # In a list they are no names.
        flat = flat.astype(np.float64)
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
    if known.ndim > 2 or known.dtype.kind not in "biuf":
        rows = iter(known)
        return to_objects(None if gone else next(rows) for gone in missing)
    dtype = known.dtype if known.dtype.kind == "f" else np.float64
    column = np.full((len(missing), *known.shape[1:]), np.nan, dtype=dtype)
    column[~missing] = known
    return column


def _cell(value: Any) -> Any:
    if is_missing(value):
        return None
    if isinstance(value, Mapping) and value.get("array") is not None and "sampling_rate" in value:
        return value["array"], value["sampling_rate"]
    if isinstance(value, Mapping) and ("bytes" in value or "path" in value):
        return value.get("bytes") or value.get("path")
    if hasattr(value, "detach"):
        return _from_tensor(value)
    if _is_sparse(value):
        return value.toarray()[0] if value.shape[0] == 1 else value.toarray()
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
        value = value.tolist()
    # A look at the first entry tells lists of items from long lists of numbers.
    if isinstance(value, (list, tuple)) and isinstance(_first(value), Mapping):
        return [_cell(item) for item in value]
    if isinstance(value, (list, tuple)) and any(hasattr(item, "detach") for item in value):
        return type(value)(_cell(item) for item in value)
    return value


def _is_sparse(values: Any) -> bool:
    """Whether these are rows of scipy's, of which it holds those numbers that are not zero."""
    return hasattr(values, "tocsr") and hasattr(values, "toarray") and len(values.shape) == 2


def _first(cell: Any) -> Any:
    """The first entry that is there of a list; any other cell itself."""
    if not isinstance(cell, (list, tuple)):
        return cell
    return next((entry for entry in cell if entry is not None), None)


def _ends_arrow(cells: Sequence[Any]) -> bool:
    """Whether NumPy's times stand beside its other scalars: pyarrow 26 ends the process there."""
    types = {each for each in _types(cells, MOST_AXES) if issubclass(each, np.generic)}
    return len(types) > 1 and bool(types & {np.datetime64, np.timedelta64})


def _types(values: Sequence[Any], axes: int) -> set[type]:
    """The types of entries, and of those of lists among them, so many axes deep."""
    found = set(map(type, values))
    if axes and found & {list, tuple}:
        for value in values:
            if isinstance(value, (list, tuple)):
                found |= _types(value, axes - 1)
    return found


def _is_deep(cell: Any) -> bool:
    """Whether a cell is a list of more axes than an array has."""
    for _ in range(MOST_AXES):
        if not isinstance(cell, (list, tuple)) or not cell:
            return False
        cell = cell[0]
    return True


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


def _is_real(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def _is_numeric(kind: pa.DataType) -> bool:
    """Numbers, booleans and dates, and lists of them."""
    while _is_list(kind):
        kind = kind.value_type
    return bool(pa.types.is_primitive(kind) or pa.types.is_decimal(kind))
