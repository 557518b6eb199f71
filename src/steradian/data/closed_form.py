"""The closed form as a value: what turns a modality's fixed features into its vector, by numpy alone."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from steradian.data.modality import FeatureMap, FittedModality, Items
from steradian.data.ragged import Ragged
from steradian.data.sets import SetItems
from steradian.data.sparse_rows import SparseRows

__all__ = [
    "SHORTEST",
    "ClosedForm",
    "Likeness",
    "LinearMap",
    "distinct_rows",
    "features_of",
    "fused",
    "mapped_features",
]

SHORTEST = 1e-6
"""Length of a vector of which nothing is known: its gate is nearly closed, and its logarithm finite."""

ROWS = 1024
"""Rows whose features are held at a time: 64 MB of 8,000 in float64."""
MOST_KEPT, KEPT = 4096, "_kept_features"
"""Distinct pictures or sounds whose features, and what followed from them last, stay with the items once computed, so
that repeated ones cost nothing."""


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
        matrix: float32 [features, embedding_dim]; where features are sparse and many, float32 or float16
            [features, outputs], of the first coordinates alone.
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
            vectors: np.ndarray = np.repeat(-self.offset[None].astype(np.float32), len(features), axis=0)
            vectors[:, : self.matrix.shape[1]] += features @ self.matrix
        else:
            # Large coefficients of both signs cancel: in float32 a row would differ with the size of its batch.
            vectors = (features.astype(np.float64) @ self._exact - self.offset).astype(np.float32)
        if self.likeness is not None and isinstance(features, SparseRows):
            own = slice(self.likeness.first, self.likeness.first + self.likeness.coordinates)
            vectors[:, own] += np.float32(self.likeness.length) * features.sketch(self.likeness.coordinates)
        return vectors

    @cached_property
    def _exact(self) -> np.ndarray:
        return self.matrix.astype(np.float64)


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
                found[part, m] = mapped_features(fitted, linear.features, items[name], numbers[rows[part], m], linear)
        return found


def fused(vectors: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Each object's unit vector, float32 [objects, embedding_dim]: gates are the lengths of the modalities' vectors.

    What `TwoPartEncoder` makes of them where no network takes part, by numpy alone.

    Args:
        vectors: of the modalities, as `ClosedForm.vectors` gives them, float32 [objects, modalities, embedding_dim].
        present: which of them count, bool [objects, modalities], at least one True a row.

    Examples:
        >>> fused(np.float32([[[3, 0], [0, 4]]]), np.array([[True, True]])).round(1).tolist()
        [[0.6000000238418579, 0.800000011920929]]
    """
    gates = np.maximum(np.linalg.norm(vectors, axis=2), SHORTEST) * present
    return _units(np.einsum("om,omd->od", gates / gates.sum(axis=1, keepdims=True), _units(vectors)))


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
    return _means(single, taken)


def mapped_features(
    fitted: FittedModality,
    features: FeatureMap,
    items: Items,
    rows: np.ndarray,
    then: "Callable[[np.ndarray | SparseRows], np.ndarray]",
) -> np.ndarray:
    """What a linear map makes of the features, plus a constant, float32 [rows, outputs]; each distinct item goes once.

    Args:
        fitted: the modality.
        features: its feature map.
        items: what `FittedModality.prepare` returned.
        rows: which of them, int64 [rows].
        then: from features [rows, features] to float32 [rows, outputs].
    """
    single = items.items if isinstance(items, SetItems) else items
    kept = _kept(fitted, features, single)
    if kept is None:
        mapped: np.ndarray = then(features_of(fitted, features, items, rows))
        return mapped
    found: np.ndarray = kept.mapped(then)
    if not isinstance(items, SetItems):
        own: np.ndarray = found[kept.places[rows]]
        return own
    taken = items.sets.take(rows)
    return _means(found[kept.places[taken.flat]], taken)


def distinct_rows(items: Items, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first of the rows that show each distinct item, in order, and the place of each row's own among them.

    Args:
        items: prepared; of those that cannot tell, and of sets, all rows count as distinct.
        rows: int64 [rows].
    """
    which = getattr(items, "which", None)
    if which is None:
        return rows, np.arange(len(rows))
    _, firsts, places = np.unique(which[rows], return_index=True, return_inverse=True)
    order = firsts.argsort()
    return rows[firsts[order]], order.argsort()[places]


@dataclass
class _Kept:
    """The features of all distinct items of a table, and what the last map has made of them.

    Args:
        features: the feature map.
        found: its features [distinct items, features].
        places: int64 [items], which of them is whose.
    """

    features: FeatureMap
    found: "np.ndarray | SparseRows"
    places: np.ndarray
    _last: "tuple[object, np.ndarray] | None" = field(default=None, repr=False)

    def mapped(self, then: "Callable[[np.ndarray | SparseRows], np.ndarray]") -> np.ndarray:
        """What a map makes of the features, float32 [distinct items, outputs]."""
        if self._last is None or self._last[0] is not then:
            starts = range(0, max(1, len(self.found)), ROWS)
            # A slice of an array is no copy.
            parts = (
                self.found.take(np.arange(start, min(start + ROWS, len(self.found))))
                if isinstance(self.found, SparseRows)
                else self.found[start : start + ROWS]
                for start in starts
            )
            self._last = then, np.concatenate([then(part) for part in parts])
        return self._last[1]


def _kept(fitted: FittedModality, features: FeatureMap, items: Items) -> _Kept | None:
    """The features of single items, of which few differ; None where they are too many or cannot be told apart."""
    which = getattr(items, "which", None)
    if which is None:
        return None
    kept: _Kept | None = vars(items).get(KEPT)
    if kept is None or kept.features is not features:
        distinct, firsts = np.unique(which, return_index=True)
        if len(distinct) > MOST_KEPT:
            return None
        found = features(fitted.feature_inputs(items, firsts))
        kept = vars(items)[KEPT] = _Kept(features, found, np.searchsorted(distinct, which))
    return kept


def _single_features(
    fitted: FittedModality, features: FeatureMap, items: Items, rows: np.ndarray
) -> "np.ndarray | SparseRows":
    """Features of items of which none is a set; where few differ, each is looked at once for all times."""
    kept = _kept(fitted, features, items)
    if kept is None:
        return features(fitted.feature_inputs(items, rows))
    taken = kept.places[rows]
    return kept.found.take(taken) if isinstance(kept.found, SparseRows) else kept.found[taken]


def _means(single: np.ndarray, sets: Ragged) -> np.ndarray:
    """The mean over what is in each set, float32 [sets, numbers]."""
    means: np.ndarray = np.add.reduceat(single, sets.offsets[:-1], axis=0) / sets.lengths[:, None]
    return means.astype(np.float32)


def _units(vectors: np.ndarray) -> np.ndarray:
    """Vectors at unit length; one of zeros, which has no direction, gets the same fixed one everywhere."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    fixed = np.float32(vectors.shape[-1] ** -0.5)
    return np.where(lengths > 1e-12, vectors / np.maximum(lengths, np.float32(1e-12)), fixed)
