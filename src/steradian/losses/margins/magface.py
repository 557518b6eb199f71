"""Margins that grow with the length of each row, and a penalty on short ones."""

import math

from torch import Tensor

from steradian.errors import ConfigError
from steradian.losses.margins.arcface import arcface
from steradian.losses.margins.margin import BatchRows, Margin
from steradian.losses.margins.margin_values import check_range
from steradian.losses.margins.normface import normface

__all__ = ["MagFace", "magface_margins", "magface_penalty"]

PENALTY = 35.0
"""Weight of the penalty on short embeddings, the paper's lambda_g."""


def magface_margins(
    norms: Tensor,
    *,
    low_norm: float = 10.0,
    high_norm: float = 110.0,
    low: float = 0.45,
    high: float = 0.8,
) -> Tensor:
    """A margin for each row that grows with the norm of its embedding: from low at low_norm to high at high_norm.

    MagFace, Meng et al. 2021 (arXiv 2103.06627): linear between the two norms, level outside. Goes to `arcface` with
    its gradient; add 35 (the paper's weight) times the mean of `magface_penalty` to the loss.

    Args:
        norms: lengths of the embeddings before they are made unit rows [...], in any float type.
        low_norm: above 0; 10 is the authors'.
        high_norm: above low_norm; 110 is the authors'.
        low: radians, 0 <= low <= high; 0.45 is the authors'.
        high: radians, below pi; 0.8 is the authors'.

    Returns:
        Margins in radians [...], float32 or float64.

    Raises:
        ConfigError: norms or margins that are in the wrong order or out of range.

    Examples:
        >>> import torch
        >>> magface_margins(torch.tensor([1.0, 60.0, 200.0]))
        tensor([0.4500, 0.6250, 0.8000])
    """
    _check_norms(low_norm, high_norm, "magface_margins")
    check_range(low, high, "magface_margins")
    share = (normface(norms).clamp(low_norm, high_norm) - low_norm) / (high_norm - low_norm)
    return low + (high - low) * share


def magface_penalty(norms: Tensor, *, low_norm: float = 10.0, high_norm: float = 110.0) -> Tensor:
    """What MagFace adds to the loss of each row, to reward long embeddings: a / high_norm^2 + 1 / a for the norm a.

    Meng et al. 2021 (arXiv 2103.06627). The norm is held in [low_norm, high_norm], as in the authors' code, so that it
    takes no gradient outside. The weight, 35 in the paper, is the caller's.

    Args:
        norms: lengths of the embeddings before they are made unit rows [...], in any float type.
        low_norm: above 0, see `magface_margins`.
        high_norm: above low_norm, see `magface_margins`; the penalty is least there.

    Returns:
        The penalty of each row [...], float32 or float64.

    Raises:
        ConfigError: norms that are in the wrong order or out of range.

    Examples:
        >>> import torch
        >>> magface_penalty(torch.tensor([10.0, 110.0]))
        tensor([0.1008, 0.0182])
    """
    _check_norms(low_norm, high_norm, "magface_penalty")
    held = normface(norms).clamp(low_norm, high_norm)
    return held / high_norm**2 + 1.0 / held


class MagFace(Margin):
    """The kind "magface": margins from 0.45 to 0.8, whatever `margin` says."""

    options = ()
    by_angle_alone = False
    needs_lengths = True

    def __init__(self) -> None:
        super().__init__(0.0)

    def forward(self, cosines: Tensor, rows: BatchRows) -> Tensor:
        """See `magface_margins`."""
        return arcface(cosines, rows.strength * magface_margins(rows.norms))

    def penalty(self, rows: BatchRows) -> Tensor:
        """See `magface_penalty`."""
        return PENALTY * magface_penalty(rows.norms)


def _check_norms(low_norm: float, high_norm: float, function: str) -> None:
    if not 0.0 < low_norm < high_norm < math.inf:
        raise ConfigError(
            want="two lengths, 0 < low_norm < high_norm",
            got=f"low_norm={low_norm!r}, high_norm={high_norm!r}",
            where=function,
            fix="10 and 110 are the defaults.",
        )
