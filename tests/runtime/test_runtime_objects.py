"""Encoded objects of a served model, by a small model of arrays with a context."""

from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.runtime.runtime_objects import RuntimeObjects, WeighingModel, units


class Even(WeighingModel):
    """All that is present weighs the same, and a context points north."""

    schema = sr.Schema({name: sr.Vector(name) for name in ("left", "right")})
    classes, class_centers = np.array(["east", "north"]), np.eye(2, dtype=np.float32)
    scale, fingerprint, calibration = 8.0, "0" * 16, None
    fusion, context_limit = "context", 0.5

    def vectors(self, objects: Any) -> np.ndarray:
        return np.asarray(objects.fused()[1])

    def nearest(self, vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        cosines = vectors @ self.class_centers.T
        return cosines.argmax(axis=1), cosines.max(axis=1)

    def weigh(self, vectors: np.ndarray, summaries: np.ndarray, present: np.ndarray) -> list[np.ndarray]:
        gates = present / present.sum(axis=1, keepdims=True)
        lengths = np.linalg.norm((gates[..., None] * vectors).sum(axis=1), axis=1, keepdims=True)
        return [gates, 0.1 * lengths * np.array([[0.0, 1.0]])]


@pytest.fixture
def encoded() -> RuntimeObjects:
    table = {"left": [[1.0, 0.0], None, [0.0, 1.0]], "right": [[0.0, 1.0], [1.0, 0.0], None]}
    objects = sr.read_objects(table, Even.schema, labelled=False)
    seen = np.array([[[1, 0], [0, 1]], [[0, 0], [1, 0]], [[0, 1], [0, 0]]], dtype=np.float32)
    return RuntimeObjects(Even(), objects, seen, np.zeros((3, 2, 1), np.float32), objects.present)


def test_a_subset_is_the_unit_of_its_weighted_sum_and_context(encoded: RuntimeObjects) -> None:
    has, vectors = encoded.fused(np.array([True, False]))
    assert has.tolist() == [True, False, True]
    np.testing.assert_allclose(vectors, units(np.array([[1.0, 0.1], [0.0, 1.1]])), atol=1e-6)
    assert encoded.only("right").fused()[0].tolist() == [True, True, False]


def test_a_context_keeps_its_share_of_the_sum_under_weights(encoded: RuntimeObjects) -> None:
    (summands,) = encoded.weighted({"left": 3}).summands()
    np.testing.assert_allclose(summands.gates, [[0.75, 0.25], [0, 1], [1, 0]])
    assert summands.context is not None
    sums = np.einsum("om,omd->od", summands.gates, summands.vectors)
    np.testing.assert_allclose(np.linalg.norm(summands.context, axis=1), 0.1 * np.linalg.norm(sums, axis=1), rtol=1e-6)
    np.testing.assert_allclose(summands.fuse(summands.present)[1], units(sums + summands.context), atol=1e-6)


def test_rows_are_cut(encoded: RuntimeObjects) -> None:
    np.testing.assert_array_equal(encoded[[2, 0]].fused()[1], encoded.fused()[1][[2, 0]])
    assert encoded[:0].fused()[1].shape == (0, 2)
