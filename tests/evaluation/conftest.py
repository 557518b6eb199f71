"""A small transparent model of three modalities, and tables for it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import steradian as sr

NAMES = ("left", "right", "top")


class SumOfParts:
    """The unit sum of the modalities an object has; the class is the largest component."""

    def __init__(self) -> None:
        self.schema_ = sr.Schema({name: sr.Vector(name) for name in NAMES}, label="kind")
        self.classes_ = np.array(["cat", "dog", "owl"])

    def transform(self, objects: Any, /) -> np.ndarray:
        ((_, _, vectors),) = self.transform_subsets(objects, [NAMES])
        return vectors

    def transform_subsets(
        self, objects: Any, subsets: Iterable[Any], /
    ) -> Iterator[tuple[Any, np.ndarray, np.ndarray]]:
        order = [list(objects.schema.modalities).index(name) for name in NAMES]
        for subset in subsets:
            mask = subset if isinstance(subset, np.ndarray) else np.isin(NAMES, subset)
            used = objects.present[:, order] & mask
            rows = np.flatnonzero(used.any(axis=1))
            parts = np.stack([np.nan_to_num(objects.columns[name]) for name in NAMES], axis=1)
            vectors = (parts * used[:, :, None]).sum(axis=1)[rows]
            yield subset, rows, (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)

    def predict_vectors(self, vectors: np.ndarray, /) -> np.ndarray:
        return self.classes_[vectors[:, :3].argmax(axis=1)]


@pytest.fixture
def model() -> SumOfParts:
    """Knows cats, dogs and owls."""
    return SumOfParts()


@pytest.fixture
def make_table(model: SumOfParts, rng: np.random.Generator) -> Callable[..., sr.ObjectTable]:
    """Makes tables of cats, dogs, owls and yaks, each cell missing with a probability, and never all of a row."""

    def make(kinds: Sequence[str], *, missing: float = 0.3) -> sr.ObjectTable:
        known = ["cat", "dog", "owl", "yak"]
        columns: dict[str, Any] = {"kind": list(kinds)}
        absent = rng.random((len(kinds), 3)) < missing
        absent[:, 0] &= ~absent[:, 1:].all(axis=1)
        for place, name in enumerate(NAMES):
            columns[name] = np.eye(4)[[known.index(kind) for kind in kinds]] + 0.6 * rng.normal(size=(len(kinds), 4))
            columns[name][absent[:, place]] = np.nan
        return sr.read_objects(columns, model.schema_)

    return make
