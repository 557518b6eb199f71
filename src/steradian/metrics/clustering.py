"""How well clusters found without labels agree with the classes."""

import warnings

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import adjusted_mutual_info_score

from steradian.errors import InputError
from steradian.metrics.classification import label_codes
from steradian.metrics.nearest import unit_vectors

__all__ = ["clustering_ami"]


def clustering_ami(
    vectors: np.ndarray,
    labels: np.ndarray,
    *,
    n_init: int = 3,
    seed: int = 0,
    max_distances: int | None = 10_000_000,
) -> float:
    """Adjusted mutual information between k-means clusters of the unit vectors and the classes, k = their number.

    AMI = (MI - E[MI]) / (mean of both entropies - E[MI]): 1 for equal partitions, 0 on average by chance, a little
    below at worst. Source: Vinh, Epps and Bailey, "Information theoretic measures for clusterings comparison", JMLR
    2010. k-means (scikit-learn, k-means++ starts, at most 100 rounds) on unit vectors assigns each object to the
    centre of highest q.c - |c|^2/2.

    Args:
        vectors: [objects, dim]; rows need not be unit.
        labels: [objects].
        n_init: starts, of which the tightest clustering counts. Default 3.
        seed: of the starts and the sample.
        max_distances: bound on objects x classes, the distances of one round. Beyond it, a random sample of whole
            classes is scored; None scores everything. Default 10 million (some seconds).

    Raises:
        InputError: empty or non-finite vectors, different lengths, a missing class.

    Example:
        >>> import numpy as np
        >>> clustering_ami(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]]), list("aabb"))
        1.0
    """
    unit = unit_vectors(vectors)
    (codes,) = label_codes(labels)
    if len(codes) != len(unit):
        raise InputError(
            want=f"{len(unit)} classes, one a row",
            got=str(len(codes)),
            where="labels",
            fix="Pass one class a vector.",
        )
    num_classes = int(codes.max()) + 1
    if max_distances is not None and len(unit) * num_classes > max_distances:
        # Keeping a share f of the classes leaves f of the objects too, hence the square root.
        num_classes, kept = (
            max(2, int(num_classes * (max_distances / len(unit) / num_classes) ** 0.5)),
            num_classes,
        )
        chosen = np.random.default_rng(seed).permutation(kept)[:num_classes]
        inside = np.isin(codes, chosen)
        unit, codes = unit[inside], codes[inside]
    with warnings.catch_warnings():
        # Fewer distinct vectors than classes is a finding, which the score shows.
        warnings.simplefilter("ignore", ConvergenceWarning)
        clusters = KMeans(num_classes, n_init=n_init, max_iter=100, random_state=seed).fit_predict(unit)
    return float(adjusted_mutual_info_score(codes, clusters))
