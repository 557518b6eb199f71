"""The cosine of an angle that was shifted or multiplied: it falls at every angle, and so does its slope continuously.

Where a shifted angle t leaves [0, pi], psi goes on as falling(t) = (-1)^k cos(t) - 2k with k = floor(t / pi), which
continues value and slope. Values and gradients are finite at every angle, also where rounding left a cosine outside
[-1, 1].
"""

import math

import torch
from torch import Tensor

__all__ = ["falling", "sines", "turned"]

STEEP = 4e-6
"""Below this sin^2 (an angle of 0.11 degrees) the sine goes on as its tangent: its slope stays finite and its sign."""


def sines(cosines: Tensor) -> Tensor:
    """The sine of the angle, of finite slope: on from STEEP as its tangent, and 0 from a little beyond 1.

    Args:
        cosines: of angles [...].
    """
    squares = (1.0 - cosines.square()).clamp(min=-STEEP)
    tangent = (squares + STEEP) / (2.0 * math.sqrt(STEEP))
    return torch.where(squares < STEEP, tangent, squares.clamp(min=STEEP).sqrt())


def turned(cosines: Tensor, cos: float | Tensor, sin: float | Tensor, *, side: float | Tensor) -> Tensor:
    """falling(angle + margin) without the angle, for the margin's cosine and sine; side is the margin's sign.

    Args:
        cosines: of angles [...].
        cos: of the margin.
        sin: of the margin.
        side: the sign of the margin.
    """
    shifted = cosines * cos - sines(cosines) * sin
    # The slope of `shifted` has the sign of this, also where the sine is its tangent: so psi can rise nowhere.
    slope = (1.0 - cosines.square()).clamp(min=STEEP).sqrt() * cos + cosines * sin
    return torch.where(slope >= 0, shifted, -2.0 * side - shifted)


def falling(angles: Tensor) -> Tensor:
    """(-1)^k cos(angle) - 2k with k = floor(angle / pi): falls for every real angle, with a continuous slope.

    Args:
        angles: radians [...].
    """
    turns = (angles.detach() / math.pi).floor()
    return (1.0 - 2.0 * turns.remainder(2.0)) * angles.cos() - 2.0 * turns
