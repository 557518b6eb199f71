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

    What `SubsetScores` has of one label is None. A label that training did not have is left out; means over labels are
    of those that some of these objects have.

    Args:
        subset: names of modalities; none for all patterns that are too rare to be scored each for itself.
        objects: how many objects have any of them.
        without_subset: how many objects are left out, because they have none of them, or in a pattern others.
        without_relevant: queries without another object with a label in common, left out of recall.
        unknown_class: objects with a label that the model was not trained on.
        recall: by k, the share of queries with a label in common with one of the k nearest.
        map_at_r: None.
        r_precision: None.
        accuracy: None.
        balanced_accuracy: None.
        macro_f1: F1 averaged over labels.
        ami: None.
        queries: how many objects were searched for.
        recall_errors: the standard error of recall by k, of the draw alone; 0 where all were searched for.
        map_at_r_error: None.
        r_precision_error: None.
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
        scores: one entry a subset.
        modalities: all modalities of the model, in the order of its schema.
        gallery: how many objects were searched in; None where each object was searched among the others.
        ami_sampled: False; there are no clusters.
        ami_tried: False, likewise.
        patterns: one entry for all objects that have exactly the same modalities, the most frequent first.
        certified: None.
        certified_right: None.
        evaluated: the model and the tables; they are not saved with the scores.
        floor: None; see `plain`.
        repeated: how many of the objects stand in the gallery as well; each is searched among the others there.
        classified: None.
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
        ours, theirs = (None if row is None else row.to_dict()["micro_f1"] for row in (self.whole, self.plain))
        if ours is None or theirs is None:
            return None
        return f"Micro-F1 {ours:.3f} beside {theirs:.3f} of one-vs-rest logistic regression on plain features."

    def _title(self) -> str:
        searched = "each among the others" if self.gallery is None else f"in a gallery of {self.gallery:,}"
        return f"LabelEvaluation: {self.whole.objects:,} object{'s' * (self.whole.objects != 1)}, {searched}"

    def _plain_cells(self) -> list[str] | None:
        plain = self.plain
        return None if plain is None else self._cells("  plain baseline", plain.objects, None, plain)

    def _notes(self) -> list[str]:
        whole, notes = self.whole, [] if self.verdict is None else [self.verdict]
        if whole.unknown_class:
            notes.append(f"{_counted(whole.unknown_class)} a label that training did not: it is left out.")
        if whole.without_relevant:
            notes.append(f"{_counted(whole.without_relevant)} no label in common with any that can be found.")
        if whole.drawn:
            notes.append(f"Searched for {whole.queries:,} drawn objects (max_queries=None: all).")
        return notes


def _counted(objects: int) -> str:
    return "1 object has" if objects == 1 else f"{objects:,} objects have"
