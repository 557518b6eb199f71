"""The same least squares as of `NormalEquations` by rows instead of features: exact for any number of features."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from steradian.training.feature_rows import FeatureLayout, FeatureRows
from steradian.training.normal_equations import KEPT

__all__ = ["centered_products", "dual_coefficients", "kernels"]

SWEEPS, TOLERANCE = 20, 1e-3
"""Over the modalities, each of which fits what the others leave; fewer where nothing moves any more."""
LEAST = 1e-4
"""Smallest penalty: below it rounding decides."""
LEAST_SHIFT = 0.03
"""Below it float64 solves: the kernels' largest eigenvalues are some thousand."""


def kernels(layout: FeatureLayout, features: FeatureRows) -> list[np.ndarray]:
    """Products of each modality's centered features float32 [rows, rows], dense modalities first.

    Args:
        layout: where features stand.
        features: of the rows.
    """
    kernels, start = [], 0
    for size in layout.blocks:
        block = features.dense[:, start : start + size]
        kernels.append(block @ block.T)
        start += size
    for rows in features.sparse:
        has, product = np.diff(rows.indptr) > 0, (rows @ rows.T).toarray().astype(np.float32)
        own_weights = None if features.weights is None else features.weights[has]
        product[np.ix_(has, has)] = centered_products(product[np.ix_(has, has)], own_weights)
        kernels.append(product)
    return kernels


def centered_products(products: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Inner products of rows less their mean [rows, rows].

    Args:
        products: of the rows themselves.
        weights: by which the mean is taken [rows]; None: all alike.
    """
    means = np.average(products, axis=0, weights=weights).astype(products.dtype)
    centered: np.ndarray = products - means - means[:, None] + np.average(means, weights=weights).astype(means.dtype)
    return centered


def dual_coefficients(
    kernels: Sequence[np.ndarray],
    targets: np.ndarray,
    penalties: Sequence[float],
    weights: np.ndarray | None = None,
) -> list[np.ndarray]:
    """For each modality the rows' coefficients float32 [rows, outputs]: its vectors are kernel @ coefficients.

    Block by block, (K_m + penalty_m / p) A_m = T - p sum over k != m of K_k A_k, which is what the normal equations say
    where B_m = F_m' A_m. With weights, rows of F and T are scaled by their roots, and those of A once more.

    Args:
        kernels: products of centered features float32 [rows, rows], zero where a row lacks the modality.
        targets: float32 [rows, outputs].
        penalties: of each modality, on the squares of the coefficients of its features.
        weights: of the rows' squared errors float32 [rows]; None: all 1.
    """
    if weights is not None:
        roots = np.sqrt(weights)[:, None]
        scaled = [roots * kernel * roots.T for kernel in kernels]
        return [roots * each for each in dual_coefficients(scaled, roots * targets, penalties)]
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
