"""Products of large matrices with factors rounded to bfloat16 and sums in float32, where the processor has them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor

__all__ = ["Precision", "add_product", "product"]

Precision = Literal["float32", "bfloat16"]


def product(left: Tensor, right: Tensor, *, precision: Precision, out: Tensor) -> Tensor:
    """The product left @ right, into `out`.

    In bfloat16 a CPU without its instructions computes in float32 all the same, and float64 factors stay float64.

    Args:
        left: [n, k].
        right: [k, m].
        precision: "bfloat16" rounds the factors, each to within 0.4 %, and sums in float32 (on a CPU from torch 2.9).
        out: [n, m], overwritten.
    """
    if precision == "bfloat16" and left.is_cuda:
        return out.copy_(_half_product(left, right))
    with _half_factors(precision):
        return torch.mm(left, right, out=out)


def add_product(total: Tensor, left: Tensor, right: Tensor, *, precision: Precision) -> Tensor:
    """Add the product left @ right to a total.

    Args:
        total: [n, m], changed in place.
        left: [n, k].
        right: [k, m].
        precision: see `product`.
    """
    if precision == "bfloat16" and left.is_cuda:
        return total.add_(_half_product(left, right))
    with _half_factors(precision):
        return total.addmm_(left, right)


def _half_product(left: Tensor, right: Tensor) -> Tensor:
    return torch.mm(left.bfloat16(), right.bfloat16(), out_dtype=torch.float32)


@contextmanager
def _half_factors(precision: Precision) -> Iterator[None]:
    """Let the CPU's float32 products round their factors to bfloat16: torch has this as a switch only."""
    switch: Any = getattr(torch.backends.mkldnn, "matmul", None)
    if precision == "float32" or switch is None:
        yield
        return
    before, switch.fp32_precision = switch.fp32_precision, "bf16"
    try:
        yield
    finally:
        switch.fp32_precision = before
