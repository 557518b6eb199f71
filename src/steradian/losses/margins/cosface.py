"""A margin that is a difference of cosines."""

import math

from torch import Tensor

from steradian.losses.margins.margin import BatchRows, Margin
from steradian.losses.margins.margin_values import cosine_margin_of
from steradian.losses.margins.normface import normface

__all__ = ["CosFace", "cosface"]


def cosface(cosines: Tensor, cosine_margin: float | Tensor = 0.35) -> Tensor:
    """The target cosine less a margin: psi = cosine - cosine_margin. CosFace, Wang et al. 2018 (arXiv 1801.09414).

    Args:
        cosines: cosines to the target class [...], in any float type; computed in float32 or float64.
        cosine_margin: a difference of cosines, not an angle: 0 <= cosine_margin < 2; 0.35 is the paper's. A tensor that
            broadcasts to the cosines gives every row its own; its values are not checked.

    Returns:
        psi [...].

    Raises:
        ConfigError: a cosine margin outside [0, 2).
        InputError: a tensor of cosine margins that does not fit the cosines.

    Examples:
        >>> import torch
        >>> cosface(torch.tensor([1.0, 0.0]))
        tensor([ 0.6500, -0.3500])
    """
    cosines = normface(cosines)
    return cosines - cosine_margin_of(cosine_margin, cosines, "cosface")


class CosFace(Margin):
    """The kind "cosface".

    Args:
        margin: radians, whose sine is subtracted.
        cosine_margin: what is subtracted in its place.
    """

    options = ("margin", "cosine_margin")

    def __init__(self, margin: float, *, cosine_margin: float | None = None) -> None:
        super().__init__(margin)
        self.cosine_margin = cosine_margin

    def forward(self, cosines: Tensor, rows: BatchRows) -> Tensor:
        """See `cosface`."""
        given = self.cosine_margin
        return cosface(cosines, math.sin(self.margin * rows.strength) if given is None else given * rows.strength)
