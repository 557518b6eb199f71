"""The margin that each row or class gets, for the functions of `margins` that take a tensor of margins."""

import math

import torch
from torch import Tensor

from steradian.errors import ConfigError, InputError
from steradian.losses.margins import check_margin, normface

__all__ = ["adaface_quality", "class_margins", "elastic_margins", "magface_margins", "magface_penalty"]

BELOW_PI = math.pi - 1e-6
LEAST_SPREAD = 1e-3
"""Added to the spread of the norms, as in AdaFace's code: equal norms then have quality 0."""


def class_margins(counts: Tensor, *, low: float = 0.05, high: float = 0.5) -> Tensor:
    """A margin for each class, larger where it is rare: low + (high - low) * minmax(count^(-1/4)).

    Ha et al. 2020 (arXiv 2010.05350), third place of the Google Landmark Recognition challenge. The rarest class gets
    `high`, the most frequent `low`. Where all counts are equal none is rare or frequent, and all get the middle.

    Args:
        counts: objects of each class [num_classes], at least 1.
        low: radians, 0 <= low <= high; 0.05 is the authors'.
        high: radians, below pi; 0.5 is the authors'.

    Returns:
        Margins in radians, float32 [num_classes]; those of the rows are `margins[labels]`.

    Raises:
        ConfigError: low and high that are no angles in [0, pi), or in the wrong order.
        InputError: no class, or a class without objects.

    Example:
        >>> class_margins(torch.tensor([1, 16, 10_000]))
        tensor([0.5000, 0.2500, 0.0500])
    """
    _check_range(low, high, "class_margins")
    if counts.ndim != 1 or counts.numel() == 0 or not bool((counts >= 1).all()):
        raise InputError(
            want="one count a class, each at least 1",
            got=f"shape {tuple(counts.shape)}, smallest {counts.min().item() if counts.numel() else None}",
            where="class_margins(counts=...)",
            fix="Leave out classes that have no objects.",
        )
    rarity = counts.double().pow(-0.25)
    least, spread = rarity.min(), rarity.max() - rarity.min()
    share = (rarity - least) / spread if spread > 0 else torch.full_like(rarity, 0.5)
    return (low + (high - low) * share).float()


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

    Example:
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

    Example:
        >>> magface_margins(torch.tensor([1.0, 60.0, 200.0]))
        tensor([0.4500, 0.6250, 0.8000])
    """
    _check_norms(low_norm, high_norm, "magface_margins")
    _check_range(low, high, "magface_margins")
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

    Example:
        >>> magface_penalty(torch.tensor([10.0, 110.0]))
        tensor([0.1008, 0.0182])
    """
    _check_norms(low_norm, high_norm, "magface_penalty")
    held = normface(norms).clamp(low_norm, high_norm)
    return held / high_norm**2 + 1.0 / held


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

    Example:
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


def _check_range(low: float, high: float, function: str) -> None:
    check_margin(low, f"{function}(low=...)")
    check_margin(high, f"{function}(high=...)")
    if low > high:
        raise ConfigError(
            want="a low margin that is not above the high one",
            got=f"low={low!r}, high={high!r}",
            where=function,
            fix="Exchange the two.",
        )


def _check_norms(low_norm: float, high_norm: float, function: str) -> None:
    if not 0.0 < low_norm < high_norm < math.inf:
        raise ConfigError(
            want="two lengths, 0 < low_norm < high_norm",
            got=f"low_norm={low_norm!r}, high_norm={high_norm!r}",
            where=function,
            fix="10 and 110 are the defaults.",
        )
