"""What an audit found, as values that print, save and can be walked through."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from steradian.errors import InputError
from steradian.result_table import ResultTable
from steradian.text_table import fit_text, rich_table

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["Audit", "Finding", "FindingKind"]

FindingKind = Literal["label", "outlier", "duplicate", "classes"]

_SHOWN = 10
_LINE = "{} {:>3} {} {} {} {:>6} {:>6} {:>7}"
_SAYS = {
    "label": "label: other is the suggested class; score: the probability that the label is right.",
    "outlier": "outlier: other is the next class; score: robust standard deviations too far out.",
    "duplicate": "duplicate: other is the twin, under its angle that of a usual nearest neighbor; "
    "score: the share of it.",
    "classes": "classes: score: the share of its probability that label's class gives the other.",
}


@dataclass(frozen=True)
class Finding:
    """One thing to look at. Angles are in radians.

    Args:
        kind: "label", "outlier", "duplicate" or "classes".
        rank: within its kind, 1 the gravest.
        row: the object's place in the audited table, counted from 0; None for classes.
        id: of the object; None for classes.
        label: of the object; for classes, the class whose objects are mistaken more.
        other: the class suggested, the next class, the id of the twin, or the other class.
        angle: to the center of its label; of a duplicate, to its twin; for classes, between their centers.
        other_angle: to the center of `other`; for a duplicate, of a usual object to its nearest neighbor, None where
            too few objects show it; None for classes.
        score: the probability that the label is right; robust standard deviations beyond what is usual; the angle as a
            share of the usual one; the mean probability that an object of `label` gives `other`.
        sentence: all that in words.
        other_row: the place of the twin in its table, counted from 0.
        other_label: the label of the twin; None where it has none.
        across: whether the twin is in the table `against`.
    """

    kind: FindingKind
    rank: int
    row: int | None
    id: Any
    label: Any
    other: Any
    angle: float
    other_angle: float | None
    score: float
    sentence: str
    other_row: int | None = None
    other_label: Any = None
    across: bool = False


@dataclass(frozen=True, repr=False)
class Audit(ResultTable, rows="findings", line=_LINE, words={"kind", "object", "label", "other"}):
    """Everything found in a table, by kind, the gravest first; prints as a table.

    `audit.of_kind("label")` has the findings of one kind, `audit[i]` is one of all, and a loop gives all in order.

    Args:
        findings: sorted by kind and rank.
        objects: how many were audited.
        classes: how many classes their labels name.
        judged: how many of them are of classes that the model knows; the labels of the others cannot be judged.
        noise: the estimated share of the labels judged that are wrong.
        notes: what else should be known, in sentences.

    Examples:
        >>> words = "Labelled 'cup', but nearer to 'jar'."
        >>> found = Audit((Finding("label", 1, 4, "s4", "cup", "jar", 1.2, 0.31, 0.004, words),), 90, 3, 90, 0.021, ())
        >>> found
        Audit: 90 objects of 3 classes: 1 label
        kind        # object         label          other           angle  other   score
        label       1 s4             cup            jar             1.200  0.310   0.004
        An estimated 2.1% of the labels are wrong, those of 2 objects.
        label: other is the suggested class; score: the probability that the label is
        right.
        >>> found.counts
        {'label': 1, 'outlier': 0, 'duplicate': 0, 'classes': 0}
    """

    findings: tuple[Finding, ...]
    objects: int
    classes: int
    judged: int
    noise: float
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each kind."""
        return {kind: len(self.of_kind(kind)) for kind in get_args(FindingKind)}

    @property
    def wrong_labels(self) -> str:
        """How many labels are wrong, in a sentence."""
        if not self.noise:
            return "No sign of wrong labels."
        among = "labels" if self.judged == self.objects else f"{self.judged:,} labels of known classes"
        wrong = round(self.noise * self.judged)
        return f"An estimated {self.noise:.1%} of the {among} are wrong, those of {wrong:,} object{'s' * (wrong != 1)}."

    def of_kind(self, kind: FindingKind) -> tuple[Finding, ...]:
        """The findings of one kind, the gravest first.

        Raises:
            InputError: no such kind.
        """
        if kind not in get_args(FindingKind):
            raise InputError(", ".join(get_args(FindingKind)), repr(kind), "of_kind(kind)", "Name one of these kinds.")
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __getitem__(self, place: int) -> Finding:
        return self.findings[place]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        findings = [asdict(finding) for finding in self.findings]
        sizes = {"objects": self.objects, "classes": self.classes, "judged": self.judged, "noise": self.noise}
        return {**sizes, "counts": self.counts, "findings": findings, "notes": list(self.notes)}

    def __rich__(self) -> "Table":
        rows = list(self._table())
        if rows:
            # Two columns of one name would both hold words.
            rows[0][6] = "to other"
        return rich_table(self._title(), rows, text=self._words, notes=self._notes())

    def _title(self) -> str:
        words = {"label": "label", "outlier": "outlier", "duplicate": "duplicate", "classes": "pair of classes"}
        plural = {"classes": "pairs of classes"}
        counts = [
            f"{count:,} {words[kind] if count == 1 else plural.get(kind, words[kind] + 's')}"
            for kind, count in self.counts.items()
            if count
        ]
        return f"Audit: {self.objects:,} objects of {self.classes:,} classes: {', '.join(counts) or 'nothing found'}"

    def _table(self) -> Iterator[list[str]]:
        """The heads of the columns, then the cells of each row; nothing where nothing was found."""
        if not self.findings:
            return
        yield [fit_text("kind", 9), "#", *_words("object", "label", "other"), "angle", "other", "score"]
        for finding in self.findings:
            if finding.rank <= _SHOWN:
                other_angle = "-" if finding.other_angle is None else f"{finding.other_angle:.3f}"
                thing = "-" if finding.row is None else finding.id
                words = _words(thing, finding.label, finding.other)
                numbers = f"{finding.angle:.3f}", other_angle, f"{finding.score:.3f}"
                yield [fit_text(finding.kind, 9), str(finding.rank), *words, *numbers]

    def _notes(self) -> list[str]:
        counts = self.counts
        more = [
            f"... {count - _SHOWN:,} more: audit.of_kind({kind!r})" for kind, count in counts.items() if count > _SHOWN
        ]
        return [*more, self.wrong_labels, *(_SAYS[kind] for kind, count in counts.items() if count), *self.notes]


def _words(*words: Any) -> list[str]:
    return [fit_text(str(word), 14) for word in words]
