"""Labels of training objects as the targets of the closed form: a class number each, or several."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import helmert
from scipy.sparse import csr_array

from steradian.data import ObjectTable
from steradian.data.label_sets import are_several, class_names, owned_classes
from steradian.errors import ConfigError, InputError
from steradian.training.feature_rows import FeatureRows
from steradian.training.kept_centers import KeptCenters, used_coordinates

__all__ = [
    "ClassLabels",
    "LabelSets",
    "class_basis",
    "class_count",
    "first_of_each",
    "label_centers",
    "label_threshold",
    "numbered_labels",
]

MAX_LIKENED_CLASSES = 4096
"""Up to so many classes outputs are the directions in which class means differ most; beyond, random ones."""
BESIDE = 2
"""Coordinates beside the targets of several labels an object: of the threshold, and one that is zero in all objects."""
LEVEL = 0.1
"""Length of the threshold's coordinate in mean lengths of what is learnt: a longer one makes all objects alike (mean
average precision of tags of packages 0.646 with this, 0.635 with thrice, docs/lab-log.md)."""


@dataclass(frozen=True)
class LabelSets:
    """Several labels an object; the targets of objects are sums of their classes', less the mean of all.

    Args:
        own: bool [objects, num_classes].
        shares: of all objects that have each class, float32 [num_classes].
    """

    own: np.ndarray
    shares: np.ndarray

    def __len__(self) -> int:
        return len(self.own)

    def __getitem__(self, rows: np.ndarray) -> "LabelSets":
        return LabelSets(self.own[rows], self.shares)

    def targets(self, basis: np.ndarray) -> np.ndarray:
        """Each object's target float32 [objects, outputs].

        Args:
            basis: targets of the classes [num_classes, outputs].
        """
        found: np.ndarray = (self.own.astype(np.float32) - self.shares) @ basis
        return found


ClassLabels = np.ndarray | LabelSets
"""Class numbers int64 [objects], or several."""


def numbered_labels(objects: ObjectTable) -> tuple[np.ndarray, ClassLabels]:
    """Class names [num_classes], sorted, and each object's classes.

    Args:
        objects: labelled; several labels an object take a byte a class.

    Raises:
        InputError: fewer than two classes, or objects that all have each.
    """
    classes = class_names(objects.labels)
    if len(classes) < 2:
        got = f"1 class, {classes[0]}" if len(classes) else "objects without any label"
        where = f"the labels of {len(objects)} training objects"
        raise InputError("at least 2 classes", got, where, "Add objects of another class.")
    if not are_several(objects.labels):
        return np.unique(objects.labels, return_inverse=True)
    own = owned_classes(objects.labels, classes)
    if own.all():
        # So does a table of 0 and 1 with two columns look, given as lists.
        fix = "Add objects that lack some. A table of 0 and 1 must be an array: fit(X, Y)."
        got = f"{len(objects)} objects that all have each of {len(classes)} labels, {classes[0]!s} and so on"
        raise InputError("objects that differ in their labels", got, "the labels", fix)
    return classes, LabelSets(own, np.average(own, axis=0, weights=objects.weights).astype(np.float32))


def class_count(labels: ClassLabels) -> int:
    """How many classes there are.

    Args:
        labels: of all training objects.
    """
    return labels.own.shape[1] if isinstance(labels, LabelSets) else int(labels.max()) + 1


def first_of_each(labels: ClassLabels, order: np.ndarray) -> np.ndarray:
    """For each class the first of some objects that has it, int64 [classes].

    Args:
        labels: of all training objects.
        order: of the objects, int64 [objects].
    """
    if isinstance(labels, LabelSets):
        return np.asarray(order[labels.own[order].argmax(axis=0)])
    return np.asarray(order[np.unique(labels[order], return_index=True)[1]])


def class_basis(
    features: FeatureRows,
    labels: ClassLabels,
    classes: int,
    most: int,
    rng: np.random.Generator,
    kept: KeptCenters | None,
) -> np.ndarray:
    """Targets of the classes float32 [num_classes, outputs]: those kept, or at equal angles where outputs suffice.

    Args:
        features: of some training rows.
        labels: of these.
        classes: how many there are.
        most: length of a vector.
        rng: of random targets.
        kept: class centers to solve towards, or None.

    Raises:
        ConfigError: vectors too short for several labels.
    """
    basis: np.ndarray
    several = isinstance(labels, LabelSets)
    if kept is not None:
        return kept.centers[:, : used_coordinates(kept.centers)]
    most -= BESIDE if several else 0
    if most < 1:
        raise ConfigError(f"{BESIDE + 1} or more", str(most + BESIDE), "embedding_dim", "Leave it out.")
    if classes - (not several) <= most:
        basis = np.eye(classes) if several else helmert(classes).T
        return basis.astype(np.float32)
    if classes > MAX_LIKENED_CLASSES:
        basis = rng.normal(size=(classes, most)) / most**0.5
        return basis.astype(np.float32)
    average = _averages(labels, classes, features.weights)
    likeness = np.zeros((classes, classes))
    for part in (features.dense, *features.sparse):
        means = average @ part
        product = means @ means.T
        likeness += product if isinstance(product, np.ndarray) else product.toarray()
    centered = likeness - likeness.mean(axis=0) - likeness.mean(axis=1, keepdims=True) + likeness.mean()
    _, vectors = np.linalg.eigh(centered)
    basis = vectors[:, : -most - 1 : -1]
    return basis.astype(np.float32)


def _averages(labels: ClassLabels, classes: int, weights: np.ndarray | None) -> csr_array:
    """What takes rows to the means of the classes' rows [classes, rows]."""
    each = np.ones(len(labels)) if weights is None else weights
    if isinstance(labels, LabelSets):
        rows, numbers = labels.own.nonzero()
    else:
        rows, numbers = np.arange(len(labels)), labels
    each = each[rows]
    entries = each / np.bincount(numbers, each, minlength=classes)[numbers], (numbers, rows)
    return csr_array(entries, shape=(classes, len(labels)))


def label_threshold(left_out: Sequence[tuple[np.ndarray, ClassLabels]], basis: np.ndarray) -> tuple[float, float]:
    """The score from which on objects have a class, of the largest F1 over all pairs of both; and a level beside it.

    Args:
        left_out: vectors [objects, outputs] of objects that a fit has not seen, and their several labels.
        basis: targets of the classes [num_classes, outputs].

    Examples:
        >>> labels = LabelSets(np.array([[True, False], [False, True]]), np.array([0.5, 0.5]))
        >>> threshold, level = label_threshold([(np.array([[0.4, -0.4], [-0.2, 0.1]]), labels)], np.eye(2))
        >>> round(threshold, 3), round(level, 3)
        (0.45, 0.039)
    """
    scores, own, lengths = [np.zeros(0)], [np.zeros(0, dtype=bool)], [np.zeros(0)]
    for vectors, labels in left_out:
        if isinstance(labels, LabelSets):
            scores.append((vectors @ basis.T + labels.shares).ravel())
            own.append(labels.own.ravel())
            lengths.append(np.linalg.norm(vectors, axis=1))
    found, length = np.concatenate(scores), float(np.mean(np.concatenate(lengths) if len(lengths) > 1 else 1.0))
    if not len(found):
        return 0.5, LEVEL
    order = np.argsort(-found, kind="stable")
    right = np.concatenate(own)[order].cumsum()
    best = int((right / (np.arange(1, len(right) + 1) + right[-1])).argmax())
    return float(found[order][best : best + 2].mean()), LEVEL * length if length > 0 else LEVEL


def label_centers(basis: np.ndarray, shares: np.ndarray, threshold: float, level: float) -> np.ndarray:
    """Unit class centers float32 [num_classes, outputs + 2]: objects have a class whose center is within a right angle.

    The vector of an object is (f, level, 0) where f . b estimates by how much likelier than usual class b is. With
    b . f + share - threshold as the product of both, its sign says what the object has. The last coordinate brings all
    centers to one length, so that angles rank classes as these numbers do.

    Args:
        basis: targets of the classes [num_classes, outputs].
        shares: of objects that have each class [num_classes].
        threshold: of f . b + share, from which on an object has the class.
        level: the second last coordinate of all objects.
    """
    tilt = (shares - threshold)[:, None] / level
    squares = np.square(basis).sum(axis=1, keepdims=True) + tilt**2
    centers = np.concatenate([basis, tilt, np.sqrt(squares.max() - squares)], axis=1) / np.sqrt(squares.max())
    return np.asarray(centers, dtype=np.float32)
