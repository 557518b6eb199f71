"""The shares of a cosine: an exact sum, with and without a context."""

import numpy as np
import pytest

from steradian.metrics import contributions


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", [None, 0.3])
def test_they_sum_to_the_cosine(rng: np.random.Generator, dtype: type, length: float | None) -> None:
    vectors = unit(rng.normal(size=(50, 4, 7))).astype(dtype)
    gates = rng.dirichlet(np.ones(4), size=50).astype(dtype)
    targets = unit(rng.normal(size=(50, 7)))
    context = None if length is None else length * unit(rng.normal(size=(50, 7)))
    found = contributions(vectors, gates, targets, context=context)
    fused = np.einsum("om,omd->od", gates.astype(np.float64), vectors.astype(np.float64))
    cosines = (unit(fused if context is None else fused + context) * targets).sum(axis=1)
    np.testing.assert_allclose(found.modalities.sum(axis=1) + found.context, cosines, atol=1e-14)
    np.testing.assert_allclose(found.cosines, cosines, atol=1e-14)
    np.testing.assert_allclose(found.agreement, np.linalg.norm(fused, axis=1))
    assert (found.context == 0).all() == (context is None)


def test_agreement_is_one_for_one_direction_and_zero_for_opposites() -> None:
    east, west = np.array([1.0, 0.0]), np.array([-1.0, 0.0])
    vectors = np.array([[east, east], [east, west], [east, west]])
    found = contributions(vectors, np.array([[0.3, 0.7], [0.5, 0.5], [1.0, 0.0]]), np.array([east] * 3))
    np.testing.assert_allclose(found.agreement, [1.0, 0.0, 1.0])
    np.testing.assert_allclose(found.modalities[[0, 2]], [[0.3, 0.7], [1.0, 0.0]])
    assert np.isfinite(found.modalities).all()
