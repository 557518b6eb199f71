"""The closed form as a value: what turns a modality's fixed features into its vector, by numpy alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from steradian.data.modality import FeatureMap, FittedModality, Items
from steradian.data.sets import SetItems
from steradian.data.sparse_rows import SparseRows

__all__ = ["ClosedForm", "LinearMap", "features_of"]

ROWS = 2048
"""Rows whose features are held at a time."""


@dataclass(frozen=True)
class LinearMap:
    """From one modality's features to its vector.

    Args:
        features: the fixed features.
        matrix: float32 [features, embedding_dim], or float16 where features are sparse and many.
        offset: float32 [embedding_dim], what the mean training row becomes.
    """

    features: FeatureMap
    matrix: np.ndarray
    offset: np.ndarray

    def __call__(self, features: "np.ndarray | SparseRows") -> np.ndarray:
        """Vectors float32 [rows, embedding_dim], of any length."""
        return np.asarray(features @ self._matrix) - self.offset

    @cached_property
    def _matrix(self) -> np.ndarray:
        return self.matrix.astype(np.float32, copy=False)


@dataclass(frozen=True)
class ClosedForm:
    """A linear map a modality; the sum of an object's vectors is its closed-form vector.

    Args:
        maps: by modality; one without fixed features has none.
        embedding_dim: length of a vector.
    """

    maps: Mapping[str, LinearMap]
    embedding_dim: int

    def vectors(
        self, modalities: Mapping[str, FittedModality], items: Mapping[str, Items], present: np.ndarray
    ) -> np.ndarray:
        """Each modality's vector float32 [objects, modalities, embedding_dim]; zeros where it is absent.

        Args:
            modalities: the fitted modalities.
            items: for each of them, the prepared values of the objects that have it.
            present: bool [objects, modalities].
        """
        found = np.zeros((*present.shape, self.embedding_dim), dtype=np.float32)
        for m, (name, fitted) in enumerate(modalities.items()):
            linear, holders = self.maps.get(name), np.flatnonzero(present[:, m])
            if linear is None:
                continue
            for start in range(0, len(holders), ROWS):
                part = np.arange(start, min(start + ROWS, len(holders)))
                found[holders[part], m] = linear(features_of(fitted, linear.features, items[name], part))
        return found


def features_of(
    fitted: FittedModality, features: FeatureMap, items: Items, rows: np.ndarray
) -> "np.ndarray | SparseRows":
    """Features [rows, features] of prepared items; those of a set are the mean over what is in it.

    Args:
        fitted: the modality.
        features: its feature map.
        items: what `FittedModality.prepare` returned.
        rows: which of them, int64 [rows].
    """
    if not isinstance(items, SetItems):
        return features(fitted.feature_inputs(items, rows))
    taken = items.sets.take(rows)
    single = features(fitted.feature_inputs(items.items, taken.flat))
    if isinstance(single, SparseRows):
        return single.means(taken.lengths)
    means: np.ndarray = np.add.reduceat(single, taken.offsets[:-1], axis=0) / taken.lengths[:, None]
    return means.astype(np.float32)
