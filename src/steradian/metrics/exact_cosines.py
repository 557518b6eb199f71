"""Cosines that are the same bit for bit however the work is cut, and their order.

Float sums depend on the order in which a processor adds them, so that plain products would rank near-equal rows
differently for other chunk sizes or thread counts. Here components are rounded to multiples of 2^-26: the float64 dot
product of two unit rows is then exact in any order (its terms are multiples of 2^-52 and no partial sum exceeds 1).
"""

import math

import numpy as np

from steradian.errors import InputError

__all__ = [
    "COSINE_STEP",
    "MAX_ROWS",
    "NO_ROW",
    "check_gallery_size",
    "decode_keys",
    "fixed_point",
    "ranking_keys",
    "rounding",
]

COSINE_STEP = 2.0**-24
"""Cosines are whole multiples of it."""
MAX_ROWS = 2**28
"""So many gallery rows can be numbered within a key."""
NO_ROW = -np.inf
"""A key below all others."""

_COMPONENT_STEP = 2.0**-26
_SINGLE = 2.0**-24
_ROWS_A_CHUNK = 4096


def fixed_point(vectors: np.ndarray) -> np.ndarray:
    """Unit rows with every component a multiple of 2^-26, float64 [rows, dim].

    Args:
        vectors: [rows, dim], real numbers, no row zero.

    Examples:
        >>> fixed_point(np.array([[3.0, 4.0]])).round(3).tolist()
        [[0.6, 0.8]]
    """
    # A copy in one order of memory, so that a row has the same length bit for bit wherever it stands.
    unit = np.array(vectors, dtype=np.float64, order="C")
    for part in (unit[start : start + _ROWS_A_CHUNK] for start in range(0, len(unit), _ROWS_A_CHUNK)):
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        part *= 1 / _COMPONENT_STEP
        np.rint(part, out=part)
        part *= _COMPONENT_STEP
    return np.asarray(unit)


def ranking_keys(cosines: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Float64 that sort by cosine and then by lower row: whole steps x 2^28 - row, exact below 2^53.

    Args:
        cosines: float64, products of `fixed_point` rows; overwritten by the keys.
        rows: gallery rows, int64 of a shape that fits.

    Examples:
        >>> ranking_keys(np.array([0.0, 0.0, 2.0**-24]), np.array([1, 7, 9])).tolist()
        [-1.0, -7.0, 268435447.0]
    """
    cosines *= 1 / COSINE_STEP
    np.rint(cosines, out=cosines)
    np.clip(cosines, -1 / COSINE_STEP, 1 / COSINE_STEP, out=cosines)
    cosines *= MAX_ROWS
    cosines -= rows
    return cosines


def decode_keys(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows int64 and cosines float32 of keys; row -1 and NaN where a key is `NO_ROW`.

    Args:
        keys: float64, as `ranking_keys` gives them.

    Examples:
        >>> [part.tolist() for part in decode_keys(np.array([-1.0, 268435447.0]))]
        [[1, 9], [0.0, 5.960464477539063e-08]]
    """
    empty = keys == NO_ROW
    known = np.where(empty, 0.0, keys)
    steps = np.ceil(known / MAX_ROWS)
    rows, cosines = (steps * MAX_ROWS - known).astype(np.int64), (steps * COSINE_STEP + 0.0).astype(np.float32)
    rows[empty], cosines[empty] = -1, np.nan
    return rows, cosines


def rounding(dim: int, *, off_unit: float = 0.0) -> float:
    """By how much a float32 product of two unit rows may differ from the cosine that `ranking_keys` orders by.

    With u = 2^-24, a sum of `dim` products in float32 is off by at most dim u / (1 - dim u) of the sum of their sizes,
    in any order of addition, and that sum is at most 1 by Cauchy and Schwarz. Each component is off by u of itself,
    which moves the cosine by at most 2u + u^2. The rounding to 2^-26 moves it by sqrt(dim) 2^-26 + dim 2^-54, that to
    whole steps by 2^-25.

    Args:
        dim: width of a row.
        off_unit: by how much the length of either row may differ from 1.

    Examples:
        >>> f"{rounding(128):.1e}"
        '8.1e-06'
    """
    summed = dim * _SINGLE / (1.0 - min(0.5, dim * _SINGLE)) + 4 * _SINGLE
    longest = (1.0 + off_unit) ** 2
    return summed * longest + (longest - 1.0) + math.sqrt(dim) * 2.0**-26 + dim * 2.0**-54 + 2.0**-25


def check_gallery_size(rows: int) -> None:
    """Refuse more gallery rows than a key can number.

    Args:
        rows: how many there are.

    Raises:
        InputError: more than 2^28.
    """
    if rows > MAX_ROWS:
        raise InputError(want=f"at most {MAX_ROWS} rows", got=str(rows), where="gallery", fix="Search it in parts.")
