"""What training derives from the data, and why."""

from dataclasses import dataclass

import numpy as np

from steradian.config import TrainingConfig
from steradian.losses import center_spacing, default_margin, default_scale
from steradian.training.schedule import RAMP, default_epochs

__all__ = ["Derived", "derive"]


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


def derive(config: TrainingConfig, labels: np.ndarray, *, num_classes: int, embedding_dim: int) -> Derived:
    """Fill in what the configuration leaves open.

    Args:
        config: None in `scale`, `margin` and `epochs` means: derive it.
        labels: of the training objects [objects].
        num_classes: at least 2.
        embedding_dim: at least 2.

    Example:
        >>> derive(TrainingConfig(), np.zeros(640), num_classes=10, embedding_dim=64).epochs
        60
    """
    spacing = center_spacing(num_classes, embedding_dim)
    scale = default_scale(num_classes) if config.scale is None else config.scale
    margin = default_margin(num_classes, embedding_dim) if config.margin is None else config.margin
    epochs = default_epochs(len(labels), config.batch_size) if config.epochs is None else config.epochs
    steps = epochs * -(-len(labels) // config.batch_size)
    reasons = (
        f"scale {scale:.1f}: " + (f"for {num_classes} classes" if config.scale is None else "given"),
        f"margin {margin:.3f} rad: "
        + (f"{num_classes} centers can stand {spacing:.2f} rad apart" if config.margin is None else "given"),
        f"{epochs} epochs of {len(labels)} objects: {steps} steps, margin rising from {RAMP[0]:.0%} to {RAMP[1]:.0%}",
    )
    return Derived(scale, margin, epochs, reasons)
