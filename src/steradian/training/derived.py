"""What training derives from the data, and why."""

from dataclasses import dataclass, replace

import numpy as np

from steradian.config import ModelConfig, TrainingConfig
from steradian.losses import center_spacing, default_margin, default_scale
from steradian.training.schedule import RAMP, default_epochs

__all__ = ["Derived", "derive", "with_dropout"]

DROPOUTS = ((1_000, 0.3), (10_000, 0.2))
"""Dropout below so many training objects; found on inner splits of small sets and on the demo (docs/lab-log.md)."""

LEAST_DROPOUT, MORE_OF_INPUTS = 0.1, 0.1


@dataclass(frozen=True)
class Derived:
    """Numbers that were derived or given, each with the reason in words.

    Args:
        scale: factor of the cosines.
        margin: in radians.
        epochs: passes over the training objects.
        reasons: a line each, to be printed.
    """

    scale: float
    margin: float
    epochs: int
    reasons: tuple[str, ...]


def derive(config: TrainingConfig, labels: np.ndarray, *, num_classes: int, model: ModelConfig) -> Derived:
    """Fill in what the configuration leaves open.

    Args:
        config: None in `scale`, `margin` and `epochs` means: derive it.
        labels: of the training objects [objects].
        num_classes: at least 2.
        model: the model's configuration, its dropout filled in.

    Example:
        >>> derive(TrainingConfig(), np.zeros(640), num_classes=10, model=ModelConfig()).epochs
        60
    """
    spacing = center_spacing(num_classes, model.embedding_dim)
    scale = default_scale(num_classes) if config.scale is None else config.scale
    margin = default_margin(num_classes, model.embedding_dim) if config.margin is None else config.margin
    epochs = default_epochs(len(labels), config.batch_size) if config.epochs is None else config.epochs
    steps = epochs * -(-len(labels) // config.batch_size)
    reasons = (
        f"scale {scale:.1f}: " + (f"for {num_classes} classes" if config.scale is None else "given"),
        f"margin {margin:.3f} rad: "
        + (f"{num_classes} centers can stand {spacing:.2f} rad apart" if config.margin is None else "given"),
        f"{epochs} epochs of {len(labels)} objects: {steps} steps, margin rising from {RAMP[0]:.0%} to {RAMP[1]:.0%}",
        f"dropout {model.dropout} in the blocks and {model.input_dropout} of the inputs",
    )
    return Derived(scale, margin, epochs, reasons)


def with_dropout(config: ModelConfig, objects: int) -> ModelConfig:
    """The configuration with its dropout filled in: the fewer training objects, the more.

    Args:
        config: None in `dropout` and `input_dropout` means: derive it.
        objects: how many to train on.

    Example:
        >>> [(c.dropout, c.input_dropout) for c in (with_dropout(ModelConfig(), n) for n in (999, 1000, 10_000))]
        [(0.3, 0.4), (0.2, 0.3), (0.1, 0.2)]
    """
    dropout = next((share for below, share in DROPOUTS if objects < below), LEAST_DROPOUT)
    inputs = round(dropout + MORE_OF_INPUTS, 2)
    return replace(
        config,
        dropout=dropout if config.dropout is None else config.dropout,
        input_dropout=inputs if config.input_dropout is None else config.input_dropout,
    )
