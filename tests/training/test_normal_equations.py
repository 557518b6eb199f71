"""Least squares over all subsets of modalities at once: against every subset written out, dense and sparse."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pytest
from scipy.sparse import csr_array

from steradian.training import normal_equations
from steradian.training.normal_equations import KEPT, NormalEquations, Solution, mean_row

ROWS, OUTPUTS = 60, 3
PENALTIES = [0.5, 2.0, 1.0]


def some_features(*sizes: int, random_state: int = 0) -> list[np.ndarray]:
    """Features of modalities that some rows lack, zeros there, not centered, of a mean square length of 1."""
    rng = np.random.default_rng(random_state)
    found = []
    for size in sizes:
        has = rng.random(ROWS) < 0.7
        features = (rng.normal(size=(ROWS, size)) + rng.normal(size=size)) * (rng.random((ROWS, size)) < 0.6)
        features[:, 0] += 0.5
        found.append((features * has[:, None] / size**0.5).astype(np.float32))
    return found


def some_targets(random_state: int = 0) -> np.ndarray:
    return np.random.default_rng(random_state).normal(size=(ROWS, OUTPUTS)).astype(np.float32)


def centered(features: np.ndarray) -> np.ndarray:
    """Centered over the rows that are not zero."""
    has = features.any(axis=1, keepdims=True).astype(np.float32)
    return features - features.sum(axis=0) / max(np.float32(1), has.sum()) * has


def over_every_subset(
    features: Sequence[np.ndarray], targets: np.ndarray, penalties: Sequence[float]
) -> list[np.ndarray]:
    """Ridge regression on all rows with each subset of the modalities, as likely as it is drawn."""
    rows, aims = [], []
    for kept in product([0, 1], repeat=len(features)):
        chance = KEPT ** sum(kept) * (1 - KEPT) ** (len(kept) - sum(kept))
        wide = np.concatenate([k * each.astype(np.float64) for k, each in zip(kept, features, strict=True)], axis=1)
        rows.append(chance**0.5 * wide)
        aims.append(chance**0.5 * targets)
    all_rows, sizes = np.concatenate(rows), [each.shape[1] for each in features]
    ridge = np.diag(np.repeat(penalties, sizes))
    solved = np.linalg.solve(all_rows.T @ all_rows + ridge, all_rows.T @ np.concatenate(aims))
    return np.split(solved, np.cumsum(sizes)[:-1])


def solved(
    dense: Sequence[np.ndarray],
    sparse: Sequence[np.ndarray],
    penalties: Sequence[float],
    *,
    parts: Sequence[int] = (),
) -> Solution:
    """The solution of rows that are added in parts."""
    wide = np.concatenate([np.zeros((ROWS, 0), np.float32), *map(centered, dense)], axis=1)
    equations = NormalEquations([each.shape[1] for each in dense], OUTPUTS)
    for part in np.split(np.arange(ROWS), parts):
        equations.add(wide[part], [csr_array(each[part]) for each in sparse], some_targets()[part])
    return equations.solve(penalties)


def close(found: np.ndarray, wanted: np.ndarray, *, within: float) -> bool:
    return bool(np.linalg.norm(found - wanted) <= within * np.linalg.norm(wanted))


@pytest.mark.parametrize("sizes", [[4], [4, 3], [4, 3, 5], [70, 5]])
def test_dense_coefficients_are_those_over_every_subset(sizes: list[int]) -> None:
    features, penalties = some_features(*sizes), PENALTIES[: len(sizes)]
    found = solved(features, [], penalties)
    slow = over_every_subset([centered(each) for each in features], some_targets(), penalties)
    assert (found.sparse, found.offsets, found.outputs) == ([], [], OUTPUTS)
    np.testing.assert_allclose(found.dense, np.concatenate(slow), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("dense", "sparse"), [(0, 1), (1, 1), (2, 1), (0, 2), (1, 2)])
def test_sparse_coefficients_are_those_of_the_same_features_given_dense(dense: int, sparse: int) -> None:
    features = some_features(4, 3, 6)[: dense + sparse]
    penalties = PENALTIES[: dense + sparse]
    found = solved(features[:dense], features[dense:], penalties)
    slow = over_every_subset([centered(each) for each in features], some_targets(), penalties)
    dense_parts = found.dense.split([each.shape[1] for each in features[:dense]]) if dense else []
    for one, other in zip([*map(np.asarray, (*dense_parts, *found.sparse))], slow, strict=True):
        assert close(one, other, within=0.03)
    for rows, each, offset in zip(features[dense:], found.sparse, found.offsets, strict=True):
        mean = rows[rows.any(axis=1)].mean(axis=0)
        np.testing.assert_allclose(offset, mean @ each.numpy(), rtol=1e-3, atol=1e-5)


def test_with_more_steps_sparse_coefficients_are_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(normal_equations, "SWEEPS", 30)
    features = some_features(4, 3, 6)
    found = solved(features[:1], features[1:], PENALTIES)
    slow = over_every_subset([centered(each) for each in features], some_targets(), PENALTIES)
    for one, other in zip([found.dense, *found.sparse], slow, strict=True):
        assert close(one.numpy(), other, within=1e-3)


@pytest.mark.parametrize("sparse", [0, 1])
@pytest.mark.parametrize("parts", [[20], [1, 2, 59], [0, 30]])
def test_rows_added_in_parts_change_nothing(sparse: int, parts: list[int]) -> None:
    features = some_features(4, 3)
    dense, rest = features[: 2 - sparse], features[2 - sparse :]
    once, parted = (solved(dense, rest, PENALTIES[:2], parts=each) for each in ([], parts))
    for one, other in zip([once.dense, *once.sparse], [parted.dense, *parted.sparse], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("at_a_time", [1, 2])
def test_outputs_solved_a_few_at_a_time_are_the_same(monkeypatch: pytest.MonkeyPatch, at_a_time: int) -> None:
    features = some_features(4, 3, 6)
    once = solved(features[:1], features[1:], PENALTIES)
    monkeypatch.setattr(normal_equations, "OUTPUTS", at_a_time)
    parted = solved(features[:1], features[1:], PENALTIES)
    for one, other in zip([once.dense, *once.sparse], [parted.dense, *parted.sparse], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_a_column_that_stands_twice_in_a_row_counts_as_its_sum() -> None:
    rows = csr_array(some_features(6)[0])
    halves = csr_array((np.repeat(rows.data / 2, 2), np.repeat(rows.indices, 2), 2 * rows.indptr), shape=rows.shape)
    found = []
    for each in (rows, halves):
        equations = NormalEquations([], OUTPUTS)
        equations.add(np.zeros((ROWS, 0), np.float32), [each], some_targets())
        found.append(equations.solve([1.0]).sparse[0].numpy())
    assert close(found[1], found[0], within=0.01)


def test_a_modality_that_no_row_has_gets_zeros_and_changes_nothing() -> None:
    features, nothing = some_features(4), np.zeros((ROWS, 5), np.float32)
    alone = solved(features, [], [0.5])
    dense, sparse = solved([*features, nothing], [], [0.5, 1.0]), solved(features, [nothing], [0.5, 1.0])
    np.testing.assert_allclose(dense.dense[:4], alone.dense)
    np.testing.assert_allclose(sparse.dense, alone.dense)
    assert not dense.dense[4:].any()
    assert not sparse.sparse[0].any()
    assert not sparse.offsets[0].any()


def test_a_larger_penalty_makes_smaller_coefficients() -> None:
    features = some_features(4, 3)
    equations = NormalEquations([4], OUTPUTS)
    equations.add(centered(features[0]), [csr_array(features[1])], some_targets())
    small, large, other = (equations.solve(penalties) for penalties in ([0.1, 0.1], [100.0, 100.0], [0.1, 100.0]))
    assert large.dense.norm() < small.dense.norm() / 10
    assert large.sparse[0].norm() < small.sparse[0].norm() / 10
    assert other.sparse[0].norm() < small.sparse[0].norm() / 10
    assert other.dense.norm() > small.dense.norm() / 2


def test_the_order_of_modalities_changes_nothing() -> None:
    features, penalties = some_features(4, 3, 6), PENALTIES
    forth, back = solved(features, [], penalties), solved(features[::-1], [], penalties[::-1])
    np.testing.assert_allclose(forth.dense[:4], back.dense[9:], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(forth.dense[7:], back.dense[:6], rtol=1e-4, atol=1e-6)


def test_penalties_may_be_tried_again_and_again() -> None:
    equations = NormalEquations([4], OUTPUTS)
    equations.add(centered(some_features(4)[0]), [], some_targets())
    first = equations.solve([0.3]).dense
    equations.solve([5.0])
    assert equations.solve([0.3]).dense.equal(first)


@pytest.mark.parametrize("sparse", [0, 1, 2])
def test_a_weight_says_what_as_many_equal_rows_say(sparse: int) -> None:
    features, times = some_features(4, 3, 6)[sparse:], np.arange(ROWS) % 4 + 1
    every = np.repeat(np.arange(ROWS), times)
    dense = np.concatenate([np.zeros((ROWS, 0), np.float32), *features[: 3 - sparse - sparse // 2]], axis=1)
    rest = features[3 - sparse - sparse // 2 :]
    found = []
    for rows, weights in ((np.arange(ROWS), times.astype(np.float32)), (every, None)):
        equations = NormalEquations([dense.shape[1]] if dense.shape[1] else [], OUTPUTS)
        for part in np.split(np.arange(len(rows)), [20]):
            own = None if weights is None else weights[part]
            at = rows[part]
            equations.add(dense[at], [csr_array(each[at]) for each in rest], some_targets()[at], own)
        found.append(equations.solve(PENALTIES[: len(equations.blocks) + len(rest)]))
    for one, other in zip(*([s.dense, *s.sparse, *s.offsets] for s in found), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=3e-6)


def test_the_mean_row_is_of_those_that_are_not_empty() -> None:
    rows = csr_array(np.float32([[2, 0], [0, 0], [0, 4]]))
    for weights, own, mean in ((None, [1, 0, 1], [1, 2]), (np.float32([3, 5, 1]), [3, 0, 1], [1.5, 1])):
        found = mean_row(rows, weights)
        assert [each.tolist() for each in found] == [own, mean]
