"""Cells of numbers, and of lists of them, as arrays, by numpy alone: for where a model is served without pyarrow."""

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["EXACT_WHOLE", "number_arrays"]

EXACT_WHOLE = 2**53
"""Up to here a float64 tells all integers apart."""


def number_arrays(cells: Sequence[Any]) -> list[np.ndarray | None] | None:
    """An array a cell, of no axis where it is a number, as Arrow would read them; None where these are no numbers.

    Args:
        cells: of a column, at least one that is there; None where a cell is empty.

    Examples:
        >>> number_arrays([[1, None], None])
        [array([ 1., nan]), None]
        >>> number_arrays([True, 2]) is None
        True
    """
    try:
        arrays = [None if cell is None else _numbers(cell) for cell in cells]
    except (TypeError, ValueError, OverflowError):
        return None
    known = [array for array in arrays if array is not None]
    kind = np.result_type(*known)
    # Names, perhaps: a float has no gap between truths, and not all integers.
    names = kind.kind == "b" or max(np.abs(each.astype(np.float64)).max(initial=0) for each in known) > EXACT_WHOLE
    if kind.kind != "f" and names and len(known) < len(arrays) and not known[0].ndim:
        return None
    return None if len({array.dtype.kind == "b" for array in known}) > 1 else arrays


def _numbers(cell: Any) -> np.ndarray:
    """A number, or lists of numbers of which some may be missing."""
    array = np.asarray(cell)
    entries = array.flat if array.dtype == object and array.ndim else ()
    if entries and all(entry is None or isinstance(entry, (int, float)) for entry in entries):
        array = array.astype(np.float64)
    if array.dtype.kind not in "iufb":
        raise TypeError(str(array.dtype))
    return array
