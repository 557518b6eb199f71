"""Least squares from fixed features to targets, with every subset of modalities at once, in closed form."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy.sparse import csr_array, vstack
from torch import Tensor

__all__ = ["NormalEquations", "Solution", "mean_row"]

KEPT = 0.5
"""Probability with which a modality is kept: nearly the whole object's best fit and nearly each modality's own."""
OUTPUTS = 32
"""Targets at a time: each takes a number a column, several times over; with 128 a step takes half as long again."""
ITERATIONS, AGAIN, SWEEPS = 8, 4, 3
"""Steps of conjugate gradients for sparse features, at first and in each later sweep; sweeps over sparse and dense."""


@dataclass(frozen=True)
class Solution:
    """Coefficients of every feature.

    Args:
        dense: float64 [dense features of all modalities, outputs].
        sparse: for each sparse modality float32 [columns, outputs].
        offsets: what the mean of its rows becomes, for each sparse modality float32 [outputs].
    """

    dense: Tensor
    sparse: list[Tensor]
    offsets: list[Tensor]

    @property
    def outputs(self) -> int:
        """Numbers a row becomes."""
        return self.dense.shape[1]


@dataclass
class NormalEquations:
    """Sums over rows from which coefficients follow for any penalty; rows are added in chunks and need not stay.

    What is solved is least squares averaged over random subsets of modalities, each kept with probability p, with a
    penalty of each modality on its coefficients' squares. With features centered over the rows that have a modality,
    and zero elsewhere, the average has a closed form:
    p G_mm B_m + p^2 sum over k != m of G_mk B_k + penalty_m B_m = p F_m' T.
    A row's weight scales its features and its target by the root.

    Args:
        blocks: dense features of each dense modality.
        outputs: of a target.
    """

    blocks: Sequence[int]
    outputs: int
    gram: Tensor = field(init=False)
    moments: Tensor = field(init=False)
    rows: list[list[csr_array]] = field(init=False, default_factory=list)
    weights: list[np.ndarray] = field(init=False, default_factory=list)
    targets: list[Tensor] = field(init=False, default_factory=list)
    dense: list[Tensor] = field(init=False, default_factory=list)

    def __post_init__(self) -> None:
        features = sum(self.blocks)
        self.gram = torch.zeros(features, features, dtype=torch.float64)
        self.moments = torch.zeros(features, self.outputs, dtype=torch.float64)

    def add(
        self,
        dense: np.ndarray,
        sparse: Sequence[csr_array],
        targets: np.ndarray,
        weights: np.ndarray | None = None,
    ) -> None:
        """Add rows.

        Args:
            dense: centered features float32 [rows, dense features], zeros where a modality is absent.
            sparse: likewise of each sparse modality, but centered only later.
            targets: float32 [rows, outputs].
            weights: of the rows' squared errors float32 [rows]; None: all 1.
        """
        if weights is None:
            weights = np.ones(len(dense), dtype=np.float32)
        else:
            roots = np.sqrt(weights)[:, None]
            dense, targets = roots * dense, roots * targets
        wide, aims = torch.from_numpy(dense), torch.from_numpy(targets)
        self.gram += (wide.T @ wide).double()
        self.moments += (wide.T @ aims).double()
        if sparse:
            self.rows.append(list(sparse))
            self.weights.append(weights)
            self.targets.append(aims)
            self.dense.append(wide)

    def solve(self, penalties: Sequence[float]) -> Solution:
        """The coefficients.

        Args:
            penalties: on the sum of their squares, for each modality, dense ones first.
        """
        factor = self._factor(penalties)
        if not self.rows:
            return Solution(torch.cholesky_solve(KEPT * self.moments, factor), [], [])
        # In place of the chunks: these would take as much again.
        self.targets, self.dense = [torch.cat(self.targets)], [torch.cat(self.dense)]
        self.rows = [[vstack(chunks, format="csr") for chunks in zip(*self.rows, strict=True)]]
        (aims,), (wide,), (stacked,), weights = self.targets, self.dense, self.rows, np.concatenate(self.weights)
        shifts = [penalty / KEPT for penalty in penalties[len(self.blocks) :]]
        parts = [_SparsePart(rows, weights, shift) for rows, shift in zip(stacked, shifts, strict=True)]
        dense = torch.zeros_like(self.moments)
        for sweep in range(SWEEPS if len(parts) + len(self.blocks) > 1 else 1):
            if self.blocks:
                others = sum((part.fitted for part in parts), torch.zeros_like(aims))
                coupling = KEPT**2 * (wide.T @ others).double() if sweep else 0.0
                dense = torch.cholesky_solve(KEPT * self.moments - coupling, factor)
            explained = wide @ dense.float() if self.blocks else torch.zeros_like(aims)
            for part in parts:
                others = explained + sum((other.fitted for other in parts if other is not part), torch.zeros_like(aims))
                part.refine(aims - KEPT * others, AGAIN if sweep else ITERATIONS)
        return Solution(dense, [part.coefficients for part in parts], [part.offset for part in parts])

    def _factor(self, penalties: Sequence[float]) -> Tensor:
        matrix = KEPT**2 * self.gram
        start = 0
        for size, penalty in zip(self.blocks, penalties, strict=False):
            block = slice(start, start + size)
            matrix[block, block] = KEPT * self.gram[block, block]
            matrix.diagonal()[block].add_(penalty)
            start += size
        factor: Tensor = torch.linalg.cholesky(matrix)
        return factor


class _SparsePart:
    """One sparse modality's own least squares, by conjugate gradients that start where the last ones ended."""

    def __init__(self, rows: csr_array, weights: np.ndarray, penalty: float) -> None:
        weights, mean = mean_row(rows, weights)
        self._rows, self._columns = _as_torch(rows), _as_torch(rows.T.tocsr())
        self._roots, self._mean = torch.from_numpy(np.sqrt(weights))[:, None], torch.from_numpy(mean.astype(np.float32))
        self._penalty = penalty
        squares = rows.data.astype(np.float64) ** 2 * np.repeat(weights, np.diff(rows.indptr))
        squares = np.bincount(rows.indices, squares, minlength=rows.shape[1])
        diagonal = np.maximum(squares - weights.sum(dtype=np.float64) * mean**2, 0) + penalty
        self._inverse = torch.from_numpy((1 / diagonal).astype(np.float32))[:, None]
        self.coefficients = torch.zeros(0)
        self.fitted = torch.zeros(())

    def refine(self, targets: Tensor, steps: int) -> None:
        """Move the coefficients [columns, outputs] towards their best for targets [rows, outputs]."""
        if not len(self.coefficients):
            self.coefficients = torch.zeros(len(self._mean), targets.shape[1])
            self.fitted = torch.zeros_like(targets)
        for start in range(0, targets.shape[1], OUTPUTS):
            part = slice(start, start + OUTPUTS)
            self._refine(self.coefficients[:, part], self.fitted[:, part], targets[:, part], steps)

    def _refine(self, coefficients: Tensor, fitted: Tensor, targets: Tensor, steps: int) -> None:
        """The same for some outputs, in place."""
        residual = self._back(targets - fitted).sub_(coefficients, alpha=self._penalty)
        direction = residual * self._inverse
        scaled, size = torch.empty_like(direction), (residual * direction).sum(0)
        for _ in range(steps):
            image = self._forward(direction)
            curved = self._back(image).add_(direction, alpha=self._penalty)
            step = size / torch.mul(direction, curved, out=scaled).sum(0).clamp(min=1e-30)
            coefficients.addcmul_(direction, step)
            fitted.addcmul_(image, step)
            residual.addcmul_(curved, step, value=-1)
            torch.mul(residual, self._inverse, out=scaled)
            before, size = size, torch.mul(residual, scaled, out=curved).sum(0)
            direction.mul_(size / before.clamp(min=1e-30)).add_(scaled)

    @property
    def offset(self) -> Tensor:
        """What the mean row becomes [outputs]."""
        return self._mean @ self.coefficients

    def _forward(self, coefficients: Tensor) -> Tensor:
        product: Tensor = self._rows @ coefficients
        return product.sub_(self._mean @ coefficients).mul_(self._roots)

    def _back(self, rows: Tensor) -> Tensor:
        rows = rows * self._roots
        product: Tensor = self._columns @ rows
        return product.addr_(self._mean, rows.sum(0), alpha=-1)


def mean_row(rows: csr_array, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The weights of rows that are not empty and 0 for others float32 [rows], and their weighed mean float64 [columns].

    Args:
        rows: of a sparse modality [rows, columns].
        weights: float32 [rows]; None: all 1.
    """
    every = np.ones(rows.shape[0], dtype=np.float32) if weights is None else weights
    own = every * (np.diff(rows.indptr) > 0)
    return own, rows.T @ own / (own.sum(dtype=np.float64) or 1.0)


def _as_torch(rows: csr_array) -> Tensor:
    offsets, columns, values = (torch.from_numpy(np.asarray(each)) for each in (rows.indptr, rows.indices, rows.data))
    with warnings.catch_warnings():
        # The little that is used of it, products with matrices, is old.
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(offsets, columns, values, size=rows.shape, check_invariants=False)
