"""The plain baseline beside a model: fixed features, logistic regression, and the nearest training object by cosine."""

import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

from steradian.data import ObjectTable
from steradian.errors import InputError
from steradian.evaluation.plain_features import PlainFeatures, PlainModality
from steradian.inputs import refuse_other_labels, refuse_unread
from steradian.metrics import accuracy, class_means, macro_f1, map_at_r, nearest
from steradian.text_table import fit_text, rich_table

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["PlainBaseline", "measure_plain_baseline"]

WORK = 10**9
"""Objects x classes x features that logistic regression may learn from: about ten seconds on one core."""
ENOUGH = 20
"""Objects a class; where fewer would be left, class means take the place of logistic regression."""
STRENGTH = 100.0
"""The C of logistic regression on features of length 1 a modality; on public sets 10 to 1000 differ by less than 2
points, and 100 by less than 1 from scikit-learn's usual pipeline."""
FAINT = 1e-6
"""A last number of every vector, so that one of zeros, of which nothing is known, has a direction."""

_ROWS_A_CHUNK = 512
_WIDTH = 80
_LINE = "{} {:>8}  {}"


@dataclass(frozen=True, eq=False, repr=False)
class PlainBaseline:
    """What a plain model reaches on the same tables; prints as a table.

    The arrays are of all test objects, in their order, for intervals such as
    `class_interval(lambda weights: np.average(plain.right[plain.known], weights=weights), plain.labels[plain.known])`.

    Args:
        name: the model in words.
        labels: the classes of the test objects [objects].
        known: which of these classes are among the training objects, bool [objects].
        right: whose class is predicted, bool [objects]; False for objects of unknown classes.
        searchable: of which objects' classes there is one to find, bool [objects].
        found: whose nearest object is of its class, bool [objects].
        accuracy: the share of right predictions, of objects of known classes; None where there are none.
        macro_f1: F1 averaged over classes, of the same objects.
        recall_at_1: the share of searchable objects whose nearest object is of their class; None where there are none.
        map_at_r: mean average precision at R, of the same objects.
        modalities: what features each modality became.
        trained: how many training objects there were.
        gallery: how many objects were searched in.
        seconds: for everything.
        notes: what was left out or replaced, as full sentences.
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
    notes: tuple[str, ...] = field(default=())

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

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, without what is known of single objects."""
        names = ("name", "accuracy", "macro_f1", "recall_at_1", "map_at_r", "trained", "gallery", "features", "seconds")
        counts = ("unknown_class", "without_relevant")
        modalities = [modality._asdict() for modality in self.modalities]
        scores = {name: getattr(self, name) for name in (*names, *counts)}
        return {**scores, "objects": len(self.labels), "modalities": modalities, "notes": list(self.notes)}

    def __repr__(self) -> str:
        notes = [line for note in self._notes() for line in wrap(note, _WIDTH)]
        return "\n".join(
            [*wrap(self._title(), _WIDTH), *(_LINE.format(*cells).rstrip() for cells in self._table()), *notes]
        )

    def __rich__(self) -> "Table":
        return rich_table(self._title(), self._table(), text={"modality", "plain features"}, notes=self._notes())

    def _title(self) -> str:
        return f"PlainBaseline: {len(self.labels):,} objects by {self.trained:,}; {self.name}"

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
        return [f"{scores}; {self.seconds:.1f} s", *counted, *self.notes]


def measure_plain_baseline(
    train: ObjectTable, test: ObjectTable, *, gallery: ObjectTable | None = None, seed: int = 0
) -> PlainBaseline:
    """What fixed features and logistic regression reach, as a plain model beside which a learnt one should stand.

    Vectors and numbers of a table are standardised, categories one-hot; texts are TF-IDF of character n-grams, pictures
    the principal components of 16 x 16 pixels, series and log-mel bands of sounds their mean, deviation, least and
    largest. Of a set of items the mean counts; a frozen pretrained encoder's features count as they are. All is fitted
    on training objects alone. Every modality has the same weight, and what is missing is the training mean: a column
    that says so took up to 7 points from accuracy and more from retrieval on the shared sets. Modalities of other
    classes than the package's are left out, with a note.

    Classes are predicted by logistic regression; where that would take long, on a drawn part of the objects, or by the
    nearest class mean. Objects are searched for by cosine.

    Args:
        train: labelled objects of two classes or more.
        test: labelled objects of the same schema.
        gallery: labelled objects to search in; None: the training objects.
        seed: of random projections and draws.

    Raises:
        InputError: fewer than two classes in training, an empty table, another schema, no modality that can be used,
            or an item that cannot be read.

    Example:
        >>> import steradian as sr
        >>> table = {"size": [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]], "label": ["a", "a", "b", "b"]}
        >>> objects = sr.read_objects(table, sr.Schema({"size": sr.Vector("size")}))
        >>> measure_plain_baseline(objects[[0, 2]], objects[[1, 3]]).accuracy
        1.0
    """
    begun = time.perf_counter()
    for name, table in (("train", train), ("test", test), *(() if gallery is None else (("gallery", gallery),))):
        refuse_unread(table, where=f"measure_plain_baseline(...), {name}")
    _check(train, test, gallery)
    plain = PlainFeatures(train, seed=seed)
    if not plain.modalities:
        raise InputError(
            want="a modality of which plain features can be made",
            got=" ".join(plain.notes),
            where="measure_plain_baseline(train, ...)",
            fix="Do without this baseline, or measure one of your own.",
        )
    queries, known = plain.transform(test), np.isin(test.labels, train.labels)
    predicted, name, notes = _predict(plain.trained, train.labels, queries[known], seed)
    right = known.copy()
    right[known] = predicted == test.labels[known]
    rows = (plain.trained, train.labels) if gallery is None else (plain.transform(gallery), gallery.labels)
    searchable, found, precision = _search(queries, test.labels, *rows)
    return PlainBaseline(
        name=name,
        labels=test.labels,
        known=known,
        right=right,
        searchable=searchable,
        found=found,
        accuracy=accuracy(test.labels[known], predicted) if known.any() else None,
        macro_f1=macro_f1(test.labels[known], predicted) if known.any() else None,
        recall_at_1=float(found[searchable].mean()) if searchable.any() else None,
        map_at_r=float(precision[searchable].mean()) if searchable.any() else None,
        modalities=tuple(plain.modalities),
        trained=len(train),
        gallery=len(rows[1]),
        seconds=time.perf_counter() - begun,
        notes=(*notes, *plain.notes),
    )


def _check(train: ObjectTable, test: ObjectTable, gallery: ObjectTable | None) -> None:
    for name, objects in (("train", train), ("test", test), ("gallery", gallery)):
        if objects is not None and not len(objects):
            raise InputError("at least one object", "none", f"measure_plain_baseline({name})", "Pass objects.")
        if objects is not None and objects.schema.modalities.keys() != train.schema.modalities.keys():
            raise InputError(
                want=f"the modalities of the training objects, {', '.join(train.schema.modalities)}",
                got=", ".join(objects.schema.modalities),
                where=f"measure_plain_baseline({name})",
                fix="Read all tables by one schema.",
            )
        if objects is not None:
            refuse_other_labels(objects.labels, np.unique(train.labels), where=f"the labels of {name}")
    if len(np.unique(train.labels)) < 2:
        raise InputError(
            want="training objects of two classes or more",
            got=f"only {train.labels[0]!s}",
            where="measure_plain_baseline(train)",
            fix="Pass more classes: of one there is nothing to tell apart.",
        )


def _predict(
    trained: np.ndarray, labels: np.ndarray, queries: np.ndarray, seed: int
) -> tuple[np.ndarray, str, list[str]]:
    """The class of each query, by what it was predicted, and notes."""
    if not len(queries):
        return labels[:0], "cosines of plain features", []
    classes, first = np.unique(labels, return_index=True)
    most = WORK // (len(classes) * trained.shape[1])
    if most < min(len(labels), ENOUGH * len(classes)):
        in_order = labels[np.sort(first)]
        means = class_means(_searchable(trained), labels).means
        numbers = nearest(_searchable(queries), means, k=1)[0][:, 0]
        note = f"Of {len(classes):,} classes logistic regression would take long; class means stand in its place."
        return in_order[numbers], "the nearest class mean and cosines of plain features", [note]
    rows, notes = np.arange(len(labels)), []
    if most < len(labels):
        # Every class keeps an object.
        drawn = np.random.default_rng(seed).permutation(np.setdiff1d(rows, first))[: most - len(classes)]
        rows = np.sort(np.concatenate([first, drawn]))
        notes = [
            f"Logistic regression learnt from {len(rows):,} of the {len(labels):,} training objects, drawn at random."
        ]
    with warnings.catch_warnings():
        # A hundred steps are as good as all, within the noise of a split.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=STRENGTH).fit(trained[rows], labels[rows])
    return np.asarray(model.predict(queries)), "logistic regression and cosines of plain features", notes


def _search(
    queries: np.ndarray, labels: np.ndarray, gallery: np.ndarray, gallery_labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each query: whether the gallery has its class, whether the nearest has it, and MAP@R; each [objects]."""
    classes, sizes = np.unique(gallery_labels, return_counts=True)
    places = np.minimum(np.searchsorted(classes, labels), len(classes) - 1)
    relevant = np.where(classes[places] == labels, sizes[places], 0)
    found, precision = np.zeros(len(labels), dtype=bool), np.full(len(labels), np.nan)
    # Queries of small classes need few neighbors.
    order = np.argsort(relevant, kind="stable")[np.count_nonzero(relevant == 0) :]
    vectors, searched = _searchable(queries), _searchable(gallery)
    for part in (order[start : start + _ROWS_A_CHUNK] for start in range(0, len(order), _ROWS_A_CHUNK)):
        rows, _ = nearest(vectors[part], searched, k=int(relevant[part].max()))
        same = gallery_labels[rows] == labels[part, None]
        found[part], precision[part] = same[:, 0], map_at_r(same, relevant[part])
    return relevant > 0, found, precision


def _searchable(vectors: np.ndarray) -> np.ndarray:
    return np.pad(vectors, ((0, 0), (0, 1)), constant_values=FAINT)
