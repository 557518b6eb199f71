"""How well left-out objects are told: a number an object, by which models are chosen."""

import numpy as np
from scipy.special import logsumexp

from steradian.metrics import fit_scale, map_at_r, nearest

__all__ = ["average_precisions", "log_losses", "squared_errors"]


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


def squared_errors(vectors: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Squared distances to targets [objects], at the best scale of the vectors, which favours no length.

    Args:
        vectors: of objects [objects, outputs].
        targets: likewise.
        weights: factors of each [objects], taken over their mean; None: all 1. The scale is found without them.

    Examples:
        >>> squared_errors(np.array([[2.0, 0.0], [0.0, 2.0]]), np.array([[1.0, 0.0], [1.0, 1.0]])).tolist()
        [0.0, 1.0]
    """
    scale = np.vdot(vectors, targets) / max(float(np.vdot(vectors, vectors)), 1e-12)
    return _weighed(np.square(scale * vectors - targets).sum(axis=1), weights)


def _weighed(scores: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Scores whose plain mean is their weighed mean."""
    return scores if weights is None else scores * (weights / weights.mean(dtype=np.float64))
