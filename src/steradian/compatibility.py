"""A new version of a model whose vectors are searched among those of the old one: its class centers stay."""

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from steradian.config import ModelConfig, TrainingConfig
from steradian.data import ObjectTable
from steradian.errors import ConfigError, InputError
from steradian.fitted_model import FittedModel
from steradian.metrics.retrieval import each_query
from steradian.training import OBJECTIVES
from steradian.training.kept_centers import KeptCenters, used_coordinates
from steradian.validation import refuse_other_labels

__all__ = ["Compatibility", "keep_centers", "kept_fingerprints", "with_compatibility"]

ENTRY = "compatible"
"""Of `TrainingResult.choice`."""
MAX_QUERIES = 2000
WHERE = "fit(compatible_with=...)"


@dataclass(frozen=True)
class Compatibility:
    """What it costs to search new vectors among old ones, R@1 from 0 to 1 of objects that the new model has not learnt.

    Args:
        new_to_old: queries by the new model among vectors of the old one.
        new_to_new: both by the new model, as if all were embedded again.
        old_to_old: both by the old model.
        queries: how many were asked.
    """

    new_to_old: float
    new_to_new: float
    old_to_old: float
    queries: int

    def __str__(self) -> str:
        numbers = (100 * value for value in (self.new_to_old, self.new_to_new, self.old_to_old))
        new_to_old, new_to_new, old_to_old = (f"{number:.1f}" for number in numbers)
        return (
            f"new queries among old vectors: R@1 {new_to_old} %\n"
            f"(all new {new_to_new} %, all old {old_to_old} %; {self.queries:,} left-out queries)"
        )


def keep_centers(old: FittedModel, objects: ObjectTable, model: ModelConfig, config: TrainingConfig) -> KeptCenters:
    """The centers of a table's classes: the old model's, and for new classes the mean direction of its vectors.

    So new queries of a new class lie where the old model puts its objects. Where the width leaves room, a direction of
    its own is added, by which few known classes do not crowd the new ones.

    Args:
        old: the earlier model.
        objects: the training table.
        model: the options of the new one.
        config: likewise.

    Raises:
        ConfigError: options with which centers move, or classes have several.
        InputError: labels of another kind, or no modality in common.
    """
    old.refuse_several(where=WHERE)
    centers = old.classifier.weight.detach().cpu().numpy()
    dims = model.embedding_dim, old.encoder.embedding_dim
    if not OBJECTIVES[config.objective].learns_centers or model.subcenters > 1 or centers.ndim != 2:
        got = f'objective="{config.objective}", subcenters={model.subcenters}'
        raise ConfigError("one center a class, which stays", got, WHERE, "Leave both options out.")
    if dims[0] not in {None, dims[1]}:
        fix = "Leave embedding_dim out."
        raise ConfigError(f"embedding_dim={dims[1]}, as of the old model", str(dims[0]), WHERE, fix)
    refuse_other_labels(objects.labels, old.classes, where=f"{WHERE}, the labels")
    rows, vectors = _vectors(old, objects)
    names, numbers = np.unique(objects.labels, return_inverse=True)
    found = np.zeros((len(names), dims[1]), dtype=np.float32)
    np.add.at(found, numbers[rows], vectors)
    known = np.isin(names, old.classes)
    centers = centers / np.linalg.norm(centers, axis=1, keepdims=True)
    found[known] = centers[np.searchsorted(old.classes, names[known])]
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    if not (lengths > 0).all():
        raise InputError(
            want=f"an object of each new class with one of the old modalities {', '.join(old.modalities)}",
            got=f"none of class {names[np.argmin(lengths)]}",
            where=WHERE,
            fix="Leave the class out, or add such an object.",
        )
    entry = (old.training.choice or {}).get(ENTRY) or {}
    found /= lengths
    new = np.flatnonzero(~known)
    if len(new) and len(found) + len(new) <= dims[1]:
        # Where there is room, half of a new center is a direction that no other class has.
        free = np.linalg.svd(found)[2][len(found) :]
        found[new] = (found[new] + free[: len(new)]) / 2**0.5
    return KeptCenters(found, int(entry.get("learnt", used_coordinates(centers))))


def with_compatibility(
    new: FittedModel, old: FittedModel, kept: KeptCenters, objects: ObjectTable, validation: ObjectTable | None
) -> tuple[FittedModel, str]:
    """The new model that knows whose vectors it searches, and a sentence on what that costs.

    Args:
        new: fitted towards these centers.
        old: the earlier model.
        kept: the centers.
        objects: the training table, of which `new.left_out` has rows.
        validation: labelled objects to measure on instead; None takes those left out.
    """
    measured = _measured(new, old, objects, validation)
    entry = {"with": [old.fingerprint, *kept_fingerprints(old)], "learnt": kept.learnt}
    if measured is not None:
        entry |= asdict(measured)
    said = "nothing was left out to measure new queries among old vectors: pass validation=" if measured is None else ""
    choice = (new.training.choice or {}) | {ENTRY: entry}
    return replace(new, training=replace(new.training, choice=choice)), said or str(measured)


def kept_fingerprints(model: FittedModel) -> tuple[str, ...]:
    """The fingerprints of the earlier models among whose vectors a model's own can be searched.

    Args:
        model: any; one that was fitted without `compatible_with` has none.
    """
    entry: dict[str, Any] = (model.training.choice or {}).get(ENTRY) or {}
    return tuple(entry.get("with", ()))


def _measured(
    new: FittedModel, old: FittedModel, objects: ObjectTable, validation: ObjectTable | None
) -> Compatibility | None:
    """R@1 within the validation objects, or within what each of the fits has left out; None without any."""
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    if validation is not None:
        rows, vectors = _vectors(old, validation)
        parts.append((new.vectors(validation)[rows], vectors, validation.labels[rows]))
    elif new.left_out is not None:
        for part in new.left_out.parts:
            has, own = part.fused(part.encoded.present.numpy())
            table = objects[part.rows[has]]
            rows, vectors = _vectors(old, table)
            if new.left_out.new_classes:
                # Of classes that the old model has learnt it knows more than a fit that left them out.
                unknown = ~np.isin(table.labels[rows], old.classes)
                rows, vectors = rows[unknown], vectors[unknown]
            parts.append((own[rows], vectors, table.labels[rows]))
    scores: list[list[float]] = []
    for first, second, labels in parts:
        scores += _recalls(first, second, labels, most=MAX_QUERIES // len(parts))
    if not scores:
        return None
    new_to_old, new_to_new, old_to_old = np.mean(scores, axis=0).tolist()
    return Compatibility(new_to_old, new_to_new, old_to_old, len(scores))


def _recalls(new: np.ndarray, old: np.ndarray, labels: np.ndarray, *, most: int) -> list[list[float]]:
    """For each query 1 where its nearest other object is of its class: new to old, new to new, old to old."""
    if len(labels) < 2:
        return []
    found = [
        each_query(queries, labels, gallery, labels, ks=(1,), exclude=np.arange(len(labels)), max_queries=most)
        for queries, gallery in ((new, old), (new, new), (old, old))
    ]
    recalls: list[list[float]] = np.stack([each.scores[:, 0] for each in found], axis=1).tolist()
    return recalls


def _vectors(model: FittedModel, objects: ObjectTable) -> tuple[np.ndarray, np.ndarray]:
    """Which objects have any of a model's modalities, int64 [rows], and their vectors."""
    absent = set(model.modalities) - set(objects.schema.modalities)
    if absent:
        raise InputError(
            want=f"a table with the old model's modalities {', '.join(model.modalities)}, and others",
            got=f"one without {', '.join(sorted(absent))}",
            where=WHERE,
            fix="Name them in the schema alike.",
        )
    ((_, rows, vectors),) = model.subset_vectors(objects, [model.modalities])
    return rows, vectors
