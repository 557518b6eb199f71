"""What training derives from the data and its objective, and why."""

from collections.abc import Sized
from dataclasses import replace

from steradian.config import LARGEST_DIM, USUAL_DIM, ModelConfig, TrainingConfig
from steradian.losses import center_spacing, default_margin, default_scale
from steradian.training.objectives import OBJECTIVES, Derived
from steradian.training.schedule import RAMP, default_epochs

__all__ = ["derive", "said_steps", "samples_per_class", "with_derived", "with_epochs_beside"]

DROPOUTS = ((1_000, 0.3), (10_000, 0.2))
"""Dropout below so many training objects; found on inner splits of small sets and on the demo (docs/lab-log.md)."""

LEAST_DROPOUT, MORE_OF_INPUTS = 0.1, 0.1

ALIGNMENT_OF_MANY, ALIGNMENT_OF_FEW = 1.0, 0.3
"""Where classes outnumber a batch, few objects meet one of their class, and aligning modalities helps most; with few
classes it saves steps, and a larger weight costs accuracy (docs/lab-log.md)."""

BESIDE = 20
"""Passes of a network beside a closed form over a table that is neither small nor large."""

USUAL_GROUP = 4
"""Objects of a class together for losses over pairs; pytorch-metric-learning's examples take 4 as well."""


def derive(config: TrainingConfig, labels: Sized, *, num_classes: int, model: ModelConfig) -> Derived:
    """Fill in what the configuration leaves open.

    Args:
        config: None in `scale`, `margin` and `epochs` means: derive it.
        labels: one for each training object.
        num_classes: at least 2.
        model: the model's configuration, its dropout filled in.

    Examples:
        >>> derive(TrainingConfig(), range(640), num_classes=10, model=ModelConfig()).epochs
        60
    """
    scale, scale_reason = _scale(config, num_classes)
    margin, margin_reason = _margin(config, num_classes, model.dim)
    alignment, alignment_reason = _alignment(config, num_classes)
    epochs = default_epochs(len(labels), config.batch_size) if config.epochs is None else config.epochs
    reasons = (
        f"scale {scale:.1f}: {scale_reason}",
        f"margin {margin:.3f} rad: {margin_reason}",
        *([f"alignment {alignment:g}: {alignment_reason}"] if _takes(config, "alignment_weight") else []),
        said_steps(config, epochs, len(labels)),
        f"dropout {model.dropout} in the blocks and {model.input_dropout} of the inputs",
    )
    return Derived(scale, margin, epochs, reasons, alignment)


def _scale(config: TrainingConfig, num_classes: int) -> tuple[float, str]:
    """The scale, and why."""
    if config.scale is not None:
        return config.scale, "given"
    objective = OBJECTIVES[config.objective]
    if objective.paper_scale is not None:
        start = ", to start from" if objective.learned_scale else ""
        return objective.paper_scale, f"as in the paper of {config.objective}{start}"
    return default_scale(num_classes), f"for {num_classes} classes"


def said_steps(config: TrainingConfig, epochs: int, objects: int) -> str:
    """How many steps a training takes, in words.

    Args:
        config: of the training.
        epochs: passes over the objects.
        objects: that it learns from.

    Examples:
        >>> said_steps(TrainingConfig(objective="clip"), 20, 96)
        '20 epochs of 96 objects: 40 steps'
    """
    steps = epochs * -(-objects // config.batch_size)
    ramp = f", margin rising from {RAMP[0]:.0%} to {RAMP[1]:.0%}" if _takes(config, "margin_kind") else ""
    return f"{epochs} epochs of {objects} objects: {steps} steps{ramp}"


def _margin(config: TrainingConfig, num_classes: int, embedding_dim: int) -> tuple[float, str]:
    """The margin in radians, and why."""
    if config.margin is not None:
        return config.margin, "given"
    if not _takes(config, "margin"):
        return 0.0, f"{config.objective} has none"
    paper_margin = OBJECTIVES[config.objective].paper_margin
    if paper_margin is not None:
        return paper_margin, f"as in the paper of {config.objective}"
    spacing = center_spacing(num_classes, embedding_dim)
    return default_margin(num_classes, embedding_dim), f"{num_classes} centers can stand {spacing:.2f} rad apart"


def _alignment(config: TrainingConfig, num_classes: int) -> tuple[float, str]:
    """The weight of the objective's term between modalities and whole objects, and why."""
    if not _takes(config, "alignment_weight"):
        return 0.0, f"{config.objective} has none"
    if config.alignment_weight is not None:
        return config.alignment_weight, "given"
    few = num_classes <= config.batch_size
    reason = f"{num_classes} classes are {'no ' if few else ''}more than the {config.batch_size} objects of a batch"
    return (ALIGNMENT_OF_FEW if few else ALIGNMENT_OF_MANY), reason


def samples_per_class(config: TrainingConfig) -> int:
    """How many objects of a class come one after the other.

    Args:
        config: None in `samples_per_class` means: derive it.

    Examples:
        >>> samples_per_class(TrainingConfig()), samples_per_class(TrainingConfig(objective="supcon"))
        (1, 4)
    """
    if config.samples_per_class is not None:
        return config.samples_per_class
    pairs_a_class = _takes(config, "positives") and config.positives == "class"
    return USUAL_GROUP if pairs_a_class and not config.balanced else 1


def with_epochs_beside(config: TrainingConfig, objects: int) -> TrainingConfig:
    """The configuration with its epochs filled in: a network beside a closed form need not find everything itself.

    Args:
        config: None in `epochs` means: derive them.
        objects: to train on.
    """
    if config.epochs is not None:
        return config
    return replace(config, epochs=default_epochs(objects, config.batch_size, usual=BESIDE))


def _takes(config: TrainingConfig, option: str) -> bool:
    """Whether the objective takes an option that not all do."""
    return option in OBJECTIVES[config.objective].options


def with_derived(config: ModelConfig, *, objects: int, num_classes: int) -> ModelConfig:
    """The configuration with its dropout and the length of its vectors filled in.

    Args:
        config: None in `dropout` and `input_dropout` means: derive it, the fewer training objects, the more; None in
            `embedding_dim` likewise, the more classes, the longer.
        objects: how many to train on.
        num_classes: of how many classes.

    Examples:
        >>> [with_derived(ModelConfig(), objects=n, num_classes=9).dropout for n in (999, 1000, 10_000)]
        [0.3, 0.2, 0.1]
        >>> [with_derived(ModelConfig(), objects=9, num_classes=n).embedding_dim for n in (9, 200, 10_000)]
        [128, 256, 512]
    """
    dropout = next((share for below, share in DROPOUTS if objects < below), LEAST_DROPOUT)
    inputs = round(dropout + MORE_OF_INPUTS, 2)
    dim = min(LARGEST_DIM, max(USUAL_DIM, 1 << (num_classes - 2).bit_length()))
    return replace(
        config,
        dropout=dropout if config.dropout is None else config.dropout,
        input_dropout=inputs if config.input_dropout is None else config.input_dropout,
        embedding_dim=dim if config.embedding_dim is None else config.embedding_dim,
    )
