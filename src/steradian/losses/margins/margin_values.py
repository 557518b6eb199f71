"""Margins as numbers: what is an angle or a difference of cosines, and what fits a batch of cosines."""

import math

from torch import Tensor

from steradian.errors import ConfigError, InputError

__all__ = ["angular_margin", "check_margin", "check_range", "cosine_margin_of", "fitted"]


def check_margin(margin: float, where: str) -> None:
    """Refuse a margin that is no angle in [0, pi).

    Args:
        margin: a number.
        where: of the number, for an error.
    """
    if not 0.0 <= margin < math.pi:
        raise ConfigError(
            want="a margin in radians, 0 <= margin < pi",
            got=repr(margin),
            where=where,
            fix="0.2 is a good start; 28.6 degrees are 0.5 radians.",
        )


def angular_margin(margin: float | Tensor, cosines: Tensor, function: str) -> float | Tensor:
    """A margin in radians that is one, or one for each of the cosines.

    Args:
        margin: a number, or a tensor that broadcasts to the cosines.
        cosines: that it goes with.
        function: of which it is an argument, for an error.
    """
    if isinstance(margin, Tensor):
        return fitted(margin, cosines, f"{function}(margin=...)")
    check_margin(margin, f"{function}(margin=...)")
    return margin


def cosine_margin_of(cosine_margin: float | Tensor, cosines: Tensor, function: str) -> float | Tensor:
    """A difference of cosines that is one, or one for each of the cosines.

    Args:
        cosine_margin: a number, or a tensor that broadcasts to the cosines.
        cosines: that it goes with.
        function: of which it is an argument, for an error.
    """
    where = f"{function}(cosine_margin=...)"
    if isinstance(cosine_margin, Tensor):
        return fitted(cosine_margin, cosines, where)
    if not 0.0 <= cosine_margin < 2.0:
        raise ConfigError(
            want="a difference of cosines, 0 <= cosine_margin < 2",
            got=repr(cosine_margin),
            where=where,
            fix="0.35 is the default; an angle goes to arcface.",
        )
    return cosine_margin


def fitted(values: Tensor, cosines: Tensor, where: str) -> Tensor:
    """The values in the type and the shape of the cosines.

    Args:
        values: a tensor.
        cosines: that it goes with.
        where: of the number, for an error.
    """
    try:
        return values.to(cosines.dtype).expand_as(cosines)
    except RuntimeError as error:
        raise InputError(
            want=f"a shape that broadcasts to that of the cosines, {tuple(cosines.shape)}",
            got=str(tuple(values.shape)),
            where=where,
            fix="Give one value a row.",
        ) from error


def check_range(low: float, high: float, function: str) -> None:
    """Refuse two margins that are no angles in order.

    Args:
        low: radians.
        high: radians.
        function: of which it is an argument, for an error.
    """
    check_margin(low, f"{function}(low=...)")
    check_margin(high, f"{function}(high=...)")
    if low > high:
        raise ConfigError(
            want="a low margin that is not above the high one",
            got=f"low={low!r}, high={high!r}",
            where=function,
            fix="Exchange the two.",
        )
