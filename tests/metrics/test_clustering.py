"""AMI of k-means on unit vectors: what it finds, what it may cost, what it refuses."""

from typing import Any

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_mutual_info_score

from steradian.errors import InputError
from steradian.metrics import clustering_ami


def clouds(rng: np.random.Generator, *, classes: int, noise: float, objects: int = 20) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.permutation(np.repeat(np.arange(classes), objects))
    vectors = rng.normal(size=(classes, 8))[labels] + noise * rng.normal(size=(len(labels), 8))
    # The length must not matter.
    return vectors * rng.uniform(0.1, 10, size=(len(labels), 1)), labels


def test_equals_the_plain_steps(rng: np.random.Generator) -> None:
    vectors, labels = clouds(rng, classes=6, noise=0.7)
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    clusters = KMeans(6, n_init=10, max_iter=100, random_state=3).fit_predict(unit)
    want = adjusted_mutual_info_score(labels, clusters)
    assert 0.1 < want < 0.99
    assert clustering_ami(vectors, labels, random_state=3) == pytest.approx(want)


def test_clear_clouds_are_found_and_noise_is_not(rng: np.random.Generator) -> None:
    vectors, labels = clouds(rng, classes=5, noise=0.01)
    assert clustering_ami(vectors, labels) == pytest.approx(1.0)
    assert abs(clustering_ami(rng.normal(size=(300, 4)), np.arange(300) % 5)) < 0.05


def test_the_same_seed_gives_the_same_score(rng: np.random.Generator) -> None:
    vectors, labels = clouds(rng, classes=12, noise=1.0)
    scores = [clustering_ami(vectors, labels, n_init=1, random_state=random_state) for random_state in (0, 0, 1)]
    assert scores[0] == scores[1] != scores[2]


def test_beyond_the_bound_whole_classes_are_sampled(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def recorded(unit: np.ndarray, clusters: int, *, starts: int, **_: Any) -> np.ndarray:
        seen.append((clusters, len(unit), starts))
        return np.zeros(len(unit))

    monkeypatch.setattr("steradian.metrics.clustering.tightest_clusters", recorded)
    vectors, labels = clouds(rng, classes=50, noise=0.1, objects=4)
    # A quarter of 200 objects x 50 classes: half of the classes, and so half of the objects.
    clustering_ami(vectors, labels, max_distances=2500)
    clustering_ami(vectors, labels, max_distances=None)
    clustering_ami(vectors, labels, max_distances=30_000)
    assert seen == [(25, 100, 1), (50, 200, 10), (50, 200, 3)]


def test_wider_vectors_are_sampled_earlier(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def recorded(unit: np.ndarray, clusters: int, *, starts: int, **_: Any) -> np.ndarray:
        seen.append((clusters, len(unit), starts))
        return np.zeros(len(unit))

    monkeypatch.setattr("steradian.metrics.clustering.tightest_clusters", recorded)
    labels = np.repeat(np.arange(50), 4)
    for width in (128, 512):
        clustering_ami(rng.normal(size=(200, width)), labels, max_distances=10_000)
    assert seen == [(50, 200, 1), (25, 100, 1)]


def test_starts_are_tried_where_that_saves_rows(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def recorded(unit: np.ndarray, clusters: int, *, starts: int, trial: int | None, **_: int) -> np.ndarray:
        seen.append((trial, starts))
        return np.zeros(len(unit))

    monkeypatch.setattr("steradian.metrics.clustering.tightest_clusters", recorded)
    for objects, options in ((8000, {"trial": True}), (7999, {"trial": True}), (8000, {})):
        clustering_ami(rng.normal(size=(objects, 2)), np.arange(objects) % 10, max_distances=100_000, **options)
    # 100,000 distances are five starts of 2,000 rows and one of 8,000.
    assert seen == [(2000, 5), (None, 1), (None, 1)]


def test_fewer_distinct_vectors_than_classes() -> None:
    assert clustering_ami(np.ones((6, 2)), ["a", "b", "c"] * 2) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize(
    ("vectors", "labels", "says"),
    [
        (np.zeros((0, 2)), [], "vectors: want numbers"),
        (np.array([[1.0, np.nan]]), ["a"], "vectors, row 0"),
        (np.eye(2), ["a"], "labels: want 2 classes, one a row, got 1"),
        (np.eye(2), ["a", None], "labels, row 1"),
    ],
)
def test_what_cannot_be_scored_is_refused(vectors: np.ndarray, labels: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        clustering_ami(vectors, labels)
