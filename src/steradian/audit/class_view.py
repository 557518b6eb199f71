"""What the class centers say of labelled objects: one pass over the cosines, never objects x classes in memory."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import softmax

from steradian.audit.label_noise import LabelNoise, fit_label_noise, weigh_labels
from steradian.metrics import to_angles
from steradian.model import SphericalClassifier, cosine_chunks

__all__ = ["ClassView", "view_classes"]

FITTED_NUMBERS, FITTED_OBJECTS = 2**22, 2000
"""The noise is fitted to so many cosines at most, as 40,000 objects of 100 classes have, but to so many objects at
least: among 40 objects, which have as many cosines of 100,000 classes, a share of 5% is two wrong labels, or none."""
KEPT = 20
"""Probabilities kept of an object, the largest: pairs of classes need no others."""


@dataclass(frozen=True, eq=False)
class ClassView:
    """Labelled objects as the class centers see them.

    Args:
        noise: the scales and the share of wrong labels.
        numbers: the class of each label, int64 [objects].
        nearest: the class of the nearest center, int64 [objects].
        others: the class of the nearest center among all but the label's, int64 [objects].
        angles: to the label's center in radians, float64 [objects]; of several, to the nearest.
        other_angles: to the center of `others`, float64 [objects].
        own: the probability of the label's class, float64 [objects].
        right: the probability that the label is right, float64 [objects].
        probabilities: the largest probabilities of each object, sparse float64 [objects, num_classes].
    """

    noise: LabelNoise
    numbers: np.ndarray
    nearest: np.ndarray
    others: np.ndarray
    angles: np.ndarray
    other_angles: np.ndarray
    own: np.ndarray
    right: np.ndarray
    probabilities: csr_array


def view_classes(
    classifier: SphericalClassifier,
    vectors: np.ndarray,
    numbers: np.ndarray,
    *,
    groups: np.ndarray,
    usual: float,
    random_state: int = 0,
) -> ClassView:
    """Fit scale and noise, and see every object with them.

    Args:
        classifier: has the class centers.
        vectors: unit vectors [objects, embedding_dim].
        numbers: the class of each label, int64 [objects].
        groups: of which group each object is, int64 [objects], as of `fit_label_noise`.
        usual: the scale expected.
        random_state: of the draw of objects, where all are too many for the fit.
    """
    objects, classes = len(vectors), len(classifier.weight)
    most = max(FITTED_OBJECTS, FITTED_NUMBERS // classes)
    drawn = np.arange(objects)
    if objects > most:
        drawn = np.sort(np.random.default_rng(random_state).choice(objects, size=most, replace=False))
    evidence = weigh_labels(cosine_chunks(classifier, vectors[drawn]), numbers[drawn])
    noise = fit_label_noise(evidence, groups=groups[drawn], usual=usual)
    scales = noise.scales(groups)[:, None]
    own, nearest, others = np.empty(objects), np.empty(objects, np.int64), np.empty(objects, np.int64)
    angles, other_angles, ranks = np.empty(objects), np.empty(objects), np.empty(objects, np.int64)
    kept = min(KEPT, classes)
    places, values = np.empty((objects, kept), np.int32), np.empty((objects, kept))
    for part, cosines in cosine_chunks(classifier, vectors):
        probabilities = softmax(scales[part] * cosines, axis=1)
        mine = numbers[part, None]
        own[part] = np.take_along_axis(probabilities, mine, axis=1)[:, 0]
        nearest[part] = cosines.argmax(axis=1)
        places[part] = np.argpartition(probabilities, classes - kept, axis=1)[:, classes - kept :]
        values[part] = np.take_along_axis(probabilities, places[part], axis=1)
        label_cosines = np.take_along_axis(cosines, mine, axis=1)
        ranks[part], angles[part] = (cosines > label_cosines).sum(axis=1), to_angles(label_cosines[:, 0])
        np.put_along_axis(cosines, mine, -np.inf, axis=1)
        others[part], other_angles[part] = cosines.argmax(axis=1), to_angles(cosines.max(axis=1))
    rows = np.arange(0, objects * kept + 1, kept)
    sparse = csr_array((values.ravel(), places.ravel(), rows), shape=(objects, classes))
    return ClassView(noise, numbers, nearest, others, angles, other_angles, own, noise.right(own, ranks), sparse)
