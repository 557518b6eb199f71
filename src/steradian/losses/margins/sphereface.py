"""A margin that multiplies the angle."""

import math

from torch import Tensor

from steradian.losses.margins.combined import combined
from steradian.losses.margins.margin import BatchRows, Margin

__all__ = ["SphereFace", "sphereface"]


def sphereface(cosines: Tensor, angle_factor: float = 1.7) -> Tensor:
    """The target's angle multiplied: psi = falling(angle_factor * angle).

    SphereFace, Liu et al. 2017 (arXiv 1704.08063), for real factors. A factor of 4, the paper's, is hard to train.

    Args:
        cosines: cosines to the target class [...], in any float type; computed in float32 or float64.
        angle_factor: at least 1, without a unit; 1.7 is the default of OpenSphere, by an author of the paper.

    Returns:
        psi [...].

    Raises:
        ConfigError: a factor below 1 or not finite.

    Examples:
        >>> import torch
        >>> sphereface(torch.tensor([0.5, -1.0]), 2.0)
        tensor([-0.5000, -3.0000])
    """
    return combined(cosines, angle_factor=angle_factor, margin=0.0)


class SphereFace(Margin):
    """The kind "sphereface".

    Args:
        margin: radians, by which a right angle becomes wider.
        angle_factor: what multiplies angles in its place.
    """

    options = ("margin", "angle_factor")

    def __init__(self, margin: float, *, angle_factor: float | None = None) -> None:
        super().__init__(margin)
        self.angle_factor = 1.0 + margin / (math.pi / 2) if angle_factor is None else angle_factor

    def forward(self, cosines: Tensor, rows: BatchRows) -> Tensor:
        """See `sphereface`."""
        return sphereface(cosines, 1.0 + (self.angle_factor - 1.0) * rows.strength)
