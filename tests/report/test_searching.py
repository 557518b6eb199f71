"""Neighbors beside a plain search, and who is chosen to be looked at."""

import numpy as np
import pytest

from steradian.metrics import retrieval_scores, unit_vectors
from steradian.report.searching import CHOSEN, NEIGHBORS, search


@pytest.mark.parametrize("with_gallery", [False, True])
def test_scores_of_all_queries_are_those_of_the_evaluation(with_gallery: bool, rng: np.random.Generator) -> None:
    vectors, labels = rng.normal(size=(60, 4)), rng.integers(0, 5, size=60)
    gallery = (rng.normal(size=(40, 4)), rng.integers(0, 6, size=40)) if with_gallery else None
    found = search(vectors, labels, gallery, random_state=0)
    inside = gallery or (vectors, labels)
    exclude = None if with_gallery else np.arange(60)
    expected = retrieval_scores(vectors, labels, *inside, ks=(1,), exclude=exclude)
    assert found.first_right[found.relevant].mean() == pytest.approx(expected.recall[1])
    assert np.nanmean(found.average_precision) == pytest.approx(expected.map_at_r)


def test_neighbors_are_the_nearest_others(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(30, 3))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -2)
    found = search(vectors, np.arange(30) % 3, None, random_state=0)
    assert np.array_equal(found.neighbors, np.argsort(-cosines, axis=1)[:, :NEIGHBORS])
    nearest = np.take_along_axis(cosines, found.neighbors, axis=1)
    assert np.allclose(np.cos(found.angles), nearest, atol=1e-6)


def test_wrong_and_right_queries_are_chosen(rng: np.random.Generator) -> None:
    vectors, labels = rng.normal(size=(80, 3)), np.arange(80) % 2
    found = search(vectors, labels, None, random_state=0)
    right = found.first_right[found.chosen]
    assert right.tolist() == [False] * CHOSEN + [True] * CHOSEN
    assert len(set(found.chosen.tolist())) == 2 * CHOSEN


def test_large_tables_are_sampled_by_the_seed(rng: np.random.Generator) -> None:
    vectors, labels = rng.normal(size=(50, 3)), np.arange(50) % 2
    one, same, other = (search(vectors, labels, None, random_state=random_state, most=20) for random_state in (0, 0, 1))
    assert len(one.rows) == 20 and np.all(np.diff(one.rows) > 0)
    assert np.array_equal(one.rows, same.rows) and not np.array_equal(one.rows, other.rows)
    assert set(one.chosen) <= set(one.rows)


@pytest.mark.parametrize("count", [1, 2])
def test_very_few_objects_have_few_neighbors(count: int) -> None:
    found = search(np.eye(3)[:count], np.arange(count), None, random_state=0)
    assert found.neighbors.shape == (count, count - 1)
    assert not found.first_right.any() and not found.relevant.any()
    assert len(found.chosen) == count


def test_no_object_is_its_own_neighbor_in_a_gallery_that_holds_it() -> None:
    vectors = unit_vectors(np.random.default_rng(3).normal(size=(12, 4)))
    labels = np.array(["a", "b", "c"] * 4)
    alone = search(vectors, labels, None, random_state=0)
    order = np.random.default_rng(4).permutation(12)
    same = np.argsort(order)
    within = search(vectors, labels, (vectors[order], labels[order]), same=same, random_state=0)
    assert (within.neighbors != same[within.rows, None]).all()
    np.testing.assert_array_equal(order[within.neighbors], alone.neighbors)
    np.testing.assert_array_equal(within.first_right, alone.first_right)
    np.testing.assert_array_equal(within.relevant, alone.relevant)
