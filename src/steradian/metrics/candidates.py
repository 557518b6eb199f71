"""Which gallery rows may be among the k nearest of a query, by float32 products and what these can be wrong by."""

from collections.abc import Iterable

import numpy as np

__all__ = ["near_candidates", "reached_by", "side_by_side"]

_GROUPS = 8
_CROWD = 1000
_CROWD_A_NEIGHBOR = 16


def near_candidates(
    queries: np.ndarray, blocks: Iterable[tuple[int, np.ndarray]], *, k: int, exclude: np.ndarray, error: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All gallery rows that may be among the k nearest of each query, and few others.

    Let k rows have products of at least t. Their cosines are at least t - error, and so is the k-th highest; a row with
    such a cosine has a product of at least t - 2 error. All of these are candidates, for the highest t seen.

    Args:
        queries: float32 [queries, dim].
        blocks: the gallery in parts: the number of the first row, float32 [rows, dim].
        k: neighbors a query.
        exclude: int [queries], a gallery row that is no candidate, -1 for none.
        error: by how much a product may differ from the exact cosine.

    Returns:
        Queries int64 [candidates], ascending; the gallery row of each int64 [candidates]; queries that have none here,
        since float32 cannot rule out enough for them, as where many rows are equal, int64 [crowded].

    Examples:
        >>> gallery = np.array([[1.0, 0.0], [0.8, 0.6], [0.0, 1.0]], dtype=np.float32)
        >>> found = near_candidates(gallery[:1], [(0, gallery)], k=1, exclude=np.array([-1]), error=1e-6)
        >>> [part.tolist() for part in found]
        [[0], [0], []]
    """
    slack = np.float32(2 * error)
    best = np.full((len(queries), k), -np.inf, dtype=np.float32)
    held, most = np.zeros(len(queries), dtype=np.int64), _CROWD + _CROWD_A_NEIGHBOR * k
    none = np.zeros(0, dtype=np.int64)
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = [(none, none, np.zeros(0, dtype=np.float32))]
    for first, block in blocks:
        products = queries @ block.T
        columns = exclude - first
        inside = np.flatnonzero((exclude >= 0) & (columns >= 0) & (columns < len(block)))
        products[inside, columns[inside]] = -np.inf
        reached = np.flatnonzero(products.max(axis=1) >= best[:, 0] - slack)
        if not len(reached):
            continue
        values = products if len(reached) == len(queries) else products[reached]
        least = np.maximum(best[reached, 0], reached_by(values, k)) - slack
        flat = np.flatnonzero(values >= least[:, None])
        rows, at = flat // len(block), flat % len(block)
        held[reached] += np.bincount(rows, minlength=len(reached))
        few = held[reached[rows]] <= most
        rows, at, products_found = rows[few], at[few], values.ravel()[flat[few]]
        found.append((reached[rows], first + at, products_found))
        merged = np.concatenate([best[reached], side_by_side(rows, products_found, len(reached), -np.inf)], axis=1)
        # Sorted, as a partition is slow where many entries are equal.
        best[reached] = np.sort(merged, axis=1)[:, merged.shape[1] - k :]
        # Nothing reaches a crowded query any more, neither later rows nor those that it holds.
        best[held > most] = np.inf
    of_query, rows, values = map(np.concatenate, zip(*found, strict=True))
    kept = np.flatnonzero((values >= best[of_query, 0] - slack) & np.isfinite(values))
    kept = kept[np.argsort(of_query[kept], kind="stable")]
    return of_query[kept], rows[kept], np.flatnonzero(held > most)


def side_by_side(rows: np.ndarray, values: np.ndarray, count: int, empty: float) -> np.ndarray:
    """Values of ascending rows as a matrix [count, most of a row], the places left over empty.

    Args:
        rows: of each value, ascending from 0, int64 [values].
        values: [values].
        count: how many rows there are.
        empty: what stands in places left over.

    Examples:
        >>> side_by_side(np.array([0, 0, 2]), np.array([5, 6, 7]), 3, 0).tolist()
        [[5, 6], [0, 0], [7, 0]]
    """
    counts = np.bincount(rows, minlength=count)
    matrix = np.full((count, int(counts.max(initial=0))), empty, dtype=values.dtype)
    matrix[rows, np.arange(len(rows)) - (np.cumsum(counts) - counts)[rows]] = values
    return matrix


def reached_by(values: np.ndarray, k: int) -> np.ndarray:
    """A value for each row that k of its entries reach at least, mostly close to the k-th highest; -inf for too few.

    Args:
        values: float32 [rows, entries].
        k: from 1.

    Examples:
        >>> reached_by(np.arange(64.0, dtype=np.float32)[None], 2).tolist()
        [59.0]
    """
    width = values.shape[1]
    if width < k:
        return np.full(len(values), -np.inf, dtype=values.dtype)
    size = width // (_GROUPS * k)
    if size > 1:
        # The k highest of the groups' highest stand in k different places.
        groups = width // size
        values = values[:, : groups * size].reshape(len(values), groups, size).max(axis=2)
    return np.asarray(np.partition(values, values.shape[1] - k, axis=1)[:, values.shape[1] - k])
