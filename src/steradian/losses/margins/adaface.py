"""Margins led by the quality of each row, which its length tells."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from steradian.errors import ConfigError
from steradian.losses.margins.arcface import arcface
from steradian.losses.margins.margin import BatchRows, Margin
from steradian.losses.margins.margin_values import check_margin, fitted
from steradian.losses.margins.normface import normface

__all__ = ["AdaFace", "adaface", "adaface_quality"]

LEAST_SPREAD = 1e-3
"""Added to the spread of the norms, as in AdaFace's code: equal norms then have quality 0."""
SLOW = 0.01
"""Share of a new batch in the running statistics, the paper's."""


def adaface(cosines: Tensor, quality: Tensor, *, margin: float = 0.4) -> Tensor:
    """Margins led by quality: psi = falling(angle - margin * quality) - (margin + margin * quality).

    AdaFace, Kim et al. 2022 (arXiv 2204.00964). Quality -1 is ArcFace, 0 is CosFace, and 1 presses hard rows most.

    NOTE[DIFF]: the authors' code clips the shifted angle into [0.001, pi - 0.001], where the gradient ends; here psi
    goes on falling on both sides.

    Args:
        cosines: cosines to the target class [...], in any float type; computed in float32 or float64.
        quality: from -1 to 1, see `adaface_quality`; it broadcasts to the cosines and takes no gradient.
        margin: 0 <= margin < pi, used twice, as radians and as a difference of cosines; 0.4 is the paper's.

    Returns:
        psi [...].

    Raises:
        ConfigError: a margin outside [0, pi).
        InputError: qualities that do not fit the cosines.

    Examples:
        >>> adaface(torch.tensor([0.5, 0.5, 0.5]), torch.tensor([-1.0, 0.0, 1.0]))
        tensor([ 0.1233,  0.1000, -0.0022])
    """
    cosines = normface(cosines)
    check_margin(margin, "adaface(margin=...)")
    shift = margin * fitted(quality.detach(), cosines, "adaface(quality=...)")
    return arcface(cosines, -shift) - (margin + shift)


@torch.no_grad()
def adaface_quality(
    norms: Tensor, mean: float | Tensor, std: float | Tensor, *, concentration: float = 0.333
) -> Tensor:
    """The quality of each row for `adaface`: clip(concentration * (norm - mean) / std, -1, 1).

    AdaFace, Kim et al. 2022 (arXiv 2204.00964). A thousandth is added to std, as in the authors' code.

    Args:
        norms: lengths of the embeddings before they are made unit rows [...], in any float type.
        mean: of the norms, over the batch or as a running mean.
        std: of the norms likewise, 0 or more.
        concentration: above 0; 0.333 is the paper's, and leaves about all rows inside (-1, 1).

    Returns:
        Qualities from -1 to 1 [...], float32 or float64, without a gradient.

    Raises:
        ConfigError: a concentration that is not above 0 and finite.

    Examples:
        >>> adaface_quality(torch.tensor([18.0, 20.0, 90.0]), 20.0, 2.0)
        tensor([-0.3328,  0.0000,  1.0000])
    """
    if not 0.0 < concentration < math.inf:
        raise ConfigError(
            want="a concentration above 0",
            got=repr(concentration),
            where="adaface_quality(concentration=...)",
            fix="0.333 is the default.",
        )
    return (concentration * (normface(norms) - mean) / (std + LEAST_SPREAD)).clamp(-1.0, 1.0)


class AdaFace(Margin):
    """The kind "adaface".

    Args:
        margin: used twice, see `adaface`.
    """

    by_angle_alone = False
    needs_lengths = True
    norm_statistics: Tensor

    def __init__(self, margin: float) -> None:
        super().__init__(margin)
        # AdaFace's public code starts from 20 and 100, norms of its face encoders; here the first batch sets them.
        self.register_buffer("norm_statistics", torch.full((2,), torch.nan))

    def forward(self, cosines: Tensor, rows: BatchRows) -> Tensor:
        """See `adaface`."""
        mean, std = self.norm_statistics.unbind()
        # Before the first batch no length is good or bad.
        quality = adaface_quality(rows.norms, float(mean), float(std)).nan_to_num(0.0)
        return adaface(cosines, quality, margin=self.margin * rows.strength)

    @torch.no_grad()
    def observe(self, rows: BatchRows, own_cosines: Callable[[], Tensor]) -> None:
        """Move the running mean and deviation of the lengths."""
        now = torch.stack([rows.norms.mean(), rows.norms.std(correction=0)]).to(self.norm_statistics)
        moved = torch.lerp(self.norm_statistics, now, SLOW)
        self.norm_statistics.copy_(torch.where(self.norm_statistics.isnan(), now, moved))
