"""Candidates: none of the k nearest is lost, whatever float32 made of it, and few others are kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.metrics.candidates import near_candidates, reached_by, side_by_side


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-6, 0.05]), st.integers(1, 400))
def test_no_neighbor_is_lost(random_state: int, error: float, step: int) -> None:
    rng = np.random.default_rng(random_state)
    queries, gallery = (rng.normal(size=(rows, 3)).astype(np.float32) for rows in (4, 300))
    products = (queries @ gallery.T).astype(np.float64)
    exact = products + error * rng.uniform(-0.99, 0.99, size=products.shape)
    exclude, k = rng.integers(-1, 300, size=4), int(rng.integers(1, 30))
    blocks = ((first, gallery[first : first + step]) for first in range(0, 300, step))
    of_query, rows, crowded = near_candidates(queries, blocks, k=k, exclude=exclude, error=error + 1e-6)
    assert (np.diff(of_query) >= 0).all()
    assert not len(crowded)
    for query in range(4):
        mine = rows[of_query == query]
        assert len(np.unique(mine)) == len(mine)
        assert exclude[query] not in mine
        order = np.argsort(-exact[query], kind="stable")
        assert set(order[order != exclude[query]][:k]) <= set(mine.tolist())


@pytest.mark.parametrize("step", [700, 9000])
def test_a_crowd_of_equal_rows_is_not_held(rng: np.random.Generator, step: int) -> None:
    gallery = rng.normal(size=(9000, 4)).astype(np.float32)
    gallery /= np.linalg.norm(gallery, axis=1, keepdims=True)
    gallery[1000:7000] = gallery[0]
    queries = np.stack([gallery[0], -gallery[0]])
    blocks = ((first, gallery[first : first + step]) for first in range(0, 9000, step))
    of_query, rows, crowded = near_candidates(queries, blocks, k=3, exclude=np.full(2, -1), error=1e-6)
    assert crowded.tolist() == [0]
    assert set(of_query.tolist()) == {1}
    assert len(rows) < 20


def test_few_others_are_kept(rng: np.random.Generator) -> None:
    queries, gallery = (rng.normal(size=(rows, 16)).astype(np.float32) for rows in (10, 4000))
    of_query, _, _ = near_candidates(queries, [(0, gallery)], k=5, exclude=np.full(10, -1), error=1e-6)
    assert len(of_query) == 50


@pytest.mark.parametrize("k", [1, 3, 40, 500])
def test_a_value_that_k_entries_reach(rng: np.random.Generator, k: int) -> None:
    values = rng.normal(size=(6, 500)).astype(np.float32)
    reached = reached_by(values, k)
    assert ((values >= reached[:, None]).sum(axis=1) >= k).all()
    assert ((values >= reached[:, None]).sum(axis=1) <= 2 * k + 2).all()
    assert np.isneginf(reached_by(values[:, :2], 3)).all()


def test_side_by_side() -> None:
    assert side_by_side(np.array([1, 1, 2]), np.array([1.0, 2.0, 3.0]), 4, -1.0).tolist() == [
        [-1, -1],
        [1, 2],
        [3, -1],
        [-1, -1],
    ]
    assert side_by_side(np.zeros(0, dtype=np.int64), np.zeros(0), 2, 0.0).shape == (2, 0)
