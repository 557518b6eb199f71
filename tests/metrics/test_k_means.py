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


def test_equal_rows_end_in_one_cluster() -> None:
    assert (
        len(np.unique(tightest_clusters(np.ones((5, 2), dtype=np.float32), 3, starts=2, rounds=5, random_state=0))) == 1
    )
