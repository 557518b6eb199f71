"""A sum of kernels of all modalities and ridge on the classes: nothing to tune, nothing to train."""

from collections.abc import Sequence

import numpy as np
from scipy.spatial.distance import cdist, pdist
from sklearn.preprocessing import QuantileTransformer, StandardScaler, normalize

__all__ = ["classify", "ridge", "sum_of_kernels"]

LAMBDAS = np.logspace(-5, 1, 19)
"""Among which the leave-one-out error chooses."""
MEDIAN_ROWS = 500
"""Training rows of whose distances the median is taken."""
QUANTILES = 200
"""By which inputs become normal."""
CLIP = 3.0
"""Deviations beyond which inputs are bent, or cut."""


def classify(train: Sequence[np.ndarray], labels: np.ndarray, test: Sequence[np.ndarray]) -> np.ndarray:
    """The labels of test objects.

    Args:
        train: each modality of the training objects, [objects, features].
        labels: of the training objects.
        test: each modality of the test objects.
    """
    classes, numbers = np.unique(labels, return_inverse=True)
    gram, across = sum_of_kernels(train, test)
    predicted: np.ndarray = classes[(across @ ridge(gram, 2 * np.eye(len(classes))[numbers] - 1)).argmax(axis=1)]
    return predicted


def ridge(gram: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """What each training object adds for each class, (K + lambda)^-1 of the targets [objects, classes].

    The lambda is the one of least squared error on each object when it is left out.

    Args:
        gram: K, the kernel of the training objects [objects, objects].
        targets: 1 for the class of an object, -1 for others [objects, classes].
    """
    values, vectors = np.linalg.eigh(gram)
    turned, squares = vectors.T @ targets, vectors**2
    found = []
    for penalty in LAMBDAS:
        shrunk = 1 / (values.clip(min=0) + penalty)
        weights = vectors @ (shrunk[:, None] * turned)
        # Left out, an object is missed by its weight over the diagonal of the inverse.
        missed = weights / (squares @ shrunk)[:, None]
        found.append((float(np.mean(missed**2)), weights))
    return min(found, key=lambda pair: pair[0])[1]


def sum_of_kernels(train: Sequence[np.ndarray], test: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The mean over modalities of the mean of four kernels: [train, train] and [test, train].

    Args:
        train: each modality of the training objects, [objects, features].
        test: each modality of the test objects.
    """
    total: np.ndarray | float = 0.0
    for known, new in zip(train, test, strict=True):
        total = total + _four_kernels(known, np.concatenate([known, new])) / len(train)
    gram, across = np.split(np.asarray(total), [len(train[0])])
    return gram, across


def _four_kernels(known: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Linear, RBF, Laplace and cosine of one modality, their mean [rows, known]."""
    scaler = StandardScaler().fit(known)
    bent, bent_rows = (_bent(scaler.transform(part)) for part in (known, rows))
    count = min(QUANTILES, len(known))
    quantiles = QuantileTransformer(n_quantiles=count, output_distribution="normal", random_state=0).fit(known)
    normal, normal_rows = (quantiles.transform(part).clip(-CLIP, CLIP) for part in (known, rows))
    total = bent_rows @ bent.T / known.shape[1]
    total += np.exp(-(cdist(bent_rows, bent, "sqeuclidean") / _median(bent, "sqeuclidean")))
    total += np.exp(-(cdist(normal_rows, normal) / _median(normal, "euclidean")))
    total += normalize(rows) @ normalize(known).T
    return total / 4


def _bent(values: np.ndarray) -> np.ndarray:
    return values / np.sqrt(1 + (values / CLIP) ** 2)


def _median(rows: np.ndarray, metric: str) -> float:
    chosen = np.random.default_rng(0).permutation(len(rows))[:MEDIAN_ROWS]
    return float(np.median(pdist(rows[chosen], metric))) or 1.0
