"""Near-duplicates: pairs of objects whose modalities are as good as identical.

A model that is trained well puts the objects of a class close together, so no fixed angle says that two are copies. The
limit is a share of the angle that a usual object keeps from its nearest neighbor, and it is asked of every modality
that both objects have, by the vectors of the single modalities.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from steradian.data import ObjectTable
from steradian.metrics import nearest, pair_angles
from steradian.metrics.near_pairs import nearest_within

__all__ = ["ModalityView", "TwinPairs", "find_twins", "reads_alike"]

SHARE = 0.15
"""Of the usual angle to the nearest neighbor, up to which two objects are near-duplicates."""
NEIGHBORS = 8
"""Searched for each object among its own table: a copy under another label may hide behind copies under its own."""
SAMPLE = 200
"""Objects whose nearest neighbors show what is usual."""
LEAST_OBJECTS = 10
"""Fewer show nothing; then only objects closer than `SAME` count."""
SEVERAL = 3
"""Objects that show the same in a part of what they have: then it is common, such as a colour without a price, and says
nothing of a copy."""
SAME = 1e-3
"""Radians by which float32 may part the vectors of the same content."""


@dataclass(frozen=True, eq=False)
class ModalityView:
    """The objects of a table as their single modalities show them.

    Args:
        vectors: unit float32 [objects, modalities, embedding_dim]; zeros where a modality is absent.
        present: bool [objects, modalities].
    """

    vectors: np.ndarray
    present: np.ndarray


@dataclass(frozen=True, eq=False)
class TwinPairs:
    """Pairs of near-duplicates.

    Args:
        left: rows of the first table, int64 [pairs].
        right: rows of the second one, or of the first where there is no second, int64 [pairs].
        angles: the widest angle of their shared modalities, in radians, float64 [pairs].
        usual: the same angle between a usual object and its nearest neighbor; NaN where too few objects show it.
        shared: which modalities both have, bool [pairs, modalities].
        skipped: sets of modalities in which most objects have a copy, so that copies in them alone prove nothing.
        common: how many pairs were left out because they agree in a part of what one of the two has, and several
            objects show the same there.
    """

    left: np.ndarray
    right: np.ndarray
    angles: np.ndarray
    usual: np.ndarray
    shared: np.ndarray
    skipped: list[np.ndarray]
    common: int = 0


def find_twins(table: ModalityView, other: ModalityView | None = None) -> TwinPairs:
    """Near-duplicates of two tables, or within one. A pair counts if one of the two has nothing that the other lacks.

    Of each object of the first table, its nearest one of the other; within one table, its 8 nearest.

    Args:
        table: what is audited.
        other: another table; None searches the first one.

    Examples:
        >>> vectors = np.eye(12, dtype=np.float32)[:, None]
        >>> vectors[7] = vectors[3]
        >>> pairs = find_twins(ModalityView(vectors, np.ones((12, 1), dtype=bool)))
        >>> pairs.left.tolist(), pairs.right.tolist(), pairs.angles.tolist(), pairs.usual.round(2).tolist()
        ([3], [7], [0.0], [1.57])
    """
    gallery = table if other is None else other
    subsets = np.unique(np.concatenate([table.present, gallery.present]), axis=0)
    none = np.zeros(0, dtype=np.int64)
    found, skipped = [(none, none, np.zeros(0), np.zeros(0), np.zeros((0, table.present.shape[1]), dtype=bool))], []
    for subset in subsets[subsets.any(axis=1)]:
        usual = _usual_angle(table, subset)
        if usual <= SAME:
            skipped.append(subset)
            continue
        limit = max(SAME, SHARE * (0.0 if np.isnan(usual) else usual))
        for left, right, angles in _neighbors(table, gallery, subset, limit, within=other is None):
            near = np.flatnonzero(angles <= limit)
            shared = np.broadcast_to(subset, (len(near), len(subset)))
            found.append((left[near], right[near], angles[near], np.full(len(near), usual), shared))
    left, right, angles, usual_angles, shared = map(np.concatenate, zip(*found, strict=True))
    if other is None:
        # Each pair may have been found from both sides.
        left, right = np.minimum(left, right), np.maximum(left, right)
    _, once = np.unique(np.stack([left, right]), axis=1, return_index=True)
    left, right, angles, usual_angles, shared = (part[once] for part in (left, right, angles, usual_angles, shared))
    kept = ~_common(table, gallery, left, right, shared)
    return TwinPairs(
        left[kept], right[kept], angles[kept], usual_angles[kept], shared[kept], skipped, common=int(np.sum(~kept))
    )


def reads_alike(table: ObjectTable, row: int, other: ObjectTable, other_row: int, *, modality: str) -> bool:
    """Whether a modality of two objects was read from the very same values.

    Args:
        table: of the first object.
        row: its place there.
        other: the table of the second one.
        other_row: its place there.
        modality: one that both have.
    """
    return all(
        _equal(values[row], other.values[modality][key][other_row]) for key, values in table.values[modality].items()
    )


def _equal(one: Any, other: Any) -> bool:
    try:
        return bool(np.array_equal(one, other, equal_nan=np.asarray(one).dtype.kind == "f"))
    except (TypeError, ValueError):
        return False


def _common(
    table: ModalityView, gallery: ModalityView, left: np.ndarray, right: np.ndarray, shared: np.ndarray
) -> np.ndarray:
    """Which pairs agree only in part, one of them as several others do: bool [pairs]."""
    most = np.maximum(table.present[left].sum(axis=1), gallery.present[right].sum(axis=1))
    common = np.zeros(len(left), dtype=bool)
    partly = np.flatnonzero(shared.sum(axis=1) < most)
    for rows in (left, right):
        counts = np.bincount(rows[partly], minlength=1)
        common[partly] |= counts[rows[partly]] >= SEVERAL
    return common


def _neighbors(
    table: ModalityView, gallery: ModalityView, subset: np.ndarray, limit: float, *, within: bool
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rows of both tables that are near in a subset, which is all that one of the two has, and their widest angle.

    Those that are farther apart than the limit in the mean of the modalities' cosines need not be among them.
    """
    has, gallery_has = (np.flatnonzero((view.present >= subset).all(axis=1)) for view in (table, gallery))
    exactly, gallery_exactly = (np.flatnonzero((view.present == subset).all(axis=1)) for view in (table, gallery))
    for rows, others in ((exactly, gallery_has), (np.setdiff1d(has, exactly), gallery_exactly)):
        # An object is no neighbor of its own.
        itself = np.full(len(rows), -1)
        if within and len(others):
            places = np.minimum(np.searchsorted(others, rows), len(others) - 1)
            itself = np.where(others[places] == rows, places, -1)
        if len(rows) and len(others):
            found, places = nearest_within(
                _joined(table, rows, subset),
                _joined(gallery, others, subset),
                k=NEIGHBORS if within else 1,
                angle=limit,
                exclude=itself,
            )
            pairs = rows[found], others[places]
            if len(found):
                yield *pairs, _widest(table, pairs[0], gallery, pairs[1], subset)


def _usual_angle(table: ModalityView, subset: np.ndarray) -> float:
    """The median angle of an object to its nearest neighbor in a subset; NaN where too few objects have it."""
    rows = np.flatnonzero((table.present >= subset).all(axis=1))
    if len(rows) < LEAST_OBJECTS:
        return float("nan")
    places = np.unique(np.linspace(0, len(rows) - 1, min(SAMPLE, len(rows))).round().astype(np.int64))
    vectors = _joined(table, rows, subset)
    found, _ = nearest(vectors[places], vectors, k=1, exclude=places)
    return float(np.median(_widest(table, rows[places], table, rows[found[:, 0]], subset)))


def _joined(view: ModalityView, rows: np.ndarray, subset: np.ndarray) -> np.ndarray:
    """The vectors of a subset's modalities side by side [rows, width]."""
    return np.asarray(view.vectors[np.ix_(rows, np.flatnonzero(subset))].reshape(len(rows), -1))


def _widest(
    table: ModalityView, rows: np.ndarray, gallery: ModalityView, others: np.ndarray, subset: np.ndarray
) -> np.ndarray:
    """The largest angle of each pair over the modalities of a subset."""
    pairs = np.arange(len(rows))
    both = [np.concatenate([table.vectors[rows, m], gallery.vectors[others, m]]) for m in np.flatnonzero(subset)]
    return np.asarray(np.max([pair_angles(vectors, pairs, len(rows) + pairs) for vectors in both], axis=0, initial=0.0))
