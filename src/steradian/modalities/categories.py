"""Categories as text, and their numbers."""

import re
from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import numpy as np

from steradian.data.columns import to_objects
from steradian.data.modality import is_missing, is_told_apart, shown
from steradian.errors import InputError

__all__ = ["BUCKETS", "category_codes", "read_categories"]

BUCKETS = 1024
"""Hashed tokens of a column of very many categories; each category beyond the frequent ones has the sum of two."""

WHOLE_FLOAT = re.compile(r"(-?\d+)\.0")
TRUTH = {"true": "True", "false": "False"}


def read_categories(column: np.ndarray, name: str) -> np.ndarray:
    """A column as text or None, object [objects]; each distinct cell is looked at once.

    Args:
        column: raw cells [objects].
        name: for messages.

    Raises:
        InputError: a cell that is neither a string nor an integer nor a boolean.

    Examples:
        >>> read_categories(np.array(["red", None, True, 7.0], dtype=object), "colour").tolist()
        ['red', None, 'True', '7']
    """
    if column.dtype.kind in "fiub" and column.ndim == 1:
        cells, first, places = np.unique(column, return_index=True, return_inverse=True)
        # In the order of rows, so that the first mistake is the one that is told.
        names = {int(place): _category(cells[place], int(first[place]), name) for place in np.argsort(first)}
        return to_objects(names[place] for place in range(len(cells)))[places]
    if set(map(type, column)) <= {str, type(None)}:
        of_text = {cell: _category(cell, 0, name) for cell in dict.fromkeys(column)}
        return to_objects(of_text[cell] for cell in column)
    known: dict[Any, str | None] = {}
    found = []
    for row, cell in enumerate(column):
        # The class too, because True == 1.
        key = (cell.__class__, cell) if isinstance(cell, (str, int)) else None
        if key not in known:
            known[key] = _category(cell, row, name)
        found.append(known[key] if key else known.pop(key))
    return to_objects(found)


def _category(cell: Any, row: int, name: str) -> str | None:
    if is_missing(cell):
        return None
    # Whole floats are integers of a column with gaps.
    if isinstance(cell, (float, np.floating)) and float(cell).is_integer() and is_told_apart(cell):
        cell = int(cell)
    if isinstance(cell, Decimal) and cell.is_finite() and cell == cell.to_integral_value():
        cell = int(cell)
    if isinstance(cell, (str, bool, np.bool_, int, np.integer)):
        # As text too they are the same: a CSV file has nothing else.
        text = str(cell)
        whole = WHOLE_FLOAT.fullmatch(text)
        return whole[1] if whole else TRUTH.get(text.lower(), text)
    raise InputError(
        want="a string, an integer or a boolean",
        got=shown(cell),
        where=f"row {row} (counted from 0), column {name!r}",
        fix="Convert the column to strings, or declare it as numeric.",
    )


def category_codes(column: list[str | None], vocabulary: list[str], *, hashed: bool) -> Mapping[str | None, int]:
    """The codes of the categories in a column, of those that are not unknown.

    Args:
        column: text or None [objects].
        vocabulary: categories that have a code of their own.
        hashed: whether others have one of two hashed tokens, which any two categories may share.

    Examples:
        >>> category_codes(["red", "blue"], ["red"], hashed=False)
        {None: 0, 'red': 2}
    """
    codes: dict[str | None, int] = {None: 0, **{name: i + 2 for i, name in enumerate(vocabulary)}}
    others = set(column) - codes.keys() if hashed else set()
    return codes | {name: 2 + len(vocabulary) + _pair_of_buckets(str(name)) for name in others}


def _pair_of_buckets(name: str) -> int:
    """A number below BUCKETS squared, the same in every process."""
    digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % BUCKETS**2
