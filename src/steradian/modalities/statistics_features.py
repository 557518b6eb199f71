"""Statistics of series, compared with those of training items beside a map's own features, by numpy alone."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from steradian.data.modality import FeatureMap
from steradian.modalities.kernel_features import KernelFeatures

__all__ = ["LANDMARKS", "NOTHING", "StatisticsFeatures", "learnt_statistics", "statistics_of"]

QUARTILES = 0.25, 0.5, 0.75
"""Of a channel's values and of their differences."""
LANDMARKS = 1024
"""Training items with which others are compared at most: of left-out speakers 2,048 had no more right, 512 two in a
thousand fewer."""
NOTHING: dict[str, Any] = {
    **dict.fromkeys(("offset", "factor", "quantiles", "landmarks", "projection"), np.zeros(0, np.float32)),
    **{"widths": [1.0, 1.0], "weight": 1.0},
}
"""The fields of `StatisticsFeatures` before they are learnt."""


@dataclass(frozen=True)
class StatisticsFeatures(FeatureMap):
    """A map of many local features, and `KernelFeatures` of a few statistics behind them.

    As single features among thousands the statistics would hardly count. A subclass names `FeatureMap` as a base too:
    saved maps are looked for among its own subclasses.

    Args:
        offset: mean of each statistic, float64 [statistics]; this and what follows as of `KernelFeatures`.
        factor: their standard deviations.
        quantiles: float32 [quantiles, statistics].
        landmarks: float32 [landmarks, statistics].
        widths: of two kernels.
        projection: float32 [landmarks, features].
        weight: by which the statistics' features are multiplied.
    """

    offset: np.ndarray
    factor: np.ndarray
    quantiles: np.ndarray
    landmarks: np.ndarray
    widths: list[float]
    projection: np.ndarray
    weight: float

    def with_statistics(self, features: np.ndarray, statistics: np.ndarray) -> np.ndarray:
        """Features float32 [items, features], and behind them those of the items' statistics.

        Args:
            features: the map's own, float32 [items, features].
            statistics: float64 [items, statistics].
        """
        rows = ((statistics - self.offset) / self.factor).astype(np.float32)
        compared = (self._compared(rows).astype(np.float64) @ self._projection).astype(np.float32)
        return np.concatenate([features, compared], axis=1)

    @cached_property
    def _compared(self) -> KernelFeatures:
        """Kernel values, which are projected here."""
        nothing = np.zeros((0, 0), np.float32)
        same = np.ones(self.landmarks.shape[1], np.float32)
        return KernelFeatures(self.offset, self.factor, self.quantiles, self.landmarks, self.widths, nothing, same)

    @cached_property
    def _projection(self) -> np.ndarray:
        """In float64 and weighed: in float32 a row would differ with the size of its batch."""
        return np.ascontiguousarray(self.projection, dtype=np.float64) * self.weight


def learnt_statistics(features: np.ndarray, statistics: np.ndarray, *, share: float, most: int) -> dict[str, Any]:
    """The fields of `StatisticsFeatures`.

    Args:
        features: the map's own of training items, float32 [items, features].
        statistics: of these, float64 [items, statistics].
        share: mean square length of the statistics' features for 1 of the others'.
        most: training items at most with which others are compared.
    """
    offset, factor = statistics.mean(axis=0), statistics.std(axis=0)
    factor[factor <= 1e-7 * np.abs(statistics).max(axis=0)] = 1.0
    rows = ((statistics - offset) / factor).astype(np.float32)
    compared = KernelFeatures.fit(rows, offset=offset, factor=factor, most=min(most, LANDMARKS))
    squares = [float(each.var(axis=0, dtype=np.float64).sum()) for each in (features, compared(rows))]
    learnt = {name: getattr(compared, name) for name in NOTHING if name != "weight"}
    return {**learnt, "weight": (share * squares[0] / squares[1]) ** 0.5 if min(squares) > 0 else 1.0}


def statistics_of(values: np.ndarray) -> np.ndarray:
    """Mean, deviation, ends and quartiles of each channel and of its differences, and the logarithm of steps.

    Args:
        values: [steps, channels], at least one step, without gaps.
    """
    steps = values.astype(np.float64)
    parts: list[np.ndarray] = []
    for each in (steps, np.diff(steps, axis=0) if len(steps) > 1 else np.zeros_like(steps)):
        parts += [each.mean(axis=0), each.std(axis=0), each.min(axis=0), each.max(axis=0)]
        parts += list(np.quantile(each, QUARTILES, axis=0))
    return np.concatenate([*parts, [np.log(len(steps))]])
