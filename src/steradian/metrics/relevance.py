"""Which of the nearest gallery rows of each query are of its class, without ordering the others.

A score at R looks at as many neighbors as the class has objects, which is a large part of a gallery with few classes.
So the exact cosines are computed to a query's own class, a small product. Of all others only those count that may be
among the neighbors looked at, by float32 products and what these can be wrong by. These few are brought to exact
cosines and sorted together with the own ones.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from steradian.metrics.candidates import reached_by, side_by_side
from steradian.metrics.exact_cosines import COSINE_STEP, MAX_ROWS, check_gallery_size, fixed_point, rounding
from steradian.metrics.nearest import CheckedRows

__all__ = ["relevant_neighbors"]

_MAX_QUERIES = 256
_BYTES_A_PRODUCT = 6
"""A product in float32, and what it is compared with twice."""
_ROWS_A_BLOCK = 4096
_HALVINGS = 4
_GROUPED = 16
_FEW, _MANY = 32, 64
_PAIRS_A_CHUNK = 2**10
_LEAST = np.iinfo(np.int64).min


def relevant_neighbors(
    queries: np.ndarray,
    query_codes: np.ndarray,
    gallery: CheckedRows,
    gallery_codes: np.ndarray,
    *,
    depths: np.ndarray,
    exclude: np.ndarray,
    memory_bytes: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Of each query's nearest gallery rows, whether they are of its class: in the order that `nearest` gives them.

    Args:
        queries: [queries, dim], real numbers, no row zero.
        query_codes: their classes as integers from 0 [queries], each one that the gallery has.
        gallery: [gallery, dim], checked.
        gallery_codes: likewise [gallery].
        depths: how many neighbors to look at, int [queries], from 1; beyond the gallery there is none.
        exclude: int [queries], a gallery row that is no neighbor, -1 for none.
        memory_bytes: bound on the working arrays; at the least, one query is held against the whole gallery.

    Yields:
        Places of queries int64 [part], those of small depths first, and bool [part, depth] with the largest depth of
        the part: nearest first, False where there is no neighbor.

    Examples:
        >>> vectors, codes = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]), np.array([0, 1, 0])
        >>> searched = CheckedRows(vectors)
        >>> parts = relevant_neighbors(vectors, codes, searched, codes, depths=np.full(3, 2), exclude=np.arange(3),
        ...                            memory_bytes=2**20)
        >>> [(part.tolist(), relevant.tolist()) for part, relevant in parts]
        [([0, 2, 1], [[False, True], [False, True], [False, False]])]
    """
    total = len(gallery.vectors)
    check_gallery_size(total)
    by_class = np.argsort(gallery_codes, kind="stable")
    sizes = np.bincount(gallery_codes, minlength=int(query_codes.max()) + 1)
    members = np.split(by_class, np.cumsum(sizes)[:-1])
    searched = _Searched(gallery, memory_bytes)
    order = np.lexsort((query_codes, depths))
    deepest = int(sizes[query_codes].max() + depths.max())
    step = max(1, min(_MAX_QUERIES, memory_bytes // (_BYTES_A_PRODUCT * total + 40 * deepest)))
    for part in (order[start : start + step] for start in range(0, len(order), step)):
        depth = min(int(depths[part].max()), total)
        unit = fixed_point(queries[part])
        own = _Own(unit, searched, members, query_codes[part], exclude[part])
        rows, others, cosines = _others(unit, searched, own, exclude[part], depth)
        keys = side_by_side(rows, _keys(cosines, others, relevant=False), len(part), _LEAST)
        spare = np.full((len(part), max(0, depth - own.keys.shape[1] - keys.shape[1])), _LEAST)
        ranked = np.concatenate([spare, keys, own.keys], axis=1)
        ranked.sort(axis=1)
        yield part, np.asarray(ranked[:, : -depth - 1 : -1] & 1, dtype=bool)


class _Searched:
    """The gallery, for products in float32 and for exact cosines.

    Args:
        gallery: checked.
        memory_bytes: where it fits into so many in float64, it is held so; else rows are brought to it when needed.
    """

    def __init__(self, gallery: CheckedRows, memory_bytes: int) -> None:
        self._vectors, dim = gallery.vectors, gallery.vectors.shape[1]
        self._exact = fixed_point(self._vectors) if 8 * self._vectors.size <= memory_bytes else None
        self.slack = np.float32(2 * rounding(dim, off_unit=gallery.off_unit or 0.0))
        self.single = self._vectors
        if gallery.off_unit is None:
            self.single = np.empty(self._vectors.shape, dtype=np.float32)
            for start in range(0, len(self.single), _ROWS_A_BLOCK):
                block = slice(start, start + _ROWS_A_BLOCK)
                self.single[block] = gallery.single(block)

    def exact(self, rows: slice | np.ndarray) -> np.ndarray:
        """Some rows as `fixed_point` gives them."""
        return fixed_point(self._vectors[rows]) if self._exact is None else self._exact[rows]


class _Own:
    """The exact cosines of queries to their own class, and their keys.

    Beyond a class's size, and for what is excluded, they are -inf and `_LEAST`.

    Args:
        unit: queries as `fixed_point` gives them, those of a class together [queries, dim].
        searched: the gallery.
        members: the gallery rows of each class.
        codes: the class of each query [queries].
        exclude: gallery rows, -1 for none [queries].
    """

    def __init__(
        self,
        unit: np.ndarray,
        searched: _Searched,
        members: list[np.ndarray],
        codes: np.ndarray,
        exclude: np.ndarray,
    ) -> None:
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        most = max(len(members[code]) for code in codes[starts])
        self.cosines = np.full((len(unit), most), -np.inf)
        self.keys: np.ndarray = np.full(self.cosines.shape, _LEAST)
        self.least = np.empty(len(unit))
        self.places: list[tuple[slice, np.ndarray]] = []
        for start, stop in zip(starts, [*starts[1:], len(unit)], strict=True):
            rows, columns = slice(start, stop), members[codes[start]]
            cosines = unit[rows] @ searched.exact(columns).T
            keys = _keys(cosines, columns, relevant=True)
            self.least[rows] = cosines.min(axis=1)
            itself = columns == exclude[rows, None]
            cosines[itself], keys[itself] = -np.inf, _LEAST
            self.places.append((rows, columns))
            self.cosines[rows, : len(columns)], self.keys[rows, : len(columns)] = cosines, keys


def _others(
    unit: np.ndarray, searched: _Searched, own: _Own, exclude: np.ndarray, depth: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and exact cosine of what is of another class and may be among the `depth` nearest.

    What lies below all of its own class changes no score, and needs not be there.
    """
    total, slack = len(searched.single), searched.slack
    products = unit.astype(np.float32) @ searched.single.T
    for place in own.places:
        products[place] = -np.inf
    has = np.flatnonzero(exclude >= 0)
    products[has, exclude[has]] = -np.inf
    near = products >= (own.least.astype(np.float32) - slack)[:, None]
    if np.count_nonzero(near) > _MANY * len(near):
        ranked = -np.sort(-own.cosines.astype(np.float32), axis=1)
        near = products >= (_least(products, ranked, depth) - slack)[:, None]
    flat = np.flatnonzero(near)
    rows, at = flat // total, flat % total
    return rows, at, _cosines(unit, searched, rows, at)


def _cosines(unit: np.ndarray, searched: _Searched, rows: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The exact cosines of pairs of a query and a gallery row [pairs]."""
    cosines = np.empty(len(rows))
    if len(rows) * _FEW <= len(unit) * len(searched.single):
        for start in range(0, len(rows), _PAIRS_A_CHUNK):
            some = slice(start, start + _PAIRS_A_CHUNK)
            cosines[some] = np.einsum("pd,pd->p", unit[rows[some]], searched.exact(at[some]))
        return cosines
    # Numbers of 16 bits are sorted in one pass, and 2^28 rows have no more blocks.
    blocks = (at // _ROWS_A_BLOCK).astype(np.uint16)
    order, edges = np.argsort(blocks, kind="stable"), np.cumsum(np.bincount(blocks))
    for number, (first, last) in enumerate(pairwise([0, *edges])):
        inside, start = order[first:last], number * _ROWS_A_BLOCK
        exact = unit @ searched.exact(slice(start, start + _ROWS_A_BLOCK)).T
        cosines[inside] = exact[rows[inside], at[inside] - start]
    return cosines


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
