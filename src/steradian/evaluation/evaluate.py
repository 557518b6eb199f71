"""Score a model on labelled objects, with all their modalities and with every subset of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from rich.console import Console

from steradian.data import ObjectTable
from steradian.data.subsets import MOST_SUBSETS, subsets_to_measure
from steradian.errors import InputError
from steradian.evaluation.evaluate_labels import evaluate_labels
from steradian.evaluation.evaluation_table import Evaluated, Evaluation, SubsetScores
from steradian.evaluation.patterns import frequent_patterns
from steradian.evaluation.plain_baseline import PlainBaseline, measure_plain_baseline
from steradian.evaluation.plain_models import ALL, FAST
from steradian.evaluation.scoring import (
    Gallery,
    SubsetEmbedder,
    certified_shares,
    check_tables,
    classification_scores,
    drawn_to_classify,
    encoded_once,
    gives_several,
    search_among,
)
from steradian.fitted_model import Encoded, table_of
from steradian.metrics import MOST_QUERIES, clustering_ami, most_distances, rows_to_try
from steradian.misspelt import telling_of_misspelt
from steradian.progress_bar import ProgressBar
from steradian.validation import present_modalities

__all__ = ["evaluate"]

FloorKind = Literal["none", "fast", "all"]

_WHOLES_A_PART = 4
"""Where objects are drawn, so many times fewer are searched for through each other subset than as a whole: models are
compared by the whole, and subsets differ by more."""


@telling_of_misspelt
def evaluate(
    model: SubsetEmbedder,
    objects: Any,
    *,
    gallery: Any = None,
    subsets: Iterable[str | Sequence[str]] | None = None,
    ks: Sequence[int] = (1, 5, 10),
    max_subsets: int = MOST_SUBSETS,
    max_patterns: int = 15,
    max_queries: int | None = MOST_QUERIES,
    floor: FloorKind = "fast",
    random_state: int = 0,
    verbose: bool = True,
) -> Evaluation:
    """Retrieval, classification and clustering: of the whole objects, of every subset, of what lacks the same.

    An object seen through a subset is searched among the whole objects of the gallery, itself left out, or without one
    among the other objects of the table. Accuracy and F1 are over the objects of classes in training. An object that
    has nothing of a subset is left out of it and counted. Objects with exactly the same modalities are scored together
    as well, and the share of objects is given that keep their class in every subset (`certify`).

    Args:
        model: a fitted `SphereEmbedder`, or what else has its `transform_subsets` and `predict_vectors`.
        objects: labelled objects that the model was not trained on: what `transform` takes, with the labels.
        gallery: likewise, to search in, and for a plain model to learn from; None searches among the others.
        subsets: the subsets to score beside the whole, each one name or several; None chooses them.
        ks: the k of recall@k.
        max_subsets: of more, a sample with the whole, each modality alone and the whole without one. 63 are all of 6.
        max_patterns: the most frequent patterns of present modalities to score; the rest is scored together.
        max_queries: of more so many are searched for as a whole, and less of all else (docs/tutorial.md). None: all.
        floor: a sentence on who is better. "fast" measures the untrained cosine and, with a gallery to learn from, the
            better of logistic regression and kernel ridge; "all" an SVM and a random forest too; "none" nothing.
        random_state: of what is drawn.
        verbose: show progress.

    Raises:
        InputError: tables without labels, without objects or (without a gallery) of one object; an unknown modality.

    Examples:
        >>> import steradian as sr
        >>> table = {"size": [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]], "label": ["a", "a", "b", "b"]}
        >>> objects = sr.read_objects(table, sr.Schema({"size": sr.Vector("size")}))
        >>> sr.evaluate(sr.SphereEmbedder(epochs=0, verbose=False).fit(objects), objects).whole.objects
        4
    """
    if gives_several(model):
        most, rest = (max_subsets, max_patterns, max_queries), (floor != "none", random_state, verbose)
        return evaluate_labels(model, objects, gallery, subsets, ks, *most, *rest)
    objects, gallery = check_tables(model, objects, gallery, where="evaluate")
    names, present = tuple(model.schema_.modalities), present_modalities(model.schema_, table := table_of(objects))
    chosen = subsets_to_measure(subsets, names, max_subsets=max_subsets, random_state=random_state)
    several = [] if present.all() else frequent_patterns(present[present.any(axis=1)], names, most=max_patterns)
    classified = drawn_to_classify(len(table), len(model.classes_), max_queries, random_state)
    console = Console(stderr=True) if verbose else None
    with ProgressBar("evaluating", 2 + len(chosen) + len(several) + (floor != "none"), console=console) as steps:
        gallery, search_in = _embedded(model, gallery, steps)
        steps.begin("embedding the objects")
        parts = model.transform_subsets(objects := encoded_once(model, objects), chosen)
        _, rows, vectors = whole = next(parts)
        search_in = search_among(table, rows, vectors, gallery, search_in)
        score = _Scorer(model, search_in, table.labels, ks, random_state, steps, classified, max_queries)
        scores = (score(*whole, share=1), *(score(*part) for part in parts))
        patterns = scores[:1] if present.all() else tuple(score(has, rows[at], vectors[at]) for has, at in several)
        baseline = _floor(table, _others(gallery, search_in), floor, max_queries, random_state, steps)
    return Evaluation(
        scores=scores,
        modalities=names,
        gallery=None if gallery is None else len(gallery),
        patterns=patterns,
        evaluated=Evaluated(model, objects, gallery),
        floor=baseline,
        repeated=search_in.repeated,
        **_drawn_for_clusters(table.labels[rows], vectors.shape[1], trial=max_queries is not None),
        **certified_shares(model, objects, drawn=classified),
    )


def _embedded(
    model: SubsetEmbedder, gallery: ObjectTable | Encoded | None, steps: ProgressBar
) -> tuple[ObjectTable | Encoded | None, Gallery | None]:
    """What to search in, encoded once, and its vectors; None where the objects are searched among themselves."""
    steps.begin("embedding the gallery")
    if gallery is None:
        return None, None
    encoded = encoded_once(model, gallery)
    return encoded, Gallery(np.asarray(model.transform(encoded)), table_of(encoded).labels)


def _drawn_for_clusters(labels: np.ndarray, dim: int, *, trial: bool) -> dict[str, bool]:
    """What `Evaluation` says of the AMI."""
    classes = len(np.unique(labels))
    tried = trial and rows_to_try(len(labels), classes) is not None
    return {"ami_sampled": len(labels) * classes > most_distances(dim), "ami_tried": tried}


def _others(gallery: ObjectTable | Encoded | None, inside: Gallery) -> ObjectTable | None:
    """The gallery for a plain model, without the objects that are evaluated; None where nothing else is in it."""
    if gallery is None:
        return None
    kept = np.arange(len(gallery)) if inside.same is None else np.setdiff1d(np.arange(len(gallery)), inside.same)
    return table_of(gallery)[kept] if len(kept) else None


def _floor(
    objects: ObjectTable,
    gallery: ObjectTable | None,
    floor: FloorKind,
    max_queries: int | None,
    random_state: int,
    steps: ProgressBar,
) -> PlainBaseline | None:
    """What a plain model reaches; None where no plain features can be made."""
    if floor == "none":
        return None
    steps.begin("a plain baseline")
    train = gallery if gallery is not None and len(np.unique(gallery.labels)) > 1 else None
    models = ALL if floor == "all" else FAST
    try:
        return measure_plain_baseline(
            train, objects, gallery=gallery, models=models, max_queries=max_queries, random_state=random_state
        )
    except InputError:
        return None


@dataclass(frozen=True)
class _Scorer:
    """Scores the objects seen through a subset."""

    model: SubsetEmbedder
    gallery: Gallery
    labels: np.ndarray
    ks: Sequence[int]
    random_state: int
    steps: ProgressBar
    classified: np.ndarray | None
    max_queries: int | None

    def __call__(
        self, subset: tuple[str, ...], rows: np.ndarray, vectors: np.ndarray, *, share: int = _WHOLES_A_PART
    ) -> SubsetScores:
        self.steps.begin(" + ".join(subset) or "other patterns")
        labels, most = self.labels[rows], self.max_queries
        if most is not None and most < len(self.labels):
            most = max(1, most // share)
        scores: dict[str, Any] = {}
        if len(rows):
            scores |= self.gallery.drawing(most, self.random_state).scores(vectors, labels, rows, ks=self.ks)
            drawn = None if self.classified is None else self.classified[rows]
            scores |= classification_scores(self.model, vectors, labels, drawn=drawn)
        if len(np.unique(labels)) > 1:
            scores["ami"] = clustering_ami(
                vectors, labels, random_state=self.random_state, trial=self.max_queries is not None
            )
        return SubsetScores(subset, len(rows), len(self.labels) - len(rows), **scores)
