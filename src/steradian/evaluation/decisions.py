"""Measure a model's decisions: who is known, are two the same, and how sure it is."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from rich.console import Console
from scipy.special import softmax
from sklearn.utils.validation import check_is_fitted

from steradian.data.subsets import subsets_to_measure
from steradian.embedder import SphereEmbedder
from steradian.evaluation.decision_table import Decisions, SubsetDecisions
from steradian.evaluation.scoring import check_tables
from steradian.fitted_model import FittedModel, table_of
from steradian.metrics import SortedScores, class_interval, expected_calibration_error, to_angles
from steradian.metrics.labelled_pairs import other_class_pairs, same_class_pairs
from steradian.misspelt import telling_of_misspelt
from steradian.model import cosine_chunks
from steradian.progress_bar import ProgressBar

__all__ = ["measure_decisions"]

MOST_PAIRS = 200_000
"""Of a kind: of those of two classes, 2,000 are then above the threshold that accepts 1%."""

FEW_PAIRS = 10_000
FEW_CLASSES = 20

FALSE_ACCEPT = 0.01
TRUE_POSITIVE_RATE = 0.95

_PAIRS_A_CHUNK = 8192


@telling_of_misspelt
def measure_decisions(
    model: SphereEmbedder,
    objects: Any,
    *,
    subsets: Iterable[str | Sequence[str]] | None = None,
    random_state: int = 0,
    verbose: bool = True,
) -> Decisions:
    """How good a model's decisions are: how sure it is, what it takes for known, which two it takes for the same.

    For the whole objects and for every subset of modalities. On objects of known classes: the calibration error of
    `predict_proba`. With a calibration: the shares of known and of unknown objects accepted, and how much of what is
    accepted is right. Where the table has classes that the model does not know: how well the cosine to the nearest
    center tells known objects from unknown ones. Of pairs of objects, of known and unknown classes alike: how well
    their cosine tells one class from two. Every number has an interval drawn by whole classes (`class_interval`); those
    of the whole objects are printed, those of subsets are in `intervals`.

    Args:
        model: a fitted `SphereEmbedder`, calibrated (`calibrate`) or not.
        objects: labelled objects that the model was neither trained nor calibrated on, as for `evaluate`; best with
            some of unknown classes. An object that has nothing of a subset is left out of it.
        subsets: the subsets to measure beside the whole, each one name or several; None takes all up to 6 modalities,
            else a sample of 63.
        random_state: of the sample of subsets, of the pairs and of the intervals.
        verbose: show progress.

    Raises:
        InputError: no labelled table, one of other modalities, fewer than two objects, labels of another kind than
            the model's, or an unknown modality.

    Examples:
        >>> import steradian as sr
        >>> table = {"size": [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]], "label": ["a", "a", "b", "b"]}
        >>> objects = sr.read_objects(table, sr.Schema({"size": sr.Vector("size")}))
        >>> model = sr.SphereEmbedder(embedding_dim=8, epochs=2, verbose=False).fit(objects)
        >>> decisions = measure_decisions(model, objects, verbose=False)
        >>> decisions.whole.known, decisions.whole.pairs, decisions.whole.auroc is None
        (4, 6, True)
    """
    check_is_fitted(model)
    objects, _ = check_tables(model, objects, None, where="measure_decisions")
    table, fitted = table_of(objects), model.fitted_
    names = fitted.modalities
    chosen = subsets_to_measure(subsets, names, random_state=random_state)
    scores = []
    with ProgressBar("evaluating", 1 + len(chosen), console=Console(stderr=True) if verbose else None) as steps:
        steps.begin("embedding the objects")
        parts = model.transform_subsets(objects, chosen)
        present = fitted.present(table)
        for subset, rows, vectors in parts:
            steps.begin(" + ".join(subset))
            used = present[rows] & np.isin(names, subset)
            numbers = _measure(fitted, vectors, table.labels[rows], used, random_state=random_state)
            scores.append(SubsetDecisions(subset, without_subset=len(table) - len(rows), **numbers))
    classes, calibration = np.unique(table.labels), fitted.calibration
    known = int(np.isin(classes, fitted.classes).sum())
    result = Decisions(tuple(scores), names, known, len(classes) - known, calibration is not None)
    other_classes = calibration is not None and calibration.other_classes
    return replace(result, notes=tuple(_notes(result, table.labels, other_classes=other_classes)))


@dataclass(frozen=True, eq=False)
class _Seen:
    """What a model says of objects, an entry each: how near the nearest center is, and what follows from it."""

    labels: np.ndarray
    cosines: np.ndarray
    confidences: np.ndarray
    right: np.ndarray
    accepted: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def of(self, chosen: np.ndarray) -> "_Seen":
        return _Seen(*(getattr(self, field.name)[chosen] for field in fields(self)))


@dataclass(frozen=True, eq=False)
class _Part:
    """Numbers that are measured together, as a function of how often each member of its groups counts."""

    names: tuple[str, ...]
    statistic: Callable[..., list[float]]
    groups: tuple[np.ndarray, ...]

    def measured(self, *, random_state: int) -> Iterator[tuple[str, float, float, float]]:
        """The name, the value and both ends of the interval of each number."""
        values = self.statistic(*(np.ones(len(group)) for group in self.groups))
        ends = class_interval(self.statistic, *self.groups, random_state=random_state).tolist()
        for name, value, (low, high) in zip(self.names, values, ends, strict=True):
            yield name, float(value), low, high


def _measure(
    model: FittedModel, vectors: np.ndarray, labels: np.ndarray, used: np.ndarray, *, random_state: int
) -> dict[str, Any]:
    """Entries of `SubsetDecisions`, of objects seen through what is used of each."""
    seen, is_known = _see(model, vectors, labels, used), np.isin(labels, model.classes)
    known, unknown = seen.of(is_known), seen.of(~is_known)
    codes = np.unique(labels, return_inverse=True)[1]
    same, other = (
        draw(codes, max_pairs=MOST_PAIRS, random_state=random_state) for draw in (same_class_pairs, other_class_pairs)
    )
    parts = list(_parts(known, unknown, calibrated=model.calibration is not None))
    if len(same[0]) and len(other[0]):
        parts.append(_pair_part(vectors, codes, same, other))
    entries: dict[str, Any] = {}
    intervals: dict[str, tuple[float, float]] = {}
    for name, value, low, high in (measured for part in parts for measured in part.measured(random_state=random_state)):
        entries |= {} if math.isnan(value) else {name: value}
        intervals |= {} if math.isnan(low) else {name: (low, high)}
    counts = {"known": len(known), "unknown": len(unknown), "pairs": len(same[0]) + len(other[0])}
    return {**counts, **entries, "intervals": intervals}


def _see(model: FittedModel, vectors: np.ndarray, labels: np.ndarray, used: np.ndarray) -> _Seen:
    """As `predict_proba` and `predict(reject=True)` have it; without a calibration all are accepted."""
    calibration, scales = model.calibration, model.scales(used)
    limits = np.full(len(vectors), np.pi) if calibration is None else calibration.thresholds(used)
    predicted = np.zeros(len(vectors), dtype=np.int64)
    cosines, confidences = np.empty((2, len(vectors)))
    for rows, found in cosine_chunks(model.classifier, vectors):
        predicted[rows], cosines[rows] = found.argmax(axis=1), found.max(axis=1)
        confidences[rows] = softmax(found * scales[rows, None], axis=1).max(axis=1)
    return _Seen(labels, cosines, confidences, model.classes[predicted] == labels, to_angles(cosines) <= limits)


def _parts(known: _Seen, unknown: _Seen, *, calibrated: bool) -> Iterator[_Part]:
    """What is measured on single objects."""
    groups = [seen for seen in (known, unknown) if len(seen)]
    both = tuple(seen.labels for seen in groups)
    if len(known):
        yield _Part(("ece",), _error(known), (known.labels,))
    if calibrated and groups:
        for name, seen in (("accepted_known", known), ("accepted_unknown", unknown)):
            if len(seen):
                yield _Part((name,), _share(seen.accepted), (seen.labels,))
        yield _Part(("precision",), _precision(groups), both)
    if len(groups) == 2:
        yield _Part(("auroc", "fpr95", "oscr"), _open_set(known, unknown), both)


def _error(known: _Seen) -> Callable[..., list[float]]:
    return lambda weights: [expected_calibration_error(known.confidences, known.right, weights=weights)]


def _share(accepted: np.ndarray) -> Callable[..., list[float]]:
    return lambda weights: [np.average(accepted, weights=weights)]


def _precision(groups: Sequence[_Seen]) -> Callable[..., list[float]]:
    right, accepted = (np.concatenate([getattr(seen, name) for seen in groups]) for name in ("right", "accepted"))

    def statistic(*weights: np.ndarray) -> list[float]:
        counts = np.concatenate(weights) * accepted
        return [counts @ right / counts.sum() if counts.any() else math.nan]

    return statistic


def _open_set(known: _Seen, unknown: _Seen) -> Callable[..., list[float]]:
    """AUROC, FPR95 and OSCR; the last is the share that is right, times the AUROC of these."""
    scores, right = SortedScores(known.cosines, unknown.cosines), known.right
    scores_of_right = SortedScores(known.cosines[right], unknown.cosines) if right.any() else None

    def statistic(weights: np.ndarray, unknown_weights: np.ndarray) -> list[float]:
        curve, share = scores.curve(weights, unknown_weights), float(np.average(right, weights=weights))
        if scores_of_right is not None and share:
            share *= scores_of_right.curve(weights[right], unknown_weights).auroc
        return [curve.auroc, curve.false_positive_rate(TRUE_POSITIVE_RATE), share]

    return statistic


def _pair_part(vectors: np.ndarray, codes: np.ndarray, *pairs: tuple[np.ndarray, np.ndarray]) -> _Part:
    """What is measured on pairs, those of one class first."""
    scores = SortedScores(*(_pair_cosines(vectors, left, right) for left, right in pairs))

    def statistic(*weights: np.ndarray) -> list[float]:
        curve = scores.curve(*weights)
        return [curve.auroc, curve.equal_error_rate, curve.true_accept_rate(FALSE_ACCEPT)]

    groups = tuple(np.stack([codes[left], codes[right]], axis=1) for left, right in pairs)
    return _Part(("pair_auroc", "pair_eer", "pair_tar"), statistic, groups)


def _pair_cosines(vectors: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    chunks = (slice(start, start + _PAIRS_A_CHUNK) for start in range(0, len(left), _PAIRS_A_CHUNK))
    return np.concatenate([np.einsum("pd,pd->p", vectors[left[chunk]], vectors[right[chunk]]) for chunk in chunks])


def _notes(decisions: Decisions, labels: np.ndarray, *, other_classes: bool) -> Iterator[str]:
    """What was not measured or only in part, in sentences."""
    if not decisions.calibrated:
        yield "Not calibrated: nothing is refused, and the confidences have the scale of training (model.calibrate)."
    if other_classes:
        yield "Classes were added or removed since the calibration: calibrate again."
    if not decisions.unknown_classes:
        yield "The model knows all classes of the objects: of unknown classes nothing is measured."
    elif not decisions.known_classes:
        yield "The model knows no class of the objects: all that it accepts is wrong."
    left_out = max(row.without_subset for row in decisions)
    if left_out:
        yield f"Objects without the subset are left out: up to {left_out:,}."
    counts = np.unique(labels, return_counts=True)[1]
    same = int((counts * (counts - 1) // 2).sum())
    other = len(labels) * (len(labels) - 1) // 2 - same
    if max(same, other) > MOST_PAIRS:
        yield f"Of a kind with more pairs than {MOST_PAIRS:,}, as many were drawn."
    if 0 < other < FEW_PAIRS:
        yield f"TAR@1% is rough: there are fewer than {FEW_PAIRS:,} pairs of two classes."
    few = [count for count in (decisions.known_classes, decisions.unknown_classes) if 0 < count < FEW_CLASSES]
    if few:
        yield f"Intervals are by class, and too narrow with as few as {min(few)} of them."
