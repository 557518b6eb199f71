"""The closed form as a value: what turns a modality's fixed features into its vector, by numpy alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from steradian.data.modality import FeatureMap, FittedModality, Items
from steradian.data.sets import SetItems
from steradian.data.sparse_rows import SparseRows

__all__ = ["ClosedForm", "Likeness", "LinearMap", "features_of"]

ROWS = 2048
"""Rows whose features are held at a time."""
MOST_KEPT, KEPT = 4096, "_kept_features"
"""Distinct pictures or sounds whose features stay with the items once computed, so that repeated ones cost nothing."""


@dataclass(frozen=True)
class Likeness:
    """Coordinates of a vector that hold what its features are like, whatever the class.

    Args:
        first: of the coordinates.
        coordinates: how many there are.
        length: of what stands there, for features of length 1.
    """

    first: int
    coordinates: int
    length: float


@dataclass(frozen=True)
class LinearMap:
    """From one modality's features to its vector.

    Args:
        features: the fixed features.
        matrix: float32 [features, embedding_dim], or float16 where features are sparse and many.
        offset: float32 [embedding_dim], what the mean training row becomes.
        likeness: where random signed sums of sparse features stand; None: nowhere, or in the matrix.
    """

    features: FeatureMap
    matrix: np.ndarray
    offset: np.ndarray
    likeness: "Likeness | None" = None

    def __call__(self, features: "np.ndarray | SparseRows") -> np.ndarray:
        """Vectors float32 [rows, embedding_dim], of any length."""
        if isinstance(features, SparseRows):
            vectors: np.ndarray = features @ self._matrix - self.offset
        else:
            # Large coefficients of both signs cancel: in float32 a row would differ with the size of its batch.
            vectors = (features.astype(np.float64) @ self._matrix - self.offset).astype(np.float32)
        if self.likeness is not None and isinstance(features, SparseRows):
            own = slice(self.likeness.first, self.likeness.first + self.likeness.coordinates)
            vectors[:, own] += np.float32(self.likeness.length) * features.sketch(self.likeness.coordinates)
        return vectors

    @cached_property
    def _matrix(self) -> np.ndarray:
        return self.matrix.astype(np.float64 if self.matrix.dtype == np.float32 else np.float32)


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
        self,
        modalities: Mapping[str, FittedModality],
        items: Mapping[str, Items],
        present: np.ndarray,
        *,
        rows: np.ndarray | None = None,
    ) -> np.ndarray:
        """Each modality's vector float32 [rows, modalities, embedding_dim]; zeros where it is absent.

        Args:
            modalities: the fitted modalities.
            items: for each of them, the prepared values of the objects that have it.
            present: bool [objects, modalities].
            rows: int64 [rows], the objects that are wanted; None: all.
        """
        # The n-th object that has a modality is the n-th of its items.
        numbers = present.cumsum(axis=0) - 1
        rows = np.arange(len(present)) if rows is None else rows
        found = np.zeros((len(rows), present.shape[1], self.embedding_dim), dtype=np.float32)
        for m, (name, fitted) in enumerate(modalities.items()):
            linear, holders = self.maps.get(name), np.flatnonzero(present[rows, m])
            if linear is None:
                continue
            for start in range(0, len(holders), ROWS):
                part = holders[start : start + ROWS]
                features = features_of(fitted, linear.features, items[name], numbers[rows[part], m])
                found[part, m] = linear(features)
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
        return _single_features(fitted, features, items, rows)
    taken = items.sets.take(rows)
    single = _single_features(fitted, features, items.items, taken.flat)
    if isinstance(single, SparseRows):
        return single.means(taken.lengths)
    means: np.ndarray = np.add.reduceat(single, taken.offsets[:-1], axis=0) / taken.lengths[:, None]
    return means.astype(np.float32)


def _single_features(
    fitted: FittedModality, features: FeatureMap, items: Items, rows: np.ndarray
) -> "np.ndarray | SparseRows":
    """Features of items of which none is a set; where few differ, each is looked at once for all times."""
    which = getattr(items, "which", None)
    if which is None:
        return features(fitted.feature_inputs(items, rows))
    kept = vars(items).get(KEPT)
    if kept is None or kept[0] is not features:
        distinct, firsts = np.unique(which, return_index=True)
        if len(distinct) > MOST_KEPT:
            return features(fitted.feature_inputs(items, rows))
        places = np.searchsorted(distinct, which)
        kept = vars(items)[KEPT] = features, features(fitted.feature_inputs(items, firsts)), places
    _, found, places = kept
    taken = places[rows]
    return found.take(taken) if isinstance(found, SparseRows) else found[taken]
