"""Fill an attribution: gates and cosines of each modality, each modality left out, each subset fused."""

from collections.abc import Callable
from typing import Any

import numpy as np

from steradian.data import ObjectTable
from steradian.errors import InputError
from steradian.explanation.attribution import Attribution, TargetKind
from steradian.metrics import contributions, shapley_values
from steradian.metrics.nearest import check_vectors
from steradian.model_answers import EncodedObjects, ModelAnswers, Summands

__all__ = ["MOST_FOR_SHAPLEY", "explain"]

MOST_FOR_SHAPLEY = 8
"""Present modalities up to which every subset is fused: 255 of them. Objects with more have no Shapley values."""

Target = str | float | np.generic | np.ndarray | ObjectTable | None

Targets = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From rows [rows] and their vectors [rows, dim] to the unit vectors they are compared with [rows, dim]."""


def explain(objects: EncodedObjects, target: Target = None) -> Attribution:
    """The cosine of each object to a target as a sum over its modalities, and what each modality is worth.

    Args:
        objects: encoded by a model with fusion="certified" or "context".
        target: None for the class predicted for each object; the name of a class; one object or vector for each of
            the objects, as a table or as floats [objects, embedding_dim].

    Raises:
        ConfigError: fusion="free".
        InputError: no objects, one without any modality, an unknown class, or targets of another number or width.
    """
    model = objects.model
    if target is None:
        model.refuse_several(where="explain(objects) without the name of a class as target")
    objects.check_sums(where="explain(objects)")
    kind, names, targets = _targets(model, len(objects), target)
    parts = [_explain(summands, targets) for summands in objects.summands()]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    vectors = columns.pop("vectors")
    return Attribution(
        ids=objects.objects.ids,
        modalities=model.modalities,
        targets=model.predict_vectors(vectors) if names is None else names,
        target_kind=kind,
        **columns,
    )


def _explain(summands: Summands, targets: Targets) -> dict[str, Any]:
    """The columns of an attribution for one batch, and the objects' own vectors."""
    present, singles, gates = summands.present, summands.vectors, summands.gates
    _, vectors = summands.fuse(present)
    toward = targets(summands.rows, vectors)
    shares = contributions(singles, gates, toward, context=summands.context)
    without = np.full(present.shape, np.nan)
    for m in range(present.shape[1]):
        others = present & (np.arange(present.shape[1]) != m)
        without[:, m] = np.where(present[:, m], _cosines(summands, others, toward), np.nan)
    return {
        "vectors": vectors,
        "present": present,
        "cosines": shares.cosines,
        "gates": gates.astype(np.float64),
        "modality_cosines": np.where(present, np.einsum("omd,od->om", singles.astype(np.float64), toward), np.nan),
        "contributions": shares.modalities,
        "agreement": shares.agreement,
        "cosines_without": without,
        "shapley": _shapley(summands, toward),
        **({} if summands.context is None else {"context": shares.context}),
    }


def _shapley(summands: Summands, toward: np.ndarray) -> np.ndarray:
    """Shapley values of the cosine float64 [objects, modalities], 0 where absent, NaN where too many are present."""
    present = summands.present
    counts = present.sum(axis=1)
    few = counts <= MOST_FOR_SHAPLEY
    found = np.full(present.shape, np.nan)
    if not few.any():
        return found
    # Bit i of a coalition is an object's i-th present modality; where it has fewer, the player is one who adds nothing.
    players, places = int(counts[few].max()), present.cumsum(axis=1) - 1
    values = np.zeros((np.count_nonzero(few), 2**players))
    for coalition in range(1, 2**players):
        member = present & few[:, None] & ((coalition >> places) & 1 == 1)
        values[:, coalition] = np.nan_to_num(_cosines(summands, member, toward)[few])
    worth = np.take_along_axis(shapley_values(values), np.clip(places[few], 0, players - 1), axis=1)
    found[few] = np.where(present[few], worth, 0.0)
    return found


def _cosines(summands: Summands, subset: np.ndarray, toward: np.ndarray) -> np.ndarray:
    """The cosines float64 [objects] of a subset's vectors; NaN where an object has nothing of it."""
    has, vectors = summands.fuse(subset)
    cosines = np.full(len(has), np.nan)
    cosines[has] = (vectors.astype(np.float64) * toward[has]).sum(axis=1)
    return cosines


def _targets(model: ModelAnswers, count: int, target: Target) -> tuple[TargetKind, np.ndarray | None, Targets]:
    """The kind of target, the names of the objects' targets [objects] (None: as predicted), and their vectors."""
    if not isinstance(target, (np.ndarray, ObjectTable)):
        centers = model.class_centers.astype(np.float64)
        centers = centers[:, None] if centers.ndim == 2 else centers
        if target is None:
            return "class", None, lambda _, vectors: _nearest(centers[model.nearest(vectors)[0]], vectors)
        number = _class_number(model, target)
        names = np.repeat(model.classes[number], count)
        return "class", names, lambda _, vectors: _nearest(np.repeat(centers[number, None], len(vectors), 0), vectors)
    kind: TargetKind = "vector" if isinstance(target, np.ndarray) else "object"
    if isinstance(target, np.ndarray):
        names, given = np.arange(len(target)), target
    else:
        names, given = target.ids, model.vectors(target)
    given, lengths = check_vectors(given, where="explain(target=...)")
    if given.shape != (count, model.embedding_dim):
        raise InputError(
            want=f"{count} targets, one an object, vectors of {model.embedding_dim} numbers",
            got=f"{len(given)} of {given.shape[1]}",
            where="explain(target=...)",
            fix="Repeat the rows of a target that is meant for several objects.",
        )
    unit = given / lengths[:, None]
    return kind, names, lambda rows, _: unit[rows]


def _class_number(model: ModelAnswers, name: Target) -> int:
    found = np.flatnonzero(model.classes == name)
    if not len(found):
        shown = ", ".join(map(str, model.classes[:5])) + (", ..." if len(model.classes) > 5 else "")
        raise InputError(
            want=f"a class of the model: {shown}",
            got=repr(name),
            where="explain(target=...)",
            fix="model.classes_ has all of them.",
        )
    return int(found[0])


def _nearest(centers: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Of each row's sub-centers [rows, subcenters, dim] the one nearest to its vector, of length 1 [rows, dim]."""
    best = np.einsum("rkd,rd->rk", centers, vectors).argmax(axis=1)
    chosen = centers[np.arange(len(vectors)), best]
    return np.asarray(chosen / np.linalg.norm(chosen, axis=1, keepdims=True))
