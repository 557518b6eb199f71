"""Plain models of fixed features, each by its name: the classes of some objects, learnt from others."""

import time
import warnings
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, RidgeClassifierCV
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from steradian.metrics import class_means, nearest

__all__ = ["ALL", "FAST", "PlainModelName", "Prediction", "predict_plainly", "searchable"]

PlainModelName = Literal["logistic regression", "kernel ridge", "SVM", "random forest"]
FAST: tuple[PlainModelName, ...] = ("logistic regression", "kernel ridge")
ALL: tuple[PlainModelName, ...] = (*FAST, "SVM", "random forest")

WORK = 10**9
"""Objects x classes x features that logistic regression may learn from: about ten seconds on one core."""
ENOUGH = 20
"""Objects a class; where fewer would be left, class means take the place of the models."""
MOST_OBJECTS = 5000
"""Of the other models, whose time grows faster than with objects."""
STRENGTH = 100.0
"""The C of logistic regression on features of length 1 a modality; on public sets 10 to 1000 differ by less than 2
points, and 100 by less than 1 from scikit-learn's usual pipeline."""
LANDMARKS, PENALTIES = 1000, (1e-3, 1e-2, 0.1, 1.0)
"""Of the kernel ridge: objects that stand for all, and the penalties from which left-out objects choose."""
MARGIN, TREES = 10.0, 200
"""The C of the SVM and the trees of the forest, as for the plain models of the data sets (docs/lab-log.md)."""
FAINT = 1e-6
"""A last number of every vector, so that one of zeros, of which nothing is known, has a direction."""


class Prediction(NamedTuple):
    """What a plain model says.

    Args:
        name: of the model.
        classes: predicted [queries].
        seconds: to learn and to predict.
        note: what was drawn or replaced, a sentence; empty where nothing was.
    """

    name: str
    classes: np.ndarray
    seconds: float
    note: str


def predict_plainly(
    trained: np.ndarray, labels: np.ndarray, queries: np.ndarray, *, models: Sequence[PlainModelName], random_state: int
) -> list[Prediction]:
    """The class of each query by each model; by the nearest class mean alone where models would take long.

    Args:
        trained: features of the training objects [objects, features], of mean square length 1 a modality.
        labels: their classes [objects].
        queries: features of the objects to predict [queries, features].
        models: their names.
        random_state: of draws.
    """
    classes, first = np.unique(labels, return_index=True)
    most = WORK // (len(classes) * trained.shape[1])
    if most < min(len(labels), ENOUGH * len(classes)):
        begun = time.perf_counter()
        note = f"Of {len(classes):,} classes plain models would take long; class means stand in their place."
        found = _nearest_mean(trained, labels, queries)
        return [Prediction("the nearest class mean", found, time.perf_counter() - begun, note)]
    return [_predicted(model, trained, labels, queries, first, most, random_state) for model in models]


def searchable(vectors: np.ndarray) -> np.ndarray:
    """Vectors with one faint number more, so that each has a direction [objects, features + 1].

    Args:
        vectors: [objects, features].
    """
    return np.pad(vectors, ((0, 0), (0, 1)), constant_values=FAINT)


def _nearest_mean(trained: np.ndarray, labels: np.ndarray, queries: np.ndarray) -> np.ndarray:
    _, first = np.unique(labels, return_index=True)
    means = class_means(searchable(trained), labels).means
    numbers = nearest(searchable(queries), means, k=1)[0][:, 0]
    return np.asarray(labels[np.sort(first)][numbers])


def _predicted(
    model: PlainModelName,
    trained: np.ndarray,
    labels: np.ndarray,
    queries: np.ndarray,
    first: np.ndarray,
    most: int,
    random_state: int,
) -> Prediction:
    """One model's answers; of a large table it learns from a part, in which every class keeps an object."""
    most = most if model == "logistic regression" else min(most, max(MOST_OBJECTS, 2 * len(first)))
    rows, note = np.arange(len(labels)), ""
    if most < len(labels):
        drawn = np.random.default_rng(random_state).permutation(np.setdiff1d(rows, first))[: most - len(first)]
        rows = np.sort(np.concatenate([first, drawn]))
        name = model[0].upper() + model[1:]
        note = f"{name} learnt from {len(rows):,} of the {len(labels):,} training objects, drawn at random."
    begun = time.perf_counter()
    width = 1 / max(float(np.square(trained).sum(axis=1).mean()), 1e-12)
    with warnings.catch_warnings():
        # A hundred steps of logistic regression are as good as all, within the noise of a split.
        warnings.simplefilter("ignore", ConvergenceWarning)
        # Whether labels are numbers to regress on: they are not.
        warnings.filterwarnings("ignore", message="The number of unique classes")
        estimator = _ESTIMATORS[model](len(rows), width, random_state).fit(trained[rows], labels[rows])
    found = np.asarray(estimator.predict(queries))
    return Prediction(model, found, time.perf_counter() - begun, note)


def _kernel_ridge(objects: int, width: float, random_state: int) -> ClassifierMixin:
    kernel = Nystroem(gamma=width, n_components=min(LANDMARKS, objects), random_state=random_state)
    return make_pipeline(kernel, RidgeClassifierCV(alphas=PENALTIES))


_ESTIMATORS: dict[PlainModelName, Callable[[int, float, int], ClassifierMixin]] = {
    "logistic regression": lambda objects, width, random_state: LogisticRegression(C=STRENGTH),
    "kernel ridge": _kernel_ridge,
    "SVM": lambda objects, width, random_state: SVC(C=MARGIN, gamma=width),
    "random forest": lambda objects, width, random_state: RandomForestClassifier(TREES, random_state=random_state),
}
"""By the number of objects, the inverse of the features' mean square length, and a seed."""
