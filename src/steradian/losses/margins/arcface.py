"""A margin that is added to the angle."""

import math

from torch import Tensor

from steradian.losses.margins.class_margins import margin_shares, own_margin
from steradian.losses.margins.margin import BatchRows, Margin
from steradian.losses.margins.margin_values import angular_margin
from steradian.losses.margins.normface import normface
from steradian.losses.margins.shifted_angle import turned

__all__ = ["ArcFace", "arcface"]


def arcface(cosines: Tensor, margin: float | Tensor) -> Tensor:
    """The target cosine with an additive angular margin: psi = falling(angle + margin).

    ArcFace, Deng et al. 2019 (arXiv 1801.07698). With q = cos(angle + margin):

        psi = q            while angle + margin lies in [0, pi]
        psi = -2 - q       beyond pi
        psi = 2 - q        below 0, where a negative margin turned the angle back

    NOTE[DIFF]: the paper leaves the range beyond pi - margin open; public code jumps there or stops falling.

    Args:
        cosines: cosines to the target class [...], in any float type; computed in float32 or float64.
        margin: radians, 0 <= margin < pi; 0 gives the cosine back (NormFace), 0.5 is the paper's. A tensor that
            broadcasts to the cosines gives every row its own, between -pi and pi, and may take a gradient; its values
            are not checked.

    Returns:
        psi [...].

    Raises:
        ConfigError: a margin outside [0, pi).
        InputError: a tensor of margins that does not fit the cosines.

    Examples:
        >>> import torch
        >>> arcface(torch.tensor([1.0, 0.0]), 0.5)
        tensor([ 0.8771, -0.4794])
    """
    cosines = normface(cosines)
    margin = angular_margin(margin, cosines, "arcface")
    if isinstance(margin, Tensor):
        cos, sin, side = margin.cos(), margin.sin(), margin.sign()
        return turned(cosines, cos, sin, side=side)
    return turned(cosines, math.cos(margin), math.sin(margin), side=1.0) if margin else cosines


class ArcFace(Margin):
    """The kind "arcface".

    Args:
        margin: radians.
        class_counts: objects of each class [num_classes], by which rare classes get the larger margins.
    """

    options = ("margin", "class_counts")
    margin_shares: Tensor | None

    def __init__(self, margin: float, *, class_counts: Tensor | None = None) -> None:
        super().__init__(margin)
        self.register_buffer("margin_shares", None if class_counts is None else margin_shares(class_counts))

    def forward(self, cosines: Tensor, rows: BatchRows) -> Tensor:
        """See `arcface`."""
        return arcface(cosines, own_margin(self.margin, self.margin_shares, cosines, rows))
