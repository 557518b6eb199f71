"""The result of an evaluation with several labels an object, printed as a table."""

from dataclasses import dataclass

from steradian.evaluation.evaluation_table import Columns, Evaluation, SubsetScores, line_of

__all__ = ["LabelEvaluation", "LabelScores"]

_COLUMNS: Columns = {
    "micro_f1": ("micro-F1", 8),
    "macro_f1": ("macro-F1", 8),
    "lrap": ("LRAP", 5),
    "mean_average_precision": ("mAP", 5),
    "exact_match": ("exact", 5),
}


@dataclass(frozen=True)
class LabelScores(SubsetScores):
    """The scores of objects with several labels, seen through a subset of modalities.

    What `SubsetScores` has of one label is None. `recall` is the share of queries with a label in common with one of
    the k nearest, `macro_f1` the mean over the labels that some of these objects have; `unknown_class` counts objects
    with a label that training did not have, which is left out of what follows.

    Args:
        micro_f1: F1 of all pairs of an object and a label.
        lrap: label ranking average precision: among the labels ranked as high as an own one, the share of own ones.
        mean_average_precision: of ranking the objects for each label, the mean over labels.
        exact_match: the share of objects whose labels are all right and no other.
        hamming_loss: the share of pairs of an object and a label that are wrong.
    """

    micro_f1: float | None = None
    lrap: float | None = None
    mean_average_precision: float | None = None
    exact_match: float | None = None
    hamming_loss: float | None = None


@dataclass(frozen=True, repr=False)
class LabelEvaluation(Evaluation, rows="subsets", line=line_of(_COLUMNS), words={"subset"}):
    """Scores of every subset of modalities where objects have several labels; see `Evaluation`.

    Args:
        plain: what one-vs-rest logistic regression on plain features reaches; None where none was measured.

    Examples:
        >>> row = LabelScores(("title",), 9, 0, recall={1: 0.75}, micro_f1=0.5, lrap=0.6, hamming_loss=0.1)
        >>> LabelEvaluation((row,), ("title",))
        LabelEvaluation: 9 objects, each among the others
        subset                        objects    R@1 micro-F1 macro-F1  LRAP   mAP exact
        whole object                        9  0.750    0.500        - 0.600     -     -
    """

    plain: LabelScores | None = None

    _columns = _COLUMNS

    @property
    def verdict(self) -> str | None:
        """What a plain model reaches on the same objects; None where none was measured."""
        if self.plain is None:
            return None
        ours, theirs = (f"{row.to_dict()['micro_f1']:.3f}" for row in (self.whole, self.plain))
        return f"Micro-F1 {ours} beside {theirs} of one-vs-rest logistic regression on plain features."

    def _title(self) -> str:
        searched = "each among the others" if self.gallery is None else f"in a gallery of {self.gallery:,}"
        return f"LabelEvaluation: {self.whole.objects:,} object{'s' * (self.whole.objects != 1)}, {searched}"

    def _plain_cells(self) -> list[str] | None:
        plain = self.plain
        return None if plain is None else self._cells("  plain baseline", plain.objects, None, plain)

    def _notes(self) -> list[str]:
        whole, notes = self.whole, [] if self.verdict is None else [self.verdict]
        if whole.unknown_class:
            notes.append(f"{whole.unknown_class:,} objects have a label that training did not: it is left out.")
        if whole.without_relevant:
            notes.append(f"{whole.without_relevant:,} objects have no label in common with any that they can find.")
        if whole.drawn:
            notes.append(f"Searched for {whole.queries:,} drawn objects (max_queries=None: all).")
        return notes
