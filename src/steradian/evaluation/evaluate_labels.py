"""Score a model on objects with several labels, by scikit-learn's measures, with every subset of modalities."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from rich.console import Console
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    hamming_loss,
    label_ranking_average_precision_score,
)
from sklearn.multiclass import OneVsRestClassifier

from steradian.data import ObjectTable
from steradian.data.label_sets import owned_classes
from steradian.data.subsets import subsets_to_measure
from steradian.embedder import SphereEmbedder
from steradian.errors import InputError
from steradian.evaluation.evaluation_table import Evaluated, error_of_a_share
from steradian.evaluation.label_evaluation import LabelEvaluation, LabelScores
from steradian.evaluation.patterns import frequent_patterns
from steradian.evaluation.plain_features import PlainFeatures
from steradian.evaluation.plain_models import STRENGTH, WORK
from steradian.evaluation.scoring import Gallery, check_tables, encoded_once, search_among
from steradian.fitted_model import table_of
from steradian.metrics import nearest
from steradian.progress_bar import ProgressBar
from steradian.validation import present_modalities

__all__ = ["evaluate_labels"]


def evaluate_labels(
    model: SphereEmbedder,
    objects: Any,
    gallery: Any,
    subsets: Iterable[str | Sequence[str]] | None,
    ks: Sequence[int],
    max_subsets: int,
    max_patterns: int,
    max_queries: int | None,
    plain: bool,
    random_state: int,
    verbose: bool,
) -> LabelEvaluation:
    """What `evaluate` gives of a model of several labels; its options are explained there.

    Args:
        model: fitted to several labels an object.
        objects: with their labels.
        gallery: likewise, to search in, and for the plain model to learn from.
        subsets: to score beside the whole.
        ks: the k of recall@k.
        max_subsets: see `evaluate`.
        max_patterns: likewise.
        max_queries: likewise.
        plain: whether to measure a plain model where there is a gallery.
        random_state: of what is drawn.
        verbose: show progress.

    Raises:
        InputError: tables that cannot be scored, or no k.
    """
    if not ks or min(ks) < 1:
        raise InputError("different integers from 1", repr(ks), "ks", "Write (1, 5, 10).")
    objects, gallery = check_tables(model, objects, gallery, where="evaluate", several=True)
    table, inside, names = table_of(objects), None, model.fitted_.modalities
    present = present_modalities(model.schema_, table)
    chosen = subsets_to_measure(subsets, names, max_subsets=max_subsets, random_state=random_state)
    several = [] if present.all() else frequent_patterns(present[present.any(axis=1)], names, most=max_patterns)
    console = Console(stderr=True) if verbose else None
    with ProgressBar("evaluating", 2 + len(chosen) + len(several) + plain, console=console) as steps:
        steps.begin("embedding the gallery")
        if gallery is not None:
            gallery = encoded_once(model, gallery)
            inside = Gallery(model.transform(gallery), table_of(gallery).labels)
        steps.begin("embedding the objects")
        parts = model.transform_subsets(objects := encoded_once(model, objects), chosen)
        _, rows, vectors = whole = next(parts)
        search_in = search_among(table, rows, vectors, gallery, inside).drawing(max_queries, random_state)
        score = _Scorer(model, search_in, table.labels, ks, steps)
        scores = tuple(score(*part) for part in chain([whole], parts))
        patterns = scores[:1] if present.all() else tuple(score(has, rows[at], vectors[at]) for has, at in several)
        steps.begin("a plain baseline")
        learnt = None if gallery is None or not plain else table_of(gallery)
        baseline = None if learnt is None else _plain_scores(learnt, table[rows], model.classes_, random_state)
    return LabelEvaluation(
        scores=scores,
        modalities=names,
        gallery=None if gallery is None else len(gallery),
        patterns=patterns,
        evaluated=Evaluated(model, objects, gallery),
        repeated=search_in.repeated,
        plain=baseline,
    )


@dataclass(frozen=True)
class _Scorer:
    """Scores the objects seen through a subset."""

    model: SphereEmbedder
    gallery: Gallery
    labels: np.ndarray
    ks: Sequence[int]
    steps: ProgressBar

    def __call__(self, subset: tuple[str, ...], rows: np.ndarray, vectors: np.ndarray) -> LabelScores:
        self.steps.begin(" + ".join(subset) or "other patterns")
        labels, without = self.labels[rows], len(self.labels) - len(rows)
        if not len(rows):
            return LabelScores(subset, 0, without)
        own = owned_classes(labels, self.model.classes_)
        unknown = np.array([len(names) for names in labels]) - own.sum(axis=1)
        scores = label_measures(own, self.model.fitted_.label_scores(vectors))
        found = self._found(vectors, labels, rows)
        return LabelScores(subset, len(rows), without, unknown_class=int(np.count_nonzero(unknown)), **scores, **found)

    def _found(self, vectors: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
        """How many queries have a label in common with one of the k nearest."""
        inside = self.gallery
        names = np.unique([*chain.from_iterable([*labels, *inside.labels])])
        own, others = owned_classes(labels, names), owned_classes(inside.labels, names)
        itself = np.full(len(rows), -1) if inside.same is None else inside.same[rows]
        itself = itself if inside.rows is None else np.searchsorted(inside.rows, rows)
        alike = others.sum(axis=0) - np.where(itself[:, None] >= 0, others[itself], False)
        can = np.flatnonzero((own & (alike > 0)).any(axis=1))
        without = {"without_relevant": len(rows) - len(can)}
        if not len(can):
            return without
        queries, most = can, inside.max_queries
        if most is not None and len(can) > most:
            queries = np.sort(np.random.default_rng(inside.random_state).choice(can, max(1, most), replace=False))
        exclude = itself[queries] if (itself >= 0).any() else None
        largest = min(max(self.ks), len(inside.vectors) - (exclude is not None))
        near, _ = nearest(vectors[queries], inside.vectors, k=largest, exclude=exclude)
        right = np.array([(others[each] & own[query]).any(axis=1) for query, each in zip(queries, near, strict=True)])
        recall = {k: float(right[:, :k].any(axis=1).mean()) for k in self.ks}
        errors = {k: error_of_a_share(np.array([share]), len(queries), len(can)) for k, share in recall.items()}
        return without | {"queries": len(queries), "recall": recall, "recall_errors": errors}


def label_measures(own: np.ndarray, scores: np.ndarray) -> dict[str, Any]:
    """The measures of `LabelScores` by scikit-learn; where no object has any of the labels, only what is defined then.

    Args:
        own: which labels objects have, bool [objects, classes].
        scores: above 0 where a model gives the label [objects, classes].

    Examples:
        >>> own = np.array([[True, False], [True, True]])
        >>> label_measures(own, np.where(own, 1.0, -1.0))["micro_f1"]
        1.0
    """
    given, met = scores > 0, own.any(axis=0)
    found: dict[str, Any] = {
        "exact_match": float((own == given).all(axis=1).mean()),
        "hamming_loss": float(hamming_loss(own, given)),
    }
    if not met.any():
        return found
    return found | {
        "micro_f1": float(f1_score(own, given, average="micro", zero_division=0)),
        "macro_f1": float(f1_score(own[:, met], given[:, met], average="macro", zero_division=0)),
        "lrap": float(label_ranking_average_precision_score(own, scores)),
        "mean_average_precision": float(
            np.mean([average_precision_score(own[:, c], scores[:, c]) for c in np.flatnonzero(met)])
        ),
    }


def _plain_scores(
    train: ObjectTable, objects: ObjectTable, classes: np.ndarray, random_state: int
) -> LabelScores | None:
    """What logistic regression reaches, one a label; None where there are no plain features or it would take long."""
    try:
        plain = PlainFeatures(train, random_state=random_state)
    except InputError:
        return None
    learnt = owned_classes(train.labels, classes)
    varied = learnt.any(axis=0) & ~learnt.all(axis=0)
    if not varied.any() or not plain.modalities or learnt.size * plain.trained.shape[1] > WORK:
        return None
    model = OneVsRestClassifier(LogisticRegression(C=STRENGTH, class_weight="balanced"))
    scores = np.where(learnt.all(axis=0), 1.0, -1.0) * np.ones((len(objects), 1))
    found = model.fit(plain.trained, learnt[:, varied].astype(int)).decision_function(plain.transform(objects))
    scores[:, varied] = found.reshape(len(objects), -1)
    own = owned_classes(objects.labels, classes)
    return LabelScores(tuple(objects.schema.modalities), len(objects), 0, **label_measures(own, scores))
