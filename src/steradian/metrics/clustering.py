"""How well clusters found without labels agree with the classes."""

import numpy as np

from steradian.errors import InputError
from steradian.metrics.classification import label_codes
from steradian.metrics.k_means import tightest_clusters
from steradian.metrics.nearest import check_rows, unit_vectors

__all__ = ["MAX_DISTANCES", "clustering_ami", "most_distances", "rows_to_try"]

MAX_DISTANCES = 10_000_000
"""Starts x objects x classes: 10 million take two to five seconds at width 128."""

_USUAL_WIDTH = 128
_MOST_STARTS = 10
_MOST_ROUNDS = 100
_TRIED_A_CLUSTER, _LEAST_TRIED = 200, 2000
_WORTH_A_TRIAL = 4
"""Times as many rows as are tried; of fewer a trial would save little."""


def clustering_ami(
    vectors: np.ndarray,
    labels: np.ndarray,
    *,
    n_init: int | None = None,
    random_state: int = 0,
    max_distances: int | None = MAX_DISTANCES,
    trial: bool = False,
) -> float:
    """Adjusted mutual information of the classes and as many k-means clusters of the unit vectors.

    AMI = (MI - E[MI]) / (mean of both entropies - E[MI]): 1 for equal partitions, 0 on average by chance, a little
    below at worst. Source: Vinh, Epps and Bailey, "Information theoretic measures for clusterings comparison", JMLR
    2010. The clusters are scikit-learn's k-means (greedy k-means++ starts, at most 100 rounds) on unit vectors.

    Args:
        vectors: [objects, dim]; rows need not be unit.
        labels: [objects].
        n_init: starts, of which the tightest clustering counts; None: 10, or as many as `max_distances` allows, at
            least 1.
        random_state: of the starts and the sample.
        max_distances: bound on objects x classes at a width of 128 or less, and so many times less as rows are wider.
            Beyond it a random sample of whole classes is scored; None scores everything.
        trial: try the starts on the drawn rows of `rows_to_try`, and let the two tightest go on among all. Over five
            seeds the mean AMI of 10 classes was within 0.001 of that of ten whole starts.

    Raises:
        InputError: empty or non-finite vectors, different lengths, a missing class.

    Examples:
        >>> import numpy as np
        >>> clustering_ami(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]]), list("aabb"))
        1.0
    """
    from sklearn.metrics import adjusted_mutual_info_score

    vectors = check_rows(vectors).vectors
    (codes,) = label_codes(labels)
    if len(codes) != len(vectors):
        raise InputError(
            want=f"{len(vectors)} classes, one a row",
            got=str(len(codes)),
            where="labels",
            fix="Pass one class a vector.",
        )
    most = most_distances(vectors.shape[1], MAX_DISTANCES if max_distances is None else max_distances)
    inside, num_classes = _within(codes, None if max_distances is None else most, random_state)
    unit, codes = unit_vectors(vectors[inside]), codes[inside]
    tried = rows_to_try(len(unit), num_classes) if trial else None
    if n_init is None:
        n_init = min(_MOST_STARTS, max(1, most // ((tried or len(unit)) * num_classes)))
    clusters = tightest_clusters(
        unit,
        num_classes,
        starts=n_init,
        rounds=_MOST_ROUNDS,
        random_state=random_state,
        trial=tried,
    )
    return float(adjusted_mutual_info_score(codes, clusters))


def rows_to_try(rows: int, clusters: int) -> int | None:
    """How many drawn rows tell which starts of k-means are tight; None where a draw would save little.

    Args:
        rows: how many there are.
        clusters: to be found.

    Examples:
        >>> rows_to_try(10_000, 10), rows_to_try(100_000, 100), rows_to_try(10_000, 30)
        (2000, 20000, None)
    """
    tried = max(_LEAST_TRIED, _TRIED_A_CLUSTER * clusters)
    return tried if rows >= _WORTH_A_TRIAL * tried else None


def most_distances(dim: int, max_distances: int = MAX_DISTANCES) -> int:
    """The bound on objects x classes for vectors of a width.

    Args:
        dim: the width.
        max_distances: the bound at a width of 128 or less.

    Examples:
        >>> most_distances(64), most_distances(512)
        (10000000, 2500000)
    """
    return max_distances * _USUAL_WIDTH // max(_USUAL_WIDTH, dim)


def _within(codes: np.ndarray, max_distances: int | None, random_state: int) -> tuple[np.ndarray, int]:
    """Which objects to cluster, bool [objects], and how many classes these have."""
    num_classes = int(codes.max()) + 1
    if max_distances is None or len(codes) * num_classes <= max_distances:
        return np.ones(len(codes), dtype=bool), num_classes
    # A share of the classes has about that share of the objects too, hence the square root.
    share = (max_distances / len(codes) / num_classes) ** 0.5
    kept = min(num_classes, max(2, int(share * num_classes)))
    return np.isin(codes, np.random.default_rng(random_state).permutation(num_classes)[:kept]), kept
