"""Additive angular margins as pure functions of the target cosine, and the defaults derived from the data."""

import math

import torch
from scipy.special import betaincinv
from torch import Tensor

from steradian.errors import ConfigError

__all__ = ["arcface", "center_spacing", "default_margin", "default_scale"]

STEEP = 1e-6
"""Below this sin^2 (an angle of 0.06 degrees) the sine goes on as its tangent: its slope stays finite and its sign."""

PREFERRED_MARGIN = 0.2
TARGET_PROBABILITY = 0.99


def arcface(cosines: Tensor, margin: float) -> Tensor:
    """The target cosine with an additive angular margin: cos(angle + margin), made to fall on [0, pi] throughout.

    ArcFace, Deng et al. 2019 (arXiv 1801.07698). With q = cos(angle + margin):

        psi = q            while angle + margin <= pi
        psi = -2 - q       beyond, which continues value and slope and goes on falling

    NOTE[DIFF]: the paper leaves the range beyond pi - margin open; public code jumps there or stops falling.

    Args:
        cosines: cosines to the target class [...], in any float type; computed in float32 or float64.
        margin: radians, 0 <= margin < pi; 0 gives the cosine back (NormFace).

    Returns:
        psi [...], with finite gradients at every angle, also where rounding left a cosine outside [-1, 1].

    Raises:
        ConfigError: a margin outside [0, pi).

    Example:
        >>> arcface(torch.tensor([1.0, 0.0]), 0.5)
        tensor([ 0.8773, -0.4794])
    """
    if not 0.0 <= margin < math.pi:
        raise ConfigError(
            want="a margin in radians, 0 <= margin < pi",
            got=repr(margin),
            where="arcface(margin=...)",
            fix=f"{PREFERRED_MARGIN} is the default; 28.6 degrees are 0.5 radians.",
        )
    cosines = cosines if cosines.dtype == torch.float64 else cosines.float()
    if margin == 0.0:
        return cosines
    sines_squared = (1.0 - cosines.square()).clamp(min=-STEEP)
    tangent = (sines_squared + STEEP) / (2.0 * math.sqrt(STEEP))
    sines = torch.where(sines_squared < STEEP, tangent, sines_squared.clamp(min=STEEP).sqrt())
    shifted = cosines * math.cos(margin) - sines * math.sin(margin)
    return torch.where(cosines >= -math.cos(margin), shifted, -2.0 - shifted)


def default_scale(num_classes: int) -> float:
    """The scale of the softmax: twice what a target probability of 0.99 needs at least, and 8 or more.

    The bound is (C - 1) / C * ln((C - 1) P / (1 - P)), Wang et al. 2018 (CosFace, arXiv 1801.09414).

    Args:
        num_classes: at least 2.

    Example:
        >>> round(default_scale(10), 1), round(default_scale(1_000_000), 1)
        (12.2, 36.8)
    """
    share = (num_classes - 1) / num_classes
    bound = share * math.log((num_classes - 1) * TARGET_PROBABILITY / (1 - TARGET_PROBABILITY))
    return max(8.0, 2.0 * bound)


def center_spacing(num_classes: int, embedding_dim: int) -> float:
    """About the widest angle, in radians, that this many class centers can keep from one another.

    Up to embedding_dim + 1 centers it is the simplex's arccos(-1 / (C - 1)), exactly; beyond, a right angle or, in
    few dimensions, the angle at which caps of half its width would fill the sphere (exact on the circle).

    Args:
        num_classes: at least 2.
        embedding_dim: at least 2.

    Example:
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

    Example:
        >>> default_margin(10, 64)
        0.2
    """
    return min(PREFERRED_MARGIN, center_spacing(num_classes, embedding_dim) / 4.0)
