"""The same least squares as of `NormalEquations` by rows instead of features: exact for any number of features."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from steradian.training.normal_equations import KEPT

__all__ = ["dual_coefficients"]

SWEEPS, TOLERANCE = 20, 1e-3
"""Over the modalities, each of which fits what the others leave; fewer where nothing moves any more."""
LEAST = 1e-4
"""Smallest penalty: below it rounding decides."""
LEAST_SHIFT = 0.03
"""Below it float64 solves: the kernels' largest eigenvalues are some thousand."""


def dual_coefficients(
    kernels: Sequence[np.ndarray], targets: np.ndarray, penalties: Sequence[float]
) -> list[np.ndarray]:
    """For each modality the rows' coefficients float32 [rows, outputs]: its vectors are kernel @ coefficients.

    Block by block, (K_m + penalty_m / p) A_m = T - p sum over k != m of K_k A_k, which is what the normal equations say
    where B_m = F_m' A_m.

    Args:
        kernels: products of centered features float32 [rows, rows], zero where a row lacks the modality.
        targets: float32 [rows, outputs].
        penalties: of each modality, on the squares of the coefficients of its features.
    """
    aims = torch.from_numpy(targets)
    shifts = [max(penalty, LEAST) / KEPT for penalty in penalties]
    factors = [_factor(torch.from_numpy(kernel), shift) for kernel, shift in zip(kernels, shifts, strict=True)]
    coefficients = [torch.zeros_like(aims) for _ in kernels]
    fitted = [torch.zeros_like(aims) for _ in kernels]
    total = torch.zeros_like(aims)
    for _ in range(SWEEPS if len(kernels) > 1 else 1):
        before = total
        for m, (factor, shift) in enumerate(factors):
            others = total - fitted[m]
            left = aims - KEPT * others
            # Few sweeps suffice, for which an inverse would take longer to make than it saves.
            coefficients[m] = torch.cholesky_solve(left.to(factor.dtype), factor).float()
            # (K + shift) A = left, so K A needs no product.
            fitted[m] = left - shift * coefficients[m]
            total = others + fitted[m]
        if float((total - before).norm()) <= TOLERANCE * float(total.norm()):
            break
    return [each.numpy() for each in coefficients]


def _factor(kernel: Tensor, shift: float) -> tuple[Tensor, float]:
    """That of kernel + shift, in float64 where float32 does not suffice; and the shift, larger where it must be."""
    shifted = kernel.clone()
    shifted.diagonal().add_(shift)
    factor, failed = torch.linalg.cholesky_ex(shifted)
    if failed or shift < LEAST_SHIFT:
        factor, failed = torch.linalg.cholesky_ex(shifted.double())
    if failed:
        # Rounding of the products has made an eigenvalue negative.
        more = 1e-5 * float(shifted.diagonal().sum())
        shifted.diagonal().add_(more)
        shift += more
        factor = torch.linalg.cholesky(shifted.double())
    return factor, shift
