"""Fill an attribution: gates and cosines of each modality, each modality left out, each subset fused."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from steradian.data import ObjectTable
from steradian.errors import InputError
from steradian.explanation.attribution import Attribution, TargetKind
from steradian.fitted_model import Encoded, FittedModel
from steradian.metrics import contributions, shapley_values
from steradian.metrics.nearest import check_vectors
from steradian.model import Encoder, ModalityVectors, fuse_subset

__all__ = ["MOST_FOR_SHAPLEY", "explain"]

MOST_FOR_SHAPLEY = 8
"""Present modalities up to which every subset is fused: 255 of them. Objects with more have no Shapley values."""

Target = str | float | np.generic | np.ndarray | ObjectTable | None

Targets = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""From rows [rows] and their vectors [rows, dim] to the unit vectors they are compared with [rows, dim]."""


def explain(objects: Encoded, target: Target = None) -> Attribution:
    """The cosine of each object to a target as a sum over its modalities, and what each modality is worth.

    Args:
        objects: encoded by a model with fusion="certified" or "context".
        target: None for the class predicted for each object; the name of a class; one object or vector for each of
            the objects, as a table or as floats [objects, embedding_dim].

    Raises:
        ConfigError: fusion="free".
        InputError: no objects, one without any modality, an unknown class, or targets of another number or width.
    """
    objects.check_sums(where="explain(objects)")
    model = objects.model
    kind, names, targets = _targets(model, len(objects), target)
    parts = [_explain(model.encoder, encoded, rows, targets) for rows, encoded in objects.batches()]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    vectors = columns.pop("vectors")
    return Attribution(
        ids=objects.objects.ids,
        modalities=model.modalities,
        targets=model.predict(vectors) if names is None else names,
        target_kind=kind,
        **columns,
    )


def _explain(encoder: Encoder, encoded: ModalityVectors, rows: np.ndarray, targets: Targets) -> dict[str, Any]:
    """The columns of an attribution for one batch, and the objects' own vectors."""
    with torch.inference_mode(), torch.autocast(encoder.device.type, enabled=False):
        gates, context = encoder.fusion.weigh(encoded.vectors, encoded.summaries, encoded.present)
    present, singles = encoded.present.cpu().numpy(), encoded.vectors.cpu().numpy()
    weights = gates.cpu().numpy()
    _, vectors = fuse_subset(encoder, encoded, encoded.present)
    toward = targets(rows, vectors)
    shares = contributions(singles, weights, toward, context=None if context is None else context.cpu().numpy())
    without = np.full(present.shape, np.nan)
    for m in range(present.shape[1]):
        others = present & (np.arange(present.shape[1]) != m)
        without[:, m] = np.where(present[:, m], _cosines(encoder, encoded, others, toward), np.nan)
    return {
        "vectors": vectors,
        "present": present,
        "cosines": shares.cosines,
        "gates": weights.astype(np.float64),
        "modality_cosines": np.where(present, np.einsum("omd,od->om", singles.astype(np.float64), toward), np.nan),
        "contributions": shares.modalities,
        "agreement": shares.agreement,
        "cosines_without": without,
        "shapley": _shapley(encoder, encoded, present, toward),
        **({} if context is None else {"context": shares.context}),
    }


def _shapley(encoder: Encoder, encoded: ModalityVectors, present: np.ndarray, toward: np.ndarray) -> np.ndarray:
    """Shapley values of the cosine float64 [objects, modalities], 0 where absent, NaN where too many are present."""
    counts = present.sum(axis=1)
    few = counts <= MOST_FOR_SHAPLEY
    found = np.full(present.shape, np.nan)
    if not few.any():
        return found
    kept = torch.from_numpy(few).to(encoded.present.device)
    chosen = encoded[kept]
    # Bit i of a coalition is an object's i-th present modality; where it has fewer, the player is one who adds nothing.
    players, places = int(counts[few].max()), present[few].cumsum(axis=1) - 1
    values = np.zeros((np.count_nonzero(few), 2**players))
    for coalition in range(1, 2**players):
        member = present[few] & ((coalition >> places) & 1 == 1)
        values[:, coalition] = np.nan_to_num(_cosines(encoder, chosen, member, toward[few]))
    worth = np.take_along_axis(shapley_values(values), np.clip(places, 0, players - 1), axis=1)
    found[few] = np.where(present[few], worth, 0.0)
    return found


def _cosines(encoder: Encoder, encoded: ModalityVectors, subset: np.ndarray, toward: np.ndarray) -> np.ndarray:
    """The cosines float64 [objects] of a subset's vectors; NaN where an object has nothing of it."""
    has, vectors = fuse_subset(encoder, encoded, torch.from_numpy(subset).to(encoded.present.device))
    cosines = np.full(len(has), np.nan)
    cosines[has] = (vectors.astype(np.float64) * toward[has]).sum(axis=1)
    return cosines


def _targets(model: FittedModel, count: int, target: Target) -> tuple[TargetKind, np.ndarray | None, Targets]:
    """The kind of target, the names of the objects' targets [objects] (None: as predicted), and their vectors."""
    if not isinstance(target, (np.ndarray, ObjectTable)):
        centers = model.classifier.class_centers.detach().cpu().numpy().astype(np.float64)
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
    if given.shape != (count, model.encoder.embedding_dim):
        raise InputError(
            want=f"{count} targets, one an object, vectors of {model.encoder.embedding_dim} numbers",
            got=f"{len(given)} of {given.shape[1]}",
            where="explain(target=...)",
            fix="Repeat the rows of a target that is meant for several objects.",
        )
    unit = given / lengths[:, None]
    return kind, names, lambda rows, _: unit[rows]


def _class_number(model: FittedModel, name: Target) -> int:
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
