"""Where in the order of all gallery rows those of a query's own class stand, without ordering the others.

A score at R looks at as many neighbors as the class has objects, which is a large part of a gallery with few classes.
So the exact cosines are computed to a query's own class, a small product, and sorted. Of all others only those count
that may be among the neighbors looked at, by float32 products and what these can be wrong by, and of these only how
many stand between two of the own class. So an exact cosine is needed only of what float32 cannot order beside one of
the own class.
"""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from steradian.metrics.candidates import reached_by
from steradian.metrics.exact_cosines import (
    COSINE_STEP,
    MAX_ROWS,
    NO_ROW,
    check_gallery_size,
    decode_keys,
    fixed_point,
    ranking_keys,
    rounding,
)
from steradian.metrics.nearest import CheckedRows

__all__ = ["own_places"]

_MAX_QUERIES = 128
_BYTES_A_PRODUCT = 6
"""A product in float32, and what it is compared with twice."""
_ROWS_A_BLOCK = 4096
_SAMPLED, _MORE = 8, 16
"""One of so many products is drawn, and a depth's 16th is how far the draw may be off before all are counted again."""
_GROUPED = 16
_FEW, _MANY = 64, 64
_PAIRS_A_CHUNK = 2**10
_KEY_TO_COSINE = COSINE_STEP / MAX_ROWS


def own_places(
    queries: np.ndarray,
    query_codes: np.ndarray,
    gallery: CheckedRows,
    gallery_codes: np.ndarray,
    *,
    depths: np.ndarray,
    exclude: np.ndarray,
    memory_bytes: int,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The places of each query's own class among all gallery rows, in the order that `nearest` gives them.

    Args:
        queries: [queries, dim], real numbers, no row zero.
        query_codes: their classes as integers from 0 [queries], each one that the gallery has.
        gallery: [gallery, dim], checked.
        gallery_codes: likewise [gallery].
        depths: how many neighbors to look at, int [queries], from 1.
        exclude: int [queries], a gallery row that is no neighbor, -1 for none.
        memory_bytes: bound on the working arrays; at the least, one query is held against the whole gallery.

    Yields:
        Places of queries int64 [part], those of small depths first, and int64 [part, most of a class]: the places of
        the own class, ascending, the nearest row's being 0. From the query's depth on they say only that they are not
        less; where a class has no more rows they are those of the gallery.

    Examples:
        >>> vectors, codes = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]), np.array([0, 1, 0])
        >>> parts = own_places(vectors, codes, CheckedRows(vectors), codes, depths=np.full(3, 2), exclude=np.arange(3),
        ...                    memory_bytes=2**20)
        >>> [(part.tolist(), places.tolist()) for part, places in parts]
        [([0, 2, 1], [[1, 3], [1, 3], [3, 3]])]
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
        codes, left_out = query_codes[part], exclude[part]
        unit, depth = fixed_point(queries[part]), int(depths[part].max())
        products, least = _products(unit, searched, members, codes, left_out)
        counts = sizes[codes] - ((left_out >= 0) & (gallery_codes[left_out] == codes))
        nearer = np.arange(sizes[codes].max())
        places = np.where(nearer < counts[:, None], nearer, total)
        mixed = np.flatnonzero(products.max(axis=1) >= least - np.float32(2 * searched.error))
        if len(mixed):
            own = _Own(unit[mixed], searched, members, codes[mixed], left_out[mixed])
            some = products if len(mixed) == len(part) else products[mixed]
            above = _above(unit[mixed], searched, own, *_others(some, searched, own, depth))
            width = above.shape[1]
            places[mixed, :width] = np.minimum(places[mixed, :width] + above, total)
        yield part, places


class _Searched:
    """The gallery, for products in float32 and for exact cosines.

    Args:
        gallery: checked.
        memory_bytes: where it fits into so many in float64, it is held so; else rows are brought to it when needed.
    """

    def __init__(self, gallery: CheckedRows, memory_bytes: int) -> None:
        self._vectors, dim = gallery.vectors, gallery.vectors.shape[1]
        self._exact = fixed_point(self._vectors) if 8 * self._vectors.size <= memory_bytes else None
        # A product as a key is rounded to a step, and a key as a cosine is off by its row, which is at most a step.
        self.error = rounding(dim, off_unit=gallery.off_unit or 0.0) + 2 * COSINE_STEP
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
    """The exact cosines of queries to their own class.

    They are ascending keys between -inf and inf; what is missing or excluded is -inf, `NO_ROW`, too.

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
        most = max(len(members[code]) for code in np.unique(codes))
        self.keys = np.full((len(unit), most + 2), NO_ROW)
        for code, rows in _runs(codes):
            columns = members[code]
            keys = ranking_keys(unit[rows] @ searched.exact(columns).T, columns)
            keys[columns == exclude[rows, None]] = NO_ROW
            self.keys[rows, 1 : len(columns) + 1] = keys
        self.keys[:, -1] = np.inf
        self.keys.sort(axis=1)
        self.last = most - 1 - np.count_nonzero(self.keys[:, 1:-1] == NO_ROW, axis=1)

    def at(self, places: np.ndarray) -> np.ndarray:
        """The cosine at a place of each query as a column of float32, the highest at 0; inf at -1."""
        keys = self.keys[np.arange(len(places)), self.keys.shape[1] - 2 - places]
        return np.asarray(keys * _KEY_TO_COSINE, dtype=np.float32)[:, None]


def _runs(codes: np.ndarray) -> Iterator[tuple[int, slice]]:
    """Each code of those that stand together, and where it stands."""
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    edges = [*starts.tolist(), len(codes)]
    return zip(codes[starts].tolist(), map(slice, edges[:-1], edges[1:]), strict=True)


def _products(
    unit: np.ndarray, searched: _Searched, members: list[np.ndarray], codes: np.ndarray, exclude: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Products with all rows of other classes, -inf elsewhere, and the least of the own class, float32."""
    products = unit.astype(np.float32) @ searched.single.T
    least = np.empty(len(unit), dtype=np.float32)
    for code, rows in _runs(codes):
        columns = members[code]
        least[rows] = products[rows][:, columns].min(axis=1)
        products[rows, columns] = -np.inf
    has = np.flatnonzero(exclude >= 0)
    products[has, exclude[has]] = -np.inf
    return products, least


def _others(products: np.ndarray, searched: _Searched, own: _Own, depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Query, ascending, and key, ascending in each query, of what is of another class and may be among the nearest.

    The keys are made of products. What lies below all of its own class changes no score, and needs not be there.
    """
    total, slack = products.shape[1], np.float32(2 * searched.error)
    near = products >= own.at(own.last) - slack
    if np.count_nonzero(near) > _MANY * len(near):
        near = products >= _least(products, own, depth) - slack
    flat = np.flatnonzero(near)
    rows = flat // total
    keys = ranking_keys(products.ravel()[flat].astype(np.float64), flat - rows * total)
    for _, run in _runs(rows):
        keys[run].sort()
    return rows, keys


def _above(unit: np.ndarray, searched: _Searched, own: _Own, rows: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """How many of others are nearer than each of the own class, the nearest first, int64 [queries, most of a class].

    Where products cannot tell, exact cosines do.
    """
    places = _places(own.keys, rows, keys)
    width, flat = own.keys.shape[1], own.keys.ravel()
    upper, error = rows * width + places, searched.error / _KEY_TO_COSINE
    unsure = np.flatnonzero((keys - flat[upper - 1] <= error) | (flat[upper] - keys <= error))
    among, others = rows[unsure], decode_keys(keys[unsure])[0]
    places[unsure] = _places(own.keys, among, ranking_keys(_cosines(unit, searched, among, others), others))
    counts = np.bincount(rows * width + places, minlength=own.keys.size).reshape(-1, width)
    return np.cumsum(counts[:, :1:-1], axis=1)


def _places(ascending: np.ndarray, rows: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """How many entries of its row each key is above, int64 [keys]; rows ascend."""
    places = np.empty(len(rows), dtype=np.int64)
    for row, run in _runs(rows):
        places[run] = ascending[row].searchsorted(keys[run])
    return places


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


def _least(products: np.ndarray, own: _Own, depth: int) -> np.ndarray:
    """For each query what a product must reach to matter: `depth` reach it, or it is the least of its class.

    Args:
        products: of other classes, -inf elsewhere [queries, gallery].
        own: the own class.
        depth: how many neighbors are looked at.
    """
    last = own.last
    if products.shape[1] >= _GROUPED * depth:
        return np.asarray(np.maximum(own.at(last), reached_by(products, depth)[:, None]))
    # Of the own class the first place that enough products reach, by some of them; then all tell whether it holds. They
    # are drawn, as every so many may be of a few classes alone.
    drawn = np.random.default_rng(0).integers(products.shape[1], size=products.shape[1] // _SAMPLED)
    some, more = products.take(drawn, axis=1), depth // _MORE
    low, high = np.zeros_like(last), last
    for _ in range(int(last.max()).bit_length()):
        middle = (low + high) // 2
        reached = _SAMPLED * np.count_nonzero(some >= own.at(middle), axis=1)
        enough = reached + middle >= depth + more
        low, high = np.where(enough, low, middle + 1), np.where(enough, middle, high)
        low = np.minimum(low, high)
    short = np.count_nonzero(products >= own.at(high), axis=1) + high + 1 < depth
    while len(rows := np.flatnonzero(short & (high < last))):
        high[rows] = np.minimum(high[rows] + more + 1, last[rows])
        short[rows] = np.count_nonzero(products[rows] >= own.at(high)[rows], axis=1) + high[rows] + 1 < depth
    return own.at(high)
