"""How well the neighbors of a query share its class: recall@k, MAP@R and R-precision from one search.

A gallery object is relevant to a query when both have the same class. A query without any relevant gallery object has
no score: it is left out of the means and counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steradian.errors import InputError
from steradian.metrics.classification import label_codes
from steradian.metrics.nearest import DEFAULT_MEMORY_BYTES, check_exclude, check_pair, nearest

__all__ = ["RetrievalScores", "map_at_r", "r_precision", "recall_at_k", "retrieval_scores"]

_BYTES_A_NEIGHBOR = 64


@dataclass(frozen=True)
class RetrievalScores:
    """Means over the queries that have a relevant gallery object; NaN when no query has one.

    Args:
        recall: recall@k by k.
        map_at_r: mean average precision at R.
        r_precision: mean R-precision.
        queries: how many queries the means are over.
        without_relevant: how many queries were left out.
    """

    recall: dict[int, float]
    map_at_r: float
    r_precision: float
    queries: int
    without_relevant: int


def retrieval_scores(
    queries: np.ndarray,
    query_labels: np.ndarray,
    gallery: np.ndarray,
    gallery_labels: np.ndarray,
    *,
    ks: Sequence[int] = (1, 5, 10),
    exclude: np.ndarray | None = None,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> RetrievalScores:
    """All retrieval scores from one exact search with k = the largest R or k needed.

    Args:
        queries: [queries, dim].
        query_labels: [queries].
        gallery: [gallery, dim].
        gallery_labels: [gallery].
        ks: the k of recall@k; one beyond the gallery's size counts the whole gallery.
        exclude: int [queries], the gallery row that is the query itself (leave-one-out), -1 for none.
        memory_bytes: bound on the working arrays; queries are scored in parts, those of small classes first.

    Raises:
        InputError: empty or non-finite vectors, different widths or lengths, a missing class, `ks` or `exclude` out
            of range.

    Example:
        >>> import numpy as np
        >>> photos = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> scores = retrieval_scores(photos, list("aabb"), photos, list("aabb"), ks=(1,), exclude=np.arange(4))
        >>> scores.recall[1], scores.map_at_r
        (1.0, 1.0)
    """
    queries, gallery, _, _ = check_pair(queries, gallery)
    query_codes, gallery_codes = label_codes(query_labels, gallery_labels)
    _check_lengths(query_codes, queries, "queries")
    _check_lengths(gallery_codes, gallery, "gallery")
    _check_ks(ks)
    exclude = check_exclude(exclude, queries=len(queries), gallery=len(gallery))
    num_relevant = _count_relevant(query_codes, gallery_codes, exclude)
    # Small classes need few neighbors, large ones many: sorted, most parts ask for no more than they need.
    order = np.argsort(num_relevant, kind="stable")[np.count_nonzero(num_relevant == 0) :]
    step = max(1, memory_bytes // (_BYTES_A_NEIGHBOR * _neighbors_needed(num_relevant, ks, len(gallery))))
    sums = np.zeros(len(ks) + 2)
    for start in range(0, len(order), step):
        part = order[start : start + step]
        k = _neighbors_needed(num_relevant[part], ks, len(gallery))
        rows, _ = nearest(queries[part], gallery, k=k, exclude=exclude[part], memory_bytes=memory_bytes)
        # A place left empty by `exclude` is the last of the whole gallery, beyond R: what it compares with is not read.
        relevant = gallery_codes[rows] == query_codes[part, None]
        sums[:-2] += [recall_at_k(relevant, k=min(wanted, k)).sum() for wanted in ks]
        sums[-2] += map_at_r(relevant, num_relevant[part]).sum()
        sums[-1] += r_precision(relevant, num_relevant[part]).sum()
    means = sums / len(order) if len(order) else np.full(len(sums), np.nan)
    return RetrievalScores(
        recall={int(k): float(mean) for k, mean in zip(ks, means[:-2], strict=True)},
        map_at_r=float(means[-2]),
        r_precision=float(means[-1]),
        queries=len(order),
        without_relevant=len(queries) - len(order),
    )


def recall_at_k(relevant: np.ndarray, *, k: int) -> np.ndarray:
    """1 for each query with a relevant object among its k nearest, else 0.

    This is the recall@k of metric learning (Jegou et al., "Product quantization for nearest neighbor search", TPAMI
    2011; Oh Song et al., CVPR 2016), a hit rate, not the share of all relevant objects that were found.

    Args:
        relevant: bool [queries, neighbors], nearest first.
        k: at most the number of neighbors.

    Returns:
        float64 [queries].

    Raises:
        InputError: `relevant` is empty or no bool matrix, `k` out of range.

    Example:
        >>> import numpy as np
        >>> recall_at_k(np.array([[False, True], [False, False]]), k=2)
        array([1., 0.])
    """
    relevant = _check_relevant(relevant)
    if not 1 <= k <= relevant.shape[1]:
        raise InputError(
            want=f"from 1 to {relevant.shape[1]}, the neighbors given",
            got=str(k),
            where="k",
            fix="Search for more.",
        )
    return np.asarray(relevant[:, :k].any(axis=1), dtype=np.float64)


def map_at_r(relevant: np.ndarray, num_relevant: np.ndarray) -> np.ndarray:
    """Average precision at R of each query, in [0, 1]: (1/R) sum over i <= R of [i-th is relevant] precision(i).

    R is the number of relevant gallery objects of the query, precision(i) the relevant share of its i nearest.
    Source: Musgrave, Belongie and Lim, "A Metric Learning Reality Check", ECCV 2020.

    Args:
        relevant: bool [queries, neighbors], nearest first; at least R neighbors.
        num_relevant: int [queries], R, at least 1.

    Returns:
        float64 [queries].

    Raises:
        InputError: `relevant` is empty or no bool matrix, R out of range.

    Example:
        >>> import numpy as np
        >>> map_at_r(np.array([[True, False, True, True]]), np.array([3])).round(4)
        array([0.5556])
    """
    relevant = _among_first_r(relevant, num_relevant)
    precision = np.cumsum(relevant, axis=1) / np.arange(1, relevant.shape[1] + 1)
    return np.asarray((precision * relevant).sum(axis=1) / np.asarray(num_relevant))


def r_precision(relevant: np.ndarray, num_relevant: np.ndarray) -> np.ndarray:
    """The relevant share of each query's R nearest, in [0, 1]; R is its number of relevant gallery objects.

    Source: Musgrave, Belongie and Lim, "A Metric Learning Reality Check", ECCV 2020.

    Args:
        relevant: bool [queries, neighbors], nearest first; at least R neighbors.
        num_relevant: int [queries], R, at least 1.

    Returns:
        float64 [queries].

    Raises:
        InputError: `relevant` is empty or no bool matrix, R out of range.

    Example:
        >>> import numpy as np
        >>> r_precision(np.array([[True, False, True, True]]), np.array([3])).round(4)
        array([0.6667])
    """
    return np.asarray(_among_first_r(relevant, num_relevant).sum(axis=1) / np.asarray(num_relevant))


def _neighbors_needed(num_relevant: np.ndarray, ks: Sequence[int], gallery: int) -> int:
    return int(min(max(num_relevant.max(), *ks), gallery))


def _count_relevant(query_codes: np.ndarray, gallery_codes: np.ndarray, exclude: np.ndarray) -> np.ndarray:
    in_gallery = np.bincount(gallery_codes, minlength=int(query_codes.max()) + 1)[query_codes]
    lost = (exclude >= 0) & (gallery_codes[exclude] == query_codes)
    return np.asarray(in_gallery - lost, dtype=np.int64)


def _among_first_r(relevant: np.ndarray, num_relevant: np.ndarray) -> np.ndarray:
    """`relevant`, False beyond each query's first R."""
    relevant, num_relevant = _check_relevant(relevant), np.asarray(num_relevant)
    if num_relevant.shape != (len(relevant),) or num_relevant.min() < 1 or num_relevant.max() > relevant.shape[1]:
        raise InputError(
            want=f"one R a query, each from 1 to {relevant.shape[1]}, the neighbors given",
            got=f"shape {list(num_relevant.shape)}, values from {num_relevant.min()} to {num_relevant.max()}",
            where="num_relevant",
            fix="Search for at least R neighbors, and leave out queries without relevant objects.",
        )
    return np.asarray(relevant & (np.arange(relevant.shape[1]) < num_relevant[:, None]))


def _check_relevant(relevant: np.ndarray) -> np.ndarray:
    relevant = np.asarray(relevant)
    if relevant.ndim != 2 or relevant.size == 0 or relevant.dtype != np.bool_:
        raise InputError(
            want="bool [queries, neighbors], at least one of each",
            got=f"{relevant.dtype} of shape {list(relevant.shape)}",
            where="relevant",
            fix="Compare the neighbors' classes with the query's.",
        )
    return relevant


def _check_lengths(codes: np.ndarray, vectors: np.ndarray, where: str) -> None:
    if len(codes) != len(vectors):
        raise InputError(
            want=f"{len(vectors)} classes, one a row",
            got=str(len(codes)),
            where=where,
            fix="Pass one class a vector.",
        )


def _check_ks(ks: Sequence[int]) -> None:
    if not ks or len(set(ks)) < len(ks) or any(not isinstance(k, (int, np.integer)) or k < 1 for k in ks):
        raise InputError(want="different whole numbers from 1", got=repr(ks), where="ks", fix="Write (1, 5, 10).")
