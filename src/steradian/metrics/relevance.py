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
_FEW, _MANY = 32, 64
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

    Examples:
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
        own = _Own(unit, searched.exact, by_class, firsts[codes], sizes[codes], excluded[part])
        rows, others, cosines = searched.others(unit, own, excluded[part], depth)
        keys = side_by_side(rows, _keys(cosines, by_class[others], relevant=False), len(part), _LEAST)
        spare = np.full((len(part), max(0, depth - own.keys.shape[1] - keys.shape[1])), _LEAST)
        ranked = np.concatenate([spare, keys, own.keys], axis=1)
        ranked.sort(axis=1)
        yield part, np.asarray(ranked[:, : -depth - 1 : -1] & 1, dtype=bool)


class _Own:
    """The exact cosines of queries to their own class, which stands side by side in the gallery, and their keys.

    Beyond a class's size, and for what is excluded, they are -inf and `_LEAST`.

    Args:
        unit: queries as `fixed_point` gives them, those of a class together [queries, dim].
        exact: the gallery likewise, sorted by class [gallery, dim].
        by_class: where these rows stood before [gallery].
        firsts: the first row of each query's class [queries].
        sizes: how many rows that class has [queries].
        excluded: as they stand in `exact`, -1 for none [queries].
    """

    def __init__(
        self,
        unit: np.ndarray,
        exact: np.ndarray,
        by_class: np.ndarray,
        firsts: np.ndarray,
        sizes: np.ndarray,
        excluded: np.ndarray,
    ) -> None:
        self.cosines = np.full((len(unit), sizes.max()), -np.inf)
        self.keys: np.ndarray = np.full(self.cosines.shape, _LEAST)
        self.least = np.empty(len(unit))
        starts = np.flatnonzero(np.diff(firsts, prepend=-1))
        self.places: list[tuple[slice, slice]] = []
        for start, stop in zip(starts, [*starts[1:], len(unit)], strict=True):
            rows, columns = slice(start, stop), slice(firsts[start], firsts[start] + sizes[start])
            cosines = unit[rows] @ exact[columns].T
            self.places.append((rows, columns))
            self.cosines[rows, : sizes[start]] = cosines
            self.keys[rows, : sizes[start]] = _keys(cosines, by_class[columns], relevant=True)
            self.least[rows] = cosines.min(axis=1)
        itself = excluded - firsts
        has = np.flatnonzero((itself >= 0) & (itself < sizes))
        self.cosines[has, itself[has]], self.keys[has, itself[has]] = -np.inf, _LEAST


class _Searched:
    """Gallery rows sorted by class, for exact cosines and for products in float32.

    Args:
        exact: rows as `fixed_point` gives them.
    """

    def __init__(self, exact: np.ndarray) -> None:
        self.exact = exact
        self.single = exact.astype(np.float32)
        self.slack = np.float32(2 * rounding(exact.shape[1]))

    def others(
        self, unit: np.ndarray, own: _Own, excluded: np.ndarray, depth: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Row, column and exact cosine of what is of another class and may be among the `depth` nearest.

        What lies below all of its own class changes no score, and needs not be there.
        """
        products = unit.astype(np.float32) @ self.single.T
        for place in own.places:
            products[place] = -np.inf
        has = np.flatnonzero(excluded >= 0)
        products[has, excluded[has]] = -np.inf
        near = products >= (own.least.astype(np.float32) - self.slack)[:, None]
        if np.count_nonzero(near) > _MANY * len(near):
            ranked = -np.sort(-own.cosines.astype(np.float32), axis=1)
            near = products >= (self._least(products, ranked, depth) - self.slack)[:, None]
        flat = np.flatnonzero(near)
        rows, at = flat // len(self.exact), flat % len(self.exact)
        if len(flat) * _FEW > near.size:
            return rows, at, (unit @ self.exact.T).ravel()[flat]
        cosines = np.empty(len(flat))
        for start in range(0, len(flat), _PAIRS_A_CHUNK):
            some = slice(start, start + _PAIRS_A_CHUNK)
            cosines[some] = np.einsum("pd,pd->p", unit[rows[some]], self.exact[at[some]])
        return rows, at, cosines

    @staticmethod
    def _least(products: np.ndarray, ranked: np.ndarray, depth: int) -> np.ndarray:
        """For each query what a product must reach to matter: `depth` reach it, or it is the least of its class.

        Args:
            products: of other classes, -inf elsewhere [queries, gallery].
            ranked: of its own class, the highest first, -inf beyond [queries, most].
            depth: how many neighbors are looked at.
        """
        counts = np.isfinite(ranked).sum(axis=1)
        everyone = np.arange(len(ranked))
        # Of the own class the first place that `depth` products reach; the last is taken in any case.
        low, high = np.zeros(len(ranked), dtype=np.int64), np.maximum(counts - 1, 0)
        least = ranked[everyone, high]
        if products.shape[1] >= _GROUPED * depth:
            return np.asarray(np.maximum(least, reached_by(products, depth)))
        for _ in range(_HALVINGS):
            middle = (low + high) // 2
            reached = np.count_nonzero(products >= ranked[everyone, middle][:, None], axis=1)
            enough = reached + middle + 1 >= depth
            low, high = np.where(enough, low, middle + 1), np.where(enough, middle, high)
            low = np.minimum(low, high)
        return np.asarray(ranked[everyone, high])


def _keys(cosines: np.ndarray, rows: np.ndarray, *, relevant: bool) -> np.ndarray:
    """Int64 that sort by cosine and then by lower row; the last bit says whether the row is relevant."""
    steps = np.rint(cosines * (1 / COSINE_STEP)).clip(-1 / COSINE_STEP, 1 / COSINE_STEP).astype(np.int64)
    steps *= 2 * MAX_ROWS
    steps -= 2 * rows - relevant
    return steps
