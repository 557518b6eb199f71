"""What every evaluation does: check its tables, search one gallery, compare classes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeGuard, TypeVar

import numpy as np

from steradian.data import ObjectTable, Schema
from steradian.embedder import SphereEmbedder
from steradian.errors import ConfigError, InputError
from steradian.fitted_model import Encoded, FittedModel, labelled_objects, table_of
from steradian.metrics import accuracy, balanced_accuracy, macro_f1, retrieval_scores
from steradian.metrics.classification import label_codes
from steradian.validation import present_modalities, refuse_other_labels

__all__ = [
    "Gallery",
    "SubsetEmbedder",
    "certified_shares",
    "check_tables",
    "classification_scores",
    "drawn_to_classify",
    "encoded_once",
    "gives_several",
    "refuse_several_of",
    "search_among",
]

SAME = 1e-5
"""Largest difference of two vectors of one object: batches of another size round otherwise."""

MOST_COSINES = 200_000_000
"""Objects x classes that are compared for each subset: a few seconds at the width that so many classes get."""

S = TypeVar("S", bound=Sequence[str] | np.ndarray)


class SubsetEmbedder(Protocol):
    """What an evaluation needs of a model: a fitted `SphereEmbedder`, or any other that has these methods."""

    classes_: np.ndarray
    schema_: Schema

    def transform(self, objects: Any, /) -> np.ndarray:
        """Unit vectors [objects, dim]."""
        ...

    def transform_subsets(self, objects: Any, subsets: Iterable[S], /) -> Iterator[tuple[S, np.ndarray, np.ndarray]]:
        """For each subset in turn: itself, the rows of objects that have any of it, ascending, and their vectors.

        A subset is names of modalities, or a bool array [objects, modalities] with a subset for each object.
        """
        ...

    def predict_vectors(self, vectors: np.ndarray, /) -> np.ndarray:
        """The class of each vector [objects]."""
        ...


@dataclass(frozen=True)
class Gallery:
    """What is searched in.

    Args:
        vectors: of the whole objects [gallery, dim].
        labels: their classes [gallery].
        rows: where the objects to score are searched for among themselves: which of them these are, ascending.
        same: where some of them stand in a gallery of others as well: the place there of each object of the table, -1
            for none, int64 [objects].
        max_queries: of more objects so many are drawn and searched for; None searches for all.
        random_state: of the draw.
    """

    vectors: np.ndarray
    labels: np.ndarray
    rows: np.ndarray | None = None
    same: np.ndarray | None = None
    max_queries: int | None = None
    random_state: int = 0

    @property
    def repeated(self) -> int:
        """How many of the objects stand in a gallery of others as well."""
        return 0 if self.same is None else int((self.same >= 0).sum())

    def drawing(self, max_queries: int | None, random_state: int) -> "Gallery":
        """The same, where of more objects than some these are drawn to be searched for."""
        return replace(self, max_queries=max_queries, random_state=random_state)

    def scores(self, vectors: np.ndarray, labels: np.ndarray, rows: np.ndarray, *, ks: Sequence[int]) -> dict[str, Any]:
        """The retrieval scores of queries, each without itself in the gallery; only a count where none has any."""
        itself = None if self.same is None else self.same[rows]
        itself = itself if self.rows is None else np.searchsorted(self.rows, rows)
        found = retrieval_scores(
            vectors,
            labels,
            self.vectors,
            self.labels,
            ks=ks,
            exclude=itself,
            max_queries=self.max_queries,
            random_state=self.random_state,
        )
        names = ("recall", "map_at_r", "r_precision", "recall_errors", "map_at_r_error", "r_precision_error")
        scores = {name: getattr(found, name) for name in names if found.queries}
        return {"without_relevant": found.without_relevant, **(scores | {"queries": found.queries} if scores else {})}


def search_among(
    objects: ObjectTable,
    rows: np.ndarray,
    vectors: np.ndarray,
    gallery: ObjectTable | Encoded | None,
    inside: Gallery | None,
) -> Gallery:
    """What to search in so that no object finds itself: the other objects, or the gallery less what stands in both.

    The same object has the same id (or row number, where there is no column of ids), label and vector.

    Args:
        objects: the table.
        rows: of those that have any modality, int64 [rows].
        vectors: theirs [rows, dim].
        gallery: another table, or None.
        inside: its vectors.
    """
    if gallery is None or inside is None:
        return Gallery(vectors, objects.labels[rows], rows)
    ids, labels, same = table_of(gallery).ids, inside.labels, np.full(len(objects), -1)
    if objects.ids.dtype.kind != ids.dtype.kind or objects.labels.dtype.kind != labels.dtype.kind:
        return inside
    order = np.argsort(ids, kind="stable")
    places = order[np.searchsorted(ids, objects.ids[rows], sorter=order).clip(max=len(order) - 1)]
    alike = (ids[places] == objects.ids[rows]) & (labels[places] == objects.labels[rows])
    alike[alike] = np.abs(inside.vectors[places[alike]] - vectors[alike]).max(axis=1, initial=0.0) < SAME
    same[rows[alike]] = places[alike]
    return replace(inside, same=same if alike.any() else None)


def drawn_to_classify(objects: int, classes: int, max_queries: int | None, random_state: int) -> np.ndarray | None:
    """Which objects are to be predicted and certified, bool [objects]; None: all.

    Args:
        objects: how many there are.
        classes: of the model.
        max_queries: at least so many are drawn where objects x classes are more than `MOST_COSINES`; None takes all.
        random_state: of the draw.

    Examples:
        >>> drawn_to_classify(100_000, 10, 4000, 0) is None, int(drawn_to_classify(100_000, 10_000, 4000, 0).sum())
        (True, 20000)
    """
    most = objects if max_queries is None else max(max_queries, MOST_COSINES // classes)
    if objects <= most:
        return None
    drawn = np.zeros(objects, dtype=bool)
    drawn[np.random.default_rng(random_state).choice(objects, size=most, replace=False)] = True
    return drawn


def classification_scores(
    model: SubsetEmbedder, vectors: np.ndarray, labels: np.ndarray, *, drawn: np.ndarray | None = None
) -> dict[str, Any]:
    """Accuracy and F1 of the objects whose class the model was trained on, and a count of the others.

    Args:
        model: has classes and predicts them.
        vectors: [objects, dim].
        labels: [objects].
        drawn: bool [objects], those to score; None scores all. The count is of all in any case.
    """
    known = np.isin(labels, model.classes_)
    unknown = {"unknown_class": int(np.count_nonzero(~known))}
    known = known if drawn is None else known & drawn
    if not known.any():
        return unknown
    # Numbered once: to look at names takes longer than to count.
    codes = label_codes(labels[known], model.predict_vectors(vectors[known]))
    return unknown | {
        "accuracy": accuracy(*codes),
        "balanced_accuracy": balanced_accuracy(*codes),
        "macro_f1": macro_f1(*codes),
    }


def encoded_once(model: SubsetEmbedder, objects: ObjectTable | Encoded) -> ObjectTable | Encoded:
    """The objects encoded, so that no later question encodes them again; as they are where the model is not ours.

    Args:
        model: to evaluate.
        objects: a table, or what it has encoded.
    """
    return model.encode(objects) if isinstance(model, SphereEmbedder) else objects


def certified_shares(
    model: SubsetEmbedder, objects: ObjectTable | Encoded, *, drawn: np.ndarray | None = None
) -> dict[str, Any]:
    """The share of objects that keep their class in every subset of what they have, and of those where it is right.

    Args:
        model: with a method `certify` as `SphereEmbedder` has it; any other has no shares.
        objects: labelled. Those without any modality, or whose class the model was not trained on, do not count.
        drawn: bool [objects], those to certify, which are then counted; None certifies all.

    Returns:
        Values for `Evaluation`; none where the model guarantees nothing, has one modality, or knows no object's class.
    """
    certify, labels = getattr(model, "certify", None), table_of(objects).labels
    known = np.isin(labels, model.classes_) & present_modalities(model.schema_, table_of(objects)).any(axis=1)
    counted = {} if drawn is None else {"classified": int(drawn.sum())}
    known = known if drawn is None else known & drawn
    # With one modality there is nothing to lack, and every object is certified.
    if certify is None or not known.any() or len(model.schema_.modalities) == 1:
        return counted
    try:
        found = certify(objects[known])
    except ConfigError:
        # fusion="free" guarantees nothing that could be counted.
        return counted
    right = found.certified & (found.predicted == labels[known])
    return counted | {"certified": found.share, "certified_right": float(right.mean())}


def check_tables(
    model: SubsetEmbedder, objects: Any, gallery: Any, *, where: str, several: bool = False
) -> tuple[ObjectTable | Encoded, ObjectTable | Encoded | None]:
    """The objects and the gallery, read where they are no tables yet, once they can be evaluated.

    Args:
        model: has a schema and classes.
        objects: what the user wants scored, as of `labelled_objects`.
        gallery: what to search in, likewise; None: the objects themselves.
        where: the name of the function.
        several: whether objects have several labels.

    Raises:
        InputError: no labels, too few objects, or labels of another kind than the model's.
    """
    if not several:
        refuse_several_of(model, where=where)
    found = _checked(model, objects, least=2 if gallery is None else 1, where=f"{where}(...), objects")
    inside = None if gallery is None else _checked(model, gallery, least=1, where=f"{where}(...), gallery")
    for table in (found, inside if several else None):
        if table is not None:
            where = "the labels of the objects" if table is found else "the labels of the gallery"
            refuse_other_labels(table_of(table).labels, model.classes_, where=where, several=several)
    return found, inside


def refuse_several_of(model: SubsetEmbedder, *, where: str) -> None:
    """See to it that a model, if it is one of ours, gives an object one label.

    Args:
        model: any.
        where: the name of the function.

    Raises:
        InputError: it was fitted to several.
    """
    if gives_several(model):
        model.fitted_.refuse_several(where=where)


def gives_several(model: SubsetEmbedder) -> TypeGuard[SphereEmbedder]:
    """Whether a model is one of ours that was fitted to several labels an object.

    Args:
        model: any.
    """
    fitted = getattr(model, "fitted_", None)
    return isinstance(fitted, FittedModel) and fitted.several


def _checked(model: SubsetEmbedder, source: Any, *, least: int, where: str) -> ObjectTable | Encoded:
    objects = labelled_objects(source, model.schema_, where=where)
    if len(objects) < least:
        raise InputError(
            want=f"at least {least} objects" if least > 1 else "at least one object",
            got=str(len(objects)),
            where=where,
            fix="Pass more objects." if least == 1 else "Pass more objects, or a gallery to search in.",
        )
    return objects
