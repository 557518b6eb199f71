"""Neural collapse: the formulas written out, the collapsed state itself, invariances, and what is left out."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.errors import InputError
from steradian.metrics import (
    center_disagreement,
    equiangularity,
    self_duality,
    single_centers,
    within_class_variability,
)


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def simplex(classes: int) -> np.ndarray:
    return unit(np.eye(classes) - 1 / classes)


def clouds(random_state: int, *, dim: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors, labels from 0 to 3 in classes of unequal size, and centers of these classes."""
    rng = np.random.default_rng(random_state)
    labels = rng.permutation(np.repeat(np.arange(4), [15, 9, 4, 2]))
    means = rng.normal(size=(4, dim))
    return means[labels] + 0.8 * rng.normal(size=(30, dim)), labels, means + 0.5 * rng.normal(size=(4, dim))


@pytest.mark.parametrize("dim", [2, 3, 6, 40])
def test_nc1_equals_the_formula(dim: int) -> None:
    vectors, labels, _ = clouds(0, dim=dim)
    classes = [unit(vectors[labels == label]) for label in range(4)]
    means = [members.mean(axis=0) for members in classes]
    center = sum(means) / 4
    within, between = np.zeros((dim, dim)), np.zeros((dim, dim))
    for members, mean in zip(classes, means, strict=True):
        for vector in members:
            within += np.outer(vector - mean, vector - mean) / len(members) / 4
        between += np.outer(mean - center, mean - center) / 4
    wanted = np.trace(within @ np.linalg.pinv(between, rcond=1e-10)) / 4
    assert within_class_variability(vectors, labels) == pytest.approx(wanted)


def test_nc1_leaves_out_classes_of_one_object() -> None:
    vectors, labels, _ = clouds(0)
    alone = np.concatenate([vectors, np.eye(6)[:1]])
    codes = np.append(labels, 9)
    means = np.stack([unit(alone[codes == label]).mean(axis=0) for label in (0, 1, 2, 3, 9)])
    inverse = np.linalg.pinv(np.cov(means.T, bias=True), rcond=1e-10)
    traces = [np.trace(np.cov(unit(vectors[labels == label]).T, bias=True) @ inverse) for label in range(4)]
    assert within_class_variability(alone, codes) == pytest.approx(np.mean(traces) / 5)
    assert np.isnan(within_class_variability(np.eye(3), ["a", "b", "c"]))


def test_nc1_ignores_directions_that_float32_only_rounds(rng: np.random.Generator) -> None:
    # Ten classes on a circle, turned within 8 dimensions: the means lie in a plane but for rounding.
    angles = 2 * np.pi * rng.random((10, 1)) + 0.1 * rng.normal(size=(10, 20))
    flat = np.stack([np.cos(angles), np.sin(angles)], axis=2).reshape(200, 2)
    labels = np.repeat(np.arange(10), 20)
    turned = (flat @ np.linalg.qr(rng.normal(size=(8, 2)))[0].T).astype(np.float32)
    assert within_class_variability(turned, labels) == pytest.approx(within_class_variability(flat, labels), rel=1e-3)


def test_nc1_where_class_means_coincide_or_there_is_one() -> None:
    assert np.isnan(within_class_variability(np.eye(2)[[0, 1, 0, 1]], [0, 0, 1, 1]))
    assert np.isnan(within_class_variability(np.eye(2), [0, 0]))


@pytest.mark.parametrize("rows", [2, 30, 600])
@pytest.mark.parametrize("centered", [False, True])
def test_nc2_equals_the_formula(rows: int, centered: bool, rng: np.random.Generator) -> None:
    centers = rng.normal(size=(rows, 5)) + 1
    used = unit(centers - centers.mean(axis=0) if centered else centers)
    cosines = np.array([used[i] @ used[j] for i, j in combinations(range(rows), 2)])
    wanted = np.std(cosines), max(abs(cosines + 1 / (rows - 1)))
    assert equiangularity(centers, centered=centered) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("classes", [2, 3, 10, 300])
def test_the_collapsed_state_is_0_everywhere(classes: int, rng: np.random.Generator) -> None:
    rotation = np.linalg.qr(rng.normal(size=(classes, classes)))[0]
    centers = simplex(classes) @ rotation
    labels = rng.permutation(np.repeat(np.arange(classes), 3))
    vectors = centers[labels]
    both: dict[str, Any] = {"class_centers": centers * 7, "classes": np.arange(classes)}
    assert within_class_variability(vectors, labels) == pytest.approx(0.0, abs=1e-9)
    assert equiangularity(centers) == pytest.approx((0.0, 0.0), abs=1e-7)
    assert self_duality(vectors, labels, **both) == pytest.approx(0.0, abs=1e-7)
    assert center_disagreement(vectors, labels, **both) == 0.0


def test_nc3_equals_the_formula_and_knows_classes_by_name() -> None:
    vectors, labels, centers = clouds(2)
    means = np.stack([unit(vectors[labels == label]).mean(axis=0) for label in range(4)])
    means -= means.mean(axis=0)
    wanted = np.sqrt(((unit(centers) / 2 - means / np.sqrt((means**2).sum())) ** 2).sum())
    names, order = np.array(["cup", "lamp", "pot", "jar"]), np.array([2, 0, 3, 1])
    got = self_duality(vectors, names[labels], class_centers=centers[order], classes=names[order])
    assert got == pytest.approx(wanted)
    assert 0 < got < 2
    turned = self_duality(vectors, labels, class_centers=-centers, classes=np.arange(4))
    assert got**2 + turned**2 == pytest.approx(4)


@pytest.mark.parametrize("subcenters", [1, 3])
@pytest.mark.parametrize("chunk", [1, 2**22])
def test_nc4_equals_loops(subcenters: int, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steradian.metrics.neural_collapse._COSINES_A_CHUNK", chunk)
    vectors, labels, centers = clouds(3)
    rng = np.random.default_rng(0)
    several = centers[:, None] + 2 * rng.normal(size=(4, subcenters, 6))
    means = [unit(vectors[labels == label]).mean(axis=0) for label in range(4)]
    different = 0
    for vector in unit(vectors):
        by_center = max(range(4), key=lambda label: max(unit(several[label]) @ vector))
        by_mean = min(range(4), key=lambda label: np.linalg.norm(vector - means[label]))
        different += by_center != by_mean
    given = several[:, 0] if subcenters == 1 else several
    assert 0 < different < 30
    got = center_disagreement(vectors, labels, class_centers=given, classes=np.arange(4))
    assert got == pytest.approx(different / 30)


@given(st.integers(0, 2**32 - 1))
def test_rotation_and_permutation_change_nothing(random_state: int) -> None:
    vectors, labels, centers = clouds(random_state)
    rng = np.random.default_rng(random_state)
    rotation, order, places = np.linalg.qr(rng.normal(size=(6, 6)))[0], rng.permutation(30), rng.permutation(4)
    turned = (vectors @ rotation)[order], labels[order]
    one: dict[str, Any] = {"class_centers": centers, "classes": np.arange(4)}
    other: dict[str, Any] = {"class_centers": (centers @ rotation)[places], "classes": places}
    assert within_class_variability(*turned) == pytest.approx(within_class_variability(vectors, labels))
    assert equiangularity(other["class_centers"]) == pytest.approx(equiangularity(centers))
    assert self_duality(*turned, **other) == pytest.approx(self_duality(vectors, labels, **one))
    assert center_disagreement(*turned, **other) == center_disagreement(vectors, labels, **one)


def test_only_classes_with_centers_and_objects_count() -> None:
    vectors, labels, centers = clouds(4)
    known = labels != 1
    more = np.concatenate([centers[[0, 2, 3]], np.ones((1, 6))])
    for measure in (self_duality, center_disagreement):
        got = measure(vectors, labels, class_centers=more, classes=[0, 2, 3, 77])
        assert got == measure(vectors[known], labels[known], class_centers=centers[[0, 2, 3]], classes=[0, 2, 3])
        assert got > 0
        assert np.isnan(measure(vectors, labels, class_centers=centers, classes=[5, 6, 7, 8]))
    assert np.isnan(self_duality(vectors, labels, class_centers=centers, classes=[0, 6, 7, 8]))
    assert np.isnan(self_duality(np.ones((2, 2)), [0, 1], class_centers=np.eye(2), classes=[0, 1]))


def test_sub_centers_become_one() -> None:
    several = np.array([[[2.0, 0.0], [0.0, 1.0]], [[-1.0, 0.0], [-3.0, 0.0]]])
    np.testing.assert_allclose(single_centers(several), [[0.5**0.5, 0.5**0.5], [-1.0, 0.0]])
    np.testing.assert_allclose(single_centers(several[0]), [[1.0, 0.0], [0.0, 1.0]])
    vectors = single_centers(several)[[0, 1]]
    both = [self_duality(vectors, [0, 1], class_centers=given, classes=[0, 1]) for given in (several, vectors)]
    assert both[0] == pytest.approx(both[1])
    with pytest.raises(InputError, match="class_centers, row 0: want a vector with a direction, got only zeros"):
        single_centers(np.array([[[1.0, 0.0], [-1.0, 0.0]]]))


def test_centers_without_pairs_or_direction() -> None:
    assert np.isnan(equiangularity(np.ones((1, 2)))).all()
    # The second of three lies where their mean is.
    assert np.isnan(equiangularity(np.array([[1.0, 0.0], [0.0, 0.0], [-1.0, 0.0]]), centered=True)).all()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"vectors": np.full((2, 2), np.nan)}, "vectors, row 0"),
        ({"labels": ["a"]}, "labels: want 2 classes"),
        ({"labels": ["a", None]}, "labels, row 1"),
        (
            {"class_centers": np.ones((2, 3))},
            r"class_centers: want centers of 2 classes, each 2 wide, got shape \[2, 3",
        ),
        ({"class_centers": np.ones((3, 2))}, r"got shape \[3, 2\]"),
        ({"class_centers": np.ones(2)}, r"got shape \[2\]"),
        ({"class_centers": np.array([[1.0, 0.0], [0.0, 0.0]])}, "class_centers, row 1"),
        ({"classes": ["a", "a"]}, "classes, row 1: want each class once, got a again"),
        ({"classes": ["a", None]}, "classes or labels, row 1: want a class, got None"),
    ],
)
def test_what_cannot_be_measured_is_refused(changes: dict[str, Any], says: str) -> None:
    given = {"vectors": np.eye(2), "labels": ["a", "b"], "class_centers": np.eye(2), "classes": ["a", "b"], **changes}
    for measure in (self_duality, center_disagreement):
        with pytest.raises(InputError, match=says):
            measure(**given)
