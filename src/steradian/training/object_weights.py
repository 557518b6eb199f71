"""How much each training object counts: sample weights times class weights."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from steradian.data import ObjectTable
from steradian.data.label_sets import are_several, class_names
from steradian.errors import ConfigError, InputError
from steradian.misspelt import did_you_mean

__all__ = ["ClassWeight", "weighed_objects"]

ClassWeight = Mapping[Any, float] | Literal["balanced"] | None
"""Weights by label, 1 of those not named; "balanced" gives every class the same weight in all."""


def weighed_objects(objects: ObjectTable, sample_weight: Any, class_weight: ClassWeight) -> ObjectTable:
    """The objects that count at all, with weights around 1; none where all count alike.

    Args:
        objects: labelled.
        sample_weight: numbers of 0 or more [objects]; None: all 1.
        class_weight: what these are multiplied with.

    Raises:
        InputError: sample weights that cannot be, or a class of which no object has a weight.
        ConfigError: class weights that cannot be.

    Examples:
        >>> import steradian as sr
        >>> table = {"title": ["a", "b", "c", "d"], "label": ["x", "x", "x", "y"]}
        >>> objects = sr.read_objects(table, sr.Schema({"title": sr.Text("title")}))
        >>> weighed_objects(objects, None, "balanced").weights.round(2)
        array([0.67, 0.67, 0.67, 2.  ])
        >>> weighed_objects(objects, [0, 3, 1, 2], None).weights
        array([1.5, 0.5, 1. ])
    """
    weights = np.ones(len(objects)) if sample_weight is None else _sample_weights(sample_weight, len(objects))
    if class_weight is not None:
        if are_several(objects.labels):
            fix = "Leave it out, or give each object a weight: fit(sample_weight=...)."
            raise ConfigError("None where objects have several labels", repr(class_weight), "class_weight", fix)
        classes, numbers = np.unique(objects.labels, return_inverse=True)
        weights = weights * _class_weights(class_weight, classes, np.bincount(numbers, weights))[numbers]
    counts = weights > 0
    if not counts.all():
        lost = np.setdiff1d(class_names(objects.labels), class_names(objects.labels[counts]))
        if len(lost):
            fix = "Give one of its objects a weight, or leave the class out of the table."
            raise InputError(
                "an object of a weight above zero in each class", f"none of class {lost[0]}", "the weights of fit", fix
            )
        objects, weights = objects[counts], weights[counts]
    alike = bool((weights == weights[0]).all())
    return replace(objects, weights=None if alike else weights / weights.mean())


def _sample_weights(given: Any, objects: int) -> np.ndarray:
    """The same as float64 [objects], checked."""
    where, fix = "fit(sample_weight=...)", "Give a number of 0 or more for each object, in their order."
    try:
        weights = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("numbers", type(given).__name__, where, fix) from error
    if weights.shape != (objects,):
        raise InputError(f"{objects} weights, one an object", f"an array of shape {weights.shape}", where, fix)
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise InputError("finite weights of 0 or more", f"{weights[wrong[0]]:g} at place {wrong[0]}", where, fix)
    return weights


def _class_weights(given: ClassWeight, classes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """The weight of each class [classes], from the sums of their objects' weights."""
    where = "class_weight"
    if isinstance(given, str) and given == "balanced":
        # A class without any weight is refused by the caller.
        return np.asarray(sizes.sum() / (len(classes) * np.where(sizes > 0, sizes, 1.0)))
    if not isinstance(given, Mapping):
        fix = "Leave it out, and all objects count alike."
        raise ConfigError('"balanced" or a mapping of labels to weights', repr(given), where, fix)
    names = classes.tolist()
    unknown = [name for name in given if name not in names]
    # As in scikit-learn: a fold of a cross-validation may lack a class that the weights name.
    if unknown and len(given) - len(unknown) < len(names):
        fix = did_you_mean(unknown[0], names, otherwise=f"There are {', '.join(map(repr, names[:5]))} and so on.")
        raise ConfigError("labels of the table", repr(unknown[0]), where, fix)
    for name, weight in given.items():
        number = isinstance(weight, int | float | np.number) and not isinstance(weight, bool)
        if not (number and np.isfinite(weight) and weight >= 0):
            fix = "Give a finite number of 0 or more."
            raise ConfigError("weights of 0 or more", f"{weight!r} of class {name!r}", where, fix)
    return np.array([float(given.get(name, 1.0)) for name in names])
