"""Larger margins for rarer classes."""

import torch
from torch import Tensor

from steradian.errors import InputError
from steradian.losses.margins.margin import BatchRows
from steradian.losses.margins.margin_values import check_range

__all__ = ["class_margins", "margin_shares", "own_margin"]

LARGEST_MARGIN = 1.5
"""Radians that a rare class gets at most: beyond a right angle the own class would be pushed away."""


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

    Examples:
        >>> class_margins(torch.tensor([1, 16, 10_000]))
        tensor([0.5000, 0.2500, 0.0500])
    """
    check_range(low, high, "class_margins")
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


def margin_shares(counts: Tensor) -> Tensor:
    """The margins of classes in units of their mean [num_classes].

    Args:
        counts: objects of each class [num_classes].
    """
    margins = class_margins(counts)
    return margins / margins.mean()


def own_margin(margin: float, shares: Tensor | None, cosines: Tensor, rows: BatchRows) -> float | Tensor:
    """The margin of every row, or of each row by the share of its class.

    Args:
        margin: radians.
        shares: of each class [num_classes], see `margin_shares`; None: all alike.
        cosines: of the rows [rows], for their type.
        rows: their labels and the strength.
    """
    if shares is None:
        return margin * rows.strength
    return (margin * rows.strength * shares[rows.labels].to(cosines)).clamp(max=LARGEST_MARGIN)
