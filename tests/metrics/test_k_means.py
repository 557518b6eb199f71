"""Starts drawn side by side, against scikit-learn's own."""

import numpy as np
import pytest
from sklearn.cluster import KMeans, kmeans_plusplus
from sklearn.metrics import adjusted_rand_score

from steradian.metrics import unit_vectors
from steradian.metrics.k_means import starting_rows, tightest_clusters


@pytest.fixture
def clouds(rng: np.random.Generator) -> np.ndarray:
    return unit_vectors(rng.normal(size=(12, 8))[np.arange(240) % 12] + 0.7 * rng.normal(size=(240, 8)))


@pytest.mark.parametrize("clusters", [1, 2, 12, 100])
def test_the_first_start_is_scikit_learn_s(clouds: np.ndarray, clusters: int) -> None:
    _, want = kmeans_plusplus(clouds - clouds.mean(axis=0), clusters, random_state=3)
    assert starting_rows(clouds, clusters, starts=1, random_state=3)[0].tolist() == want.tolist()


def test_the_starts_follow_each_other_as_scikit_learn_s(clouds: np.ndarray) -> None:
    state = np.random.RandomState(7)
    want = [kmeans_plusplus(clouds - clouds.mean(axis=0), 12, random_state=state)[1].tolist() for _ in range(4)]
    assert starting_rows(clouds, 12, starts=4, random_state=7).tolist() == want


@pytest.mark.parametrize("random_state", range(5))
def test_the_clusters_are_scikit_learn_s(clouds: np.ndarray, random_state: int) -> None:
    want = KMeans(12, n_init=6, max_iter=50, random_state=random_state).fit_predict(clouds)
    found = tightest_clusters(clouds, 12, starts=6, rounds=50, random_state=random_state)
    assert adjusted_rand_score(want, found) == 1.0


def test_of_starts_on_drawn_rows_two_go_on_among_all(clouds: np.ndarray) -> None:
    """The slow way: each start alone, the tightest two from their centers among all rows."""
    drawn = clouds[np.sort(np.random.default_rng(3).choice(240, size=120, replace=False))]
    starts = starting_rows(drawn, 12, starts=5, random_state=3)
    means = [KMeans(12, init=drawn[rows], n_init=1, max_iter=50).fit(drawn) for rows in starts]
    two = sorted(means, key=lambda each: each.inertia_)[:2]
    ends = [KMeans(12, init=each.cluster_centers_, n_init=1, max_iter=50).fit(clouds) for each in two]
    found = tightest_clusters(clouds, 12, starts=5, rounds=50, random_state=3, trial=120)
    assert len({round(each.inertia_, 4) for each in means}) > 1
    assert found.tolist() == min(ends, key=lambda each: each.inertia_).labels_.tolist()


def test_equal_rows_end_in_one_cluster() -> None:
    assert (
        len(np.unique(tightest_clusters(np.ones((5, 2), dtype=np.float32), 3, starts=2, rounds=5, random_state=0))) == 1
    )
