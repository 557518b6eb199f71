"""What a calibration found: a scale and a threshold for each subset of modalities, and angles for pairs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, get_type_hints

import numpy as np

from steradian.calibration.threshold_rules import ACCEPT_ALL, ACCEPT_NONE, Goal, least_objects
from steradian.result_table import ResultTable
from steradian.saved_files import check_value
from steradian.text_table import fit_text

__all__ = ["Calibration", "OperatingPoint", "PairPoint"]

_SUBSET_WIDTH = 34
_LINE = "{} {:>8} {:>8} {:>13} {:>9}"

GOALS: dict[Goal, str] = {
    "coverage": "at least {:.1%} of the objects of known classes are accepted",
    "false_accept": "at most {:.1%} of the objects of unknown classes are accepted",
    "precision": "at least {:.1%} of what is accepted is right, with 90% confidence",
}

ESTIMATE = (
    "Fitted on training objects, each seen by a fit that left it out (cross-conformal): an estimate, and no guarantee, "
    "which takes held-out objects."
)

SAVED: dict[str, Any] = {
    "goal": Goal,
    "rate": float,
    "points": list[dict[str, Any]],
    "pair_false_accept": float,
    "pairs": list[dict[str, Any]],
    "kappas": list[float | None],
    "kappa_objects": list[int],
    "other_classes": bool,
    "left_out": bool,
}
"""What `Calibration.to_dict` gives, and of what kind."""


@dataclass(frozen=True)
class OperatingPoint:
    """What holds for objects that have exactly a subset of the modalities.

    Args:
        subset: names of modalities.
        objects: how many of known classes it was fitted on.
        scale: of the cosines in `predict_proba`.
        threshold: in radians; an object whose nearest center is farther is unknown. Pi accepts all, -1 none.
        accepted: the share of those objects that it accepts.
        unknown: how many objects of unknown classes had the subset.
    """

    subset: tuple[str, ...]
    objects: int
    scale: float
    threshold: float
    accepted: float
    unknown: int = 0

    @property
    def shown_threshold(self) -> str:
        """The threshold in three decimals, "any" or "none"."""
        return shown_threshold(self.threshold)


@dataclass(frozen=True)
class PairPoint:
    """What holds for two objects, one seen through a first subset and one through a second.

    Args:
        first: names of modalities.
        second: names of modalities.
        pairs: of different classes that it was fitted on.
        threshold: in radians; two that are farther apart are not the same. -1 accepts none.
        false_accept: the share of those pairs that it takes for the same.
        true_accept: the share of pairs of one class that it takes for the same; None where there was none.
    """

    first: tuple[str, ...]
    second: tuple[str, ...]
    pairs: int
    threshold: float
    false_accept: float
    true_accept: float | None

    @property
    def shown_threshold(self) -> str:
        """The threshold in three decimals, "any" or "none"."""
        return shown_threshold(self.threshold)


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(ResultTable, rows="points", line=_LINE, words={"objects that have exactly"}):
    """Scales and thresholds by subset of modalities; prints as a table.

    Args:
        modalities: of the model, in the order of its schema.
        goal: what the thresholds guarantee: "coverage", "false_accept" or "precision".
        rate: the share that is guaranteed.
        points: one entry a subset, the whole first where any object had everything.
        pair_false_accept: the wanted share of pairs of different classes that are taken for the same.
        pairs: one entry for each two subsets.
        classes: names [num_classes].
        kappas: concentration of each class as a von Mises-Fisher distribution, float64 [num_classes]; NaN where there
            were fewer than 2 objects.
        kappa_objects: how many there were, int64 [num_classes].
        other_classes: whether classes were added or removed since.
        left_out: whether it rests on training objects that fits have left out in turn, and not on held-out ones.

    Examples:
        >>> both = ("photo", "title")
        >>> points = OperatingPoint(both, 200, 14.0, 0.62, 0.955), OperatingPoint(("title",), 90, 9.0, 1.0, 1.0)
        >>> pairs = (PairPoint(both, both, 5000, 0.8, 0.01, 0.93),)
        >>> kappas = {"classes": np.array(["cup", "jar"]), "kappas": np.array([30.0, 20.0])}
        >>> Calibration(both, "coverage", 0.95, points, 0.01, pairs, **kappas, kappa_objects=np.ones(2))
        Calibration: at least 95.0% of the objects of known classes are accepted
        objects that have exactly           objects    scale  threshold  accepted
        everything                              200     14.0         0.620     0.955
        title                                    90      9.0         1.000     1.000
        Angles in radians, to the nearest class center. Two whole objects are taken for
        the same up to 0.800: 1.0% of pairs of different classes are, 93.0% of pairs of
        one class.
    """

    modalities: tuple[str, ...]
    goal: Goal
    rate: float
    points: tuple[OperatingPoint, ...]
    pair_false_accept: float
    pairs: tuple[PairPoint, ...]
    classes: np.ndarray
    kappas: np.ndarray
    kappa_objects: np.ndarray
    other_classes: bool = False
    left_out: bool = False

    @property
    def guarantee(self) -> str:
        """What the thresholds guarantee, as a clause; on left-out training objects, what is to be expected."""
        guaranteed = GOALS[self.goal].format(self.rate)
        return re.sub(r"^at (least|most)|, with 90% confidence$", _about, guaranteed) if self.left_out else guaranteed

    def thresholds(self, present: np.ndarray) -> np.ndarray:
        """How far each object may be from its nearest center, in radians float64 [objects].

        An object that has a subset without a point of its own is judged by the largest one within it that has one.
        Where there is none, because hardly any object had these modalities, coverage accepts it whatever its angle,
        and the other guarantees refuse it.

        Args:
            present: bool [objects, modalities].
        """
        angles = np.array([point.threshold for point in self._points], dtype=np.float64)
        return np.asarray(angles[self._places(present)])

    def scales(self, present: np.ndarray) -> np.ndarray:
        """The scale of each object's cosines float64 [objects]; subsets without a point as for `thresholds`.

        Args:
            present: bool [objects, modalities].
        """
        scales = np.array([point.scale for point in self._points], dtype=np.float64)
        return np.asarray(scales[self._places(present)])

    def pair_points(self, first: np.ndarray, second: np.ndarray) -> list[PairPoint]:
        """What holds for each pair; subsets without a point as for `thresholds`.

        Args:
            first: what the first objects have, bool [pairs, modalities].
            second: what the second ones have, bool [pairs, modalities].
        """
        known = {frozenset((point.first, point.second)): point for point in self.pairs}
        subsets = [point.subset for point in self._points]
        twos = [(subsets[i], subsets[j]) for i, j in zip(self._places(first), self._places(second), strict=True)]
        return [known.get(frozenset(two)) or PairPoint(*two, 0, ACCEPT_NONE, 0.0, None) for two in twos]

    def for_classes(self, classes: np.ndarray) -> "Calibration":
        """The same for a model with other classes; those that are new have no concentration.

        Args:
            classes: names [num_classes].
        """
        places = {name: place for place, name in enumerate(self.classes.tolist())}
        old = np.array([places.get(name, -1) for name in classes.tolist()], dtype=np.int64)
        kappas = np.where(old < 0, np.nan, self.kappas[old])
        counts = np.where(old < 0, 0, self.kappa_objects[old])
        return replace(self, classes=classes, kappas=kappas, kappa_objects=counts, other_classes=True)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, without the class names; a concentration that is not known is None."""
        kappas = [None if np.isnan(kappa) else kappa for kappa in self.kappas.tolist()]
        own = {"goal": self.goal, "rate": self.rate, "pair_false_accept": self.pair_false_accept}
        points = {"points": [asdict(point) for point in self.points], "pairs": [asdict(pair) for pair in self.pairs]}
        counts = {"kappas": kappas, "kappa_objects": self.kappa_objects.tolist(), "other_classes": self.other_classes}
        counts["left_out"] = self.left_out
        return own | points | counts

    @classmethod
    def from_dict(cls, entries: dict[str, Any], *, modalities: Sequence[str], classes: np.ndarray) -> "Calibration":
        """A calibration of what `to_dict` gave.

        Args:
            entries: its values.
            modalities: of the model.
            classes: of the model [num_classes].
        """
        for name, wanted in SAVED.items():
            check_value(entries[name], wanted, where=f"calibration, {name}")
        for key, kind in (("points", OperatingPoint), ("pairs", PairPoint)):
            for point in entries[key]:
                for name, wanted in get_type_hints(kind).items():
                    check_value(point[name], wanted, where=f"calibration, {key}, {name}")
        if not entries["points"] or min(point["scale"] for point in entries["points"]) <= 0:
            raise ValueError("a calibration without points, or with a scale of 0 or less")
        subsets = [point["subset"] for point in entries["points"]]
        subsets += [pair[name] for pair in entries["pairs"] for name in ("first", "second")]
        if not {name for subset in subsets for name in subset} <= set(modalities):
            raise ValueError("a calibration of other modalities")
        if not len(entries["kappas"]) == len(entries["kappa_objects"]) == len(classes):
            raise ValueError("a calibration of other classes")
        points = (point | {"subset": tuple(point["subset"])} for point in entries["points"])
        pairs = (pair | {"first": tuple(pair["first"]), "second": tuple(pair["second"])} for pair in entries["pairs"])
        kappas = np.array([np.nan if kappa is None else kappa for kappa in entries["kappas"]])
        arrays = {"kappas": kappas, "kappa_objects": np.array(entries["kappa_objects"], dtype=np.int64)}
        found = {
            "points": tuple(OperatingPoint(**point) for point in points),
            "pairs": tuple(PairPoint(**pair) for pair in pairs),
        }
        return cls(**(entries | found | arrays), modalities=tuple(modalities), classes=classes)

    @property
    def _points(self) -> tuple[OperatingPoint, ...]:
        """The points, and last that of objects which have no fitted subset: the least sure scale, and no guarantee."""
        none_fits = ACCEPT_ALL if self.goal == "coverage" else ACCEPT_NONE
        scale = min(point.scale for point in self.points)
        return *self.points, OperatingPoint((), 0, scale, none_fits, float(self.goal == "coverage"))

    @property
    def caveats(self) -> tuple[str, ...]:
        """Where the guarantee is not kept, in sentences; none where it is."""
        other = ["Classes were added or removed since: calibrate again."] if self.other_classes else []
        return *self._unkept(), *other, *([ESTIMATE] if self.left_out else [])

    def _unkept(self) -> Iterator[str]:
        """Which rows accept all or none, because no angle shows the guarantee, and what it would take."""
        rows = [point for point in self.points if point.threshold in {ACCEPT_ALL, ACCEPT_NONE}]
        if not rows:
            return
        least = least_objects(self.goal, self.rate)
        kind = "unknown objects" if self.goal == "false_accept" else "objects"
        answer = "all are accepted" if self.goal == "coverage" else "all are refused"
        counts = [point.unknown if self.goal == "false_accept" else point.objects for point in rows]
        few = [(point, count) for point, count in zip(rows, counts, strict=True) if count < least]
        enough = [(point, count) for point, count in zip(rows, counts, strict=True) if count >= least]
        for found, reason in ((few, f"it takes at least {least:,} {kind}"), (enough, f"their {kind} do not show it")):
            if not found:
                continue
            named = ", ".join(f"{self._name(point)} ({count:,})" for point, count in found[:3])
            more = f" and {len(found) - 3} more" if len(found) > 3 else ""
            yield f"No angle guarantees as much for {named}{more}: {reason}. Of these {answer}."

    def _name(self, point: OperatingPoint) -> str:
        return "everything" if len(point.subset) == len(self.modalities) else " + ".join(point.subset)

    def _places(self, present: np.ndarray) -> np.ndarray:
        """The point of each object: of just what it has, or of the largest subset within it, or else the last."""
        masks = np.array([[name in point.subset for name in self.modalities] for point in self.points])
        patterns, numbers = np.unique(present, axis=0, return_inverse=True)
        within: np.ndarray = np.asarray((masks[None] <= patterns[:, None]).all(axis=2))
        best = np.where(within.any(axis=1), (within * masks.sum(axis=1)).argmax(axis=1), len(self.points))
        return np.asarray(best[numbers.ravel()])

    def _title(self) -> str:
        return f"Calibration: {self.guarantee}"

    def _table(self) -> Iterator[list[str]]:
        """The heads of the columns, then the cells of each row."""
        yield [fit_text("objects that have exactly", _SUBSET_WIDTH), "objects", "scale", "threshold", "accepted"]
        for point in self.points:
            numbers = f"{point.objects:,}", f"{point.scale:.1f}", point.shown_threshold, f"{point.accepted:.3f}"
            yield [fit_text(self._name(point), _SUBSET_WIDTH), *numbers]

    def _notes(self) -> list[str]:
        notes = ["Angles in radians, to the nearest class center."]
        if self.pairs and self.pairs[0].threshold == ACCEPT_NONE:
            notes[0] += (
                f" No two are taken for the same: {self.pairs[0].pairs:,} pairs of different classes are too few for a "
                f"share of {self.pair_false_accept:g}."
            )
        elif self.pairs:
            pair = self.pairs[0]
            whole = "whole objects" if len(pair.first) == len(self.modalities) else "objects of the first row"
            same = "" if pair.true_accept is None else f", {pair.true_accept:.1%} of pairs of one class"
            notes[0] += (
                f" Two {whole} are taken for the same up to {pair.threshold:.3f}: {pair.false_accept:.1%} of pairs "
                f"of different classes are{same}."
            )
        return [*notes, *self.caveats]


def _about(bound: re.Match[str]) -> str:
    return "about" if bound[1] else ""


def shown_threshold(angle: float) -> str:
    """A threshold in three decimals, "any" or "none"."""
    return {ACCEPT_ALL: "any", ACCEPT_NONE: "none"}.get(angle, f"{angle:.3f}")
