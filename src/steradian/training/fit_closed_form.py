"""The closed form of a labelled table: how strongly to penalise is chosen on left-out objects or left-out classes."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.linalg import helmert
from scipy.sparse import csr_array
from scipy.special import logsumexp

from steradian.data.batch import Preprocessor
from steradian.data.closed_form import ClosedForm, LinearMap
from steradian.metrics import fit_scale, map_at_r, nearest
from steradian.training.dual_equations import dual_coefficients
from steradian.training.feature_rows import DRAWN, EXACT, FeatureLayout, FeatureRows, Prepare
from steradian.training.normal_equations import NormalEquations, Solution

__all__ = ["ClosedFormFit", "average_precisions", "fit_closed_form", "log_losses"]

USUAL, STEP, STEPS = 0.1, 10**0.5, 5
"""Penalty of features of mean square length 1 to start from, the factor between two that are tried, and how often it
may be raised or lowered."""
MOVES, SURE, ALIKE = 3, 3.0, 0.25
"""Times that one modality's weight may be doubled or halved; standard errors by which that must be better; standard
errors within which two penalties are as good, so that the larger is taken."""
FOLDS, SELECTION, SELECTION_OUTPUTS = 3, 3000, 128
"""Parts of the objects, or of the classes, that are left out in turn; objects and outputs that take part in that."""
CHUNK, AVERAGED = 4096, 1 << 16
"""Rows at a time; rows from which class centers are taken."""
MAX_LIKENED_CLASSES = 4096
"""Up to so many classes outputs are the directions in which class means differ most; beyond, random ones."""
MAX_NUMBERS = 1 << 26
"""Dense features of texts' rows that are kept: 256 MiB; of a larger table rows are drawn."""


@dataclass(frozen=True)
class ClosedFormFit:
    """A closed form and how it was chosen.

    Args:
        closed_form: of the whole table.
        centers: unit class centers float32 [num_classes, embedding_dim].
        penalties: those chosen, by modality.
        weights: likewise, 1 for the largest.
        score: of left-out objects: less log-loss of known classes, or MAP@R of new ones; NaN where none could be.
        solve: gives the closed form of some of the rows, int64 [rows], with the same choices.
    """

    closed_form: ClosedForm
    centers: np.ndarray = field(repr=False)
    penalties: dict[str, float]
    weights: dict[str, float]
    score: float
    solve: Callable[[np.ndarray], ClosedForm] = field(repr=False)


def fit_closed_form(
    preprocessor: Preprocessor,
    prepare: Prepare,
    labels: np.ndarray,
    *,
    present: np.ndarray,
    embedding_dim: int,
    new_classes: bool,
    seed: int,
) -> ClosedFormFit:
    """Solve for the map from fixed features to class centers that serves every subset of modalities.

    Args:
        preprocessor: fitted on the table.
        prepare: brings rows of the table to prepared objects.
        labels: class numbers int64 [objects].
        present: bool [objects, modalities].
        embedding_dim: length of a vector.
        new_classes: choose by left-out classes instead of left-out objects.
        seed: of draws and folds.
    """
    rng = np.random.default_rng(seed)
    exact = len(labels) <= EXACT
    drawn = _drawn_rows(labels, present, DRAWN, rng)
    layout = FeatureLayout.fit(preprocessor, prepare, drawn, exact=exact)
    features = layout.rows(prepare, drawn)
    basis = _class_basis(features, labels[drawn], int(labels.max()) + 1, embedding_dim, rng)
    choice = _Choice(layout, features, labels[drawn], new_classes=new_classes, rng=rng)
    penalties, weights, score = choice.best(basis)

    def solve(rows: np.ndarray) -> ClosedForm:
        if exact:
            solution = _dual_solution(layout, features.take(rows), _targets(basis, labels[rows]), penalties)
        else:
            equations = NormalEquations(layout.blocks, basis.shape[1])
            for part, found in _all_features(layout, prepare, rows, basis.shape[1], rng):
                equations.add(found.dense, found.sparse, _targets(basis, labels[part]))
            solution = equations.solve(penalties)
        return ClosedForm(_as_maps(layout, solution, weights, embedding_dim), embedding_dim)

    closed_form = solve(np.arange(len(labels)))
    names = (*layout.dense, *layout.sparse)
    averaged = _drawn_rows(labels, present, AVERAGED, rng)
    centers = _centers(closed_form, preprocessor, prepare, labels, averaged)
    chosen = dict(zip(names, penalties, strict=True)), dict(zip(names, weights, strict=True))
    return ClosedFormFit(closed_form, centers, *chosen, score, solve)


class _Choice:
    """Chooses the penalty on rows that a fit has not seen."""

    def __init__(
        self,
        layout: FeatureLayout,
        features: FeatureRows,
        labels: np.ndarray,
        *,
        new_classes: bool,
        rng: np.random.Generator,
    ) -> None:
        rows, self._folds = _folds(features, labels, new_classes=new_classes, rng=rng)
        self._kernels = _kernels(layout, features.take(rows))
        self._labels, self._new_classes = labels[rows], new_classes

    def best(self, basis: np.ndarray) -> tuple[list[float], list[float], float]:
        """Each modality's penalty and weight, dense ones first, and the score of left-out rows.

        A penalty is the best for its modality alone, times a factor that is best for the whole. A weight is 1 unless
        another is surely better for the whole, so that a modality that says little does not drown the others.

        Args:
            basis: targets of the classes [num_classes, outputs], the most important first.
        """
        count, targets = len(self._kernels), basis[:, :SELECTION_OUTPUTS]
        if not len(self._labels) or not count:
            return [USUAL] * count, [1.0] * count, float("nan")
        penalties = [self._climb(targets, [m], [USUAL], np.ones(1))[0] for m in range(count)]
        weights = np.ones(count)
        if count > 1:
            weights = self._weights(targets, penalties)
            penalties = self._climb(targets, range(count), penalties, weights)
        folds = [self._fitted(targets, fold, range(count), penalties) for fold in range(FOLDS)]
        scores = self._scores(folds, weights)
        return penalties, weights.tolist(), float(scores.mean()) if len(scores) else float("nan")

    def _weights(self, targets: np.ndarray, penalties: list[float]) -> np.ndarray:
        """The weight of each modality in the sum, 1 for the largest."""
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
        relative: np.ndarray = weights / weights.max()
        return relative

    def _climb(
        self, targets: np.ndarray, modalities: Sequence[int], start: list[float], weights: np.ndarray
    ) -> list[float]:
        """The penalties of some modalities times the common factor under which left-out rows score best."""
        found: dict[int, np.ndarray] = {}

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
            return start
        # The largest that is hardly worse: what few left-out rows cannot tell apart, new ones may.
        place = max(each for each in found if not _better(found[place], found[each], errors=ALIKE))
        return [penalty * STEP**place for penalty in start]

    def _fitted(self, targets: np.ndarray, fold: int, modalities: Sequence[int], penalties: list[float]) -> "_Fold":
        """Some modalities' vectors of the rows of a fold, by a fit on the others."""
        fit, out = np.flatnonzero(self._folds != fold), np.flatnonzero(self._folds == fold)
        kernels = [self._kernels[m] for m in modalities]
        own = [np.ascontiguousarray(kernel[np.ix_(fit, fit)]) for kernel in kernels]
        coefficients = dual_coefficients(own, _targets(targets, self._labels[fit]), penalties)
        left_out = [kernel[np.ix_(out, fit)] @ each for kernel, each in zip(kernels, coefficients, strict=True)]
        fitted = [kernel @ each for kernel, each in zip(own, coefficients, strict=True)]
        return _Fold(fitted, self._labels[fit], left_out, self._labels[out])

    def _scores(self, folds: Sequence["_Fold"], weights: np.ndarray) -> np.ndarray:
        """The score of each left-out row that has any of the modalities, more is better."""
        scores = []
        for fold in folds:
            left_out = np.tensordot(weights.astype(np.float32), fold.left_out, axes=1)
            has = left_out.any(axis=1)
            vectors, labels = _units(left_out[has]), fold.labels[has]
            if self._new_classes:
                scores.append(average_precisions(vectors, labels))
                continue
            fitted = np.tensordot(weights.astype(np.float32), fold.fitted, axes=1)
            known, centers = _means(fitted[fitted.any(axis=1)], fold.fitted_labels[fitted.any(axis=1)])
            scored = np.isin(labels, known)
            # A class of one object is never both fitted and left out; one class alone leaves nothing to choose.
            if len(known) < 2 or not scored.any():
                continue
            scores.append(-log_losses(vectors[scored] @ centers.T, np.searchsorted(known, labels[scored])))
        return np.concatenate(scores) if scores else np.zeros(0)


@dataclass(frozen=True)
class _Fold:
    """Vectors [rows, outputs] of each modality: of the rows fitted on, and of those left out."""

    fitted: list[np.ndarray]
    fitted_labels: np.ndarray
    left_out: list[np.ndarray]
    labels: np.ndarray


def _better(scores: np.ndarray, others: np.ndarray, *, errors: float) -> bool:
    """Whether the same rows' scores are higher by more than so many standard errors."""
    gain = scores - others
    if not len(gain):
        return False
    return bool(gain.mean() > errors * gain.std() / len(gain) ** 0.5)


def average_precisions(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Average precision at R of each object that has another of its class among the others.

    Args:
        vectors: unit rows [objects, outputs].
        labels: class numbers [objects].
    """
    relevant = np.bincount(labels)[labels] - 1
    queries = np.flatnonzero(relevant > 0)
    if not len(queries):
        return np.zeros(0)
    rows, _ = nearest(vectors[queries], vectors, k=int(relevant.max()), exclude=queries)
    return map_at_r(labels[rows] == labels[queries, None], relevant[queries])


def _folds(
    features: FeatureRows, labels: np.ndarray, *, new_classes: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that take part and the fold of each; equal rows share one, and whole classes where these are left out."""
    rows = rng.permutation(len(labels))
    if new_classes:
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
    enough = len(np.unique(folds)) == FOLDS and len(np.unique(labels[rows])) > 1
    return (rows, folds) if enough else (rows[:0], folds[:0])


def _kernels(layout: FeatureLayout, features: FeatureRows) -> list[np.ndarray]:
    """Products of each modality's centered features float32 [rows, rows], dense modalities first."""
    kernels, start = [], 0
    for size in layout.blocks:
        block = features.dense[:, start : start + size]
        kernels.append(block @ block.T)
        start += size
    for rows in features.sparse:
        has, product = np.diff(rows.indptr) > 0, (rows @ rows.T).toarray().astype(np.float32)
        own = product[np.ix_(has, has)]
        means = own.mean(axis=0)
        product[np.ix_(has, has)] = own - means - means[:, None] + means.mean()
        kernels.append(product)
    return kernels


def _dual_solution(
    layout: FeatureLayout, features: FeatureRows, targets: np.ndarray, penalties: list[float]
) -> Solution:
    """The coefficients of features from those of rows."""
    coefficients = dual_coefficients(_kernels(layout, features), targets, penalties)
    starts, dense = np.cumsum([0, *layout.blocks]), []
    for start, size, rows in zip(starts, layout.blocks, coefficients, strict=False):
        dense.append(features.dense[:, start : start + size].T @ rows)
    sparse, offsets = [], []
    for rows, each in zip(features.sparse, coefficients[len(layout.blocks) :], strict=True):
        has = np.diff(rows.indptr) > 0
        mean = np.asarray(rows.sum(axis=0)).ravel() / max(1, has.sum())
        found = rows.T @ each - np.outer(mean, each[has].sum(axis=0))
        sparse.append(torch.from_numpy(found.astype(np.float32)))
        offsets.append(torch.from_numpy((mean @ found).astype(np.float32)))
    wide = np.concatenate(dense) if dense else np.zeros((0, targets.shape[1]))
    return Solution(torch.from_numpy(wide).double(), sparse, offsets)


def _keys(features: FeatureRows) -> np.ndarray:
    """A number a row that is the same for equal rows."""
    draw = np.random.default_rng(0)
    keys = (features.dense @ draw.normal(size=features.dense.shape[1])).astype(np.float64)
    for sparse in features.sparse:
        keys += sparse @ draw.normal(size=sparse.shape[1])
    return np.round(keys, 4)


def _drawn_rows(labels: np.ndarray, present: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Some rows in order: one of each class as far as they go, some of each modality, and others at random."""
    if len(labels) <= most:
        return np.arange(len(labels))
    order = rng.permutation(len(labels))
    firsts = order[np.unique(labels[order], return_index=True)[1]][: most // 2]
    rare = [np.flatnonzero(has)[: most // 16] for has in present.T]
    rows = np.concatenate([firsts, *rare, order])
    return np.sort(rows[np.sort(np.unique(rows, return_index=True)[1])][:most])


def _all_features(
    layout: FeatureLayout,
    prepare: Prepare,
    rows: np.ndarray,
    outputs: int,
    rng: np.random.Generator,
) -> Iterator[tuple[np.ndarray, FeatureRows]]:
    """Rows in chunks; of a large table with sparse features, which must stay, those that fit the memory."""
    if layout.sparse:
        most = MAX_NUMBERS // 2 // max(sum(layout.blocks), outputs, 1)
        rows = np.sort(rng.permutation(rows)[:most])
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        yield part, layout.rows(prepare, part)


def _class_basis(
    features: FeatureRows, labels: np.ndarray, classes: int, most: int, rng: np.random.Generator
) -> np.ndarray:
    """Targets of the classes float32 [num_classes, outputs], at equal angles where the outputs suffice."""
    basis: np.ndarray
    if classes - 1 <= most:
        basis = helmert(classes).T
        return basis.astype(np.float32)
    if classes > MAX_LIKENED_CLASSES:
        basis = rng.normal(size=(classes, most)) / most**0.5
        return basis.astype(np.float32)
    sizes = np.bincount(labels, minlength=classes)
    entries = 1 / np.maximum(sizes, 1)[labels], (labels, np.arange(len(labels)))
    average = csr_array(entries, shape=(classes, len(labels)))
    likeness = np.zeros((classes, classes))
    for part in (features.dense, *features.sparse):
        means = average @ part
        product = means @ means.T
        likeness += product if isinstance(product, np.ndarray) else product.toarray()
    centered = likeness - likeness.mean(axis=0) - likeness.mean(axis=1, keepdims=True) + likeness.mean()
    _, vectors = np.linalg.eigh(centered)
    basis = vectors[:, : -most - 1 : -1]
    return basis.astype(np.float32)


def _targets(basis: np.ndarray, labels: np.ndarray) -> np.ndarray:
    targets: np.ndarray = basis[labels] - basis.mean(axis=0)
    return targets


def _as_maps(
    layout: FeatureLayout, solution: Solution, weights: list[float], embedding_dim: int
) -> dict[str, LinearMap]:
    """The coefficients as a map from each modality's raw features."""
    maps, start, outputs = {}, 0, solution.outputs
    weight_of = dict(zip((*layout.dense, *layout.sparse), weights, strict=True))
    for name, size in zip(layout.dense, layout.blocks, strict=True):
        matrix = np.zeros((size, embedding_dim), dtype=np.float32)
        matrix[:, :outputs] = solution.dense[start : start + size] * (layout.scales[name] * weight_of[name])
        offset = layout.means[name] @ matrix
        if name in layout.projections:
            matrix = layout.projections[name] @ matrix
        maps[name] = LinearMap(*layout.maps[name].folded(matrix), offset)
        start += size
    for name, coefficients, mean in zip(layout.sparse, solution.sparse, solution.offsets, strict=True):
        wide = np.zeros((len(coefficients), embedding_dim), dtype=np.float16)
        wide[:, :outputs] = coefficients * weight_of[name]
        offset = np.zeros(embedding_dim, dtype=np.float32)
        offset[:outputs] = mean * weight_of[name]
        maps[name] = LinearMap(layout.maps[name], wide, offset)
    return maps


def _centers(
    closed_form: ClosedForm, preprocessor: Preprocessor, prepare: Prepare, labels: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """Unit class means float32 [num_classes, embedding_dim] of the objects' unit vectors."""
    classes = int(labels.max()) + 1
    sums = np.zeros((classes, closed_form.embedding_dim), dtype=np.float32)
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        objects, places = prepare(part)
        vectors = closed_form.vectors(preprocessor.modalities, objects.items, objects.present, rows=places)
        np.add.at(sums, labels[part], _units(vectors.sum(axis=1)))
    return _units(sums)


def _means(vectors: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The classes that these rows have, and the directions of the means of their unit vectors [classes, outputs]."""
    known, places = np.unique(labels, return_inverse=True)
    sums = np.zeros((len(known), vectors.shape[1]), dtype=np.float32)
    np.add.at(sums, places, _units(vectors))
    return known, _units(sums)


def _units(vectors: np.ndarray) -> np.ndarray:
    units: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return units


def log_losses(cosines: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """-log softmax(scale * cosines) of each own class [objects], at the best scale, which favours no length.

    Args:
        cosines: to the class centers [objects, num_classes].
        numbers: the own class of each object [objects].
    """
    scaled = fit_scale(cosines, numbers) * cosines
    losses: np.ndarray = logsumexp(scaled, axis=1) - np.take_along_axis(scaled, numbers[:, None], axis=1)[:, 0]
    return losses
