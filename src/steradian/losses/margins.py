"""Margins as pure functions of the target cosine: psi, which takes the cosine's place in the softmax.

Every psi falls strictly with the angle on the whole of [0, pi]. Where a shifted angle t leaves [0, pi], psi goes on as
falling(t) = (-1)^k cos(t) - 2k with k = floor(t / pi), which continues value and slope. Values and gradients are finite
at every angle, also where rounding left a cosine outside [-1, 1].
"""

import math

import torch
from torch import Tensor

from steradian.errors import ConfigError, InputError

__all__ = ["adaface", "arcface", "combined", "cosface", "normface", "sphereface"]

STEEP = 4e-6
"""Below this sin^2 (an angle of 0.11 degrees) the sine goes on as its tangent: its slope stays finite and its sign."""


def normface(cosines: Tensor) -> Tensor:
    """The target cosine itself: no margin. NormFace, Wang et al. 2017 (arXiv 1704.06369).

    Args:
        cosines: cosines to the target class [...], in any float type.

    Returns:
        The cosines [...] in float32 or float64.

    Example:
        >>> normface(torch.tensor([1.0, 0.5], dtype=torch.bfloat16))
        tensor([1.0000, 0.5000])
    """
    return cosines if cosines.dtype == torch.float64 else cosines.float()


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

    Example:
        >>> cosface(torch.tensor([1.0, 0.0]))
        tensor([ 0.6500, -0.3500])
    """
    cosines = normface(cosines)
    return cosines - _cosine_margin(cosine_margin, cosines, "cosface")


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

    Example:
        >>> arcface(torch.tensor([1.0, 0.0]), 0.5)
        tensor([ 0.8771, -0.4794])
    """
    cosines = normface(cosines)
    margin = _angular_margin(margin, cosines, "arcface")
    if isinstance(margin, Tensor):
        cos, sin, side = margin.cos(), margin.sin(), margin.sign()
        return _turned(cosines, cos, sin, side=side)
    return _turned(cosines, math.cos(margin), math.sin(margin), side=1.0) if margin else cosines


def sphereface(cosines: Tensor, angle_factor: float = 1.7) -> Tensor:
    """The target's angle multiplied: psi = falling(angle_factor * angle).

    SphereFace, Liu et al. 2017 (arXiv 1704.08063), for real factors. A factor of 4, the paper's, is hard to train.

    Args:
        cosines: cosines to the target class [...], in any float type; computed in float32 or float64.
        angle_factor: at least 1, without a unit; 1.7 is the default of OpenSphere, by an author of the paper.

    Returns:
        psi [...].

    Raises:
        ConfigError: a factor below 1 or not finite.

    Example:
        >>> sphereface(torch.tensor([0.5, -1.0]), 2.0)
        tensor([-0.5000, -3.0000])
    """
    return combined(cosines, angle_factor=angle_factor, margin=0.0)


def combined(
    cosines: Tensor,
    *,
    angle_factor: float = 1.0,
    margin: float | Tensor = 0.5,
    cosine_margin: float | Tensor = 0.0,
) -> Tensor:
    """All three margins at once: psi = falling(angle_factor * angle + margin) - cosine_margin.

    Deng et al. 2019 (arXiv 1801.07698), equation 4, there m1, m2 and m3; the defaults are ArcFace with its paper's 0.5.
    Within 0.11 degrees of 0 and 180 the angle goes on as a tangent, so that its slope is 500 at most.

    NOTE[DIFF]: the paper leaves open what follows once the shifted angle passes pi; here psi goes on falling.

    Args:
        cosines: cosines to the target class [...], in any float type; computed in float32 or float64.
        angle_factor: at least 1, see `sphereface`.
        margin: radians, see `arcface`.
        cosine_margin: a difference of cosines, see `cosface`.

    Returns:
        psi [...].

    Raises:
        ConfigError: a factor below 1, a margin outside [0, pi) or a cosine margin outside [0, 2).
        InputError: a tensor of margins that does not fit the cosines.

    Example:
        >>> combined(torch.tensor([0.5, 0.0]), angle_factor=1.0, margin=0.3, cosine_margin=0.2)
        tensor([ 0.0217, -0.4955])
    """
    cosines = normface(cosines)
    if not 1.0 <= angle_factor < math.inf:
        raise ConfigError(
            want="a factor of the angle, 1 <= angle_factor",
            got=repr(angle_factor),
            where="angle_factor",
            fix="1 leaves the angle as it is; 1.7 is the default of sphereface.",
        )
    margin = _angular_margin(margin, cosines, "combined")
    cosine_margin = _cosine_margin(cosine_margin, cosines, "combined")
    angles = torch.atan2(_sines(cosines), cosines)
    return _falling(angle_factor * angles + margin) - cosine_margin


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

    Example:
        >>> adaface(torch.tensor([0.5, 0.5, 0.5]), torch.tensor([-1.0, 0.0, 1.0]))
        tensor([ 0.1233,  0.1000, -0.0022])
    """
    cosines = normface(cosines)
    check_margin(margin, "adaface(margin=...)")
    shift = margin * _fitted(quality.detach(), cosines, "adaface(quality=...)")
    return arcface(cosines, -shift) - (margin + shift)


def check_margin(margin: float, where: str) -> None:
    """Refuse a margin that is no angle in [0, pi)."""
    if not 0.0 <= margin < math.pi:
        raise ConfigError(
            want="a margin in radians, 0 <= margin < pi",
            got=repr(margin),
            where=where,
            fix="0.2 is a good start; 28.6 degrees are 0.5 radians.",
        )


def _angular_margin(margin: float | Tensor, cosines: Tensor, function: str) -> float | Tensor:
    if isinstance(margin, Tensor):
        return _fitted(margin, cosines, f"{function}(margin=...)")
    check_margin(margin, f"{function}(margin=...)")
    return margin


def _cosine_margin(cosine_margin: float | Tensor, cosines: Tensor, function: str) -> float | Tensor:
    where = f"{function}(cosine_margin=...)"
    if isinstance(cosine_margin, Tensor):
        return _fitted(cosine_margin, cosines, where)
    if not 0.0 <= cosine_margin < 2.0:
        raise ConfigError(
            want="a difference of cosines, 0 <= cosine_margin < 2",
            got=repr(cosine_margin),
            where=where,
            fix="0.35 is the default; an angle goes to arcface.",
        )
    return cosine_margin


def _fitted(values: Tensor, cosines: Tensor, where: str) -> Tensor:
    """The values in the type and the shape of the cosines."""
    try:
        return values.to(cosines.dtype).expand_as(cosines)
    except RuntimeError as error:
        raise InputError(
            want=f"a shape that broadcasts to that of the cosines, {tuple(cosines.shape)}",
            got=str(tuple(values.shape)),
            where=where,
            fix="Give one value a row.",
        ) from error


def _sines(cosines: Tensor) -> Tensor:
    """The sine of the angle, of finite slope: on from STEEP as its tangent, and 0 from a little beyond 1."""
    squares = (1.0 - cosines.square()).clamp(min=-STEEP)
    tangent = (squares + STEEP) / (2.0 * math.sqrt(STEEP))
    return torch.where(squares < STEEP, tangent, squares.clamp(min=STEEP).sqrt())


def _turned(cosines: Tensor, cos: float | Tensor, sin: float | Tensor, *, side: float | Tensor) -> Tensor:
    """falling(angle + margin) without the angle, for the margin's cosine and sine; side is the margin's sign."""
    shifted = cosines * cos - _sines(cosines) * sin
    # The slope of `shifted` has the sign of this, also where the sine is its tangent: so psi can rise nowhere.
    slope = (1.0 - cosines.square()).clamp(min=STEEP).sqrt() * cos + cosines * sin
    return torch.where(slope >= 0, shifted, -2.0 * side - shifted)


def _falling(angles: Tensor) -> Tensor:
    """(-1)^k cos(angle) - 2k with k = floor(angle / pi): falls for every real angle, with a continuous slope."""
    turns = (angles.detach() / math.pi).floor()
    return (1.0 - 2.0 * turns.remainder(2.0)) * angles.cos() - 2.0 * turns
