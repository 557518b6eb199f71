"""The rows' coefficients: against every subset of modalities written out, against `NormalEquations`, and what is
degenerate."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.training.dual_equations import LEAST, centered_products, dual_coefficients
from steradian.training.normal_equations import KEPT, NormalEquations

ROWS, OUTPUTS = 60, 3
PENALTIES = [0.5, 2.0, 1.0]


def some_features(*sizes: int, random_state: int = 0) -> list[np.ndarray]:
    """Centered features of modalities that some rows lack, zeros there."""
    rng = np.random.default_rng(random_state)
    found = []
    for size in sizes:
        has, features = rng.random(ROWS) < 0.7, rng.normal(size=(ROWS, size)) / size**0.5
        features[has] -= features[has].mean(axis=0)
        found.append((features * has[:, None]).astype(np.float32))
    return found


def some_targets(random_state: int = 0) -> np.ndarray:
    return np.random.default_rng(random_state).normal(size=(ROWS, OUTPUTS)).astype(np.float32)


def vectors(features: Sequence[np.ndarray], penalties: Sequence[float]) -> list[np.ndarray]:
    """Each modality's vectors of the rows."""
    kernels = [each @ each.T for each in features]
    coefficients = dual_coefficients(kernels, some_targets(), penalties)
    assert {each.dtype for each in coefficients} == {np.dtype(np.float32)}
    return [kernel @ each for kernel, each in zip(kernels, coefficients, strict=True)]


def over_every_subset(features: Sequence[np.ndarray], penalties: Sequence[float]) -> list[np.ndarray]:
    """Each modality's vectors by ridge regression with each subset of modalities, as likely as it is drawn."""
    sizes = [each.shape[1] for each in features]
    ridge, moments = np.diag(np.repeat(penalties, sizes)), np.zeros((sum(sizes), OUTPUTS))
    for kept in product([0, 1], repeat=len(features)):
        chance = KEPT ** sum(kept) * (1 - KEPT) ** (len(kept) - sum(kept))
        wide = np.concatenate([k * each.astype(np.float64) for k, each in zip(kept, features, strict=True)], axis=1)
        ridge += chance * wide.T @ wide
        moments += chance * wide.T @ some_targets()
    parts = np.split(np.linalg.solve(ridge, moments), np.cumsum(sizes)[:-1])
    return [each @ part for each, part in zip(features, parts, strict=True)]


def close(found: np.ndarray, wanted: np.ndarray, *, within: float) -> bool:
    return bool(np.linalg.norm(found - wanted) <= within * np.linalg.norm(wanted))


@pytest.mark.parametrize("sizes", [[4], [4, 3], [4, 3, 5], [70, 5], [90, 80, 70]])
def test_vectors_are_those_over_every_subset(sizes: list[int]) -> None:
    features, penalties = some_features(*sizes), PENALTIES[: len(sizes)]
    for found, slow in zip(vectors(features, penalties), over_every_subset(features, penalties), strict=True):
        assert close(found, slow, within=5e-3)


@given(st.integers(1, 3), st.sampled_from([0.03, 0.3, 3.0, 300.0]), st.integers(0, 5))
def test_features_and_rows_say_the_same(count: int, penalty: float, random_state: int) -> None:
    sizes, penalties = [7, 3, 5][:count], [penalty, 1.0, 0.1][:count]
    features = some_features(*sizes, random_state=random_state)
    equations = NormalEquations(sizes, OUTPUTS)
    equations.add(np.concatenate(features, axis=1), [], some_targets())
    coefficients = np.split(equations.solve(penalties).dense.numpy(), np.cumsum(sizes)[:-1])
    for found, each, part in zip(vectors(features, penalties), features, coefficients, strict=True):
        assert close(found, each @ part, within=0.02)


def test_one_modality_alone_is_kernel_ridge_regression() -> None:
    (features,) = some_features(5)
    kernel = features @ features.T
    (found,) = dual_coefficients([kernel], some_targets(), [0.4])
    np.testing.assert_allclose(
        found, np.linalg.solve(kernel + 0.8 * np.eye(ROWS), some_targets()), rtol=1e-3, atol=1e-4
    )


def test_without_a_penalty_the_least_one_counts() -> None:
    features = some_features(90, 4)
    assert all(np.isfinite(each).all() for each in vectors(features, [0, 0]))
    for one, other in zip(vectors(features, [0, 0]), vectors(features, [LEAST, LEAST]), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_small_penalty_is_not_lost_in_rounding() -> None:
    (features,) = some_features(4)
    (found,) = vectors([100 * features], [1e-3])
    assert close(found, over_every_subset([100 * features], [1e-3])[0], within=0.01)


def test_a_kernel_with_an_eigenvalue_below_0_is_solved() -> None:
    features, penalties = [30 * each for each in some_features(4, 3)], [1e-4, 1e-4]
    kernels = [each @ each.T - 1e-3 * np.eye(ROWS, dtype=np.float32) for each in features]
    coefficients = dual_coefficients(kernels, some_targets(), penalties)
    for kernel, found, slow in zip(kernels, coefficients, over_every_subset(features, penalties), strict=True):
        assert close(kernel @ found, slow, within=0.05)


def test_a_modality_that_no_row_has_changes_nothing() -> None:
    features, nothing = some_features(4, 3), np.zeros((ROWS, 2), np.float32)
    alone, beside = vectors(features, PENALTIES[:2]), vectors([*features, nothing], PENALTIES)
    for one, other in zip(alone, beside, strict=False):
        np.testing.assert_allclose(one, other, atol=1e-5)
    assert not beside[2].any()


def test_rows_that_lack_a_modality_get_no_vector_of_it() -> None:
    features = some_features(4, 3)
    for found, each in zip(vectors(features, PENALTIES[:2]), features, strict=True):
        assert np.array_equal(found.any(axis=1), each.any(axis=1))


def test_the_order_of_modalities_changes_next_to_nothing() -> None:
    features = some_features(4, 3, 5)
    forth, back = vectors(features, PENALTIES), vectors(features[::-1], PENALTIES[::-1])
    for one, other in zip(forth, back[::-1], strict=True):
        assert close(one, other, within=5e-3)


def test_equal_modalities_share_what_they_explain() -> None:
    (features,) = some_features(4)
    one, other = vectors([features, features], [0.5, 0.5])
    assert close(one, other, within=5e-3)


def test_one_row_is_enough() -> None:
    (found,) = dual_coefficients([np.zeros((1, 1), np.float32)], np.ones((1, 2), np.float32), [0.5])
    np.testing.assert_allclose(found, 1, rtol=1e-6)


def test_what_is_given_stays_as_it_was() -> None:
    (features,) = some_features(4)
    kernel, targets = features @ features.T, some_targets()
    before = kernel.copy(), targets.copy()
    dual_coefficients([kernel, kernel], targets, [1e-3, 0.5])
    assert np.array_equal(kernel, before[0])
    assert np.array_equal(targets, before[1])


@pytest.mark.parametrize("sizes", [[4], [4, 3, 5], [70, 5]])
def test_a_weight_says_what_as_many_equal_rows_say(sizes: list[int]) -> None:
    features, penalties = some_features(*sizes), PENALTIES[: len(sizes)]
    times = np.arange(ROWS) % 4 + 1
    kernels = [each @ each.T for each in features]
    weighed = dual_coefficients(kernels, some_targets(), penalties, times.astype(np.float32))
    every = np.repeat(np.arange(ROWS), times)
    again = dual_coefficients([k[np.ix_(every, every)] for k in kernels], some_targets()[every], penalties)
    for kernel, one, other in zip(kernels, weighed, again, strict=True):
        np.testing.assert_allclose(kernel @ one, kernel[:, every] @ other, rtol=1e-4, atol=3e-6)


def test_products_are_centered_as_those_of_the_rows_less_their_weighed_mean() -> None:
    (rows,), weights = some_features(4), np.arange(ROWS, dtype=np.float32)
    for by in (None, weights):
        less = rows - np.average(rows, axis=0, weights=by)
        found = centered_products(rows @ rows.T, by)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, less @ less.T, atol=1e-5)
