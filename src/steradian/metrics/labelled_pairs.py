"""Pairs of rows, drawn evenly where there are too many, and how far apart they are.

The angle of two unit vectors x and y is 2 atan2(|x - y|, |x + y|). The arccosine of their product cannot tell angles
below 1e-8 from 0 in float64, nor below 5e-4 in float32, where rounding also lifts many products above 1.
"""

from collections.abc import Iterator

import numpy as np

from steradian.errors import InputError
from steradian.metrics.nearest import check_vectors

__all__ = [
    "MAX_PAIRS",
    "all_pairs",
    "draw_pairs",
    "other_class_pairs",
    "pair_angles",
    "pair_distances",
    "same_class_pairs",
]

MAX_PAIRS = 500_000
"""All pairs of 1,000 objects. Of more objects, as many are drawn: a mean is then right within a thousandth of the
spread of its pairs."""

_PAIRS_A_CHUNK = 8192
_ROWS_A_BLOCK = 256


def draw_pairs(
    first: np.ndarray, last: np.ndarray, *, max_pairs: int = MAX_PAIRS, random_state: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs (i, j) with first[i] <= j < last[i]: each once, or `max_pairs` of them drawn evenly with replacement.

    Args:
        first: int64 [rows].
        last: int64 [rows], no less than `first`.
        max_pairs: how many are taken without drawing, and drawn where there are more.
        random_state: of the draw.

    Returns:
        i and j, each int64 [pairs].

    Raises:
        InputError: `max_pairs` is no integer from 1.

    Examples:
        >>> left, right = draw_pairs(np.array([1, 2, 3]), np.array([3, 3, 3]))
        >>> left.tolist(), right.tolist()
        ([0, 0, 1], [1, 2, 2])
    """
    if not isinstance(max_pairs, (int, np.integer)) or max_pairs < 1:
        raise InputError("an integer from 1", repr(max_pairs), "max_pairs", f"Leave it out for {MAX_PAIRS:,}.")
    ends = np.cumsum(last - first)
    total = int(ends[-1]) if len(ends) else 0
    numbers = (
        np.arange(total) if total <= max_pairs else np.random.default_rng(random_state).integers(total, size=max_pairs)
    )
    left = np.searchsorted(ends, numbers, side="right")
    return left, last[left] - (ends[left] - numbers)


def all_pairs(rows: int, *, max_pairs: int = MAX_PAIRS, random_state: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of different rows, each once or some drawn.

    Args:
        rows: how many rows there are.
        max_pairs: as of `draw_pairs`.
        random_state: of the draw.

    Returns:
        Both rows of each pair, each int64 [pairs].

    Examples:
        >>> [rows.tolist() for rows in all_pairs(3)]
        [[0, 0, 1], [1, 2, 2]]
    """
    return draw_pairs(np.arange(rows) + 1, np.full(rows, rows), max_pairs=max_pairs, random_state=random_state)


def same_class_pairs(
    codes: np.ndarray, *, max_pairs: int = MAX_PAIRS, random_state: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of different rows of one class, each once or some drawn.

    Args:
        codes: int64 [rows], the class of each.
        max_pairs: as of `draw_pairs`.
        random_state: of the draw.

    Returns:
        Both rows of each pair, each int64 [pairs].

    Examples:
        >>> [rows.tolist() for rows in same_class_pairs(np.array([7, 5, 7]))]
        [[0], [2]]
    """
    order, ends = _sorted_classes(codes)
    left, right = draw_pairs(np.arange(len(codes)) + 1, ends, max_pairs=max_pairs, random_state=random_state)
    return order[left], order[right]


def other_class_pairs(
    codes: np.ndarray, *, max_pairs: int = MAX_PAIRS, random_state: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of rows of different classes, each once or some drawn.

    Args:
        codes: int64 [rows], the class of each.
        max_pairs: as of `draw_pairs`.
        random_state: of the draw.

    Returns:
        Both rows of each pair, each int64 [pairs].

    Examples:
        >>> [rows.tolist() for rows in other_class_pairs(np.array([7, 5, 7]))]
        [[1, 1], [0, 2]]
    """
    order, ends = _sorted_classes(codes)
    left, right = draw_pairs(ends, np.full(len(codes), len(codes)), max_pairs=max_pairs, random_state=random_state)
    return order[left], order[right]


def pair_angles(vectors: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The angle of each pair of rows in radians, in [0, pi], right within 1e-15.

    Source: Kahan, "How futile are mindless assessments of roundoff in floating-point computation?", 2006, section 12.

    Args:
        vectors: [rows, dim]; rows need not be unit.
        left: int64 [pairs], a row of each pair.
        right: int64 [pairs], the other one.

    Returns:
        float64 [pairs].

    Raises:
        InputError: not a matrix, empty, or a row that is zero or not finite.

    Examples:
        >>> pair_angles(np.array([[1.0, 0.0], [1.0, 1e-9]]), np.array([0]), np.array([1]))
        array([1.e-09])
    """
    vectors, lengths = check_vectors(vectors, where="vectors")
    angles = np.empty(len(left))
    for start in range(0, len(left), _PAIRS_A_CHUNK):
        chunk = slice(start, start + _PAIRS_A_CHUNK)
        one, other = (vectors[rows[chunk]] / lengths[rows[chunk], None] for rows in (left, right))
        halves = np.arctan2(np.linalg.norm(one - other, axis=1), np.linalg.norm(one + other, axis=1))
        angles[chunk] = 2.0 * halves
    return angles


def pair_distances(vectors: np.ndarray, *, where: str = "vectors") -> Iterator[np.ndarray]:
    """The straight distances of all pairs of rows brought to unit length, a block of rows at a time.

    Args:
        vectors: [rows, dim]; rows need not be unit.
        where: what to call the array in messages.

    Yields:
        float64 [pairs] in [0, 2]; each pair comes once.

    Raises:
        InputError: not a matrix, empty, or a row that is zero or not finite.

    Examples:
        >>> [block.round(3).tolist() for block in pair_distances(np.array([[2.0, 0.0], [0.0, 3.0]]))]
        [[1.414]]
    """
    from scipy.spatial.distance import cdist

    vectors, lengths = check_vectors(vectors, where=where)
    unit = vectors / lengths[:, None]
    for start in range(0, len(unit), _ROWS_A_BLOCK):
        block = cdist(unit[start : start + _ROWS_A_BLOCK], unit[start:])
        yield block[np.triu_indices(len(block), 1, block.shape[1])]


def _sorted_classes(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows sorted by class, and where in this order the class of each ends."""
    order = np.argsort(codes, kind="stable")
    return order, np.searchsorted(codes[order], codes[order], side="right")
