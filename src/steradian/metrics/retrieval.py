"""How well the neighbors of a query share its class: recall@k, MAP@R and R-precision from one search.

A gallery object is relevant to a query when both have the same class. A query without any relevant gallery object has
no score: it is left out of the means and counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from steradian.errors import InputError
from steradian.metrics.classification import label_codes
from steradian.metrics.nearest import DEFAULT_MEMORY_BYTES, CheckedRows, check_exclude, check_rows, check_widths
from steradian.metrics.relevance import own_places

__all__ = [
    "MOST_QUERIES",
    "EachQuery",
    "RetrievalScores",
    "each_query",
    "map_at_r",
    "r_precision",
    "recall_at_k",
    "retrieval_scores",
]

MOST_QUERIES = 4000
"""Drawn of more where a whole evaluation is made: R@1 and MAP@R are then off by 0.016 at most, in 95 of 100 draws."""


@dataclass(frozen=True)
class RetrievalScores:
    """Means over the queries that have a relevant gallery object; NaN when no query has one.

    Args:
        recall: recall@k by k.
        map_at_r: mean average precision at R.
        r_precision: mean R-precision.
        queries: how many queries the means are over.
        without_relevant: how many queries were left out.
        answerable: how many queries have a relevant object: more than `queries` where some of them were drawn.
        recall_errors: the standard error of recall@k by k, of the draw alone: 0 where all queries were scored.
        map_at_r_error: the same of `map_at_r`.
        r_precision_error: the same of `r_precision`.
    """

    recall: dict[int, float]
    map_at_r: float
    r_precision: float
    queries: int
    without_relevant: int
    answerable: int
    recall_errors: dict[int, float]
    map_at_r_error: float
    r_precision_error: float


def retrieval_scores(
    queries: np.ndarray,
    query_labels: np.ndarray,
    gallery: np.ndarray,
    gallery_labels: np.ndarray,
    *,
    ks: Sequence[int] = (1, 5, 10),
    exclude: np.ndarray | None = None,
    max_queries: int | None = None,
    random_state: int = 0,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> RetrievalScores:
    """All retrieval scores of exact rankings, or of a part of the queries with what the draw may be off by.

    The time grows with queries x gallery. A gallery that is not float32 and unit is held once more as such.

    Args:
        queries: [queries, dim].
        query_labels: [queries].
        gallery: [gallery, dim].
        gallery_labels: [gallery].
        ks: the k of recall@k; one beyond the gallery's size counts the whole gallery.
        exclude: int [queries], the gallery row that is the query itself (leave-one-out), -1 for none.
        max_queries: of more queries with a relevant object, so many are drawn, each with the same chance; None scores
            all of them.
        random_state: of the draw.
        memory_bytes: bound on the working arrays; queries are scored in parts, those of small classes first.

    Raises:
        InputError: empty or non-finite vectors, different widths or lengths, a missing class, `ks`, `exclude` or
            `max_queries` out of range.

    Examples:
        >>> import numpy as np
        >>> photos = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
        >>> scores = retrieval_scores(photos, list("aabb"), photos, list("aabb"), ks=(1,), exclude=np.arange(4))
        >>> scores.recall[1], scores.map_at_r
        (1.0, 1.0)
    """
    found = each_query(
        queries,
        query_labels,
        gallery,
        gallery_labels,
        ks=ks,
        exclude=exclude,
        max_queries=max_queries,
        random_state=random_state,
        memory_bytes=memory_bytes,
    )
    each, answerable = found.scores, int(found.answerable.sum())
    means = each.mean(axis=0) if len(each) else np.full(len(ks) + 2, np.nan)
    errors = _standard_errors(each, answerable)
    by_k, errors_by_k = (dict(zip(map(int, ks), v[:-2].tolist(), strict=True)) for v in (means, errors))
    return RetrievalScores(
        by_k,
        map_at_r=float(means[-2]),
        r_precision=float(means[-1]),
        queries=len(each),
        without_relevant=len(found.answerable) - answerable,
        answerable=answerable,
        recall_errors=errors_by_k,
        map_at_r_error=float(errors[-2]),
        r_precision_error=float(errors[-1]),
    )


@dataclass(frozen=True, eq=False)
class EachQuery:
    """The scores of single queries.

    Args:
        rows: which queries were scored, int64 [scored], ascending.
        scores: recall at each k, average precision at R and R-precision, float64 [scored, ks + 2].
        answerable: which queries have a relevant gallery object, bool [queries].
    """

    rows: np.ndarray
    scores: np.ndarray
    answerable: np.ndarray


def each_query(
    queries: np.ndarray,
    query_labels: np.ndarray,
    gallery: np.ndarray,
    gallery_labels: np.ndarray,
    *,
    ks: Sequence[int],
    exclude: np.ndarray | None = None,
    max_queries: int | None = None,
    random_state: int = 0,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
) -> EachQuery:
    """The scores of each query, of all that have a relevant gallery object or of some that are drawn.

    Args:
        queries: [queries, dim].
        query_labels: [queries].
        gallery: [gallery, dim].
        gallery_labels: [gallery].
        ks: the k of recall@k.
        exclude: as of `retrieval_scores`.
        max_queries: likewise.
        random_state: likewise.
        memory_bytes: likewise.

    Raises:
        InputError: as `retrieval_scores`.

    Examples:
        >>> import numpy as np
        >>> found = each_query(np.eye(2), list("ab"), np.eye(2), list("ac"), ks=(1,))
        >>> found.answerable.tolist(), found.rows.tolist(), found.scores.tolist()
        ([True, False], [0], [[1.0, 1.0, 1.0]])
    """
    searched, queries = check_rows(gallery, where="gallery"), check_rows(queries, where="queries").vectors
    check_widths(queries, searched.vectors)
    query_codes, gallery_codes = label_codes(query_labels, gallery_labels)
    _check_lengths(query_codes, queries, "queries")
    _check_lengths(gallery_codes, searched.vectors, "gallery")
    _check_ks(ks)
    _check_max_queries(max_queries)
    exclude = check_exclude(exclude, queries=len(queries), gallery=len(gallery_codes))
    num_relevant = _count_relevant(query_codes, gallery_codes, exclude)
    scored = np.flatnonzero(num_relevant)
    if max_queries is not None and len(scored) > max_queries:
        scored = np.sort(np.random.default_rng(random_state).choice(scored, size=max_queries, replace=False))
    each = np.empty((len(scored), len(ks) + 2))
    if len(scored):
        drawn = queries[scored], query_codes[scored], searched, gallery_codes
        each = _each_score(*drawn, num_relevant[scored], exclude[scored], ks, memory_bytes)
    return EachQuery(scored, each, num_relevant > 0)


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

    Examples:
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

    Examples:
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

    Examples:
        >>> import numpy as np
        >>> r_precision(np.array([[True, False, True, True]]), np.array([3])).round(4)
        array([0.6667])
    """
    return np.asarray(_among_first_r(relevant, num_relevant).sum(axis=1) / np.asarray(num_relevant))


def _each_score(
    queries: np.ndarray,
    query_codes: np.ndarray,
    gallery: CheckedRows,
    gallery_codes: np.ndarray,
    num_relevant: np.ndarray,
    exclude: np.ndarray,
    ks: Sequence[int],
    memory_bytes: int,
) -> np.ndarray:
    """Recall at each k, average precision at R and R-precision of each query, float64 [queries, scores]."""
    each = np.empty((len(queries), len(ks) + 2))
    depths = np.maximum(num_relevant, max(ks))
    search = own_places(
        queries, query_codes, gallery, gallery_codes, depths=depths, exclude=exclude, memory_bytes=memory_bytes
    )
    for part, places in search:
        relevant, found = num_relevant[part], np.arange(1, places.shape[1] + 1)
        each[part, :-2] = places[:, :1] < np.asarray(ks)
        within = places < relevant[:, None]
        each[part, -2] = (found / (places + 1) * within).sum(axis=1) / relevant
        each[part, -1] = within.sum(axis=1) / relevant
    return each


def _standard_errors(each: np.ndarray, answerable: int) -> np.ndarray:
    """Of the means of queries drawn without replacement [scores]; zeros where all were scored."""
    drawn = len(each)
    if drawn == answerable:
        return np.zeros(each.shape[1])
    if drawn < 2:
        return np.full(each.shape[1], np.nan)
    return np.asarray(each.std(axis=0, ddof=1) * ((1 - drawn / answerable) / drawn) ** 0.5)


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
        raise InputError(want="different integers from 1", got=repr(ks), where="ks", fix="Write (1, 5, 10).")


def _check_max_queries(most: int | None) -> None:
    if most is not None and (not isinstance(most, (int, np.integer)) or most < 1):
        raise InputError("an integer from 1, or None", repr(most), "max_queries", "Leave it out to score all.")
