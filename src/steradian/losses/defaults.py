"""The scale of the softmax and the margin, derived from the number of classes, the width and the batch."""

import math

import torch
from scipy.special import betaincinv
from torch import Tensor

from steradian.errors import ConfigError, InputError

__all__ = ["adacos_scale", "adacos_update", "center_spacing", "default_margin", "default_scale"]

PREFERRED_MARGIN = 0.2
TARGET_PROBABILITY = 0.99


def default_scale(num_classes: int) -> float:
    """The scale of the softmax: twice what a target probability of 0.99 needs at least, and 8 or more.

    The bound is (C - 1) / C * ln((C - 1) P / (1 - P)), Wang et al. 2018 (CosFace, arXiv 1801.09414).

    Args:
        num_classes: at least 2.

    Examples:
        >>> round(default_scale(10), 1), round(default_scale(1_000_000), 1)
        (12.2, 36.8)
    """
    share = (num_classes - 1) / num_classes
    bound = share * math.log((num_classes - 1) * TARGET_PROBABILITY / (1 - TARGET_PROBABILITY))
    return max(8.0, 2.0 * bound)


def adacos_scale(num_classes: int) -> float:
    """The fixed scale of AdaCos: sqrt(2) * ln(C - 1), Zhang et al. 2019 (arXiv 1905.00292).

    Small beside `default_scale`, and weak where the classes are few: 1.96 for 5 classes, 19.5 for a million.

    Args:
        num_classes: at least 3; the rule gives 0 for two classes, and a scale of 0 teaches nothing.

    Raises:
        ConfigError: fewer than three classes.

    Examples:
        >>> round(adacos_scale(10), 2), round(adacos_scale(1_000_000), 1)
        (3.11, 19.5)
    """
    if num_classes < 3:
        raise ConfigError(
            want="at least 3 classes, because the rule gives no scale above 0 for fewer",
            got=str(num_classes),
            where="adacos_scale(num_classes=...)",
            fix="Use default_scale, which is 8 for two classes.",
        )
    return math.sqrt(2.0) * math.log(num_classes - 1)


@torch.no_grad()
def adacos_update(others: Tensor, target_cosines: Tensor) -> Tensor:
    """The scale of AdaCos for the next step, from a batch: ln(B) / cos(min(pi / 4, median angle)).

    Zhang et al. 2019 (arXiv 1905.00292). B is the mean over the rows of the sum of exp(scale * cosine) over the other
    classes, with the scale in use. The median is that of the angles to the target class. `adacos_scale` is the start.

    NOTE[DIFF]: the result is held at 1 or more; with two or three well separated classes ln(B) falls below 0, and a
    negative scale would turn the loss round.

    Args:
        others: logsumexp of scale * cosine over the other classes [rows].
        target_cosines: cosines to the target class [rows], without a margin.

    Returns:
        The scale, a scalar in float32 or float64 without a gradient.

    Raises:
        InputError: no rows, or shapes that differ.

    Examples:
        >>> adacos_update(torch.tensor([3.0, 3.0]), torch.tensor([1.0, 1.0]))
        tensor(3.)
    """
    if others.shape != target_cosines.shape or others.numel() == 0:
        raise InputError(
            want="one logsumexp and one cosine a row, and at least one row",
            got=f"shapes {tuple(others.shape)} and {tuple(target_cosines.shape)}",
            where="adacos_update",
            fix="Give both for the same rows.",
        )
    exact = torch.promote_types(torch.float32, torch.promote_types(others.dtype, target_cosines.dtype))
    log_mean = others.to(exact).flatten().logsumexp(0) - math.log(others.numel())
    angle = target_cosines.to(exact).clamp(-1.0, 1.0).acos().median().clamp(max=math.pi / 4.0)
    return (log_mean / angle.cos()).clamp(min=1.0)


def center_spacing(num_classes: int, embedding_dim: int) -> float:
    """About the widest angle, in radians, that this many class centers can keep from one another.

    Up to embedding_dim + 1 centers it is the simplex's arccos(-1 / (C - 1)), exactly; beyond, a right angle or, in
    few dimensions, the angle at which caps of half its width would fill the sphere (exact on the circle).

    Args:
        num_classes: at least 2.
        embedding_dim: at least 2.

    Examples:
        >>> round(center_spacing(5, 64), 3), round(center_spacing(10, 2), 3)
        (1.823, 0.628)
    """
    if num_classes <= embedding_dim + 1:
        return math.acos(-1.0 / (num_classes - 1))
    # A cap of half-angle r covers half the regularised incomplete beta function at sin^2 r.
    sin_squared = float(betaincinv((embedding_dim - 1) / 2, 0.5, 2.0 / num_classes))
    return min(math.pi / 2, 2.0 * math.asin(math.sqrt(sin_squared)))


def default_margin(num_classes: int, embedding_dim: int) -> float:
    """The margin in radians: 0.2, or a quarter of the spacing of the class centers where that is less.

    Args:
        num_classes: at least 2.
        embedding_dim: at least 2.

    Examples:
        >>> default_margin(10, 64)
        0.2
    """
    return min(PREFERRED_MARGIN, center_spacing(num_classes, embedding_dim) / 4.0)
