"""Products of large matrices: in float32 by the faster kernel, or with factors rounded to bfloat16 and float32 sums."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import torch
from torch import Tensor

__all__ = ["Precision", "add_product", "product"]

Precision = Literal["float32", "bfloat16"]

LARGE = 1 << 25
"""Multiplications from which oneDNN's float32 product is faster than MKL's on AMD (docs/lab-log.md)."""

PROCESSOR = Path("/proc/cpuinfo")
_SWITCHING = Lock()
_found: list[str] = []
"""As what the switch was found, once for each thread that has it on: it belongs to the process."""


def product(left: Tensor, right: Tensor, *, precision: Precision, out: Tensor) -> Tensor:
    """The product left @ right, into `out`.

    In bfloat16 a CPU without AMX or the like computes in float32 all the same, and float64 factors stay float64. In
    float32 no factor is ever rounded, whichever kernel multiplies.

    Args:
        left: [n, k].
        right: [k, m].
        precision: "bfloat16" rounds the factors, each to within 0.4 %, and sums in float32 (on a CPU from torch 2.9).
        out: [n, m], overwritten.
    """
    if precision == "bfloat16" and left.is_cuda:
        return out.copy_(_half_product(left, right))
    with _half_factors(_switched(left, right, precision)):
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
    with _half_factors(_switched(left, right, precision)):
        return total.addmm_(left, right)


def _half_product(left: Tensor, right: Tensor) -> Tensor:
    return torch.mm(left.bfloat16(), right.bfloat16(), out_dtype=torch.float32)


def _switched(left: Tensor, right: Tensor, precision: Precision) -> bool:
    """Whether to multiply with the switch on: for bfloat16, and where it only means another kernel."""
    if precision == "bfloat16":
        return True
    large = left.dtype == torch.float32 and left.numel() * right.shape[1] >= LARGE
    return large and left.device.type == "cpu" and _switch_is_exact()


@cache
def _switch_is_exact() -> bool:
    """Whether the switch leaves every bit of float32 factors, on a processor of AMD with AVX-512.

    There it chooses oneDNN's kernel in place of MKL's, which is slower on processors that are not Intel's.
    """
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or not PROCESSOR.is_file():
        return False
    with PROCESSOR.open() as lines:
        if "AuthenticAMD" not in lines.read(1024):
            return False
    least = torch.full((LARGE >> 15, 128), 1 + 2**-23, dtype=torch.float32, device="cpu")
    ones = torch.zeros_like(least)
    ones[:, 0] = 1.0
    # An entry of each product is one number of `least` times one: first that of the left factor, then of the right.
    tall, wide = torch.zeros(128, 256, device="cpu", dtype=torch.float32), least[:256].T.contiguous()
    tall[0] = 1.0
    room = torch.empty(len(least), 256, device="cpu", dtype=torch.float32)
    with torch.no_grad(), _half_factors(True):
        return all(bool((torch.mm(*each, out=room) == least[0, 0]).all()) for each in ((least, tall), (ones, wide)))


@contextmanager
def _half_factors(wanted: bool) -> Iterator[None]:
    """Let the CPU's float32 products round their factors to bfloat16: torch has this as a switch only."""
    switch: Any = getattr(torch.backends.mkldnn, "matmul", None)
    if not wanted or switch is None:
        yield
        return
    with _SWITCHING:
        _found.append(_found[0] if _found else switch.fp32_precision)
        switch.fp32_precision = "bf16"
    try:
        yield
    finally:
        with _SWITCHING:
            before = _found.pop()
            if not _found:
                switch.fp32_precision = before
