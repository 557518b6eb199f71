"""The plain baseline beside a model: fixed features, the best of plain models, and the nearest object by cosine."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from steradian.data import ObjectTable
from steradian.data.label_sets import are_several
from steradian.errors import InputError
from steradian.evaluation.plain_features import PlainFeatures, PlainModality
from steradian.evaluation.plain_models import FAST, PlainModelName, predict_plainly, searchable
from steradian.metrics import MOST_QUERIES, accuracy, macro_f1
from steradian.metrics.retrieval import EachQuery, each_query
from steradian.result_table import ResultTable
from steradian.text_table import fit_text
from steradian.validation import refuse_other_labels, refuse_unread

__all__ = ["PlainBaseline", "measure_plain_baseline"]

_LINE = "{} {:>8}  {}"


@dataclass(frozen=True, eq=False, repr=False)
class PlainBaseline(ResultTable, rows="modalities", line=_LINE, words={"modality", "plain features"}):
    """What a plain model reaches on the same tables; prints as a table.

    The arrays are of all test objects, in their order, for intervals such as
    `class_interval(lambda weights: np.average(plain.right[plain.known], weights=weights), plain.labels[plain.known])`.

    Args:
        name: the best model in words.
        labels: the classes of the test objects [objects].
        known: which of these classes are among the training objects, bool [objects].
        right: whose class is predicted, bool [objects]; False for objects of unknown classes.
        searchable: of which objects' classes there is one to find, bool [objects].
        found: whose nearest object is of its class, bool [objects]; False for those that were not searched for.
        accuracy: the share of right predictions of the best model, of objects of known classes; None where there are
            none.
        macro_f1: F1 averaged over classes, of the same objects and model.
        recall_at_1: the share of searchable objects whose nearest object is of their class; None where there are none.
        map_at_r: mean average precision at R, of the same objects.
        modalities: what features each modality became.
        trained: how many training objects there were.
        gallery: how many objects were searched in.
        seconds: for everything.
        notes: what was left out or replaced, as full sentences.
        accuracies: of each model that was tried, by name.
        drawn: rows of the objects that were searched for, int64 [drawn], ascending; None for all searchable ones.
    """

    name: str
    labels: np.ndarray
    known: np.ndarray
    right: np.ndarray
    searchable: np.ndarray
    found: np.ndarray
    accuracy: float | None
    macro_f1: float | None
    recall_at_1: float | None
    map_at_r: float | None
    modalities: tuple[PlainModality, ...]
    trained: int
    gallery: int
    seconds: float
    notes: tuple[str, ...] = ()
    accuracies: dict[str, float] = field(default_factory=dict)
    drawn: np.ndarray | None = None

    @property
    def features(self) -> int:
        """Numbers an object."""
        return sum(modality.features for modality in self.modalities)

    @property
    def unknown_class(self) -> int:
        """Test objects whose class no training object has, left out of accuracy and F1."""
        return int(np.count_nonzero(~self.known))

    @property
    def without_relevant(self) -> int:
        """Test objects with none of their class to find, left out of retrieval."""
        return int(np.count_nonzero(~self.searchable))

    @property
    def queries(self) -> int:
        """How many objects were searched for."""
        return int(np.count_nonzero(self.searchable)) if self.drawn is None else len(self.drawn)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, without what is known of single objects."""
        names = ("name", "accuracy", "macro_f1", "recall_at_1", "map_at_r", "trained", "gallery", "features", "seconds")
        counts = ("unknown_class", "without_relevant", "queries")
        modalities = [modality._asdict() for modality in self.modalities]
        scores = {name: getattr(self, name) for name in (*names, *counts)}
        return {
            **scores,
            "objects": len(self.labels),
            "modalities": modalities,
            "notes": list(self.notes),
            "accuracies": self.accuracies,
        }

    def _title(self) -> str:
        by = f" by {self.trained:,}" if self.trained else ""
        return f"PlainBaseline: {len(self.labels):,} object{'s' * (len(self.labels) != 1)}{by}; {self.name}"

    def _table(self) -> Iterator[list[str]]:
        """The heads of the columns, then the cells of each row."""
        yield [fit_text("modality", 20), "features", "plain features"]
        for modality in self.modalities:
            yield [fit_text(modality.name, 20), f"{modality.features:,}", fit_text(modality.words, 49)]

    def _notes(self) -> list[str]:
        shown = [
            "-" if s is None else f"{s:.3f}" for s in (self.accuracy, self.macro_f1, self.recall_at_1, self.map_at_r)
        ]
        scores = "accuracy {}, macro-F1 {}, R@1 {}, MAP@R {}".format(*shown)
        left_out = [
            (self.unknown_class, "of unknown classes"),
            (self.without_relevant, "with none of their class to find"),
        ]
        parts = [f"{count:,} {what}" for count, what in left_out if count]
        counted = [f"Objects left out: {'; '.join(parts)}."] if parts else []
        tried = ", ".join(f"{name} {share:.3f}" for name, share in self.accuracies.items())
        each = [f"Accuracies: {tried}."] if len(self.accuracies) > 1 else []
        each += [] if self.drawn is None else [f"R@1 and MAP@R are of {self.queries:,} objects drawn at random."]
        return [f"{scores}; {self.seconds:.1f} s", *each, *counted, *self.notes]


def measure_plain_baseline(
    train: ObjectTable | None,
    test: ObjectTable,
    *,
    gallery: ObjectTable | None = None,
    models: Sequence[PlainModelName] = FAST,
    max_queries: int | None = MOST_QUERIES,
    random_state: int = 0,
) -> PlainBaseline:
    """What fixed features and plain models reach, the floor beside which a learnt model should stand.

    Vectors and numbers of a table are standardised, categories one-hot; texts are TF-IDF of character n-grams, pictures
    the principal components of 16 x 16 pixels, series and log-mel bands of sounds their mean, deviation, least and
    largest. Of a set of items the mean counts; a frozen pretrained encoder's features count as they are. All is fitted
    on training objects alone. Every modality has the same weight, and what is missing is the training mean: a column
    that says so took up to 7 points from accuracy and more from retrieval on the shared sets. Modalities of other
    classes than the package's are left out, with a note.

    Classes are predicted by each of some plain models, of which the best on the test objects counts; where that would
    take long, on a drawn part of the objects, or by the nearest class mean. Objects are searched for by the untrained
    cosine of the features.

    Args:
        train: labelled objects of two classes or more; None learns nothing, fits features on the test objects and
            measures the untrained cosine alone.
        test: labelled objects of the same schema.
        gallery: labelled objects to search in; None: the training objects, or without these each among the others.
        models: "logistic regression", "kernel ridge", "SVM" and "random forest" or some of these. The default is the
            first two, which take seconds.
        max_queries: where more objects are to be searched for, so many are drawn; None searches for all.
        random_state: of random projections and draws.

    Raises:
        InputError: fewer than two classes in training, an empty table, another schema, no modality that can be used,
            or an item that cannot be read.

    Examples:
        >>> import steradian as sr
        >>> table = {"size": [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]], "label": ["a", "a", "b", "b"]}
        >>> objects = sr.read_objects(table, sr.Schema({"size": sr.Vector("size")}))
        >>> measure_plain_baseline(objects[[0, 2]], objects[[1, 3]]).accuracy
        1.0
    """
    begun = time.perf_counter()
    _check(train, test, gallery)
    plain = _plain_features(test if train is None else train, random_state)
    queries = plain.trained if train is None else plain.transform(test)
    known = np.zeros(len(test), dtype=bool) if train is None else np.isin(test.labels, train.labels)
    learnt = None if train is None else (plain.trained, train.labels)
    classes = _classified(learnt, queries, known, test.labels, models, random_state)
    if gallery is not None:
        learnt = plain.transform(gallery), gallery.labels
    searched = _search(queries, test.labels, learnt, max_queries, random_state)
    nearest_right, precision, _ = searched.scores.T
    found = np.zeros(len(test), dtype=bool)
    found[searched.rows] = nearest_right > 0
    return PlainBaseline(
        name=f"{classes.name} and cosines of plain features" if classes.name else "cosines of plain features",
        labels=test.labels,
        known=known,
        right=classes.right,
        searchable=searched.answerable,
        found=found,
        accuracy=classes.accuracy,
        macro_f1=classes.macro_f1,
        recall_at_1=float(nearest_right.mean()) if len(precision) else None,
        map_at_r=float(precision.mean()) if len(precision) else None,
        modalities=tuple(plain.modalities),
        trained=0 if train is None else len(train),
        gallery=len(test) if learnt is None else len(learnt[1]),
        seconds=time.perf_counter() - begun,
        notes=(*classes.notes, *plain.notes),
        accuracies=classes.accuracies,
        drawn=searched.rows if len(searched.rows) < searched.answerable.sum() else None,
    )


def _search(
    queries: np.ndarray,
    labels: np.ndarray,
    inside: tuple[np.ndarray, np.ndarray] | None,
    max_queries: int | None,
    random_state: int,
) -> EachQuery:
    """The queries searched for in a gallery with labels, or without one each among the others."""
    vectors = searchable(queries)
    return each_query(
        vectors,
        labels,
        vectors if inside is None else searchable(inside[0]),
        labels if inside is None else inside[1],
        ks=(1,),
        exclude=np.arange(len(labels)) if inside is None else None,
        max_queries=max_queries,
        random_state=random_state,
    )


def _plain_features(objects: ObjectTable, random_state: int) -> PlainFeatures:
    plain = PlainFeatures(objects, random_state=random_state)
    if not plain.modalities:
        raise InputError(
            want="a modality of which plain features can be made",
            got=" ".join(plain.notes),
            where="measure_plain_baseline(train, ...)",
            fix="Do without this baseline, or measure one of your own.",
        )
    return plain


def _check(train: ObjectTable | None, test: ObjectTable, gallery: ObjectTable | None) -> None:
    first = test if train is None else train
    given = {
        name: table for name, table in (("train", train), ("test", test), ("gallery", gallery)) if table is not None
    }
    for name, objects in given.items():
        refuse_unread(objects, where=f"measure_plain_baseline(...), {name}")
    for name, objects in given.items():
        if not len(objects):
            raise InputError("at least one object", "none", f"measure_plain_baseline({name})", "Pass objects.")
        if objects.schema.modalities.keys() != first.schema.modalities.keys():
            raise InputError(
                want=f"the modalities of the training objects, {', '.join(first.schema.modalities)}",
                got=", ".join(objects.schema.modalities),
                where=f"measure_plain_baseline({name})",
                fix="Read all tables by one schema.",
            )
        if are_several(objects.labels):
            fix = "Evaluate a model of several labels with a gallery: evaluate(model, objects, gallery=train)."
            raise InputError("one label an object", "several", "measure_plain_baseline(...)", fix)
        refuse_other_labels(objects.labels, np.unique(first.labels), where=f"the labels of {name}")
    if train is not None and len(np.unique(train.labels)) < 2:
        raise InputError(
            want="training objects of two classes or more",
            got=f"only {train.labels[0]!s}",
            where="measure_plain_baseline(train)",
            fix="Pass more classes: of one there is nothing to tell apart.",
        )


@dataclass(frozen=True)
class _Classified:
    """What the best plain model reaches, and each one's accuracy by name."""

    right: np.ndarray
    name: str = ""
    accuracy: float | None = None
    macro_f1: float | None = None
    accuracies: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _classified(
    learnt: tuple[np.ndarray, np.ndarray] | None,
    queries: np.ndarray,
    known: np.ndarray,
    labels: np.ndarray,
    models: Sequence[PlainModelName],
    random_state: int,
) -> _Classified:
    """The best of the models on the objects of known classes; nothing where there are none."""
    right = np.zeros(len(labels), dtype=bool)
    if learnt is None or not known.any() or not models:
        return _Classified(right)
    found = predict_plainly(*learnt, queries[known], models=models, random_state=random_state)
    accuracies = {each.name: accuracy(labels[known], each.classes) for each in found}
    best = max(found, key=lambda each: accuracies[each.name])
    right[known] = best.classes == labels[known]
    notes = tuple(each.note for each in found if each.note)
    return _Classified(
        right, best.name, accuracies[best.name], macro_f1(labels[known], best.classes), accuracies, notes
    )
