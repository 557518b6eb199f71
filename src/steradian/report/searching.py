"""Neighbors of the evaluated objects: who is found, how often rightly, and which objects are looked at one by one."""

from dataclasses import dataclass

import numpy as np

from steradian.metrics import map_at_r, nearest, to_angles

__all__ = ["NEIGHBORS", "Searched", "search"]

MOST = 5_000
"""Objects that are searched; of more, as many are drawn."""
NEIGHBORS = 5
"""Neighbors that are shown of a query."""
CHOSEN = 4
"""Objects that are looked at one by one, of each kind: those whose nearest is of their class, and others."""


@dataclass(frozen=True, eq=False)
class Searched:
    """What a search found.

    Args:
        rows: of the objects that were searched for, int64 [queries].
        neighbors: rows of the gallery, nearest first, -1 for none [queries, k].
        angles: to them, in radians [queries, k].
        relevant: whether the gallery has an object of the query's class, other than itself [queries].
        first_right: whether the nearest is of the query's class [queries].
        average_precision: at R [queries]; NaN where nothing is relevant, or where R is too large to be searched for.
        chosen: rows of the objects that are looked at one by one, wrong ones first.
    """

    rows: np.ndarray
    neighbors: np.ndarray
    angles: np.ndarray
    relevant: np.ndarray
    first_right: np.ndarray
    average_precision: np.ndarray
    chosen: np.ndarray


def search(
    vectors: np.ndarray,
    labels: np.ndarray,
    gallery: tuple[np.ndarray, np.ndarray] | None,
    *,
    random_state: int,
    same: np.ndarray | None = None,
    most: int = MOST,
) -> Searched:
    """Search the objects, or a sample of them, and choose some at random to be looked at.

    Args:
        vectors: unit rows [objects, dim].
        labels: [objects].
        gallery: vectors and labels to search in; None: the objects themselves, each among the others.
        random_state: of what is drawn.
        same: where each object stands in the gallery itself, int64 [objects], -1 for none; None: nowhere.
        most: objects that are searched.

    Examples:
        >>> found = search(np.eye(3)[[0, 0, 1]], np.array(["a", "a", "b"]), None, random_state=0)
        >>> found.first_right.tolist(), found.relevant.tolist()
        ([True, True, False], [True, True, False])
    """
    rng = np.random.default_rng(random_state)
    rows = np.arange(len(vectors)) if len(vectors) <= most else np.sort(rng.permutation(len(vectors))[:most])
    inside, inside_labels = (vectors, labels) if gallery is None else gallery
    counts = dict(zip(*np.unique(inside_labels, return_counts=True), strict=True))
    itself = np.full(len(vectors), -1) if same is None else same
    itself = np.arange(len(vectors)) if gallery is None else itself
    num_relevant = np.array([counts.get(label, 0) for label in labels[rows]]) - (itself[rows] >= 0)
    # Past this, one search for the largest class would cost more than all else in the report.
    deepest = int(np.clip(num_relevant.max(), NEIGHBORS, 300))
    k = min(deepest, len(inside))
    if (itself >= 0).any() and k == len(inside):
        k -= 1
    if k < 1:
        empty = np.empty((len(rows), 0))
        no = np.zeros(len(rows), dtype=bool)
        return Searched(rows, empty.astype(np.int64), empty, no, no, np.full(len(rows), np.nan), rows[: 2 * CHOSEN])
    found, cosines = nearest(vectors[rows], inside, k=k, exclude=itself[rows])
    hits = inside_labels[found] == labels[rows, None]
    relevant, precision = num_relevant > 0, np.full(len(rows), np.nan)
    scored = relevant & (num_relevant <= k)
    if scored.any():
        precision[scored] = map_at_r(hits[scored], num_relevant[scored])
    wrong, right = (rng.permutation(np.flatnonzero(relevant & (hits[:, 0] == kind)))[:CHOSEN] for kind in (False, True))
    chosen = rows[np.concatenate([wrong, right])]
    if not len(chosen):
        chosen = rows[rng.permutation(len(rows))[: 2 * CHOSEN]]
    angles = to_angles(cosines[:, :NEIGHBORS])
    return Searched(rows, found[:, :NEIGHBORS], angles, relevant, hits[:, 0], precision, chosen)
