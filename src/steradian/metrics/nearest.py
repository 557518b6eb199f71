"""The k nearest gallery rows of each query by cosine, exact, in bounded memory.

Float sums depend on the order in which a processor adds them, so that plain products would rank near-equal rows
differently for other chunk sizes or thread counts. Here components are rounded to multiples of 2^-26: the float64 dot
product of two unit rows is then exact in any order (its terms are multiples of 2^-52 and no partial sum exceeds 1), and
the result is the same bit for bit however the work is cut.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from steradian.errors import InputError

__all__ = ["DEFAULT_MEMORY_BYTES", "check_exclude", "check_pair", "check_vectors", "nearest", "unit_vectors"]

DEFAULT_MEMORY_BYTES = 64 * 2**20
"""Working memory of one search, beside its inputs and its result."""

_COMPONENT_STEP = 2.0**-26
_COSINE_STEP = 2.0**-24
_MAX_ROWS = 2**28
_ROWS_A_CHUNK = 8192


def nearest(
    queries: np.ndarray,
    gallery: np.ndarray,
    *,
    k: int,
    exclude: np.ndarray | None = None,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> tuple[np.ndarray, np.ndarray]:
    """The k gallery rows with the highest cosine to each query: cos(q, g) = q.g / (|q| |g|).

    Equal cosines are ordered by gallery row, the lower first. The result does not depend on `memory_bytes`.

    Args:
        queries: [queries, dim], real numbers; rows need not be unit.
        gallery: [gallery, dim].
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

    Example:
        >>> import numpy as np
        >>> rows, cosines = nearest(np.array([[1.0, 0.0]]), np.array([[0.0, 2.0], [3.0, 0.0], [1.0, 1.0]]), k=2)
        >>> rows.tolist(), cosines.round(3).tolist()
        ([[1, 2]], [[1.0, 0.7070000171661377]])
    """
    queries, gallery, query_lengths, gallery_lengths = check_pair(queries, gallery)
    exclude = check_exclude(exclude, queries=len(queries), gallery=len(gallery))
    _check_k(k, len(gallery))
    query_step, gallery_step = _chunk_sizes(len(queries), len(gallery), queries.shape[1], k, memory_bytes)
    rows = np.empty((len(queries), k), dtype=np.int64)
    cosines = np.empty((len(queries), k), dtype=np.float32)
    for part in _chunks(len(queries), query_step):
        left = _fixed_point(queries[part], query_lengths[part])
        best = torch.full((len(left), k), -torch.inf, dtype=torch.float64)
        for block in _chunks(len(gallery), gallery_step):
            right = _fixed_point(gallery[block], gallery_lengths[block])
            keys = _ranking_keys(left, right, first_row=block.start)
            _remove_excluded(keys, exclude[part], first_row=block.start)
            found = keys.topk(min(k, keys.shape[1]), sorted=False).values
            best = torch.cat([best, found], dim=1).topk(k).values
        rows[part], cosines[part] = _decode(best)
    return rows, cosines


def unit_vectors(vectors: np.ndarray, *, where: str = "vectors") -> np.ndarray:
    """Each row divided by its length, as float32; rows already unit within 1e-6 keep their bits.

    Args:
        vectors: [rows, dim], real numbers.
        where: what to call the array in messages.

    Returns:
        float32 [rows, dim].

    Raises:
        InputError: not a matrix, empty, or a row that is zero or not finite.

    Example:
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

    Example:
        >>> import numpy as np
        >>> check_vectors(np.array([[3.0, 4.0]]), where="vectors")[1]
        array([5.])
    """
    vectors = np.asarray(vectors)
    if vectors.ndim != 2 or vectors.size == 0 or vectors.dtype.kind not in "fiu":
        raise InputError(
            want="numbers of shape [rows, dim], at least one row",
            got=f"{vectors.dtype} of shape {list(vectors.shape)}",
            where=where,
            fix="Pass one vector a row, as model.transform returns them.",
        )
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
            fix=f"Remove or mend the row ({len(bad)} such in all).",
        )
    return vectors, lengths


def check_pair(queries: np.ndarray, gallery: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Both arrays and the lengths of their rows, checked to be of one width.

    Args:
        queries: [queries, dim], real numbers.
        gallery: [gallery, dim].

    Returns:
        The queries, the gallery, the lengths of both: float64 [queries] and [gallery].

    Raises:
        InputError: as `check_vectors`, or different widths.

    Example:
        >>> import numpy as np
        >>> check_pair(np.eye(2), np.eye(2))[2]
        array([1., 1.])
    """
    queries, query_lengths = check_vectors(queries, where="queries")
    gallery, gallery_lengths = check_vectors(gallery, where="gallery")
    if queries.shape[1] != gallery.shape[1]:
        raise InputError(
            want=f"queries of width {gallery.shape[1]}, as the gallery",
            got=f"width {queries.shape[1]}",
            where="queries",
            fix="Embed both with the same model.",
        )
    return queries, gallery, query_lengths, gallery_lengths


def check_exclude(exclude: np.ndarray | None, *, queries: int, gallery: int) -> np.ndarray:
    """The gallery row to leave out of each query's neighbors, -1 for none; None leaves out nothing.

    Args:
        exclude: int [queries] or None.
        queries: how many there are.
        gallery: how many rows there are.

    Raises:
        InputError: not one whole number a query, or no such gallery row.

    Example:
        >>> check_exclude(None, queries=2, gallery=5)
        array([-1, -1])
    """
    if exclude is None:
        return np.full(queries, -1)
    exclude = np.asarray(exclude)
    if exclude.shape != (queries,) or exclude.dtype.kind not in "iu":
        raise InputError(
            want=f"{queries} whole numbers, one a query",
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


def _check_k(k: int, most: int) -> None:
    if not isinstance(k, (int, np.integer)) or not 1 <= k <= most:
        raise InputError(
            want=f"a whole number from 1 to {most}", got=repr(k), where="k", fix="Ask for fewer neighbors."
        )


def _chunks(total: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, total)) for start in range(0, total, step))


def _chunk_sizes(queries: int, gallery: int, dim: int, k: int, memory_bytes: int) -> tuple[int, int]:
    """How many queries and gallery rows to hold at a time; about 1024 x 4096 are fast on ordinary caches."""
    if gallery > _MAX_ROWS:
        raise InputError(want=f"at most {_MAX_ROWS} rows", got=str(gallery), where="gallery", fix="Search it in parts.")
    rows = min(queries, 1024)
    columns = min(gallery, max(2**22 // rows, 2 * k))

    def bytes_held() -> int:
        # Keys, the merge of old and new neighbors, and each chunk of vectors with its rounded copy.
        return 8 * (rows * (columns + 4 * k) + 2 * (rows + columns) * dim)

    while bytes_held() > memory_bytes and rows * columns > 1:
        if rows >= columns:
            rows //= 2
        else:
            columns //= 2
    return rows, columns


def _fixed_point(vectors: np.ndarray, lengths: np.ndarray) -> Tensor:
    """Unit rows with every component a multiple of 2^-26, float64."""
    unit = vectors / lengths[:, None]
    unit *= 1 / _COMPONENT_STEP
    np.rint(unit, out=unit)
    unit *= _COMPONENT_STEP
    return torch.from_numpy(unit)


def _ranking_keys(queries: Tensor, gallery: Tensor, *, first_row: int) -> Tensor:
    """Float64 [queries, gallery] that sort by cosine and then by lower row: steps x 2^28 - row, exact below 2^53."""
    keys = queries @ gallery.T
    keys.mul_(1 / _COSINE_STEP).round_().clamp_(-1 / _COSINE_STEP, 1 / _COSINE_STEP)
    return keys.mul_(_MAX_ROWS).sub_(torch.arange(first_row, first_row + len(gallery), dtype=torch.float64))


def _remove_excluded(keys: Tensor, exclude: np.ndarray, *, first_row: int) -> None:
    columns = exclude - first_row
    inside = np.flatnonzero((exclude >= 0) & (columns >= 0) & (columns < keys.shape[1]))
    keys[torch.from_numpy(inside), torch.from_numpy(columns[inside])] = -torch.inf


def _decode(keys: Tensor) -> tuple[np.ndarray, np.ndarray]:
    values = keys.numpy()
    empty = np.isneginf(values)
    values[empty] = 0.0
    steps = np.ceil(values / _MAX_ROWS)
    rows = (steps * _MAX_ROWS - values).astype(np.int64)
    cosines = (steps * _COSINE_STEP).astype(np.float32)
    rows[empty], cosines[empty] = -1, np.nan
    return rows, cosines
