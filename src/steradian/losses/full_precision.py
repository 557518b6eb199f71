"""Losses that a user's autocast does not round: half precision steps by several degrees near a center."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import torch
from torch import Tensor

__all__ = ["in_full_precision"]

Parameters = ParamSpec("Parameters")


def in_full_precision(loss: Callable[Parameters, Tensor]) -> Callable[Parameters, Tensor]:
    """The same function of tensors without autocast; what comes in half precision becomes float32.

    Args:
        loss: takes tensors, the first of them by position.

    Examples:
        >>> @in_full_precision
        ... def cosine(left, right):
        ...     return left @ right
        >>> with torch.autocast("cpu", dtype=torch.bfloat16):
        ...     cosine(torch.ones(2), torch.ones(2).bfloat16()).dtype
        torch.float32
    """

    @wraps(loss)
    def exact(*tensors: Parameters.args, **options: Parameters.kwargs) -> Tensor:
        (device, *_) = (tensor.device.type for tensor in tensors if isinstance(tensor, Tensor))
        with torch.autocast(device, enabled=False):
            return loss(*map(_wide, tensors), **{name: _wide(value) for name, value in options.items()})

    return exact


def _wide(value: Any) -> Any:
    half = isinstance(value, Tensor) and value.dtype in (torch.float16, torch.bfloat16)
    return value.float() if half else value
