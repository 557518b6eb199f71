"""A margin that is drawn anew for each row at every step."""

import math

import torch
from torch import Tensor

from steradian.errors import ConfigError
from steradian.losses.margins.arcface import arcface
from steradian.losses.margins.margin import BatchRows, Margin
from steradian.losses.margins.margin_values import check_margin
from steradian.losses.margins.normface import normface

__all__ = ["ElasticFace", "elastic_margins"]

BELOW_PI = math.pi - 1e-6


@torch.no_grad()
def elastic_margins(
    cosines: Tensor,
    margin: float = 0.5,
    *,
    spread: float = 0.0125,
    sort: bool = False,
    generator: torch.Generator | None = None,
) -> Tensor:
    """A margin for each row, drawn anew at every step: Normal(margin, spread), held in [0, pi).

    ElasticFace, Boutros et al. 2022 (arXiv 2109.09416). With `sort` it is ElasticFace+: the rows farthest from their
    class center get the largest of the margins drawn. For ElasticFace-Cos draw around 0.35 and give the margins to
    `cosface`.

    NOTE[DIFF]: for ElasticFace+ the authors' code indexes the sorted margins by the order of the rows instead of by
    their rank, which hands them to other rows.

    Args:
        cosines: cosines to the target class [...], in any float type.
        margin: the mean in radians, 0 <= margin < pi; 0.5 is the paper's.
        spread: the standard deviation in radians; 0.0125 is the paper's.
        sort: larger margins for harder rows.
        generator: where the random numbers come from, on the device of the cosines; torch's own without it.

    Returns:
        Margins [...] in float32 or float64, without a gradient.

    Raises:
        ConfigError: a margin outside [0, pi), or a spread below 0 or not finite.

    Examples:
        >>> elastic_margins(torch.tensor([0.9, -0.2]), spread=0.0)
        tensor([0.5000, 0.5000])
    """
    check_margin(margin, "elastic_margins(margin=...)")
    if not 0.0 <= spread < math.inf:
        raise ConfigError(
            want="a standard deviation in radians, 0 <= spread",
            got=repr(spread),
            where="elastic_margins(spread=...)",
            fix="0.0125 is the default.",
        )
    cosines = normface(cosines)
    noise = torch.randn(cosines.shape, generator=generator, dtype=cosines.dtype, device=cosines.device)
    margins = (margin + spread * noise).clamp(0.0, BELOW_PI)
    if not sort:
        return margins
    hardest_first = cosines.flatten().argsort(stable=True)
    largest_first = margins.flatten().sort(descending=True).values
    return torch.empty_like(largest_first).scatter(0, hardest_first, largest_first).view_as(cosines)


class ElasticFace(Margin):
    """The kind "elasticface": margins drawn in training with a spread of a fortieth, as in the paper."""

    by_angle_alone = False

    def forward(self, cosines: Tensor, rows: BatchRows) -> Tensor:
        """See `elastic_margins`."""
        if not self.training:
            return arcface(cosines, self.margin * rows.strength)
        margins = elastic_margins(cosines, self.margin, spread=self.margin / 40)
        return arcface(cosines, rows.strength * rows.shared(margins))
