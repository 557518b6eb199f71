"""Rows of numbers as features whose inner products are the mean of four kernels, by numpy alone."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from steradian.data.modality import FeatureMap
from steradian.modalities.column_relevance import column_relevance

__all__ = ["KernelFeatures", "inverse_root"]

LANDMARKS = 2048
"""Training rows that others are compared to at most: exact for no more distinct rows, Nyström's method beyond."""
QUANTILES = 200
"""Of each column, by which its values are brought to those of a normal distribution."""
FARTHEST = 3.0
"""Where a standardised value bends: z / sqrt(1 + (z / 3)^2) never passes 3."""
WIDE = 2048
"""Columns beyond which kernels see random signed sums of them, which keep distances."""
STORED = 1 << 23
"""Numbers of all landmarks at most: 64 MiB."""
JITTERS = 1e-6, 1e-5, 1e-4, 1e-3, 1e-2
"""Shares of its mean diagonal that are added to a kernel's, until it is positive definite but for rounding."""


@dataclass(frozen=True)
class KernelFeatures(FeatureMap):
    """Comparison with training rows by four kernels: linear, RBF, Laplace on quantiles, and the cosine of raw rows.

    No one kernel is right for every table, and their plain mean was best or within 0.3 points of the best on every
    shared set, where choosing one by left-out error cost up to 1.5 (docs/lab-log.md).

    Args:
        offset: float64 [columns], what makes raw rows of standardised ones.
        factor: float64 [columns], likewise: raw = standardised * factor + offset.
        quantiles: float32 [quantiles, columns], of standardised values, ascending down a column.
        landmarks: float32 [landmarks, columns], standardised training rows.
        widths: half the median squared distance of the RBF kernel's inputs and median distance of the Laplace kernel's.
        projection: float32 [landmarks, features], from kernel values to features; empty: the values are the features.
        relevance: float32 [columns], by which the RBF and the Laplace kernel see differences along a column.

    Examples:
        >>> rows = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
        >>> KernelFeatures.fit(rows)(rows[:2]).shape
        (2, 50)
    """

    offset: np.ndarray
    factor: np.ndarray
    quantiles: np.ndarray
    landmarks: np.ndarray
    widths: list[float]
    projection: np.ndarray
    relevance: np.ndarray

    @classmethod
    def fit(
        cls,
        rows: np.ndarray,
        *,
        offset: np.ndarray | None = None,
        factor: np.ndarray | None = None,
        most: int = LANDMARKS,
    ) -> "KernelFeatures":
        """Choose landmarks and learn statistics.

        Args:
            rows: standardised float32 [rows, columns], at least one row.
            offset: see the class; None: zeros.
            factor: see the class; None: ones.
            most: landmarks at most.
        """
        columns = rows.shape[1]
        offset = np.zeros(columns) if offset is None else offset.astype(np.float64)
        factor = np.ones(columns) if factor is None else factor.astype(np.float64)
        most = max(2, min(most, STORED // max(1, columns)))
        # Spread over the table, then each distinct row once: equal landmarks say the same.
        spread = rows[np.unique(np.linspace(0, len(rows) - 1, 2 * most).astype(np.int64))]
        quantiles = np.quantile(spread, np.linspace(0, 1, QUANTILES), axis=0).astype(np.float32)
        distinct = np.unique(spread, axis=0, return_index=True)[1]
        distinct.sort()
        landmarks = spread[distinct[np.unique(np.linspace(0, len(distinct) - 1, most).astype(np.int64))]]
        nothing = np.zeros((len(landmarks), 0), np.float32)
        same = np.ones(columns, np.float32)
        return cls(offset, factor, quantiles, landmarks, [1.0, 1.0], nothing, same)._wide()._projected()

    def _wide(self) -> "KernelFeatures":
        """The same with widths by the distances of the landmarks."""
        _, bent, normal, _ = self._seen
        # Half the median: in a wider one, what is near is hardly nearer (docs/lab-log.md, tables nobody had used).
        return replace(self, widths=[_median(_squares(bent, bent) / 2), _median(np.sqrt(_squares(normal, normal)))])

    def _projected(self) -> "KernelFeatures":
        """The same with the projection that its landmarks ask for."""
        return replace(self, projection=inverse_root(self._kernel(self.landmarks).astype(np.float64)))

    def column_weights(self, inputs: np.ndarray, targets: np.ndarray, *, turns: int) -> np.ndarray | None:
        """See `column_relevance`; None for one column, and for so many that kernels see sums of them."""
        if not 1 < inputs.shape[1] <= WIDE or len(inputs) < 2:
            return None
        return column_relevance(_normal_quantiles(inputs.astype(np.float64), self.quantiles), targets, turns=turns)

    def weighed(self, weights: np.ndarray) -> "KernelFeatures":
        """The same map that sees differences along columns by these weights float32 [columns]."""
        return replace(self, relevance=weights)._wide()._projected()

    def inner_products(self, inputs: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The mean of the four kernels of all pairs of rows, float32 [rows, rows]."""
        nothing = np.zeros((len(inputs), 0), np.float32)
        return replace(self, landmarks=inputs, relevance=weights, projection=nothing)._wide()._kernel(inputs)

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """Features float32 [rows, features] of standardised rows [rows, columns]."""
        kernel = self._kernel(inputs)
        return kernel @ self.projection if self.projection.size else kernel

    def folded(self, matrix: np.ndarray) -> "tuple[KernelFeatures, np.ndarray]":
        """The same without its projection, which goes into the matrix that follows it."""
        return replace(self, projection=np.zeros((0, 0), np.float32)), self.projection @ matrix

    @cached_property
    def _seen(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        return self._inputs(self.landmarks)

    def _kernel(self, rows: np.ndarray) -> np.ndarray:
        """The mean of the four kernels float32 [rows, landmarks]."""
        bent, near, normal, units = self._inputs(rows)
        landmark_bent, landmark_near, landmark_normal, landmark_units = self._seen
        # In float64, so that a row has the same kernel in any batch but for the last bit of float32.
        kernel: np.ndarray = bent @ landmark_bent.T / max(1, self.landmarks.shape[1])
        kernel += units @ landmark_units.T
        kernel += np.exp(-_squares(near, landmark_near) / self.widths[0])
        kernel += np.exp(-np.sqrt(_squares(normal, landmark_normal)) / self.widths[1])
        mean: np.ndarray = (kernel / 4).astype(np.float32)
        return mean

    def _inputs(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """What the kernels see, each float64 [rows, columns].

        Bent z-scores, the same by the relevance of columns, normal quantiles by that, raw rows of length 1.
        """
        exact = rows.astype(np.float64)
        bent = exact / np.sqrt(1 + np.square(exact / FARTHEST))
        raw = exact * self.factor + self.offset
        # The largest first, so that no square overflows.
        raw /= np.maximum(np.abs(raw).max(axis=1, keepdims=True, initial=0), 1e-300)
        raw /= np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-12)
        normal = _normal_quantiles(exact, self.quantiles) * self.relevance
        narrow = _narrow(bent)
        near = narrow if (self.relevance == 1).all() else _narrow(bent * self.relevance)
        return narrow, near, _narrow(normal), _narrow(raw)


def inverse_root(kernel: np.ndarray) -> np.ndarray:
    """A matrix float32 [rows, rows] that turns kernel values to rows into features with these inner products.

    Args:
        kernel: of rows with each other, float64 [rows, rows].
    """
    for jitter in JITTERS:
        shifted = kernel + np.diag(np.full(len(kernel), jitter * max(kernel.trace() / len(kernel), 1e-12)))
        try:
            factor = np.linalg.cholesky(shifted)
        except np.linalg.LinAlgError:
            continue
        root: np.ndarray = np.linalg.inv(factor).T.astype(np.float32)
        return root
    return np.eye(len(kernel), dtype=np.float32)


def _normal_quantiles(standard: np.ndarray, quantiles: np.ndarray) -> np.ndarray:
    """Each value's place among its column's quantiles as a normal deviate, at most 3 from 0."""
    # A logistic curve's inverse, scaled, is within 0.1 of the normal one inside these limits.
    places = np.linspace(0.5, QUANTILES - 0.5, QUANTILES, dtype=np.float32) / QUANTILES
    deviates = (np.log(places / (1 - places)) / 1.702).clip(-FARTHEST, FARTHEST)
    normal = np.empty_like(standard)
    for column in range(standard.shape[1]):
        edges = quantiles[:, column]
        # Equal quantiles are one value; its place is the middle of theirs.
        left, right = (np.searchsorted(edges, edges, side=side) for side in ("left", "right"))
        middle = (deviates[left] + deviates[right - 1]) / 2
        normal[:, column] = np.interp(standard[:, column], edges, middle)
    return normal


def _narrow(rows: np.ndarray) -> np.ndarray:
    """Rows of many columns as random signed sums of these, which keep inner products but for noise."""
    columns = rows.shape[1]
    if columns <= WIDE:
        return rows
    draw = np.random.default_rng(columns)
    order, signs = draw.permutation(columns), draw.choice(np.array([-1.0, 1.0]), columns)
    sums: np.ndarray = np.add.reduceat((rows * signs)[:, order], np.arange(WIDE) * columns // WIDE, axis=1)
    return sums


def _squares(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Squared distances [rows, others]."""
    squares: np.ndarray = -2 * (rows @ others.T)
    squares += np.square(rows).sum(axis=1)[:, None]
    squares += np.square(others).sum(axis=1)
    np.maximum(squares, 0, out=squares)
    return squares


def _median(distances: np.ndarray) -> float:
    apart = distances[np.triu_indices(len(distances), 1)]
    found = float(np.median(apart)) if len(apart) else 0.0
    return found if found > 0 else 1.0
