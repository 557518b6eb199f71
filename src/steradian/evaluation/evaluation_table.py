"""The result of an evaluation: one row of scores a subset of modalities, printed as a table."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np

from steradian.data import ObjectTable
from steradian.evaluation.plain_baseline import PlainBaseline
from steradian.evaluation.scoring import SubsetEmbedder
from steradian.evaluation.subset_rows import SubsetRows
from steradian.evaluation.verdict import verdict
from steradian.fitted_model import Encoded
from steradian.result_table import ResultTable
from steradian.text_table import fit_text

__all__ = ["Columns", "Evaluated", "Evaluation", "SubsetScores", "error_of_a_share", "line_of"]

Columns = Mapping[str, tuple[str, int]]
"""The scores that are printed beside recall, with the head and the width of their column."""

_SUBSET_WIDTH = 26
_COLUMNS: Columns = {
    "map_at_r": ("MAP@R", 7),
    "accuracy": ("accuracy", 9),
    "macro_f1": ("macro-F1", 9),
    "ami": ("AMI", 6),
}
INTERVAL = 1.96
"""Standard errors on either side, for 95 of 100 draws."""


def line_of(columns: Columns) -> str:
    """How the cells of a printed line are laid out.

    Args:
        columns: beside recall.
    """
    return "{} {:>10} {:>6} " + " ".join(f"{{:>{width}}}" for _, width in columns.values())


@dataclass(frozen=True)
class SubsetScores:
    """The scores of the objects that have any of a subset of modalities, seen through this subset alone.

    In `Evaluation.patterns` they are the objects that have exactly these modalities. A score is None where no object
    could be scored. All scores are shares in [0, 1]; `ami` may be a little below 0.

    Args:
        subset: names of modalities; none for all patterns that are too rare to be scored each for itself.
        objects: how many objects have any of them.
        without_subset: how many objects are left out, because they have none of them, or in a pattern others.
        without_relevant: queries without another object of their class in the gallery, left out of retrieval.
        unknown_class: objects of a class the model was not trained on, left out of classification.
        recall: by k, the share of queries with an object of their class among the k nearest.
        map_at_r: mean average precision at R.
        r_precision: the share of relevant objects among the R nearest.
        accuracy: the share of right predictions.
        balanced_accuracy: the same, averaged over classes.
        macro_f1: F1 averaged over classes.
        ami: adjusted mutual information of k-means clusters and classes.
        queries: how many objects were searched for: fewer than could be found where some of them were drawn.
        recall_errors: the standard error of recall by k, of the draw alone; 0 where all were searched for.
        map_at_r_error: the same of `map_at_r`.
        r_precision_error: the same of `r_precision`.
    """

    subset: tuple[str, ...]
    objects: int
    without_subset: int
    without_relevant: int = 0
    unknown_class: int = 0
    recall: dict[int, float] | None = None
    map_at_r: float | None = None
    r_precision: float | None = None
    accuracy: float | None = None
    balanced_accuracy: float | None = None
    macro_f1: float | None = None
    ami: float | None = None
    queries: int = 0
    recall_errors: dict[int, float] | None = None
    map_at_r_error: float | None = None
    r_precision_error: float | None = None

    @property
    def drawn(self) -> bool:
        """Whether only some of the objects that can be found were searched for."""
        return 0 < self.queries < self.objects - self.without_relevant

    @property
    def name(self) -> str:
        """The subset in words: its modalities joined by plus signs."""
        return " + ".join(self.subset) or "other patterns"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; each recall and its error have a key of their own."""
        entries = asdict(self) | {"subset": list(self.subset)}
        recall, errors = entries.pop("recall") or {}, entries.pop("recall_errors") or {}
        entries |= {f"recall_at_{k}": value for k, value in recall.items()}
        return entries | {f"recall_at_{k}_error": value for k, value in errors.items()}


@dataclass(frozen=True, eq=False)
class Evaluated:
    """What was evaluated, so that a report can show the objects themselves.

    Args:
        model: that embedded them.
        objects: the labelled objects, encoded by it where it is a `SphereEmbedder`.
        gallery: what was searched in, likewise; None where each object was searched among the others.
    """

    model: SubsetEmbedder
    objects: ObjectTable | Encoded
    gallery: ObjectTable | Encoded | None


@dataclass(frozen=True, repr=False)
class Evaluation(SubsetRows[SubsetScores], ResultTable, rows="subsets", line=line_of(_COLUMNS), words={"subset"}):
    """Scores of every subset of modalities, the whole object first, and of what lacks the same; prints as a table.

    `evaluation["photo"]`, `evaluation["photo", "title"]` and `evaluation["photo + title"]` are the scores of a subset.

    Args:
        scores: one entry a subset.
        modalities: all modalities of the model, in the order of its schema.
        gallery: how many objects were searched in; None where each object was searched among the others.
        ami_sampled: whether clusters were formed of a sample of classes, because there are many.
        ami_tried: whether the starts of k-means were tried on drawn objects, and only the two tightest on all.
        patterns: one entry for all objects that have exactly the same modalities, the most frequent first.
        certified: the share of objects that are guaranteed to keep their class in every subset of what they have; among
            the objects of known classes, as accuracy is. None where the model guarantees nothing.
        certified_right: the share of those whose class is also right.
        evaluated: the model and the tables, for `write_report`; they are not saved with the scores.
        floor: what a plain model reaches on the same whole objects; None where none was measured.
        repeated: how many of the objects stand in the gallery as well; each is searched among the others there.
        classified: how many objects were drawn to be predicted and certified, because objects x classes are very many;
            None where all were.

    Examples:
        >>> row = SubsetScores(("photo", "title"), 9, 0, recall={1: 0.75}, map_at_r=0.5, r_precision=0.6, ami=0.8)
        >>> evaluation = Evaluation((row,), ("photo", "title"), gallery=50)
        >>> evaluation
        Evaluation: 9 objects, searched in a gallery of 50
        subset                        objects    R@1   MAP@R  accuracy  macro-F1    AMI
        whole object                        9  0.750   0.500         -         -  0.800
        >>> evaluation["title", "photo"].map_at_r
        0.5
    """

    scores: tuple[SubsetScores, ...]
    modalities: tuple[str, ...]
    gallery: int | None = None
    ami_sampled: bool = False
    ami_tried: bool = False
    patterns: tuple[SubsetScores, ...] = ()
    certified: float | None = None
    certified_right: float | None = None
    evaluated: Evaluated | None = field(default=None, compare=False)
    floor: PlainBaseline | None = field(default=None, compare=False)
    repeated: int = 0
    classified: int | None = None

    _columns: ClassVar[Columns] = _COLUMNS

    @property
    def verdict(self) -> str | None:
        """Whether the model is better than a plain one on the same objects; None where none was measured."""
        if self.floor is None:
            return None
        recall, floor = (self.whole.recall or {}).get(1), self.floor
        # Only scores of as many objects are compared: classes may have been removed, or be missing in a small gallery.
        alike = self.whole.objects == len(floor.labels)
        known = alike and self.whole.unknown_class == np.count_nonzero(~floor.known)
        searchable = alike and self.whole.without_relevant == np.count_nonzero(~floor.searchable)
        accuracy = self.whole.accuracy if known else None
        return verdict(floor, accuracy=accuracy, recall_at_1=recall if searchable else None)

    @property
    def drawn(self) -> str | None:
        """How many objects were drawn to be searched for, and how far off that may be; None where all were."""
        rows = [row for row in (*self.scores, *self.patterns) if row.drawn]
        if not rows:
            return None
        others, k = [row for row in rows if row is not self.whole], self._shown_k()
        # Other rows may be of fewer objects than the whole.
        apart = self.whole.drawn and bool(others) and others[0].queries < self.whole.queries
        groups = [[self.whole], others] if apart else [rows]
        counts = ", in other rows for ".join(f"{max(row.queries for row in group):,}" for group in groups)
        recall, precision = (
            ", in other rows ".join(f"{INTERVAL * max(map(error, group)):.3f}" for group in groups)
            for error in (lambda row: (row.recall_errors or {}).get(k, 0.0), lambda row: row.map_at_r_error or 0.0)
        )
        return (
            f"Searched for {counts} drawn objects where there are more. 95% intervals of the draw: R@{k} within "
            f"{recall}; MAP@R within {precision}, or less (max_queries=None: all)."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "modalities": list(self.modalities),
            "objects": self.whole.objects,
            "gallery": self.gallery,
            "repeated": self.repeated,
            "classified": self.classified,
            "ami_sampled": self.ami_sampled,
            "ami_tried": self.ami_tried,
            "certified": self.certified,
            "certified_right": self.certified_right,
            "verdict": self.verdict,
            "floor": None if self.floor is None else self.floor.to_dict(),
            "subsets": [row.to_dict() for row in self.scores],
            "patterns": [row.to_dict() for row in self.patterns],
        }

    def _title(self) -> str:
        searched = "each among the others" if self.gallery is None else f"in a gallery of {self.gallery:,}"
        return f"Evaluation: {self.whole.objects:,} object{'s' * (self.whole.objects != 1)}, searched {searched}"

    def _shown_k(self) -> int:
        """The least k of recall@k."""
        return min((k for row in self.scores for k in row.recall or ()), default=1)

    def _table(self) -> Iterator[list[str]]:
        """The heads of the columns, then the cells of each row: of subsets, and below other heads of patterns."""
        k = self._shown_k()
        heads = ["objects", f"R@{k}", *(head for head, _ in self._columns.values())]
        blocks = [("subset", "whole object", self.scores)]
        # Objects that all have the same are one pattern, which the first row has scored.
        blocks += [("has exactly", "everything", self.patterns)] if len(self.patterns) > 1 else []
        for head, whole, rows in blocks:
            yield [fit_text(head, _SUBSET_WIDTH), *heads]
            for row in rows:
                name = whole if len(row.subset) == len(self.modalities) else self.shown_name(row, _SUBSET_WIDTH)
                yield self._cells(name, row.objects, (row.recall or {}).get(k), row)
                if row is self.whole and (plain := self._plain_cells()) is not None:
                    yield plain

    def _plain_cells(self) -> list[str] | None:
        """The line of the plain baseline; None where none was measured."""
        if self.floor is None:
            return None
        recall = self.floor.recall_at_1 if self._shown_k() == 1 else None
        return self._cells("  plain baseline", len(self.floor.labels), recall, self.floor)

    @classmethod
    def _cells(cls, name: str, objects: int, recall: float | None, scored: SubsetScores | PlainBaseline) -> list[str]:
        """A line; a plain baseline has no clusters."""
        scores = (getattr(scored, score, None) for score in cls._columns)
        return [fit_text(name, _SUBSET_WIDTH), f"{objects:,}", _shown(recall), *map(_shown, scores)]

    def _classified(self) -> str | None:
        """How many objects were drawn to be predicted, and how far off shares of them may be; None where all were."""
        if self.classified is None:
            return None
        shares = [share for share in (self.certified, *(row.accuracy for row in self.scores)) if share is not None]
        error = error_of_a_share(np.array(shares), self.classified, self.whole.objects)
        return (
            f"Predicted and certified {self.classified:,} drawn objects. 95% intervals of the draw: accuracy and "
            f"certified within {INTERVAL * error:.3f} (max_queries=None: all)."
        )

    def _notes(self) -> list[str]:
        left_out = [
            (_most(row.without_subset for row in self.scores), "without the subset"),
            (_most(row.unknown_class for row in self.scores), "of unknown classes (accuracy, macro-F1)"),
            (_most(row.without_relevant for row in self.scores), "with none of their class to find (R@k, MAP@R)"),
        ]
        parts = [f"{count} {what}" for count, what in left_out if count]
        notes = [note for note in (self.drawn, self._classified()) if note]
        notes += [f"Objects left out: {'; '.join(parts)}."] if parts else []
        if self.gallery is not None and self.whole.without_relevant == self.whole.objects:
            notes.append(
                "The gallery has no object of these classes, so nothing can be found in it. Without a gallery each "
                "object is searched among the others."
            )
        if self.repeated:
            notes.append(f"{self.repeated:,} objects stand in the gallery too: each is searched among the others.")
        notes += ["AMI is of a random sample of whole classes."] if self.ami_sampled else []
        if self.ami_tried:
            notes.append(
                "AMI: k-means tries its starts on drawn objects, the best two on all (max_queries=None: each on all)."
            )
        if self.certified is not None:
            shares = f"{self.certified:.3f}; and right: {self.certified_right:.3f}"
            notes.append(f"Certified (no missing modality changes the class): {shares}.")
        return notes if self.verdict is None else [self.verdict, *notes]


def error_of_a_share(shares: np.ndarray, drawn: int, objects: int) -> float:
    """The largest standard error of shares that were counted among objects drawn without replacement.

    Args:
        shares: from 0 to 1; NaN for none.
        drawn: how many objects were looked at.
        objects: of how many.

    Examples:
        >>> error_of_a_share(np.array([0.5, 0.9]), 100, 200)
        0.035355339059327376
    """
    spreads = shares * (1 - shares)
    return float((np.max(spreads, initial=0.0, where=~np.isnan(spreads)) / drawn * (1 - drawn / objects)) ** 0.5)


def _most(counts: Iterable[int]) -> str:
    """The one count of all subsets, "up to" the largest where they differ, nothing for zeros."""
    different = sorted(set(counts))
    return f"{'up to ' * (len(different) > 1)}{different[-1]:,}" if different[-1] else ""


def _shown(score: float | None) -> str:
    return "-" if score is None else f"{score:.3f}"
