"""From a configuration to what training minimises."""

import math
from difflib import get_close_matches

import numpy as np
from torch import nn

from steradian.config import MODALITY_OBJECTIVES, ModelConfig, TrainingConfig
from steradian.errors import ConfigError
from steradian.losses import MARGINS
from steradian.model import AngularMarginLoss, SphericalClassifier
from steradian.training.derived import Derived
from steradian.training.objective import Objective
from steradian.training.rivals import BatchLoss, Contrastive, CrossEntropy

__all__ = ["build_objective", "check_margin_kind", "check_objective", "choose_anchor", "make_margin_loss"]


def build_objective(
    classifier: SphericalClassifier, config: TrainingConfig, derived: Derived, *, anchor: int = 0
) -> nn.Module:
    """The objective that a configuration describes, on the device of these class centers.

    Args:
        classifier: the class centers.
        config: the kind of objective and its options.
        derived: scale and margin.
        anchor: number of the modality that some objectives compare all others with, see `choose_anchor`.
    """
    device = classifier.weight.device
    row_loss: nn.Module
    match config.objective:
        case "angular" | "normalised_cross_entropy":
            row_loss = make_margin_loss(classifier, config, derived)
        case "cross_entropy":
            row_loss = CrossEntropy(classifier).to(device)
        case "proxy_anchor" | "supcon" | "triplet":
            cosine_margin = math.sin(derived.margin)
            row_loss = BatchLoss(config.objective, classifier, scale=derived.scale, cosine_margin=cosine_margin)
        case kind:
            scale, positives = derived.scale, config.positives
            return Contrastive(kind, classifier, scale=scale, positives=positives, anchor=anchor).to(device)
    return Objective(
        config.modality_weight,
        config.subset_weight,
        row_loss,
        subset_policy=config.subset_policy,
        positives=config.positives,
        alignment_weight=derived.alignment_weight,
    )


def choose_anchor(present: np.ndarray) -> int:
    """The number of the modality that most objects have beside another one, the first of equals.

    Args:
        present: bool [objects, modalities].

    Examples:
        >>> choose_anchor(np.array([[True, False, False], [True, False, False], [False, True, True]]))
        1
    """
    paired = present & (present.sum(axis=1, keepdims=True) > 1)
    return int(paired.sum(axis=0).argmax())


def check_margin_kind(config: TrainingConfig) -> None:
    """Refuse a kind of margin that is not known, or that unit vectors cannot be trained with.

    Args:
        config: has its name.

    Raises:
        ConfigError: it is.
    """
    kinds = [name for name, margin in MARGINS.items() if not margin.needs_lengths]
    if config.margin_kind not in kinds:
        near = get_close_matches(config.margin_kind, kinds, n=1)
        fix = f"Did you mean {near[0]}?" if near else "Leave margin_kind out for arcface."
        raise ConfigError(f"one of {', '.join(kinds)}", repr(config.margin_kind), "margin_kind", fix)


def check_objective(config: TrainingConfig, model: ModelConfig, present: np.ndarray) -> None:
    """Refuse an objective that would learn nothing from these objects, or not all that the model has.

    Args:
        config: the kind of objective.
        model: the kind of fusion, and the centers a class.
        present: which modalities the training objects have, bool [objects, modalities].

    Raises:
        ConfigError: it would.
    """
    kind, where = config.objective, f"objective={config.objective!r}"
    if model.subcenters > 1 and kind not in ("angular", "normalised_cross_entropy"):
        raise ConfigError("one center a class", f"subcenters={model.subcenters}", where, "Leave subcenters out.")
    across = kind in MODALITY_OBJECTIVES
    if across and not kind.startswith("gmc") and model.kind_of_fusion != "certified":
        got, fix = f"fusion={model.fusion!r}", "Leave fusion out: this objective trains no fusion, only what is fused."
        raise ConfigError('fusion="certified", which is a mean untrained', got, where, fix)
    number = present.sum(axis=1)
    if kind in ("symile", "gram"):
        enough, want = number == max(2, present.shape[1]), "every modality"
    elif kind in ("clip", "anchor_clip") or config.positives == "object":
        enough, want = number > 1, "two modalities"
    else:
        return
    if enough.sum() < 2:
        raise ConfigError(
            want=f"2 training objects that have {want}",
            got=f"{enough.sum()} of {len(present)}",
            where=where,
            fix='Choose objective="angular" or "supcon", and positives="class".',
        )


def make_margin_loss(classifier: SphericalClassifier, config: TrainingConfig, derived: Derived) -> AngularMarginLoss:
    """The loss that a configuration describes, over these class centers, with a number a row.

    Args:
        classifier: the class centers.
        config: the kind of margin and its options; normalised cross entropy has none.
        derived: scale and margin.
    """
    directions = classifier.weight
    return AngularMarginLoss(
        classifier.num_classes,
        directions.shape[-1],
        kind="normface" if config.objective == "normalised_cross_entropy" else config.margin_kind,
        margin=derived.margin,
        scale=derived.scale,
        subcenters=directions.shape[1] if directions.ndim == 3 else 1,
        gradient=config.margin_gradient,
        smoothing=config.label_smoothing,
        class_share=config.class_share,
        reduction="none",
        classifier=classifier,
    ).to(directions.device)
