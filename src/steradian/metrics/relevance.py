"""Which of the nearest gallery rows of each query are of its class, without ordering the others.

A score at R looks at as many neighbors as the class has objects, which is a large part of a gallery with few classes.
So the gallery is sorted by class once. The exact cosines to a query's own class are a small product. Of all others only
those count that may be among the neighbors looked at, by float32 products and what these can be wrong by. These few are
brought to exact cosines and sorted together with the own ones.
"""

from collections.abc import Iterator

import numpy as np

from steradian.metrics.candidates import reached_by, side_by_side
from steradian.metrics.exact_cosines import COSINE_STEP, MAX_ROWS, check_gallery_size, fixed_point, rounding

__all__ = ["relevant_neighbors"]

_MAX_QUERIES = 128
_HALVINGS = 4
_GROUPED = 16
_FEW = 32
_PAIRS_A_CHUNK = 2**10
_LEAST = np.iinfo(np.int64).min


def relevant_neighbors(
    queries: np.ndarray,
    query_codes: np.ndarray,
    gallery: np.ndarray,
    gallery_codes: np.ndarray,
    *,
    depths: np.ndarray,
    exclude: np.ndarray,
    memory_bytes: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of each query's nearest gallery rows, whether they are of its class: in the order that `nearest` gives them.

    Beside the working arrays, the gallery is held in float64, sorted by class: 8 x gallery x dim bytes.

    Args:
        queries: [queries, dim], real numbers, no row zero.
        query_codes: their classes as integers from 0 [queries], each one that the gallery has.
        gallery: [gallery, dim].
        gallery_codes: likewise [gallery].
        depths: how many neighbors to look at, int [queries], from 1; beyond the gallery there is none.
        exclude: int [queries], a gallery row that is no neighbor, -1 for none.
        memory_bytes: bound on the working arrays; at the least, one query is held against the whole gallery.

    Yields:
        Places of queries int64 [part], those of small depths first, and bool [part, depth] with the largest depth of
        the part: nearest first, False where there is no neighbor.

    Example:
        >>> vectors, codes = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]), np.array([0, 1, 0])
        >>> parts = relevant_neighbors(vectors, codes, vectors, codes, depths=np.full(3, 2), exclude=np.arange(3),
        ...                            memory_bytes=2**20)
        >>> [(part.tolist(), relevant.tolist()) for part, relevant in parts]
        [([0, 2, 1], [[False, True], [False, True], [False, False]])]
    """
    check_gallery_size(len(gallery))
    by_class = np.argsort(gallery_codes, kind="stable")
    sizes = np.bincount(gallery_codes, minlength=int(query_codes.max()) + 1)
    firsts = np.cumsum(sizes) - sizes
    searched = _Searched(fixed_point(gallery[by_class]))
    places = np.empty(len(gallery), dtype=np.int64)
    places[by_class] = np.arange(len(gallery))
    excluded = np.where(exclude >= 0, places[exclude], -1)
    order = np.lexsort((query_codes, depths))
    deepest = int(sizes[query_codes].max() + depths.max())
    step = max(1, min(_MAX_QUERIES, memory_bytes // (16 * len(gallery) + 40 * deepest)))
    for part in (order[start : start + step] for start in range(0, len(order), step)):
        codes, depth = query_codes[part], min(int(depths[part].max()), len(gallery))
        unit = fixed_point(queries[part])
        own, columns = searched.own(unit, firsts[codes], sizes[codes], excluded[part])
        rows, others, cosines = searched.others(unit, own, columns, excluded[part], depth)
        keys = side_by_side(rows, _keys(cosines, by_class[others], relevant=False), len(part), _LEAST)
        spare = np.full((len(part), max(0, depth - own.shape[1] - keys.shape[1])), _LEAST)
        ranked = np.concatenate([spare, keys, _keys(own, by_class[columns], relevant=True)], axis=1)
        ranked.sort(axis=1)
        yield part, (ranked[:, : -depth - 1 : -1] & 1).astype(bool)


class _Searched:
    """Gallery rows sorted by class, for exact cosines and for products in float32.

    Args:
        exact: rows as `fixed_point` gives them.
    """

    def __init__(self, exact: np.ndarray) -> None:
        self.exact = exact
        self.single = exact.astype(np.float32)
        self.slack = np.float32(2 * rounding(exact.shape[1]))

    def own(
        self, unit: np.ndarray, firsts: np.ndarray, sizes: np.ndarray, excluded: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Exact cosines to each query's own class and their columns; -inf beyond its size and for what is excluded."""
        places = np.arange(sizes.max())
        inside = places < sizes[:, None]
        columns = np.where(inside, firsts[:, None] + places, -1)
        own = np.full(columns.shape, -np.inf)
        starts = np.flatnonzero(np.diff(firsts, prepend=-1))
        for start, stop in zip(starts, [*starts[1:], len(unit)], strict=True):
            size, first = sizes[start], firsts[start]
            own[start:stop, :size] = unit[start:stop] @ self.exact[first : first + size].T
        own[columns == np.where(excluded < 0, -2, excluded)[:, None]] = -np.inf
        return own, columns

    def others(
        self, unit: np.ndarray, own: np.ndarray, columns: np.ndarray, excluded: np.ndarray, depth: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Row, column and exact cosine of what is of another class and may be among the `depth` nearest.

        What lies below all of its own class changes no score, and needs not be there.
        """
        products = unit.astype(np.float32) @ self.single.T
        has = np.flatnonzero(excluded >= 0)
        products[has, excluded[has]] = -np.inf
        near = products >= (self._least(products, own, depth) - self.slack)[:, None]
        inside = columns >= 0
        near[np.nonzero(inside)[0], columns[inside]] = False
        flat = np.flatnonzero(near)
        rows, at = flat // len(self.exact), flat % len(self.exact)
        values = products.ravel()[flat]
        both = np.concatenate([own.astype(np.float32), side_by_side(rows, values, len(own), -np.inf)], axis=1)
        if both.shape[1] >= depth:
            # Sorted, as a partition is slow where many entries are equal.
            last = np.sort(both, axis=1)[:, both.shape[1] - depth]
            kept = values >= last[rows] - self.slack
            flat, rows, at = flat[kept], rows[kept], at[kept]
        if len(flat) * _FEW > near.size:
            return rows, at, (unit @ self.exact.T).ravel()[flat]
        cosines = np.empty(len(flat))
        for start in range(0, len(flat), _PAIRS_A_CHUNK):
            some = slice(start, start + _PAIRS_A_CHUNK)
            cosines[some] = np.einsum("pd,pd->p", unit[rows[some]], self.exact[at[some]])
        return rows, at, cosines

    @staticmethod
    def _least(products: np.ndarray, own: np.ndarray, depth: int) -> np.ndarray:
        """For each query what a product must reach to matter: `depth` reach it, or it is the least of its class."""
        ranked = -np.sort(-own.astype(np.float32), axis=1)
        counts = np.isfinite(ranked).sum(axis=1)
        everyone = np.arange(len(own))
        # Of the own class the first place that `depth` products reach; the last is taken in any case.
        low, high = np.zeros(len(own), dtype=np.int64), np.maximum(counts - 1, 0)
        least = ranked[everyone, high]
        if products.shape[1] >= _GROUPED * depth:
            return np.asarray(np.maximum(least, reached_by(products, depth)))
        for _ in range(_HALVINGS):
            middle = (low + high) // 2
            enough = np.count_nonzero(products >= ranked[everyone, middle][:, None], axis=1) >= depth
            low, high = np.where(enough, low, middle + 1), np.where(enough, middle, high)
            low = np.minimum(low, high)
        return np.asarray(ranked[everyone, high])


def _keys(cosines: np.ndarray, rows: np.ndarray, *, relevant: bool) -> np.ndarray:
    """Int64 that sort by cosine and then by lower row; the last bit says whether the row is relevant."""
    known = np.isfinite(cosines)
    steps = np.rint(np.where(known, cosines, 0.0) / COSINE_STEP).clip(-1 / COSINE_STEP, 1 / COSINE_STEP)
    return np.where(known, ((steps.astype(np.int64) * MAX_ROWS - rows) << 1) | relevant, _LEAST)
