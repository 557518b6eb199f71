"""The result of `measure_decisions`: one row a subset of modalities in each of three blocks, printed as a table."""

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from steradian.evaluation.subset_rows import SubsetRows
from steradian.result_table import ResultTable
from steradian.text_table import fit_text, rich_table

if TYPE_CHECKING:
    from rich.console import Group

__all__ = ["Decisions", "SubsetDecisions"]

_WIDTH = 80
_SUBSET_WIDTH = 22
_LINE = "{} {:>9}{:>12}{:>12}{:>12}{:>12}"
_BLOCKS: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("how sure", "known", {"ece": "ECE", "accepted_known": "accepted", "precision": "precision"}),
    (
        "unknown classes",
        "unknown",
        {"auroc": "AUROC", "fpr95": "FPR95", "oscr": "OSCR", "accepted_unknown": "accepted"},
    ),
    ("same or not", "pairs", {"pair_auroc": "AUROC", "pair_eer": "EER", "pair_tar": "TAR@1%"}),
)


@dataclass(frozen=True)
class SubsetDecisions:
    """How good the decisions about the objects are that have any of a subset of modalities, seen through it alone.

    A number is None where there is nothing to measure it on.

    Args:
        subset: names of modalities.
        known: how many objects of known classes have any of the subset.
        unknown: how many of classes that the model does not know.
        without_subset: how many objects have nothing of the subset; they are left out.
        pairs: how many pairs of objects were compared.
        ece: expected calibration error of `predict_proba`, on objects of known classes.
        accepted_known: the share of objects of known classes that are accepted, right or not.
        precision: the share of all that is accepted whose class is right; an object of an unknown class never is.
        auroc: of known against unknown objects, by the cosine to the nearest class center.
        fpr95: the share of unknown objects accepted where 95% of the known ones are.
        oscr: the area under correct classification rate against false accept rate.
        accepted_unknown: the share of objects of unknown classes that are accepted.
        pair_auroc: of pairs of one class against pairs of two, by their cosine.
        pair_eer: equal error rate of the same.
        pair_tar: the share of pairs of one class accepted where at most 1% of the others are.
        intervals: the low and the high end by the name of a number, of 95% of draws of whole classes.
    """

    subset: tuple[str, ...]
    known: int
    unknown: int
    without_subset: int
    pairs: int = 0
    ece: float | None = None
    accepted_known: float | None = None
    precision: float | None = None
    auroc: float | None = None
    fpr95: float | None = None
    oscr: float | None = None
    accepted_unknown: float | None = None
    pair_auroc: float | None = None
    pair_eer: float | None = None
    pair_tar: float | None = None
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The subset in words: its modalities joined by plus signs."""
        return " + ".join(self.subset)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        intervals = {name: list(ends) for name, ends in self.intervals.items()}
        return asdict(self) | {"subset": list(self.subset), "intervals": intervals}


@dataclass(frozen=True, repr=False)
class Decisions(SubsetRows[SubsetDecisions], ResultTable, rows="subsets"):
    """How good a model's decisions are, by subset of modalities; prints as a table of three blocks.

    `decisions["photo"]`, `decisions["photo", "title"]` and `decisions["photo + title"]` are the numbers of a subset.

    Args:
        scores: one entry a subset, the whole first.
        modalities: all modalities of the model, in the order of its schema.
        known_classes: how many of the model's classes the objects are of.
        unknown_classes: how many other classes.
        calibrated: whether the model has thresholds.
        notes: what was left out or drawn, in sentences.

    Examples:
        >>> row = SubsetDecisions(("photo",), 90, 30, 0, ece=0.05, auroc=0.9, intervals={"auroc": (0.86, 0.93)})
        >>> Decisions((row,), ("photo",), 9, 3, calibrated=False)
        Decisions: 90 objects of 9 known classes, 30 of 3 unknown ones
        how sure                   known         ECE    accepted   precision
        whole object                  90       0.050           -           -
          95% interval                             -           -           -
        unknown classes          unknown       AUROC       FPR95        OSCR    accepted
        whole object                  30       0.900           -           -           -
          95% interval                   0.860-0.930           -           -           -
        same or not                pairs       AUROC         EER      TAR@1%
        whole object                   0           -           -           -
          95% interval                             -           -           -
    """

    scores: tuple[SubsetDecisions, ...]
    modalities: tuple[str, ...]
    known_classes: int
    unknown_classes: int
    calibrated: bool
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "modalities": list(self.modalities),
            "known_classes": self.known_classes,
            "unknown_classes": self.unknown_classes,
            "calibrated": self.calibrated,
            "notes": list(self.notes),
            "subsets": [row.to_dict() for row in self.scores],
        }

    def __repr__(self) -> str:
        lines = [self._title()]
        for block in self._blocks():
            lines += [_LINE.format(*cells, *[""] * (6 - len(cells))).rstrip() for cells in block]
        return "\n".join([*lines, *(line for note in self.notes for line in wrap(note, _WIDTH))])

    def __rich__(self) -> "Group":
        from rich.console import Group

        tables = []
        blocks = list(self._blocks())
        for place, block in enumerate(blocks):
            notes = self.notes if place == len(blocks) - 1 else ()
            tables.append(rich_table("" if place else self._title(), block, text={block[0][0].strip()}, notes=notes))
        return Group(*tables)

    def _title(self) -> str:
        title = f"Decisions: {self.whole.known:,} objects of {self.known_classes:,} known classes"
        unknown = f", {self.whole.unknown:,} of {self.unknown_classes:,} unknown ones"
        return title + unknown * (self.unknown_classes > 0)

    def _blocks(self) -> Iterator[list[list[str]]]:
        """The heads of the columns, then the cells of each row, of each block; the whole has its intervals below."""
        for title, counted, columns in _BLOCKS:
            if counted == "unknown" and not self.unknown_classes:
                continue
            block = [[fit_text(title, _SUBSET_WIDTH), counted, *columns.values()]]
            for row in self.scores:
                numbers = (_shown(getattr(row, name)) for name in columns)
                name = "whole object" if row.subset == self.modalities else self.shown_name(row, _SUBSET_WIDTH)
                block.append([fit_text(name, _SUBSET_WIDTH), f"{getattr(row, counted):,}", *numbers])
                if row is self.whole:
                    ends = (_shown_ends(row.intervals.get(name)) for name in columns)
                    block.append([fit_text("  95% interval", _SUBSET_WIDTH), "", *ends])
            yield block


def _shown(number: float | None) -> str:
    return "-" if number is None else f"{number:.3f}"


def _shown_ends(ends: tuple[float, float] | None) -> str:
    return "-" if ends is None or any(map(math.isnan, ends)) else f"{ends[0]:.3f}-{ends[1]:.3f}"
