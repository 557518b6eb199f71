"""How well left-out objects are told: a number an object, by which models are chosen."""

import numpy as np
from scipy.special import logsumexp

from steradian.metrics import fit_scale, map_at_r, nearest

__all__ = ["average_precisions", "log_losses"]


def average_precisions(vectors: np.ndarray, labels: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Average precision at R of each object that has another of its class among the others.

    Args:
        vectors: unit rows [objects, outputs].
        labels: class numbers [objects].
        weights: factors of each [objects], taken over their mean; None: all 1.
    """
    relevant = np.bincount(labels)[labels] - 1
    queries = np.flatnonzero(relevant > 0)
    if not len(queries):
        return np.zeros(0)
    rows, _ = nearest(vectors[queries], vectors, k=int(relevant.max()), exclude=queries)
    found = map_at_r(labels[rows] == labels[queries, None], relevant[queries])
    return _weighed(found, None if weights is None else weights[queries])


def log_losses(cosines: np.ndarray, numbers: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """-log softmax(scale * cosines) of each own class [objects], at the best scale, which favours no length.

    Args:
        cosines: to the class centers [objects, num_classes].
        numbers: the own class of each object [objects].
        weights: factors of each [objects], taken over their mean; None: all 1. The scale is found without them.
    """
    scaled = fit_scale(cosines, numbers) * cosines
    losses: np.ndarray = logsumexp(scaled, axis=1) - np.take_along_axis(scaled, numbers[:, None], axis=1)[:, 0]
    return _weighed(losses, weights)


def _weighed(scores: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Scores whose plain mean is their weighed mean."""
    return scores if weights is None else scores * (weights / weights.mean(dtype=np.float64))
