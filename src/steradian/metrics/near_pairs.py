"""The nearest neighbors within an angle: what lies far apart in a few directions needs no cosines.

Rows are split in halves, each time along the direction in which they spread most, into leaves of a hundred rows. A
leaf has a box in the directions that spread most. Projections bring nothing farther apart, so that two leaves whose
boxes lie farther apart than the chord of the angle have no pair. Of all others the same directions rule out most pairs
by a float32 product of few columns, and exact cosines are left for what remains. With a small angle the work grows
little faster than the rows; where no direction parts them it is that of all pairs.
"""

from collections.abc import Iterator

import numpy as np

from steradian.metrics.candidates import side_by_side
from steradian.metrics.exact_cosines import NO_ROW, decode_keys, fixed_point, ranking_keys

__all__ = ["nearest_within"]

_LEAF = 128
_DIRECTIONS = 16
_SLACK = 1e-5
_ROUNDED = 1e-4
"""By how much a squared distance in float32 may be off: 18 terms, of at most 16 together, err by 2e-5."""
_FEW = 32
_PAIRS_A_CHUNK = 2**12
_COLUMNS = 8192


def nearest_within(
    queries: np.ndarray, gallery: np.ndarray, *, k: int, angle: float, exclude: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Those of the k nearest gallery rows of each query that are within an angle: the rows that `nearest` would give.

    It holds both arrays once more in float64, and 100 MB.

    Args:
        queries: [queries, dim], real numbers, no row zero.
        gallery: [gallery, dim].
        k: neighbors a query at most.
        angle: in radians; rows farther off are left out, but for 1e-5 of chord.
        exclude: int [queries], a gallery row that is never a neighbor, -1 for none.

    Returns:
        Queries int64 [pairs], ascending, and gallery rows int64 [pairs], nearest first.

    Examples:
        >>> vectors = np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]])
        >>> found = nearest_within(vectors, vectors, k=2, angle=0.1, exclude=np.arange(3))
        >>> [part.tolist() for part in found]
        [[0, 1], [1, 0]]
    """
    left, right = fixed_point(queries), fixed_point(gallery)
    chord = 2.0 * np.sin(min(angle, np.pi) / 2.0) + _SLACK
    least = 1.0 - chord**2 / 2.0
    directions, center = _spread_most(right)
    projected, other_projected = left @ directions - center, right @ directions - center
    leaves, boxes = _leaves(projected)
    others, other_boxes = _leaves(other_projected)
    gaps_left, gaps_right = _squared_gap_factors(projected, other_projected)
    keys = np.full((len(left), k), NO_ROW)
    for rows, box in zip(leaves, boxes, strict=True):
        gaps = np.maximum(other_boxes[:, 0] - box[1], box[0] - other_boxes[:, 1]).clip(min=0.0)
        near = np.flatnonzero(np.einsum("ld,ld->l", gaps, gaps) <= chord**2)
        for columns in _joined([others[leaf] for leaf in near]):
            gaps_squared = gaps_left[rows] @ gaps_right[columns].T
            flat = np.flatnonzero(gaps_squared <= chord**2 + _ROUNDED)
            if not len(flat):
                continue
            at, found = flat // len(columns), columns[flat % len(columns)]
            if len(flat) * _FEW > gaps_squared.size:
                cosines = (left[rows] @ right[columns].T).ravel()[flat]
            else:
                cosines = _pair_cosines(left, rows[at], right, found)
            kept = np.flatnonzero((cosines >= least) & (exclude[rows][at] != found))
            at, found, cosines = at[kept], found[kept], cosines[kept]
            new = side_by_side(at, ranking_keys(cosines, found), len(rows), NO_ROW)
            merged = np.sort(np.concatenate([keys[rows], new], axis=1), axis=1)
            keys[rows] = merged[:, merged.shape[1] - k :]
    of_query, places = np.nonzero(keys[:, ::-1] > NO_ROW)
    return of_query, decode_keys(keys[:, ::-1][of_query, places])[0]


def _spread_most(unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The directions in which rows spread most, orthonormal [dim, directions], and the mean along each."""
    centered = unit - unit.mean(axis=0)
    directions = np.linalg.eigh(centered.T @ centered)[1][:, -_DIRECTIONS:]
    return directions, unit.mean(axis=0) @ directions


def _squared_gap_factors(projected: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Float32 rows whose product is the squared distance of two projections."""
    squares, other_squares = (np.einsum("rd,rd->r", part, part)[:, None] for part in (projected, others))
    ones, other_ones = np.ones_like(squares), np.ones_like(other_squares)
    left = np.concatenate([-2 * projected, squares, ones], axis=1)
    right = np.concatenate([others, other_ones, other_squares], axis=1)
    return left.astype(np.float32), right.astype(np.float32)


def _pair_cosines(left: np.ndarray, rows: np.ndarray, right: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The exact cosine of each pair of rows."""
    cosines = np.empty(len(rows))
    for start in range(0, len(rows), _PAIRS_A_CHUNK):
        some = slice(start, start + _PAIRS_A_CHUNK)
        cosines[some] = np.einsum("pd,pd->p", left[rows[some]], right[others[some]])
    return cosines


def _leaves(projected: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Rows in leaves, each int64, and the low and high ends of each leaf [leaves, 2, directions]."""
    leaves, waiting = [], [np.arange(len(projected))]
    while waiting:
        rows = waiting.pop()
        if len(rows) <= _LEAF:
            leaves.append(rows)
            continue
        values = projected[rows]
        values = values[:, values.var(axis=0).argmax()]
        order = np.argpartition(values, len(rows) // 2)
        waiting += [rows[order[: len(rows) // 2]], rows[order[len(rows) // 2 :]]]
    return leaves, np.array([[projected[rows].min(axis=0), projected[rows].max(axis=0)] for rows in leaves])


def _joined(leaves: list[np.ndarray]) -> Iterator[np.ndarray]:
    """The rows of leaves, some leaves at a time."""
    step = _COLUMNS // _LEAF
    return (np.concatenate(leaves[start : start + step]) for start in range(0, len(leaves), step))
