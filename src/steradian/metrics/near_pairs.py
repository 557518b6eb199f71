"""The nearest neighbors within an angle: what lies far apart in a few directions needs no cosines.

Rows are split in halves, each time along the direction in which they spread most, into leaves of a hundred rows. A
leaf has a box in the directions that spread most. Projections bring nothing farther apart, so that two leaves whose
boxes lie farther apart than the chord of the angle have no pair. All others are compared by exact cosines. With
a small angle the work grows little faster than the rows; where no direction parts them it is that of all pairs.
"""

from collections.abc import Iterator

import numpy as np

from steradian.metrics.candidates import side_by_side
from steradian.metrics.exact_cosines import NO_ROW, decode_keys, fixed_point, ranking_keys

__all__ = ["nearest_within"]

_LEAF = 128
_DIRECTIONS = 16
_SLACK = 1e-5
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

    Example:
        >>> vectors = np.array([[1.0, 0.0], [1.0, 0.01], [0.0, 1.0]])
        >>> found = nearest_within(vectors, vectors, k=2, angle=0.1, exclude=np.arange(3))
        >>> [part.tolist() for part in found]
        [[0, 1], [1, 0]]
    """
    left, right = fixed_point(queries), fixed_point(gallery)
    chord = 2.0 * np.sin(min(angle, np.pi) / 2.0) + _SLACK
    least = 1.0 - chord**2 / 2.0
    directions = _spread_most(right)
    leaves, boxes = _leaves(left @ directions)
    others, other_boxes = _leaves(right @ directions)
    keys = np.full((len(left), k), NO_ROW)
    for rows, box in zip(leaves, boxes, strict=True):
        gaps = np.maximum(other_boxes[:, 0] - box[1], box[0] - other_boxes[:, 1]).clip(min=0.0)
        near = np.flatnonzero(np.einsum("ld,ld->l", gaps, gaps) <= chord**2)
        for columns in _joined([others[leaf] for leaf in near]):
            cosines = left[rows] @ right[columns].T
            cosines[exclude[rows][:, None] == columns] = -np.inf
            flat = np.flatnonzero(cosines >= least)
            at, found = flat // len(columns), columns[flat % len(columns)]
            new = side_by_side(at, ranking_keys(cosines.ravel()[flat], found), len(rows), NO_ROW)
            merged = np.sort(np.concatenate([keys[rows], new], axis=1), axis=1)
            keys[rows] = merged[:, merged.shape[1] - k :]
    of_query, places = np.nonzero(keys[:, ::-1] > NO_ROW)
    return of_query, decode_keys(keys[:, ::-1][of_query, places])[0]


def _spread_most(unit: np.ndarray) -> np.ndarray:
    """The directions in which rows spread most, orthonormal [dim, directions]."""
    centered = unit - unit.mean(axis=0)
    return np.asarray(np.linalg.eigh(centered.T @ centered)[1][:, -_DIRECTIONS:])


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
