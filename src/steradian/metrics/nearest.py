"""The k nearest gallery rows of each query by cosine, exact, in bounded memory.

Few neighbors are found by float32 products: what these cannot rule out is ranked by exact cosines. Many neighbors,
such as a tenth of the gallery, are ranked by exact cosines at once. The result is the same bit for bit either way.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from steradian.errors import InputError
from steradian.metrics.candidates import near_candidates, side_by_side
from steradian.metrics.exact_cosines import (
    NO_ROW,
    check_gallery_size,
    decode_keys,
    fixed_point,
    ranking_keys,
    rounding,
)

__all__ = [
    "DEFAULT_MEMORY_BYTES",
    "CheckedRows",
    "check_exclude",
    "check_rows",
    "check_vectors",
    "check_widths",
    "nearest",
    "unit_vectors",
]

DEFAULT_MEMORY_BYTES = 64 * 2**20
"""Working memory of one search, beside its inputs and its result."""

_FEW = 32
_UNIT = 1e-6
_ROWS_A_CHUNK = 8192


@dataclass(frozen=True, eq=False)
class CheckedRows:
    """Rows to search in that need no more checks: for those who search in the same rows many times.

    Args:
        vectors: [rows, dim], real numbers, no row zero.
        off_unit: where they are float32 and unit, by how much a length may differ from 1; None for any lengths.
    """

    vectors: np.ndarray
    off_unit: float | None = None

    def single(self, rows: slice) -> np.ndarray:
        """Some rows at unit length, float32."""
        part = self.vectors[rows]
        if self.off_unit is not None:
            return part
        lengths = np.linalg.norm(part.astype(np.float64), axis=1, keepdims=True)
        return np.asarray(part / lengths, dtype=np.float32)


def nearest(
    queries: np.ndarray,
    gallery: np.ndarray | CheckedRows,
    *,
    k: int,
    exclude: np.ndarray | None = None,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> tuple[np.ndarray, np.ndarray]:
    """The k gallery rows with the highest cosine to each query: cos(q, g) = q.g / (|q| |g|).

    Equal cosines are ordered by gallery row, the lower first. The result does not depend on `memory_bytes`.

    Args:
        queries: [queries, dim], real numbers; rows need not be unit.
        gallery: [gallery, dim], or what `check_rows` made of it, which saves a pass over all rows.
        k: neighbors a query; at most the rows of the gallery.
        exclude: int [queries], a gallery row that is never a neighbor of this query (the query itself in
            leave-one-out), -1 for none.
        memory_bytes: bound on the working arrays, beside the arguments and the result; at the least, one query is
            held against one gallery row. Default 64 MiB.

    Returns:
        rows: int64 [queries, k], gallery rows, nearest first.
        cosines: float32 [queries, k] in [-1, 1], multiples of 2^-24, right within sqrt(dim) 2^-26 + 2^-25.
        With k = the whole gallery, a query with an excluded row has one neighbor too few: row -1, cosine NaN.

    Raises:
        InputError: an empty array, different widths, a row that is zero or not finite, `k` or `exclude` out of range.

    Examples:
        >>> import numpy as np
        >>> rows, cosines = nearest(np.array([[1.0, 0.0]]), np.array([[0.0, 2.0], [3.0, 0.0], [1.0, 1.0]]), k=2)
        >>> rows.tolist(), cosines.round(3).tolist()
        ([[1, 2]], [[1.0, 0.7070000171661377]])
    """
    queries, _ = check_vectors(queries, where="queries")
    searched = gallery if isinstance(gallery, CheckedRows) else CheckedRows(check_vectors(gallery, where="gallery")[0])
    total = len(searched.vectors)
    check_widths(queries, searched.vectors)
    exclude = check_exclude(exclude, queries=len(queries), gallery=total)
    _check_k(k, total)
    check_gallery_size(total)
    search = _by_candidates if k * _FEW <= total else _by_all_cosines
    return decode_keys(search(queries, searched, k, exclude, memory_bytes))


def check_rows(vectors: np.ndarray, *, where: str = "vectors") -> CheckedRows:
    """Rows checked once for many searches in them.

    Args:
        vectors: [rows, dim], real numbers; float32 rows that are all unit are searched as they stand.
        where: what to call the array in messages.

    Raises:
        InputError: not a matrix, empty, or a row that is zero or not finite.

    Examples:
        >>> gallery = check_rows(np.eye(3, dtype=np.float32))
        >>> gallery.off_unit is not None, nearest(np.eye(3), gallery, k=1)[0].tolist()
        (True, [[0], [1], [2]])
    """
    vectors = _check_matrix(vectors, where=where)
    if vectors.dtype == np.float32:
        # In float32 this takes a fifth of the time of `check_vectors`. A sum of squares is off by dim 2^-24 of itself.
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.einsum("rd,rd->r", vectors, vectors)
            off = float(np.abs(squares - np.float32(1)).max())
        error = vectors.shape[1] * 2.0**-23
        if off <= 4 * _UNIT + error:
            return CheckedRows(vectors, off + error)
    return CheckedRows(check_vectors(vectors, where=where)[0])


def unit_vectors(vectors: np.ndarray, *, where: str = "vectors") -> np.ndarray:
    """Each row divided by its length, as float32; rows already unit within 1e-6 keep their bits.

    Args:
        vectors: [rows, dim], real numbers.
        where: what to call the array in messages.

    Returns:
        float32 [rows, dim].

    Raises:
        InputError: not a matrix, empty, or a row that is zero or not finite.

    Examples:
        >>> import numpy as np
        >>> unit_vectors(np.array([[3.0, 4.0]])).round(2).tolist()
        [[0.6000000238418579, 0.800000011920929]]
    """
    vectors, lengths = check_vectors(vectors, where=where)
    lengths = np.where(np.abs(lengths - 1.0) <= 1e-6, 1.0, lengths)
    unit = np.empty(vectors.shape, dtype=np.float32)
    for part in _chunks(len(vectors), _ROWS_A_CHUNK):
        unit[part] = vectors[part] / lengths[part, None]
    return unit


def check_vectors(vectors: np.ndarray, *, where: str) -> tuple[np.ndarray, np.ndarray]:
    """The array as it stands, and the float64 length [rows] of each row.

    Args:
        vectors: [rows, dim], real numbers.
        where: what to call the array in messages.

    Raises:
        InputError: not a matrix, empty, or a row that is zero or not finite.

    Examples:
        >>> import numpy as np
        >>> check_vectors(np.array([[3.0, 4.0]]), where="vectors")[1]
        array([5.])
    """
    vectors = _check_matrix(vectors, where=where)
    lengths = np.empty(len(vectors))
    with np.errstate(over="ignore", invalid="ignore"):
        for part in _chunks(len(vectors), _ROWS_A_CHUNK):
            lengths[part] = np.linalg.norm(vectors[part].astype(np.float64), axis=1)
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(bad):
        raise InputError(
            want="a vector with a direction",
            got="only zeros" if lengths[bad[0]] == 0 else "a NaN, an infinity or numbers too large",
            where=f"{where}, row {bad[0]}",
            fix=f"Remove or fix the row ({len(bad)} such in all).",
        )
    return vectors, lengths


def check_exclude(exclude: np.ndarray | None, *, queries: int, gallery: int) -> np.ndarray:
    """The gallery row to leave out of each query's neighbors, -1 for none; None leaves out nothing.

    Args:
        exclude: int [queries] or None.
        queries: how many there are.
        gallery: how many rows there are.

    Raises:
        InputError: not one integer a query, or no such gallery row.

    Examples:
        >>> check_exclude(None, queries=2, gallery=5)
        array([-1, -1])
    """
    if exclude is None:
        return np.full(queries, -1)
    exclude = np.asarray(exclude)
    if exclude.shape != (queries,) or exclude.dtype.kind not in "iu":
        raise InputError(
            want=f"{queries} integers, one a query",
            got=f"{exclude.dtype} of shape {list(exclude.shape)}",
            where="exclude",
            fix="Give each query the gallery row to leave out, or -1.",
        )
    bad = np.flatnonzero((exclude < -1) | (exclude >= gallery))
    if len(bad):
        raise InputError(
            want=f"a gallery row from 0 to {gallery - 1}, or -1",
            got=str(exclude[bad[0]]),
            where=f"exclude, query {bad[0]}",
            fix="Give each query the gallery row to leave out, or -1.",
        )
    return exclude


def _check_matrix(vectors: np.ndarray, *, where: str) -> np.ndarray:
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or vectors.size == 0 or vectors.dtype.kind not in "fiu":
        raise InputError(
            want="numbers of shape [rows, dim], at least one row",
            got=f"{vectors.dtype} of shape {list(vectors.shape)}",
            where=where,
            fix="Pass one vector a row, as model.transform returns them.",
        )
    return vectors


def check_widths(queries: np.ndarray, gallery: np.ndarray) -> None:
    """Refuse queries that are not as wide as the gallery.

    Args:
        queries: [queries, dim].
        gallery: [gallery, dim].

    Raises:
        InputError: different widths.
    """
    if queries.shape[1] != gallery.shape[1]:
        raise InputError(
            want=f"queries of width {gallery.shape[1]}, as the gallery",
            got=f"width {queries.shape[1]}",
            where="queries",
            fix="Embed both with the same model.",
        )


def _check_k(k: int, most: int) -> None:
    if not isinstance(k, (int, np.integer)) or not 1 <= k <= most:
        raise InputError(want=f"an integer from 1 to {most}", got=repr(k), where="k", fix="Ask for fewer neighbors.")


def _chunks(total: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, total)) for start in range(0, total, step))


def _chunk_sizes(queries: int, gallery: int, dim: int, k: int, memory_bytes: int) -> tuple[int, int]:
    """How many queries and gallery rows to hold at a time; two million products are fast on ordinary caches."""
    rows = min(queries, 512)
    columns = min(gallery, max(2**21 // rows, 2 * k))

    def bytes_held() -> int:
        # Keys, their merge with those of old neighbors and its order, and each chunk of vectors with its rounded copy.
        return 8 * (rows * (3 * columns + 4 * k) + 2 * (rows + columns) * dim)

    while bytes_held() > memory_bytes and rows * columns > 1:
        if rows >= columns:
            rows //= 2
        else:
            columns //= 2
    return rows, columns


def _by_candidates(
    queries: np.ndarray, searched: CheckedRows, k: int, exclude: np.ndarray, memory_bytes: int
) -> np.ndarray:
    """The keys of the k nearest float64 [queries, k], nearest first, by way of float32 products."""
    vectors = searched.vectors
    (total, dim), rows = vectors.shape, CheckedRows(queries)
    query_step, gallery_step = _chunk_sizes(len(queries), total, dim, k, memory_bytes)
    error = rounding(dim, off_unit=searched.off_unit or 0.0)
    keys = np.empty((len(queries), k))
    for part in _chunks(len(queries), query_step):
        blocks = ((block.start, searched.single(block)) for block in _chunks(total, gallery_step))
        of_query, found, crowded = near_candidates(rows.single(part), blocks, k=k, exclude=exclude[part], error=error)
        left, cosines = fixed_point(queries[part]), np.empty(len(found))
        for some in _chunks(len(found), max(1, min(2**10, memory_bytes // (32 * dim)))):
            cosines[some] = np.einsum("cd,cd->c", left[of_query[some]], fixed_point(vectors[found[some]]))
        ranked = side_by_side(of_query, ranking_keys(cosines, found), len(left), NO_ROW)
        if ranked.shape[1] >= k:
            ranked.sort(axis=1)
            keys[part] = ranked[:, : -k - 1 : -1]
        if len(crowded):
            again = part.start + crowded
            keys[again] = _by_all_cosines(queries[again], searched, k, exclude[again], memory_bytes)
    return keys


def _by_all_cosines(
    queries: np.ndarray, searched: CheckedRows, k: int, exclude: np.ndarray, memory_bytes: int
) -> np.ndarray:
    """The same by exact cosines to all rows."""
    total, dim = searched.vectors.shape
    query_step, gallery_step = _chunk_sizes(len(queries), total, dim, k, memory_bytes)
    best = np.full((len(queries), k), NO_ROW)
    for block in _chunks(total, gallery_step):
        right, numbers = fixed_point(searched.vectors[block]), np.arange(block.start, block.stop)
        for part in _chunks(len(queries), query_step):
            keys = ranking_keys(fixed_point(queries[part]) @ right.T, numbers)
            columns = exclude[part] - block.start
            inside = np.flatnonzero((columns >= 0) & (columns < len(right)) & (exclude[part] >= 0))
            keys[inside, columns[inside]] = NO_ROW
            merged = keys if block.start == 0 and len(right) >= k else np.concatenate([best[part], keys], axis=1)
            best[part] = np.partition(merged, merged.shape[1] - k, axis=1)[:, merged.shape[1] - k :]
    best.sort(axis=1)
    return best[:, ::-1]
