"""Models with more classes and with fewer, without training."""

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from steradian.data import ObjectTable
from steradian.data.checks import to_names
from steradian.data.columns import to_column
from steradian.errors import InputError
from steradian.fitted_model import FittedModel
from steradian.misspelt import did_you_mean
from steradian.model import SphericalClassifier
from steradian.new_classes.added_classes import AddedClasses
from steradian.new_classes.crowding import measure_crowding
from steradian.new_classes.example_centers import imprint
from steradian.validation import refuse_other_labels

__all__ = ["add_classes", "remove_classes"]


def add_classes(model: FittedModel, objects: ObjectTable) -> tuple[FittedModel, AddedClasses]:
    """A model with new classes, each with a center made from its examples; nothing is trained.

    A center is the mean direction of the examples' vectors. Where classes have sub-centers, these are the means of
    k-means clusters of the examples. Vectors, the centers of other classes and what was built on vectors, such as an
    index, stay as they are.

    Args:
        model: stays as it is.
        objects: labelled, of new classes only. An example may lack any of the modalities, not all.

    Returns:
        The model with the classes, and how near these are to each other and to the old ones.

    Raises:
        InputError: a label that is a class already or of another kind than the classes; examples that do not fit the
            model, or whose vectors cancel out.
    """
    model.refuse_several(where="add_classes(objects)")
    _check_labels(objects, model.classes)
    names, numbers = np.unique(objects.labels, return_inverse=True)
    vectors, directions = model.vectors(objects), model.classifier.weight.detach()
    subcenters = directions.shape[1] if directions.ndim == 3 else 1
    made = [imprint(vectors[numbers == number], subcenters, name=name) for number, name in enumerate(names.tolist())]
    # Where a class has fewer parts than sub-centers, they come again.
    centers = np.stack([one.centers[np.arange(subcenters) % len(one.centers)] for one in made])
    added = torch.from_numpy(centers).to(directions).reshape(-1, *directions.shape[1:])
    classes = _joined(model.classes, names)
    order = np.argsort(classes)
    classes, rows = classes[order], torch.from_numpy(order).to(directions.device)
    classifier = _with_directions(model.classifier, torch.cat([directions, added])[rows])
    scale = float(model.scales(np.ones((1, len(model.modalities)), dtype=bool))[0])
    found = [measure_crowding(classifier, classes, one, scale=scale) for one in made]
    found.sort(key=lambda entry: -1.0 if entry.confusion is None else entry.confusion, reverse=True)
    report = AddedClasses(tuple(found), len(classes), scale, calibrated=model.calibration is not None)
    return model.with_classes(classes, classifier), report


def _joined(classes: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Old and new class names in one array that holds each of them exactly."""
    if {classes.dtype.kind, names.dtype.kind} != {"i", "u"}:
        return np.concatenate([classes, names])
    # Integers with and without a sign become floats when numpy joins them, which hold 53 bits.
    numbers = [*classes.tolist(), *names.tolist()]
    kind = np.int64 if max(numbers) < 2**63 else np.uint64
    if kind is np.uint64 and min(numbers) < 0:
        raise InputError(
            want="labels that fit into 64 bits together with the model's classes",
            got=f"{min(numbers)} and {max(numbers)}",
            where="add_classes, the examples' labels",
            fix="Give the new classes other numbers.",
        )
    return np.array(numbers, dtype=kind)


def remove_classes(model: FittedModel, names: Any) -> FittedModel:
    """A model that never predicts some classes; nothing else changes.

    Args:
        model: stays as it is.
        names: of one class, or of several in a list or an array.

    Raises:
        InputError: a name that is no class, or fewer than two classes would be left.
    """
    column = to_column([names] if np.ndim(names) == 0 else names, "names")
    removed = to_names(column, np.arange(len(column)), name="names").tolist()
    classes = model.classes.tolist()
    _refuse_unknown(removed, classes)
    kept = np.flatnonzero(~np.isin(model.classes, removed)) if removed else np.arange(len(classes))
    if len(kept) < 2:
        raise InputError(
            want="at least 2 classes that stay",
            got=f"{len(kept)} of {len(classes)}",
            where="remove_classes(names)",
            fix="Name fewer classes, or add others first: model.add_classes(objects).",
        )
    names_kept = model.classes[kept]
    if names_kept.dtype.kind == "U":
        # As wide as the longest: a name that was added and removed leaves no trace.
        names_kept = np.array(names_kept.tolist())
    directions = model.classifier.weight.detach()
    rows = torch.from_numpy(kept).to(directions.device)
    return model.with_classes(names_kept, _with_directions(model.classifier, directions[rows]))


def _check_labels(objects: ObjectTable, classes: np.ndarray) -> None:
    where = "add_classes, the examples"
    if not len(objects):
        raise InputError("at least one", "an empty table", where, "Check how its rows were chosen.")
    refuse_other_labels(objects.labels, classes, where=f"{where}' labels")
    known = np.isin(objects.labels, classes)
    if known.any():
        names = np.unique(objects.labels[known]).tolist()
        listed = ", ".join(map(repr, names[:5])) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        raise InputError(
            want="labels of new classes only",
            got=f"{listed}, which the model has already",
            where=f"{where}, {known.sum()} of {len(known)}, row {objects.rows[known.argmax()]} (counted from 0) first",
            fix="Leave these rows out, or take the class out first: model.remove_classes(names).",
        )


def _refuse_unknown(names: Sequence[Any], classes: Sequence[Any]) -> None:
    # With their types, since to Python True is 1.
    known = {(type(name), name) for name in classes}
    for name in names:
        if (type(name), name) not in known:
            listed = ", ".join(map(repr, classes[:10])) + (" and others" if len(classes) > 10 else "")
            raise InputError(
                want=f"names of the model's {len(classes)} classes",
                got=repr(name),
                where="remove_classes(names)",
                fix=did_you_mean(name, classes, otherwise=f"There are {listed}."),
            )


def _with_directions(classifier: SphericalClassifier, directions: Tensor) -> SphericalClassifier:
    """The same classifier with other centers; the old one stays as it is."""
    old = classifier.weight
    # What the memo holds is taken for the copy, so the old centers are not copied.
    return deepcopy(classifier, {id(old): nn.Parameter(directions, requires_grad=old.requires_grad)})
