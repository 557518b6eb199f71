"""All three margins at once."""

import math

import torch
from torch import Tensor

from steradian.errors import ConfigError
from steradian.losses.margins.class_margins import margin_shares, own_margin
from steradian.losses.margins.margin import BatchRows, Margin
from steradian.losses.margins.margin_values import angular_margin, cosine_margin_of
from steradian.losses.margins.normface import normface
from steradian.losses.margins.shifted_angle import falling, sines

__all__ = ["Combined", "combined"]


def combined(
    cosines: Tensor,
    *,
    angle_factor: float = 1.0,
    margin: float | Tensor = 0.5,
    cosine_margin: float | Tensor = 0.0,
) -> Tensor:
    """All three margins at once: psi = falling(angle_factor * angle + margin) - cosine_margin.

    Deng et al. 2019 (arXiv 1801.07698), equation 4, there m1, m2 and m3; the defaults are ArcFace with its paper's 0.5.
    Within 0.11 degrees of 0 and 180 the angle goes on as a tangent, so that its slope is 500 at most.

    NOTE[DIFF]: the paper leaves open what follows once the shifted angle passes pi; here psi goes on falling.

    Args:
        cosines: cosines to the target class [...], in any float type; computed in float32 or float64.
        angle_factor: at least 1, see `sphereface`.
        margin: radians, see `arcface`.
        cosine_margin: a difference of cosines, see `cosface`.

    Returns:
        psi [...].

    Raises:
        ConfigError: a factor below 1, a margin outside [0, pi) or a cosine margin outside [0, 2).
        InputError: a tensor of margins that does not fit the cosines.

    Examples:
        >>> combined(torch.tensor([0.5, 0.0]), angle_factor=1.0, margin=0.3, cosine_margin=0.2)
        tensor([ 0.0217, -0.4955])
    """
    cosines = normface(cosines)
    if not 1.0 <= angle_factor < math.inf:
        raise ConfigError(
            want="a factor of the angle, 1 <= angle_factor",
            got=repr(angle_factor),
            where="angle_factor",
            fix="1 leaves the angle as it is; 1.7 is the default of sphereface.",
        )
    margin = angular_margin(margin, cosines, "combined")
    cosine_margin = cosine_margin_of(cosine_margin, cosines, "combined")
    angles = torch.atan2(sines(cosines), cosines)
    return falling(angle_factor * angles + margin) - cosine_margin


class Combined(Margin):
    """The kind "combined"; with a margin alone it is "arcface".

    Args:
        margin: radians.
        cosine_margin: a difference of cosines.
        angle_factor: what multiplies angles.
        class_counts: as of `ArcFace`.
    """

    options = ("margin", "cosine_margin", "angle_factor", "class_counts")
    margin_shares: Tensor | None

    def __init__(
        self,
        margin: float,
        *,
        cosine_margin: float | None = None,
        angle_factor: float | None = None,
        class_counts: Tensor | None = None,
    ) -> None:
        super().__init__(margin)
        self.cosine_margin, self.angle_factor = cosine_margin or 0.0, angle_factor or 1.0
        self.register_buffer("margin_shares", None if class_counts is None else margin_shares(class_counts))

    def forward(self, cosines: Tensor, rows: BatchRows) -> Tensor:
        """See `combined`."""
        return combined(
            cosines,
            angle_factor=1.0 + (self.angle_factor - 1.0) * rows.strength,
            margin=own_margin(self.margin, self.margin_shares, cosines, rows),
            cosine_margin=self.cosine_margin * rows.strength,
        )
