"""Whether the vectors of different modalities lie in one place, as they should when they describe the same thing."""

import warnings
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from steradian.errors import InputError
from steradian.metrics.class_means import mean_rows
from steradian.metrics.classification import balanced_accuracy, label_codes
from steradian.metrics.labelled_pairs import MAX_PAIRS, draw_pairs, pair_angles
from steradian.metrics.nearest import check_vectors

__all__ = ["ModalityGap", "modality_gap"]

_MOST_OBJECTS = 2000
_LEAST_OBJECTS = 10
_FOLDS = 5


@dataclass(frozen=True)
class ModalityGap:
    """How far apart the modalities lie; a number is NaN where no class or pair has what it needs.

    Args:
        within_class: the distance of the centroids of two modalities within a class, averaged over classes and pairs
            of modalities that the class has, in [0, 2].
        overall: the distance of the centroids of two modalities over all objects, averaged over pairs, in [0, 2].
        cross_angle: the mean angle of two vectors of one class and different modalities, in radians.
        same_angle: the mean angle of two vectors of one class and the same modality, to compare with.
        told_apart: how well a linear classifier tells the modality from the vector: its balanced accuracy.
        chance: what guessing would give, 1 / the number of modalities that occur.
    """

    within_class: float
    overall: float
    cross_angle: float
    same_angle: float
    told_apart: float
    chance: float


def modality_gap(
    vectors: np.ndarray, labels: np.ndarray, *, present: np.ndarray, max_pairs: int = MAX_PAIRS, random_state: int = 0
) -> ModalityGap:
    """How far the modalities' own vectors lie apart, over all objects and within classes.

    The overall gap is that of Liang et al., "Mind the gap", NeurIPS 2022. It also grows where modalities are present
    in different classes; the gap within classes does not. Both are 0 only where centroids agree, which few objects a
    class never do.

    The linear classifier is scikit-learn's logistic regression of standardised vectors, of at most 2,000 objects,
    cross-validated in 5 folds that keep an object's vectors together. Balanced accuracy is the mean over modalities
    of the share recognised, so that guessing gives 1 / modalities however often each is present; NaN where one has
    fewer than 10 objects.

    Args:
        vectors: of each modality alone [objects, modalities, dim]; what is not present is not read.
        labels: [objects].
        present: bool [objects, modalities].
        max_pairs: for each of the two angles; where there are more, that many are drawn.
        random_state: of the draws and the folds.

    Raises:
        InputError: other shapes, fewer than two modalities that occur, a present vector that is zero or not finite, a
            missing class, `max_pairs` out of range.

    Examples:
        >>> photo, title = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[0.0, 1.0], [0.0, 1.0]])
        >>> vectors, present = np.stack([photo, title], axis=1), np.ones((2, 2), dtype=bool)
        >>> found = modality_gap(vectors, ["cup", "lamp"], present=present)
        >>> round(found.within_class, 3), round(found.overall, 3), round(found.cross_angle, 3)
        (0.707, 0.707, 0.785)
    """
    items, present, codes = _checked(vectors, labels, present)
    objects, modalities = np.nonzero(present)
    occurring = np.unique(modalities)
    overall = [
        np.linalg.norm(items[modalities == one].mean(axis=0) - items[modalities == other].mean(axis=0))
        for one, other in combinations(occurring, 2)
    ]
    # One number for each class and modality; sorted by it, classes are blocks of blocks of modalities.
    groups = codes[objects] * present.shape[1] + modalities
    order = np.argsort(groups, kind="stable")
    group_ends = np.searchsorted(groups[order], groups[order], side="right")
    class_ends = np.searchsorted(codes[objects[order]], codes[objects[order]], side="right")
    cross = draw_pairs(group_ends, class_ends, max_pairs=max_pairs, random_state=random_state)
    same = draw_pairs(np.arange(len(items)) + 1, group_ends, max_pairs=max_pairs, random_state=random_state)
    cross_angles, same_angles = (pair_angles(items, order[left], order[right]) for left, right in (cross, same))
    return ModalityGap(
        within_class=_mean(_gaps_within_classes(items, groups, present.shape[1])),
        overall=_mean(np.array(overall)),
        cross_angle=_mean(cross_angles),
        same_angle=_mean(same_angles),
        told_apart=_told_apart(items, modalities, objects, random_state=random_state),
        chance=1.0 / len(occurring),
    )


def _checked(vectors: np.ndarray, labels: np.ndarray, present: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The present vectors in float64 at unit length [items, dim], which they are, the classes of the objects."""
    vectors, present = np.asarray(vectors), np.asarray(present)
    if vectors.ndim != 3 or present.dtype != np.bool_ or present.shape != vectors.shape[:2]:
        raise InputError(
            want="vectors [objects, modalities, dim] and bool present [objects, modalities]",
            got=f"shape {list(vectors.shape)}, and {present.dtype} of shape {list(present.shape)}",
            where="modality_gap",
            fix="Pass a vector of each modality of each object, and say which are there.",
        )
    (codes,) = label_codes(labels)
    if len(codes) != len(vectors):
        raise InputError(
            want=f"{len(vectors)} classes, one an object",
            got=str(len(codes)),
            where="labels",
            fix="Pass one class an object.",
        )
    if present.any(axis=0).sum() < 2:
        raise InputError(
            want="at least two modalities that occur",
            got=str(present.any(axis=0).sum()),
            where="present",
            fix="A single modality has no gap: leave it unmeasured.",
        )
    items, lengths = check_vectors(vectors[present], where="vectors[present]")
    return items / lengths[:, None], present, codes


def _gaps_within_classes(items: np.ndarray, groups: np.ndarray, modalities: int) -> np.ndarray:
    """The distance of two modalities' centroids, for each class and pair of modalities that it has."""
    kinds, numbers = np.unique(groups, return_inverse=True)
    centroids = mean_rows(items, numbers)
    place = np.full((kinds[-1] // modalities + 1, modalities), -1)
    place[kinds // modalities, kinds % modalities] = np.arange(len(kinds))
    gaps = [np.zeros(0)]
    for one, other in combinations(place.T, 2):
        both = (one >= 0) & (other >= 0)
        gaps.append(np.linalg.norm(centroids[one[both]] - centroids[other[both]], axis=1))
    return np.concatenate(gaps)


def _told_apart(items: np.ndarray, modalities: np.ndarray, objects: np.ndarray, *, random_state: int) -> float:
    drawn = np.isin(objects, np.random.default_rng(random_state).permutation(np.unique(objects))[:_MOST_OBJECTS])
    counts = np.bincount(modalities[drawn], minlength=modalities.max() + 1)
    if counts[np.unique(modalities)].min() < _LEAST_OBJECTS:
        return np.nan
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    # An object's vectors of two modalities are alike. With one of them in training, the classifier would take the
    # other for the same modality, and be worse than chance.
    folds = StratifiedGroupKFold(_FOLDS, shuffle=True, random_state=random_state)
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced"))
    with warnings.catch_warnings(), threadpool_limits(limits=1, user_api="blas"):
        # What the last step still gains does not show in a share of right answers.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = cross_val_predict(model, items[drawn], modalities[drawn], groups=objects[drawn], cv=folds)
    return balanced_accuracy(modalities[drawn], found)


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else np.nan
