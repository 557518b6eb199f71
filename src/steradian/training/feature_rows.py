"""Training rows as the numbers that the closed form is solved from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy.sparse import csr_array

from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.data.closed_form import distinct_rows, features_of, mapped_features
from steradian.data.modality import FeatureMap, Items
from steradian.data.sets import SetItems
from steradian.data.sparse_rows import SparseRows
from steradian.modalities.kernel_features import inverse_root

__all__ = ["FeatureLayout", "FeatureRows", "Prepare"]

Prepare = Callable[[np.ndarray], tuple[PreparedObjects, np.ndarray]]
"""From row numbers of a table to prepared objects and their places among these."""

DRAWN = 8192
"""Rows from which feature maps and their scales are learnt."""
EXACT = 4096
"""Rows up to which all features count; of larger tables each modality has its share of `MOST`."""
MOST = 2048
"""Dense features of all modalities together, and landmarks of one, where rows are more."""


@dataclass(frozen=True)
class FeatureRows:
    """Features of some rows, zeros where a modality is absent.

    Args:
        dense: float32 [rows, dense features of all modalities], centered and scaled.
        sparse: of each sparse modality, rows of length 1.
        present: bool [rows, modalities].
        weights: of the rows float32 [rows]; None: all 1.
    """

    dense: np.ndarray
    sparse: list[csr_array]
    present: np.ndarray
    weights: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> "FeatureRows":
        """These rows."""
        weights = None if self.weights is None else self.weights[rows]
        return FeatureRows(self.dense[rows], [each[rows] for each in self.sparse], self.present[rows], weights)


@dataclass(frozen=True)
class FeatureLayout:
    """Each modality's feature map, and where its features stand.

    Args:
        preprocessor: the fitted modalities.
        maps: of those modalities that have one.
        means: of dense features, float32 [features] by modality; a modality without is sparse.
        scales: what brings dense features to a mean square length of 1, by modality.
        projections: of more features than there may be to those that count, float32 [features, fewer] by modality.
    """

    preprocessor: Preprocessor
    maps: Mapping[str, FeatureMap]
    means: Mapping[str, np.ndarray]
    scales: Mapping[str, float]
    projections: Mapping[str, np.ndarray]

    @classmethod
    def fit(
        cls,
        preprocessor: Preprocessor,
        prepare: Prepare,
        rows: np.ndarray,
        *,
        exact: bool,
        new_classes: bool,
        weights: np.ndarray | None = None,
    ) -> "FeatureLayout":
        """Learn the maps from some rows of the training table.

        Args:
            preprocessor: fitted on it.
            prepare: brings its rows to prepared objects.
            rows: int64 [rows], such that each modality is there.
            exact: keep all features, however many.
            new_classes: features are to find classes that training has not met.
            weights: of the rows, by which features are centered and scaled; None: all alike.
        """
        most = MOST if exact else MOST // len(preprocessor.modalities)
        objects, places = prepare(rows)
        maps: dict[str, FeatureMap] = {}
        means, scales, projections = {}, {}, {}
        for m, (name, fitted) in enumerate(preprocessor.modalities.items()):
            has = objects.present[places, m]
            holders = objects.item_numbers(places[has], m)
            if not len(holders):
                continue
            inputs = fitted.feature_inputs(*_single_items(objects.items[name], holders))
            learnt = fitted.feature_map(inputs, most=most, novel=exact and new_classes)
            if learnt is None:
                continue
            maps[name] = learnt
            firsts, which = distinct_rows(objects.items[name], holders)
            features = features_of(fitted, learnt, objects.items[name], firsts)
            if isinstance(features, SparseRows):
                continue
            if not exact and features.shape[1] > most:
                projections[name] = _fewer(features, most)
                features = features @ projections[name]
            means[name], scales[name] = _spread(features[which], None if weights is None else weights[has])
        return cls(preprocessor, maps, means, scales, projections)

    def inputs(self, name: str, prepare: Prepare, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """What a modality's map sees of these rows of the table [holders, columns], and which of them have it.

        Args:
            name: of a dense modality.
            prepare: brings rows of the table to prepared objects.
            rows: int64 [rows].

        Returns:
            None for sets, of which each row has several.
        """
        m, fitted = list(self.preprocessor.modalities).index(name), self.preprocessor.modalities[name]
        objects, places = prepare(rows)
        has = objects.present[places, m]
        if isinstance(objects.items[name], SetItems):
            return None
        return fitted.feature_inputs(objects.items[name], objects.item_numbers(places[has], m)), has

    def weighed(
        self, name: str, weights: np.ndarray, inputs: np.ndarray, rows: np.ndarray | None = None
    ) -> "tuple[FeatureLayout, np.ndarray]":
        """The layout whose map of a modality sees columns by these weights, and that map's features of the inputs.

        Args:
            name: of a dense modality.
            weights: float32 [columns].
            inputs: of the rows from which the layout was learnt [rows, columns].
            rows: their weights [rows]; None: all alike.

        Returns:
            The layout, and features float32 [rows, features], centered and scaled.
        """
        learnt, projections = self.maps[name].weighed(weights), dict(self.projections)
        features = np.asarray(learnt(inputs))
        if name in projections:
            projections[name] = _fewer(features, projections[name].shape[1])
            features = features @ projections[name]
        mean, scale = _spread(features, rows)
        maps, means, scales = {**self.maps, name: learnt}, {**self.means, name: mean}, {**self.scales, name: scale}
        layout = FeatureLayout(self.preprocessor, maps, means, scales, projections)
        return layout, (features - mean) * np.float32(scale)

    @property
    def dense(self) -> list[str]:
        """The modalities of dense features."""
        return [name for name in self.maps if name in self.means]

    @property
    def sparse(self) -> list[str]:
        """The modalities of sparse features."""
        return [name for name in self.maps if name not in self.means]

    @property
    def blocks(self) -> list[int]:
        """Features of each dense modality."""
        return [len(self.means[name]) for name in self.dense]

    @cached_property
    def _projected(self) -> dict[str, Callable[[np.ndarray | SparseRows], np.ndarray]]:
        return {name: partial(_product, matrix=matrix) for name, matrix in self.projections.items()}

    def rows(self, prepare: Prepare, rows: np.ndarray) -> FeatureRows:
        """The features of these rows of the table."""
        objects, places = prepare(rows)
        names = list(self.preprocessor.modalities)
        dense = np.zeros((len(rows), sum(self.blocks)), dtype=np.float32)
        start, sparse = 0, list[csr_array]()
        for name, learnt in self.maps.items():
            m, fitted = names.index(name), self.preprocessor.modalities[name]
            has = objects.present[places, m]
            numbers = objects.item_numbers(places[has], m)
            features: np.ndarray | SparseRows
            if name in self.projections:
                features = mapped_features(fitted, learnt, objects.items[name], numbers, self._projected[name])
            else:
                features = features_of(fitted, learnt, objects.items[name], numbers)
            if isinstance(features, SparseRows):
                lengths = np.zeros(len(rows), dtype=np.int64)
                lengths[has] = features.columns.lengths
                offsets = np.concatenate([[0], lengths.cumsum()])
                entries = features.values, features.columns.flat, offsets
                sparse.append(csr_array(entries, shape=(len(rows), features.width)))
                continue
            end = start + features.shape[1]
            dense[has, start:end] = (features - self.means[name]) * np.float32(self.scales[name])
            start = end
        return FeatureRows(dense, sparse, objects.present[places])


def _spread(features: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, float]:
    """The mean of features float32 [features], and what brings them to a mean square length of 1 around it."""
    shares = None if weights is None else weights / weights.sum(dtype=np.float64)
    mean = features.mean(axis=0, dtype=np.float64) if shares is None else shares @ features
    mean = mean.astype(np.float32)
    squares = np.square(features - mean).sum(axis=1)
    square = float(squares.mean() if shares is None else shares @ squares)
    return mean, float(square**-0.5) if square > 0 else 1.0


def _single_items(items: Items, rows: np.ndarray) -> tuple[Items, np.ndarray]:
    """Items of these rows; of sets as many as there are rows, spread over all of theirs."""
    if not isinstance(items, SetItems):
        return items, rows
    flat = items.sets.take(rows).flat
    return items.items, flat[np.linspace(0, len(flat) - 1, len(rows)).astype(np.int64)]


def _product(features: np.ndarray | SparseRows, matrix: np.ndarray) -> np.ndarray:
    product: np.ndarray = features @ matrix
    return product


def _fewer(features: np.ndarray, most: int) -> np.ndarray:
    """A matrix float32 [features, most] after which inner products with some of the rows are what they were."""
    # A random sum of all features tells rows apart; some features may be constant.
    sums = features @ np.random.default_rng(0).standard_normal(features.shape[1], dtype=np.float32)
    sums -= sums.mean()
    _, distinct = np.unique((sums / max(float(np.abs(sums).max()), 1e-12)).round(5), return_index=True)
    chosen = np.sort(distinct)[np.unique(np.linspace(0, len(distinct) - 1, most).astype(np.int64))]
    landmarks = features[chosen].astype(np.float64)
    projection: np.ndarray = landmarks.T.astype(np.float32) @ inverse_root(landmarks @ landmarks.T)
    return projection
