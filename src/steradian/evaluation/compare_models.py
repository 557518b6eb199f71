"""Two models on the same objects: is one better, or is the difference one of the classes that were drawn?"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from steradian.data import ObjectTable
from steradian.errors import InputError
from steradian.evaluation.scoring import Gallery, SubsetEmbedder, refuse_several_of, search_among
from steradian.metrics import MOST_QUERIES
from steradian.metrics.class_bootstrap import class_interval
from steradian.metrics.retrieval import each_query
from steradian.misspelt import telling_of_misspelt
from steradian.result_table import ResultTable
from steradian.text_table import fit_text
from steradian.validation import labelled_table, refuse_other_labels, refuse_other_schema

__all__ = ["ComparedScore", "ModelComparison", "compare_models"]

_LINE = "{} {:>8} {:>7} {:>7} {:>11} {:>17}  {}"
_FEW_CLASSES = 20


@dataclass(frozen=True)
class ComparedScore:
    """One score of two models on the same objects.

    Args:
        name: "accuracy", "R@1" or "MAP@R".
        objects: how many count: for accuracy those of classes that both models know, else those with one to find.
        first: the first model's.
        second: the second model's.
        low: the low end of the 95% interval of second less first; None with fewer than 2 classes.
        high: the high end.
    """

    name: str
    objects: int
    first: float
    second: float
    low: float | None
    high: float | None

    @property
    def difference(self) -> float:
        """The second model's score less the first one's."""
        return self.second - self.first

    @property
    def better(self) -> str:
        """Which is surely better, "first" or "second": 0 lies outside of the interval; else "level"."""
        if self.low is None or self.high is None or self.low <= 0 <= self.high:
            return "level"
        return "second" if self.difference > 0 else "first"


@dataclass(frozen=True, repr=False)
class ModelComparison(ResultTable, rows="scores", line=_LINE, words={"score", "better"}):
    """Scores of two models on the same objects, with intervals of their difference; prints as a table.

    Args:
        scores: those that could be measured.
        objects: how many were scored.
        classes: of how many classes.
        left_out: how many objects were left out, since a model reads nothing of them.

    Examples:
        >>> ModelComparison((ComparedScore("R@1", 90, 0.8, 0.9, low=0.04, high=0.15),), objects=90, classes=30)
        ModelComparison: 90 objects of 30 classes
        score     objects   first  second  difference      95% interval  better
        R@1            90   0.800   0.900      +0.100  +0.040 to +0.150  second
        Difference: second less first. Intervals: both models on the same classes,
        which are drawn again and again. Level: 0 lies within.
    """

    scores: tuple[ComparedScore, ...]
    objects: int
    classes: int
    left_out: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        extra = [{"difference": score.difference, "better": score.better} for score in self.scores]
        return asdict(self) | {"scores": [asdict(s) | more for s, more in zip(self.scores, extra, strict=True)]}

    def _title(self) -> str:
        return f"ModelComparison: {self.objects:,} objects of {self.classes:,} classes"

    def _table(self) -> Iterator[list[str]]:
        """The heads of the columns, then the cells of each row."""
        yield [fit_text("score", 8), "objects", "first", "second", "difference", "95% interval", "better"]
        for score in self.scores:
            ends = "-" if score.low is None else f"{score.low:+.3f} to {score.high:+.3f}"
            numbers = f"{score.first:.3f}", f"{score.second:.3f}", f"{score.difference:+.3f}"
            yield [fit_text(score.name, 8), f"{score.objects:,}", *numbers, ends, score.better]

    def _notes(self) -> list[str]:
        notes = [
            "Difference: second less first. Intervals: both models on the same classes, which are drawn again and "
            "again. Level: 0 lies within."
        ]
        if self.classes < _FEW_CLASSES:
            notes.append(f"With fewer than {_FEW_CLASSES} classes the intervals are too narrow.")
        if self.left_out:
            notes.append(f"{self.left_out:,} objects left out, of which a model reads nothing.")
        return notes


@telling_of_misspelt
def compare_models(
    first: SubsetEmbedder,
    second: SubsetEmbedder,
    objects: Any,
    *,
    gallery: Any = None,
    second_objects: Any = None,
    second_gallery: Any = None,
    max_queries: int | None = MOST_QUERIES,
    rounds: int = 1000,
    random_state: int = 0,
) -> ModelComparison:
    """Accuracy, R@1 and MAP@R of two models on the same whole objects, with paired intervals of the difference.

    In each round of a bootstrap as many classes are drawn, with replacement, as there are, the same for both models. So
    the interval says where the difference would lie with other classes of the same kind; it does not cover the draw of
    the training set.

    Args:
        first: a fitted model.
        second: another one.
        objects: labelled objects that neither was trained on, an `ObjectTable` or what both read by their own schemas.
        gallery: likewise, to search in; None searches each object among the others.
        second_objects: the same objects, row for row, as the second model reads them; None takes `objects`.
        second_gallery: likewise of the gallery.
        max_queries: of more objects so many are drawn and searched for; None searches for all.
        rounds: of the bootstrap.
        random_state: of all that is drawn.

    Raises:
        InputError: tables that do not fit the models, without labels, or not the same objects.

    Examples:
        >>> import steradian as sr
        >>> points = np.random.default_rng(0).normal(size=(60, 4)) + np.repeat(np.eye(4)[:3], 20, axis=0) * 3
        >>> table = {"x": points, "label": np.repeat(["a", "b", "c"], 20)}
        >>> train, test = sr.read_objects(table, sr.Schema({"x": sr.Vector("x")})).split(test_size=0.5)
        >>> models = [sr.SphereEmbedder(dim, epochs=0, verbose=False).fit(train) for dim in (2, 8)]
        >>> [score.name for score in sr.compare_models(*models, test).scores]
        ['accuracy', 'R@1', 'MAP@R']
    """
    models = first, second
    tables = _tables(models, objects, second_objects, where="objects")
    if gallery is None and second_gallery is not None:
        fix = "Give gallery= too, or leave second_gallery out."
        raise InputError("a gallery for both models", "one for the second", "compare_models(...)", fix)
    galleries = [None, None] if gallery is None else _tables(models, gallery, second_gallery, where="gallery")
    for model, table in zip(models, tables, strict=True):
        refuse_several_of(model, where="compare_models")
        refuse_other_schema(table, model.schema_, where="the table")
        refuse_other_labels(table.labels, model.classes_, where="the labels of the objects")
    if len(tables[0]) != len(tables[1]) or not np.array_equal(tables[0].labels, tables[1].labels):
        got = f"{len(tables[0])} and {len(tables[1])} objects, or other labels"
        raise InputError("the same objects for both models", got, "compare_models(...)", "Read one table twice.")
    has = np.logical_and.reduce([table.present.any(axis=1) for table in tables])
    if not has.any():
        raise InputError("objects that both models can read", "none", "compare_models(objects)", "Check the table.")
    labels = tables[0].labels[has]
    seen = [
        _Seen.of(model, table[has], inside, max_queries=max_queries, random_state=random_state)
        for model, table, inside in zip(models, tables, galleries, strict=True)
    ]
    known = np.isin(labels, first.classes_) & np.isin(labels, second.classes_)
    rows = np.intersect1d(seen[0].rows, seen[1].rows)
    values = {"accuracy": (known, [one.right[known] for one in seen])}
    for place, name in enumerate(("R@1", "MAP@R")):
        values[name] = (rows, [one.scores[np.isin(one.rows, rows), place] for one in seen])
    scores = [
        _compared(name, labels[chosen], *each, rounds=rounds, random_state=random_state)
        for name, (chosen, each) in values.items()
        if len(each[0])
    ]
    return ModelComparison(tuple(scores), int(has.sum()), len(np.unique(labels)), int((~has).sum()))


def _tables(models: Sequence[SubsetEmbedder], first: Any, second: Any, *, where: str) -> list[ObjectTable]:
    """Labelled objects as each of the models reads them; None for the second takes those of the first."""
    given = first, first if second is None else second
    return [
        labelled_table(table, model.schema_, where=f"compare_models(...), {where}")
        for model, table in zip(models, given, strict=True)
    ]


@dataclass(frozen=True, eq=False)
class _Seen:
    """What a model says of each object: whether its class is right bool [objects], and scores of those searched for."""

    right: np.ndarray
    rows: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(
        cls,
        model: SubsetEmbedder,
        objects: ObjectTable,
        gallery: ObjectTable | None,
        *,
        max_queries: int | None,
        random_state: int,
    ) -> "_Seen":
        vectors, every = np.asarray(model.transform(objects)), np.arange(len(objects))
        inside = None if gallery is None else Gallery(np.asarray(model.transform(gallery)), gallery.labels)
        search_in = search_among(objects, every, vectors, gallery, inside)
        found = each_query(
            vectors,
            objects.labels,
            search_in.vectors,
            search_in.labels,
            ks=(1,),
            exclude=search_in.same if search_in.rows is None else every,
            max_queries=max_queries,
            random_state=random_state,
        )
        return cls(model.predict_vectors(vectors) == objects.labels, found.rows, found.scores)


def _compared(
    name: str, labels: np.ndarray, first: np.ndarray, second: np.ndarray, *, rounds: int, random_state: int
) -> ComparedScore:
    """The means of both, and the interval of their difference over classes drawn again."""
    gained = second.astype(np.float64) - first
    low, high = class_interval(
        lambda weights: weights @ gained / weights.sum(), labels, rounds=rounds, random_state=random_state
    ).tolist()
    ends = (None, None) if np.isnan(low) else (low, high)
    return ComparedScore(name, len(labels), float(first.mean()), float(second.mean()), *ends)
