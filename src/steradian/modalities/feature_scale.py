"""Fixed features in units of their spread over training items, by numpy alone."""

import numpy as np

__all__ = ["FARTHEST", "scaled", "spread_of"]

LEAST_SPREAD = 0.1
"""Smallest deviation of a feature, as a share of the mean one: what training hardly showed is not blown up."""
FARTHEST = 5.0
"""Deviations at which features are clipped: one strange number does not decide an inner product."""


def spread_of(raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of each feature for `scaled`, float32 [features] both.

    Args:
        raw: of training items, float32 [items, features], at least one item.
    """
    mean = np.asarray(raw.mean(axis=0, dtype=np.float64))
    std = np.asarray(raw.std(axis=0, dtype=np.float64))
    # Of items that are all the same nothing varies.
    least = LEAST_SPREAD * float(std.mean()) or 1.0
    return mean.astype(np.float32), np.maximum(std, least).astype(np.float32)


def scaled(raw: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Features in deviations from their mean, clipped, float32 [items, features].

    Args:
        raw: float32 [items, features]; changed in place, as it may be large.
        mean: float32 [features].
        std: float32 [features].
    """
    raw -= mean
    raw /= std
    return raw.clip(-FARTHEST, FARTHEST, out=raw)
