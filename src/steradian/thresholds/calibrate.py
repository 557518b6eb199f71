"""Fit scales and thresholds on labelled objects that the model was not trained on."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np

from steradian.calibration.operating_points import Calibration, OperatingPoint
from steradian.calibration.pair_points import PairFitter
from steradian.calibration.threshold_rules import (
    Goal,
    check_rate,
    coverage_angle,
    false_accept_angle,
    least_objects,
    narrowed,
    precision_angle,
    widened,
)
from steradian.data.object_digests import known_objects, told_of_training_objects
from steradian.data.subsets import MOST_SUBSETS, subsets_to_measure
from steradian.errors import ConfigError, InputError, warn_user
from steradian.fitted_model import FittedModel, labelled_objects, table_of
from steradian.metrics import concentration, to_angles
from steradian.thresholds.evidence import Evidence, HeldOut, LeftOutClasses, left_out_of
from steradian.validation import refuse_other_labels, refuse_other_schema

__all__ = ["calibrate"]

DEFAULT = ("coverage", 0.95)
LEAST_OBJECTS = 5
"""Of known classes that have a subset: with fewer, objects that have just it are judged by less of what they have."""


def calibrate(
    model: FittedModel,
    objects: Any = None,
    *,
    coverage: float | None = None,
    false_accept: float | None = None,
    precision: float | None = None,
    pair_false_accept: float = 0.01,
    subsets: Iterable[str | Sequence[str]] | None = None,
    random_state: int = 0,
) -> Calibration:
    """A scale and a threshold for each subset of modalities, and thresholds for pairs.

    Args:
        model: to calibrate; it stays as it is.
        objects: labelled, not trained on; those of classes the model does not know count as unknown. None takes the
            training objects that the model's own fits have left out in turn: an estimate without a guarantee.
        coverage: the share of objects of known classes to accept at least; 0.95 where nothing else is asked for.
        false_accept: the share of objects of unknown classes to accept at most, instead.
        precision: the share of what is accepted to be right at least, instead; with 90% confidence.
        pair_false_accept: the share of pairs of different classes to take for the same at most, see docs/thresholds.md.
        subsets: the subsets to fit beside the whole and each modality alone; None takes all up to 6 modalities, else a
            sample of 63.
        random_state: of what is drawn.

    Raises:
        ConfigError: more than one of coverage, false_accept and precision.
        InputError: no labels, one class, too few objects, or none of unknown classes for false_accept; no table, and
            nothing left out by `fit`.
    """
    model.refuse_several(where="calibrate(objects)")
    goal, rate = _goal(coverage=coverage, false_accept=false_accept, precision=precision)
    check_rate(pair_false_accept, name="pair_false_accept")
    evidence = _evidence(model, objects)
    _check(evidence, goal, rate)
    names = model.modalities
    # Each modality alone is fitted too, so that an object always has a fitted subset within what it has.
    given = None if subsets is None else [*subsets, *names]
    chosen = subsets_to_measure(given, names, max_subsets=MOST_SUBSETS, random_state=random_state)
    # Where whole classes were left out, pairs of different classes are such as will be met.
    enough = None if isinstance(evidence, LeftOutClasses) else rate if goal == "coverage" else DEFAULT[1]
    rates: dict[str, Any] = {"false_accept": pair_false_accept, "enough": enough}
    pairs = PairFitter(evidence.labels, subsets=len(chosen), random_state=random_state, fits=evidence.fits, **rates)
    kappas, counts, points = _points(model, evidence, chosen, pairs, goal=goal, rate=rate, random_state=random_state)
    return Calibration(
        modalities=names,
        goal=goal,
        rate=rate,
        points=tuple(points),
        pair_false_accept=float(pair_false_accept),
        pairs=pairs.points(),
        classes=model.classes,
        kappas=kappas,
        kappa_objects=counts,
        left_out=objects is None,
    )


def _points(
    model: FittedModel,
    evidence: Evidence,
    chosen: Sequence[tuple[str, ...]],
    pairs: PairFitter,
    *,
    goal: Goal,
    rate: float,
    random_state: int,
) -> tuple[np.ndarray, np.ndarray, list[OperatingPoint]]:
    """Each class's concentration and of how many objects, and the points of the subsets, which `pairs` hears of."""
    # First all objects with what they have, for the concentrations; then those that have all of a subset, through it.
    masks = [_seen_through(evidence.present, model.schema.mask(subset)) for subset in chosen]
    parts = evidence.subsets([evidence.present, *masks])
    rows, vectors = next(parts)
    kappas, counts = _concentrations(model.classes, evidence.labels[rows], vectors)
    points = []
    for subset, (rows, vectors) in zip(chosen, parts, strict=True):
        point = _point(evidence, subset, rows, vectors, goal=goal, rate=rate, random_state=random_state)
        if point is not None:
            points.append(point)
            pairs.add(subset, rows, vectors)
    if not points:
        raise InputError(
            want=f"a subset of modalities that {LEAST_OBJECTS} objects of 2 known classes have",
            got=f"fewer in each of {len(chosen)} subsets",
            where="calibrate(objects)",
            fix="Hold out more objects.",
        )
    return kappas, counts, points


def _evidence(model: FittedModel, objects: Any) -> Evidence:
    """The table's objects once they fit the model, or those that its fits have left out."""
    if objects is None:
        return left_out_of(model)
    objects = labelled_objects(objects, model.schema, where="calibrate(objects)")
    table = table_of(objects)
    refuse_other_schema(table, model.schema, where="the table")
    refuse_other_labels(table.labels, model.classes, where="the labels of the objects")
    if model.trained is not None:
        told = told_of_training_objects(known_objects(table, model.modalities, model.trained), len(table))
        if told is not None:
            warn_user(f"calibrate(objects): {told}")
    return HeldOut(model, objects)


def _point(
    evidence: Evidence,
    subset: tuple[str, ...],
    rows: np.ndarray,
    vectors: np.ndarray,
    *,
    goal: Goal,
    rate: float,
    random_state: int,
) -> OperatingPoint | None:
    """What holds for objects that have just this subset; None where too few of known classes do."""
    known = evidence.known[rows]
    counted = int(known.sum())
    if len(np.unique(evidence.labels[rows[known]])) < 2 or counted < LEAST_OBJECTS:
        return None
    own, cosines = evidence.nearest(rows, vectors)
    angles = to_angles(cosines)
    angle = _accept_angle(angles, known, known & own, goal=goal, rate=rate)
    accepted = float(np.mean(angles[known] <= angle))
    scale = evidence.scale(rows[known], vectors[known], random_state=random_state)
    return OperatingPoint(subset, counted, scale, angle, accepted, unknown=len(rows) - counted)


def _accept_angle(angles: np.ndarray, known: np.ndarray, right: np.ndarray, *, goal: Goal, rate: float) -> float:
    """With room for rounding on the side of the guarantee."""
    if goal == "coverage":
        return widened(coverage_angle(angles[known], coverage=rate))
    if goal == "false_accept":
        return narrowed(false_accept_angle(angles[~known], false_accept=rate))
    return widened(precision_angle(angles, right, precision=rate))


def _seen_through(present: np.ndarray, subset: np.ndarray) -> np.ndarray:
    """The subset for objects that have all of it, nothing for the others: bool [objects, modalities]."""
    has_all = np.asarray((present >= subset).all(axis=1))
    return subset & has_all[:, None]


def _concentrations(classes: np.ndarray, labels: np.ndarray, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Kappa and number of objects of each class; no kappa where there are fewer than two, or vectors of one number."""
    known = np.asarray(np.isin(labels, classes))
    counts = np.bincount(np.searchsorted(classes, labels[known]), minlength=len(classes))
    kappas = np.full(len(classes), np.nan)
    several = np.asarray(np.isin(labels, classes[counts >= 2]))
    if several.any() and vectors.shape[1] > 1:
        found = labels[several]
        appearing = found[np.sort(np.unique(found, return_index=True)[1])]
        kappas[np.searchsorted(classes, appearing)] = concentration(vectors[several], found)
    return kappas, counts


def _goal(**rates: float | None) -> tuple[Goal, float]:
    given = [(name, rate) for name, rate in rates.items() if rate is not None]
    if len(given) > 1:
        raise ConfigError(
            want="one of coverage, false_accept and precision",
            got=" and ".join(name for name, _ in given),
            where="calibrate(...)",
            fix="Each gives another threshold: choose the guarantee that matters, and calibrate a copy for another.",
        )
    ((name, rate),) = given or [DEFAULT]
    check_rate(rate, name=name)
    return cast(Goal, name), float(rate)


def _check(evidence: Evidence, goal: Goal, rate: float) -> None:
    """Raise unless the objects suffice for the goal."""
    where = "calibrate(objects)"
    count, unknown = int(evidence.known.sum()), int((~evidence.known).sum())
    classes = len(np.unique(evidence.labels[evidence.known]))
    if classes < 2:
        others = f", the others of classes such as {evidence.labels[~evidence.known][0]!s}" if unknown else ""
        raise InputError(
            want="objects of at least 2 of the model's classes",
            got=f"{classes} among {len(evidence.labels)} object{'s' * (len(evidence.labels) != 1)}{others}",
            where=where,
            fix="Add held-out objects of the classes the model was trained on; the others count as unknown."
            " Or leave the table out.",
        )
    least = least_objects(goal, rate)
    enough = LEAST_OBJECTS if goal == "false_accept" else max(least, LEAST_OBJECTS)
    if count < enough:
        raise InputError(
            want=f"at least {enough} objects of known classes, as {goal}={rate:g} needs",
            got=str(count),
            where=where,
            fix="Hold out more objects, or ask for less.",
        )
    if goal == "false_accept" and unknown < least:
        raise InputError(
            want=f"at least {least} objects of classes the model does not know, as false_accept={rate:g} needs",
            got=str(unknown),
            where=where,
            fix="Leave classes out of training, as table.split(unseen_classes=...) does, or ask for coverage.",
        )
