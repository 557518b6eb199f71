"""How strongly the closed form is penalised and how much each modality weighs, by left-out objects or classes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from steradian.training.class_targets import ClassLabels, LabelSets
from steradian.training.dual_equations import dual_coefficients, kernels
from steradian.training.feature_rows import FeatureLayout, FeatureRows
from steradian.training.left_out_scores import average_precisions, log_losses, squared_errors

__all__ = [
    "FOLDS",
    "PenaltyChoice",
    "centered_targets",
    "has_corners",
    "mean_target",
    "unit_rows",
]

USUAL, STEP, STEPS = 0.1, 10**0.5, 5
"""Penalty of features of mean square length 1 to start from, the factor between two that are tried, and how often it
may be raised or lowered."""
MOVES, SURE, ALIKE, ALIKE_NEW = 3, 3.0, 0.25, 1.0
"""Times that one modality's weight may be doubled or halved; standard errors by which that must be better; standard
errors within which two penalties are as good, so that the larger is taken, by left-out objects and by left-out
classes, which say less of other new ones."""
RELEVANT = 4.0
"""Standard errors by which weights of columns must be better: they also turn down what a new class may need."""
FOLDS, SELECTION, SELECTION_OUTPUTS = 3, 3000, 128
"""Parts of the objects, or of the classes, that are left out in turn; objects and outputs that take part in that."""


class PenaltyChoice:
    """Chooses penalties and weights on rows that a fit has not seen.

    Args:
        layout: where features stand.
        features: of training rows; with weights of these, scores of left-out rows are weighed too.
        labels: of these [rows].
        new_classes: leave out whole classes, to be found again, instead of objects.
        rng: of the draw.
    """

    def __init__(
        self,
        layout: FeatureLayout,
        features: FeatureRows,
        labels: ClassLabels,
        *,
        new_classes: bool,
        rng: np.random.Generator,
    ) -> None:
        self.rows, self.folds = _folds(features, labels, new_classes=new_classes, rng=rng)
        taken = features.take(self.rows)
        # One for each fold: what a fold leaves out may have had no part in its kernels.
        self._kernels = [[kernel] * FOLDS for kernel in kernels(layout, taken)]
        self._labels, self.row_weights, self._new_classes = labels[self.rows], taken.weights, new_classes
        self._alone: dict[int, tuple[list[float], np.ndarray]] = {}

    def best(self, basis: np.ndarray) -> tuple[list[float], list[float], float]:
        """Each modality's penalty and weight, dense ones first, and the score of left-out rows.

        A penalty is the best for its modality alone, times a factor that is best for the whole. A weight is 1 unless
        another is surely better for the whole, so that a modality that says little does not drown the others.

        Args:
            basis: targets of the classes [num_classes, outputs], the most important first.
        """
        count, targets = len(self._kernels), self._targets(basis)
        if not len(self._labels) or not count:
            return [USUAL] * count, [1.0] * count, float("nan")
        alone = [self._best_alone(targets, m) for m in range(count)]
        penalties, scores, weights = [each[0] for each, _ in alone], alone[0][1], np.ones(count)
        if count > 1:
            weights, scores = self._weights(targets, penalties)
            penalties, scores = self._climb(targets, range(count), penalties, weights, scores)
            if self._new_classes:
                penalties, scores = self._raised(targets, penalties, weights, scores)
        return penalties, weights.tolist(), float(scores.mean()) if len(scores) else float("nan")

    def prefers(self, basis: np.ndarray, modality: int, kernels: list[np.ndarray]) -> bool:
        """Whether left-out rows are better told by other kernels of a modality alone; they then take its place.

        Args:
            basis: as of `best`.
            modality: its place, dense ones first.
            kernels: for each fold [rows, rows], of what the rows beside it say.
        """
        targets = self._targets(basis)
        own, before = self._best_alone(targets, modality), self._kernels[modality]
        self._kernels[modality] = kernels
        found = self._climb(targets, [modality], [USUAL], np.ones(1))
        better = len(own[1]) == len(found[1]) and _better(found[1], own[1], errors=RELEVANT)
        if better:
            self._alone[modality] = found
        else:
            self._kernels[modality] = before
        return better

    def left_out(
        self, basis: np.ndarray, penalties: list[float], weights: list[float]
    ) -> list[tuple[np.ndarray, ClassLabels]]:
        """The vectors [rows, outputs] and labels of the rows of each fold, by a fit on the others.

        Args:
            basis: as of `best`.
            penalties: what that found.
            weights: likewise.
        """
        places = range(len(self._kernels))
        folds = [self._fitted(basis, fold, places, penalties) for fold in range(FOLDS) if len(self.rows) and places]
        return [(fold.sums(np.array(weights)), fold.labels) for fold in folds]

    def _targets(self, basis: np.ndarray) -> np.ndarray:
        several = isinstance(self._labels, LabelSets)
        self._corners = several or (not self._new_classes and has_corners(basis))
        return basis if self._corners else basis[:, :SELECTION_OUTPUTS]

    def _best_alone(self, targets: np.ndarray, modality: int) -> tuple[list[float], np.ndarray]:
        """The penalty of a modality by itself, and the scores of left-out rows with it."""
        if modality not in self._alone:
            self._alone[modality] = self._climb(targets, [modality], [USUAL], np.ones(1))
        return self._alone[modality]

    def interact(self, basis: np.ndarray, penalties: list[float], weights: list[float]) -> bool:
        """Whether left-out objects are surely better where products of modalities' kernels join their sum.

        A sum of functions of one modality each cannot tell classes that only two modalities together tell apart.

        Args:
            basis: as of `best`.
            penalties: what that found.
            weights: likewise.
        """
        if len(self._kernels) < 2 or not len(self._labels) or self._new_classes or not has_corners(basis):
            return False
        own = self._kernels
        products = []
        for fold in range(FOLDS):
            shares = [_scaled(each[fold]) for each in own]
            product = np.prod([1 + kernel for kernel in shares], axis=0) - sum(shares) - 1
            products.append(_scaled(product).astype(np.float32))
        scores = []
        for joined, more in ((own, []), ([*own, products], [USUAL])):
            self._kernels = joined
            places, each = range(len(joined)), [*penalties, *more]
            folds = [self._fitted(basis, fold, places, each) for fold in range(FOLDS)]
            scores.append(self._scores(folds, np.array([*weights, *np.ones(len(more))])))
        self._kernels = own
        return _better(scores[1], scores[0], errors=SURE)

    def _weights(self, targets: np.ndarray, penalties: list[float]) -> tuple[np.ndarray, np.ndarray]:
        """The weight of each modality in the sum, and the scores of left-out rows with these."""
        weights = np.ones(len(penalties))
        folds = [self._fitted(targets, fold, range(len(penalties)), penalties) for fold in range(FOLDS)]
        scores = self._scores(folds, weights)
        for m in range(len(penalties)):
            for factor in (2.0, 0.5):
                tried = weights.copy()
                for _ in range(MOVES):
                    tried[m] *= factor
                    found = self._scores(folds, tried)
                    if not _better(found, scores, errors=SURE):
                        break
                    weights, scores = tried.copy(), found
        return weights, scores

    def _raised(
        self, targets: np.ndarray, penalties: list[float], weights: np.ndarray, scores: np.ndarray
    ) -> tuple[list[float], np.ndarray]:
        """The penalties, each a step larger where the whole is better for it, and the scores with them.

        Alone, a modality that says little about new classes asks for a small penalty: it has nothing to drown.
        """
        for m in range(len(penalties)):
            tried = [penalty * STEP if k == m else penalty for k, penalty in enumerate(penalties)]
            folds = [self._fitted(targets, fold, range(len(tried)), tried) for fold in range(FOLDS)]
            found = self._scores(folds, weights)
            if _better(found, scores, errors=ALIKE_NEW):
                penalties, scores = tried, found
        return penalties, scores

    def _climb(
        self,
        targets: np.ndarray,
        modalities: Sequence[int],
        start: list[float],
        weights: np.ndarray,
        scores: np.ndarray | None = None,
    ) -> tuple[list[float], np.ndarray]:
        """The penalties of some modalities times the common factor under which left-out rows score best, and scores.

        The scores of the start may be given.
        """
        found: dict[int, np.ndarray] = {} if scores is None else {0: scores}

        def score(step: int) -> float:
            if step not in found:
                penalties = [penalty * STEP**step for penalty in start]
                folds = [self._fitted(targets, fold, modalities, penalties) for fold in range(FOLDS)]
                found[step] = self._scores(folds, weights)
            return float(found[step].mean()) if len(found[step]) else 0.0

        place = 0
        for direction in (1, -1):
            while abs(place + direction) <= STEPS and score(place + direction) > score(place):
                place += direction
            if place:
                break
        if not len(found[place]):
            return start, found[place]
        # The largest that is hardly worse: what few left-out rows cannot tell apart, new ones may.
        alike = ALIKE_NEW if self._new_classes else ALIKE
        place = max(each for each in found if not _better(found[place], found[each], errors=alike))
        return [penalty * STEP**place for penalty in start], found[place]

    def _fitted(self, targets: np.ndarray, fold: int, modalities: Sequence[int], penalties: list[float]) -> "_Fold":
        """Some modalities' vectors of the rows of a fold, by a fit on the others."""
        fit, out = np.flatnonzero(self.folds != fold), np.flatnonzero(self.folds == fold)
        kernels = [self._kernels[m][fold] for m in modalities]
        # By what rows have and not by what comes out, which may be zero under one penalty and rounding under another.
        has = np.any([kernel.diagonal() > 0 for kernel in kernels], axis=0)
        fit, out = fit[has[fit]], out[has[out]]
        own = [np.ascontiguousarray(kernel[np.ix_(fit, fit)]) for kernel in kernels]
        own_weights = self._weights_of(fit)
        coefficients = dual_coefficients(own, centered_targets(targets, self._labels[fit]), penalties, own_weights)
        left_out = [kernel[np.ix_(out, fit)] @ each for kernel, each in zip(kernels, coefficients, strict=True)]
        # New classes are found among left-out rows alone, and corners are known.
        seen = [] if self._new_classes or self._corners else zip(own, coefficients, strict=True)
        fitted = [kernel @ each for kernel, each in seen]
        intercept = mean_target(targets, self._labels[fit], own_weights)
        labels, weights = self._labels, (own_weights, self._weights_of(out))
        return _Fold(fitted, cast(np.ndarray, labels[fit]), left_out, labels[out], targets, intercept, *weights)

    def _weights_of(self, rows: np.ndarray) -> np.ndarray | None:
        """The weights of some of the rows that take part."""
        return None if self.row_weights is None else self.row_weights[rows]

    def _scores(self, folds: Sequence["_Fold"], weights: np.ndarray) -> np.ndarray:
        """The score of each left-out row that has any of the modalities, more is better."""
        scores = []
        for fold in folds:
            left_out = fold.sums(weights)
            if isinstance(fold.labels, LabelSets):
                scores.append(-squared_errors(left_out, fold.labels.targets(fold.targets), fold.weights))
                continue
            if self._new_classes:
                scores.append(average_precisions(unit_rows(left_out), fold.labels, fold.weights))
                continue
            known = np.unique(fold.fitted_labels)
            scored = np.isin(fold.labels, known)
            # A class of one object is never both fitted and left out; one class alone leaves nothing to choose.
            if len(known) < 2 or not scored.any():
                continue
            if self._corners:
                # By raw sums: of two classes, unit vectors of one number would tell right from wrong and no more.
                likeness = (left_out + fold.intercept) @ fold.targets[known].T
            else:
                fitted = np.tensordot(weights.astype(np.float32), fold.fitted, axes=1)
                means = _means(fitted, fold.fitted_labels, fold.fitted_weights)[1]
                likeness = unit_rows(left_out) @ means.T
            numbers = np.searchsorted(known, fold.labels[scored])
            own = None if fold.weights is None else fold.weights[scored]
            scores.append(-log_losses(likeness[scored], numbers, own))
        return np.concatenate(scores) if scores else np.zeros(0)


@dataclass(frozen=True)
class _Fold:
    """Vectors [rows, outputs] of each modality: of rows fitted on, where these give centers, and of those left out.

    Beside them stand the targets of the classes, the mean target of the rows fitted on, and weights of both.
    """

    fitted: list[np.ndarray]
    fitted_labels: np.ndarray
    left_out: list[np.ndarray]
    labels: ClassLabels
    targets: np.ndarray
    intercept: np.ndarray
    fitted_weights: np.ndarray | None
    weights: np.ndarray | None

    def sums(self, weights: np.ndarray) -> np.ndarray:
        """The vectors of those left out [rows, outputs], with a weight for each modality."""
        return np.asarray(np.tensordot(weights.astype(np.float32), self.left_out, axes=1))


def _scaled(kernel: np.ndarray) -> np.ndarray:
    """Products float64 [rows, rows] whose mean square length is 1, over the rows that have any."""
    lengths = kernel.diagonal()
    # Features are scaled to about 1: what is far shorter is rounding.
    has = lengths > 1e-6
    size = lengths[has].mean(dtype=np.float64) if has.any() else 1.0
    return np.asarray(kernel / size)


def _better(scores: np.ndarray, others: np.ndarray, *, errors: float) -> bool:
    """Whether the same rows' scores are higher by more than so many standard errors."""
    gain = scores - others
    if not len(gain):
        return False
    return bool(gain.mean() > errors * gain.std() / len(gain) ** 0.5)


def _folds(
    features: FeatureRows, labels: ClassLabels, *, new_classes: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that take part and the fold of each; equal rows share one, and whole classes where these are left out."""
    rows = rng.permutation(len(labels))
    if new_classes and isinstance(labels, np.ndarray):
        sizes = np.bincount(labels)
        classes = rng.permutation(np.flatnonzero(sizes > 1))
        classes = classes[: np.searchsorted(sizes[classes].cumsum(), SELECTION) + 1]
        fold_of_class = np.full(len(sizes), -1)
        fold_of_class[classes] = np.arange(len(classes)) % FOLDS
        rows = rows[fold_of_class[labels[rows]] >= 0]
        folds = fold_of_class[labels[rows]]
    else:
        rows = rows[:SELECTION]
        _, groups = np.unique(_keys(features.take(rows)), return_inverse=True)
        folds = rng.permutation(np.arange(groups.max() + 1) % FOLDS)[groups]
    differ = isinstance(labels, LabelSets) or len(np.unique(labels[rows])) > 1
    enough = differ and len(np.unique(folds)) == FOLDS
    return (rows, folds) if enough else (rows[:0], folds[:0])


def _keys(features: FeatureRows) -> np.ndarray:
    """A number a row that is the same for equal rows."""
    draw = np.random.default_rng(0)
    keys = (features.dense @ draw.normal(size=features.dense.shape[1])).astype(np.float64)
    for sparse in features.sparse:
        keys += sparse @ draw.normal(size=sparse.shape[1])
    return np.round(keys, 4)


def centered_targets(basis: np.ndarray, labels: ClassLabels) -> np.ndarray:
    """Each row's target [rows, outputs], less the mean of those of all classes.

    Args:
        basis: targets of the classes [num_classes, outputs].
        labels: of the rows.
    """
    if isinstance(labels, LabelSets):
        return labels.targets(basis)
    targets: np.ndarray = basis[labels] - basis.mean(axis=0)
    return targets


def has_corners(basis: np.ndarray) -> bool:
    """Whether the targets of classes are at equal angles, so that a sum tells each class's share.

    Args:
        basis: these targets [num_classes, outputs].
    """
    classes, outputs = basis.shape
    if classes - 1 > outputs:
        return False
    units = unit_rows(basis - basis.mean(axis=0))
    return np.allclose(units @ units.T, (classes * np.eye(classes) - 1) / max(1, classes - 1), atol=1e-3)


def mean_target(basis: np.ndarray, labels: ClassLabels, weights: np.ndarray | None = None) -> np.ndarray:
    """The mean of rows' centered targets [outputs]: which classes are frequent; zeros where all are alike.

    Args:
        basis: targets of the classes [num_classes, outputs].
        labels: of the rows; targets of several are taken less their mean already.
        weights: of the rows [rows]; None: all alike.
    """
    if isinstance(labels, LabelSets):
        return np.zeros(basis.shape[1], dtype=np.float32)
    counts = np.bincount(labels, weights, minlength=len(basis))
    shares = counts / (counts.sum() or 1)
    mean: np.ndarray = (shares @ (basis - basis.mean(axis=0))).astype(np.float32)
    return mean


def _means(vectors: np.ndarray, labels: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The classes that these rows have, and the directions of the means of their unit vectors [classes, outputs]."""
    known, places = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(known), vectors.shape[1]), dtype=np.float32)
    units = unit_rows(vectors)
    np.add.at(sums, places, units if weights is None else units * weights[:, None])
    return known, unit_rows(sums)


def unit_rows(vectors: np.ndarray) -> np.ndarray:
    """Rows at length 1; one of zeros stays.

    Args:
        vectors: [rows, outputs].
    """
    units: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return units
