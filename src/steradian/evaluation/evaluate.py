"""Score a model on labelled objects, with all their modalities and with every subset of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Protocol

import numpy as np

from steradian.data import ObjectTable, Schema
from steradian.errors import InputError
from steradian.evaluation.result import Evaluation, SubsetScores
from steradian.inputs import refuse_other_labels
from steradian.metrics import (
    MAX_DISTANCES,
    accuracy,
    balanced_accuracy,
    clustering_ami,
    macro_f1,
    retrieval_scores,
)

__all__ = ["SubsetEmbedder", "choose_subsets", "evaluate"]


class SubsetEmbedder(Protocol):
    """What an evaluation needs of a model."""

    classes_: np.ndarray
    schema_: Schema

    def transform(self, objects: Any, /) -> np.ndarray:
        """Unit vectors [objects, dim]."""
        ...

    def transform_subsets(
        self, objects: Any, subsets: Iterable[Sequence[str]], /
    ) -> Iterator[tuple[tuple[str, ...], np.ndarray, np.ndarray]]:
        """For each subset in turn: itself, the rows of objects that have any of it, ascending, and their vectors."""
        ...

    def predict_vectors(self, vectors: np.ndarray, /) -> np.ndarray:
        """The class of each vector [objects]."""
        ...


def evaluate(
    model: SubsetEmbedder,
    objects: ObjectTable,
    *,
    gallery: ObjectTable | None = None,
    subsets: Iterable[str | Sequence[str]] | None = None,
    ks: Sequence[int] = (1, 5, 10),
    max_subsets: int = 63,
    seed: int = 0,
) -> Evaluation:
    """Retrieval, classification and clustering of the whole objects and of every subset of their modalities.

    An object seen through a subset is searched among the whole objects of the gallery. Without a gallery, it is
    searched among the other objects of the table, also whole (leave-one-out). Accuracy and F1 are over the objects
    whose class the model was trained on. An object that has nothing of a subset is left out of it and counted.

    Args:
        model: a fitted `SphereEmbedder`, or what else has its `transform_subsets` and `predict_vectors`.
        objects: labelled objects that the model was not trained on.
        gallery: labelled objects to search in; None searches each object among the others.
        subsets: the subsets to score beside the whole, each one name or several; None chooses them.
        ks: the k of recall@k.
        max_subsets: more subsets than these are sampled, but the whole, each modality alone and the whole without
            one modality are always scored. Default 63: all subsets of 6 modalities.
        seed: of the sample of subsets, and of clustering.

    Raises:
        InputError: tables without labels, without objects or (without a gallery) of one object; an unknown modality.

    Example:
        >>> import steradian as sr
        >>> table = {"size": [[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]], "label": ["a", "a", "b", "b"]}
        >>> objects = sr.read_objects(table, sr.Schema({"size": sr.Vector("size")}))
        >>> model = sr.SphereEmbedder(embedding_dim=8, epochs=2, verbose=False).fit(objects)
        >>> sr.evaluate(model, objects).whole.objects
        4
    """
    _check_size(objects, least=2 if gallery is None else 1, where="objects")
    if gallery is not None:
        _check_size(gallery, least=1, where="gallery")
    labels = objects.labels
    refuse_other_labels(labels, model.classes_, where="the labels of the objects")
    names = tuple(model.schema_.modalities)
    chosen = choose_subsets(names, max_subsets=max_subsets, seed=seed) if subsets is None else _named(subsets, names)
    classes = set(model.classes_.tolist())
    known = np.array([label in classes for label in labels.tolist()])
    search_in = None if gallery is None else _Gallery(model.transform(gallery), gallery.labels)
    rows_of_scores = []
    for subset, rows, vectors in model.transform_subsets(objects, chosen):
        if search_in is None:
            # The whole objects come first: they are the gallery where none is given.
            search_in = _Gallery(vectors, labels[rows], rows)
        scores: dict[str, Any] = {}
        if len(rows):
            scores |= search_in.scores(vectors, labels[rows], rows, ks=ks)
            scores |= _classification(model, vectors, labels[rows], known[rows])
            scores |= _clustering(vectors, labels[rows], seed)
        rows_of_scores.append(SubsetScores(subset, len(rows), len(objects) - len(rows), **scores))
    return Evaluation(
        scores=tuple(rows_of_scores),
        modalities=names,
        gallery=None if gallery is None else len(gallery),
        ami_sampled=len(objects) * len(np.unique(labels)) > MAX_DISTANCES,
    )


def choose_subsets(names: Sequence[str], *, max_subsets: int, seed: int) -> list[tuple[str, ...]]:
    """Subsets of modalities to score: the whole, then smaller ones; all of them, or a seeded sample of sizes.

    Args:
        names: all modalities.
        max_subsets: a bound, which the whole, the single modalities and the whole without one are exempt from.
        seed: of the sample.

    Returns:
        Subsets in the order of `names`, by size from large to small.

    Raises:
        InputError: `max_subsets` below 1.

    Example:
        >>> choose_subsets(["photo", "title"], max_subsets=63, seed=0)
        [('photo', 'title'), ('photo',), ('title',)]
    """
    if not isinstance(max_subsets, (int, np.integer)) or max_subsets < 1:
        raise InputError(
            want="a whole number from 1", got=repr(max_subsets), where="max_subsets", fix="Leave it out for 63."
        )
    number = len(names)
    sizes = range(1, number + 1)
    if 2**number - 1 <= max_subsets:
        chosen = {subset for size in sizes for subset in combinations(range(number), size)}
    else:
        chosen = {subset for size in {1, number - 1, number} for subset in combinations(range(number), size)}
        rng = np.random.default_rng(seed)
        while len(chosen) < max_subsets:
            # A uniform size first: uniform subsets would nearly all have half of the modalities.
            size = int(rng.integers(2, number - 1))
            chosen.add(tuple(sorted(rng.choice(number, size, replace=False).tolist())))
    ordered = sorted(chosen, key=lambda subset: (-len(subset), subset))
    return [tuple(names[place] for place in subset) for subset in ordered]


def _named(subsets: Iterable[str | Sequence[str]], names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The user's subsets, each once and in the order of the schema, behind the whole."""
    chosen = {names: None}
    for subset in subsets:
        wanted = {subset} if isinstance(subset, str) else set(subset)
        if not wanted or not wanted <= set(names):
            raise InputError(
                want=f"modalities of {', '.join(names)}",
                got=", ".join(map(repr, sorted(wanted - set(names)))) or "none",
                where=f"subsets, {subset!r}",
                fix=f"Write for example subsets=[{names[0]!r}].",
            )
        chosen[tuple(name for name in names if name in wanted)] = None
    return list(chosen)


def _check_size(objects: ObjectTable, *, least: int, where: str) -> None:
    if not isinstance(objects, ObjectTable):
        raise InputError(
            want="an ObjectTable",
            got=type(objects).__name__,
            where=f"evaluate(...), {where}",
            fix="Read the table first: steradian.read_objects(table, model.schema_).",
        )
    if len(objects) < least:
        raise InputError(
            want=f"at least {least} objects" if least > 1 else "at least one object",
            got=str(len(objects)),
            where=f"evaluate(...), {where}",
            fix="Pass more objects." if least == 1 else "Pass more objects, or a gallery to search in.",
        )


@dataclass(frozen=True)
class _Gallery:
    """What to search in: vectors [gallery, dim], labels [gallery], and which queries these are, if they are queries."""

    vectors: np.ndarray
    labels: np.ndarray
    rows: np.ndarray | None = None

    def scores(self, vectors: np.ndarray, labels: np.ndarray, rows: np.ndarray, *, ks: Sequence[int]) -> dict[str, Any]:
        """The retrieval scores of queries, each without itself in the gallery; only a count where none has any."""
        itself = None if self.rows is None else np.searchsorted(self.rows, rows)
        found = retrieval_scores(vectors, labels, self.vectors, self.labels, ks=ks, exclude=itself)
        means = {"recall": found.recall, "map_at_r": found.map_at_r, "r_precision": found.r_precision}
        return {"without_relevant": found.without_relevant, **(means if found.queries else {})}


def _classification(
    model: SubsetEmbedder, vectors: np.ndarray, labels: np.ndarray, known: np.ndarray
) -> dict[str, Any]:
    if not known.any():
        return {"unknown_class": len(known)}
    predicted, labels = model.predict_vectors(vectors[known]), labels[known]
    return {
        "unknown_class": int(np.count_nonzero(~known)),
        "accuracy": accuracy(labels, predicted),
        "balanced_accuracy": balanced_accuracy(labels, predicted),
        "macro_f1": macro_f1(labels, predicted),
    }


def _clustering(vectors: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, Any]:
    """Nothing where all objects are of one class: there is nothing to find."""
    return {"ami": clustering_ami(vectors, labels, seed=seed)} if len(np.unique(labels)) > 1 else {}
