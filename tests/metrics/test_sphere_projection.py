"""Vectors on the ordinary sphere: exact where it has room for them, and otherwise as near as a slow search gets."""

from importlib import import_module

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import check_grad
from scipy.stats import ortho_group

from steradian.errors import InputError
from steradian.metrics import SphereProjection, nearest, sphere_projection
from steradian.metrics.labelled_pairs import all_pairs, pair_angles
from steradian.metrics.sphere_projection import ALL, _descend, _draw_landmarks, _stress


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def clusters(rng: np.random.Generator, *, rows: int, classes: int, dim: int = 16, spread: float = 0.05):
    """Unit rows around the axes, their classes, and the axes."""
    labels = np.arange(rows) % classes
    centers = np.eye(dim)[:classes]
    return unit(centers[labels] + spread * rng.normal(size=(rows, dim))), labels, centers


def stress(vectors: np.ndarray, points: np.ndarray) -> float:
    """The slow way: every pair, by exact angles."""
    pairs = all_pairs(len(vectors), max_pairs=10**7)
    return float(((pair_angles(points, *pairs) - pair_angles(vectors, *pairs)) ** 2).mean())


def three_directions(vectors: np.ndarray) -> np.ndarray:
    """The projection on the three main directions of an uncentred SVD."""
    return unit(vectors @ np.linalg.svd(vectors, full_matrices=False)[2][:3].T)


# -- Where nothing has to change


def test_three_dimensions_are_the_vectors_themselves(rng: np.random.Generator) -> None:
    vectors, centers = 5 * rng.normal(size=(2, 40, 3))
    found = sphere_projection(vectors, centers)
    np.testing.assert_array_equal(found.points, unit(vectors))
    np.testing.assert_array_equal(found.centers, unit(centers))
    assert (found.median_error, found.error_95, round(found.rank_correlation, 12)) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("dim", [1, 2])
def test_fewer_dimensions_lie_on_the_equator(dim: int, rng: np.random.Generator) -> None:
    found = sphere_projection(rng.normal(size=(30, dim)))
    assert found.points.shape == (30, 3) and not found.points[:, 2].any()
    assert found.error_95 == 0.0


@pytest.mark.parametrize("rows", [60, ALL + 300])
def test_three_directions_in_a_wider_space_are_exact_up_to_rotation(rows: int, rng: np.random.Generator) -> None:
    flat = unit(rng.normal(size=(rows, 3)))
    found = sphere_projection(flat @ ortho_group.rvs(20, random_state=0)[:3])
    assert found.error_95 < 1e-3 and found.rank_correlation > 0.9999
    u, _, vt = np.linalg.svd(found.points.T @ flat)
    np.testing.assert_allclose(found.points @ u @ vt, flat, atol=2e-3)


# -- Where angles must change


@pytest.mark.parametrize(("rows", "classes"), [(120, 12), (900, 12)], ids=["all fitted", "some placed"])
def test_clusters_stay_clusters_with_their_centers_among_them(rows: int, classes: int, rng) -> None:
    vectors, labels, centers = clusters(rng, rows=rows, classes=classes)
    found = sphere_projection(vectors, centers)
    np.testing.assert_allclose(np.linalg.norm(np.concatenate([found.points, found.centers]), axis=1), 1.0)
    neighbors, _ = nearest(found.points, found.centers, k=1)
    assert (neighbors[:, 0] == labels).mean() > 0.99
    others, _ = nearest(found.points, found.points, k=1, exclude=np.arange(rows))
    assert (labels[others[:, 0]] == labels).mean() > 0.99


@pytest.mark.parametrize("rows", [200, ALL + 200])
def test_the_stress_is_less_than_that_of_the_three_main_directions(rows: int, rng) -> None:
    vectors, _, _ = clusters(rng, rows=rows, classes=9, spread=0.1)
    projected = three_directions(vectors)
    assert stress(vectors, sphere_projection(vectors).points) < 0.9 * stress(vectors, projected)


def test_placing_comes_near_to_fitting_every_pair(rng, monkeypatch) -> None:
    vectors, _, _ = clusters(rng, rows=700, classes=9, spread=0.1)
    placed = stress(vectors, sphere_projection(vectors).points)
    # The package has a function of the module's name.
    monkeypatch.setattr(import_module("steradian.metrics.sphere_projection"), "ALL", 700)
    fitted = stress(vectors, sphere_projection(vectors).points)
    assert fitted <= placed < 1.05 * fitted


@pytest.mark.parametrize("rows", [150, ALL + 100])
def test_turned_vectors_are_kept_as_well(rows: int, rng: np.random.Generator) -> None:
    vectors, _, centers = clusters(rng, rows=rows, classes=8)
    turn = ortho_group.rvs(16, random_state=1)
    found, turned = sphere_projection(vectors, centers), sphere_projection(vectors @ turn, centers @ turn)
    assert turned.median_error == pytest.approx(found.median_error, abs=0.02)
    assert turned.error_95 == pytest.approx(found.error_95, abs=0.02)
    assert turned.rank_correlation == pytest.approx(found.rank_correlation, abs=0.02)


def test_lengths_mean_nothing_and_the_seed_decides(rng: np.random.Generator) -> None:
    vectors, _, centers = clusters(rng, rows=ALL + 50, classes=5)
    found = sphere_projection(vectors, centers, random_state=3)
    for again in (
        sphere_projection(vectors, centers, random_state=3),
        sphere_projection(4 * vectors, 2 * centers, random_state=3),
    ):
        np.testing.assert_array_equal(again.points, found.points)
        np.testing.assert_array_equal(again.centers, found.centers)
    assert not np.array_equal(sphere_projection(vectors, centers, random_state=4).points, found.points)


# -- The distortion


def test_the_distortion_of_few_points_is_that_of_all_their_pairs(rng: np.random.Generator) -> None:
    vectors, _, centers = clusters(rng, rows=40, classes=6)
    found = sphere_projection(vectors, centers)
    before, after = np.concatenate([vectors, centers]), np.concatenate([found.points, found.centers])
    upper = np.triu_indices(46, 1)
    errors = np.abs(np.arccos(np.clip(after @ after.T, -1, 1)) - np.arccos(np.clip(before @ before.T, -1, 1)))[upper]
    assert found.median_error == pytest.approx(np.median(errors), abs=1e-6)
    assert found.error_95 == pytest.approx(np.quantile(errors, 0.95), abs=1e-6)


def test_the_distortion_of_many_points_is_of_pairs_that_were_not_fitted(rng: np.random.Generator) -> None:
    # Noise in many dimensions has no structure: what was fitted comes out nearer than what was not.
    vectors = rng.normal(size=(ALL + 200, 64))
    found = sphere_projection(vectors, random_state=0)
    landmarks = _draw_landmarks(len(vectors), 0, np.random.default_rng(0))
    others = np.setdiff1d(np.arange(len(vectors)), landmarks)
    before, after = (pair_angles(v, *all_pairs(len(others))) for v in (vectors[others], found.points[others]))
    assert found.median_error == pytest.approx(np.median(np.abs(before - after)), rel=0.01)
    assert stress(vectors[landmarks], found.points[landmarks]) < stress(vectors[others], found.points[others])


@pytest.mark.parametrize(("rows", "centers"), [(10_000, 0), (10_000, 100), (600, 2000), (1, 3000), (300, 212)])
def test_landmarks_are_rows_and_centers(rows: int, centers: int) -> None:
    drawn = _draw_landmarks(rows, centers, np.random.default_rng(0))
    assert len(set(drawn)) == len(drawn) <= ALL and drawn.min() >= 0 and drawn.max() < rows + centers
    assert (drawn < rows).any() and ((drawn >= rows).any() or not centers)


def test_it_prints_in_two_lines() -> None:
    found = SphereProjection(np.eye(3), np.eye(3)[:2], np.pi / 180, np.pi / 18, 0.9876)
    assert repr(found) == (
        "SphereProjection: 3 points and 2 centers; angles of half the pairs differ by at\n"
        "most 1.0 degrees, of 95% by at most 10.0; rank correlation 0.988"
    )


# -- Edges


def test_the_gradient_is_that_of_the_stress(rng: np.random.Generator) -> None:
    landmarks = unit(rng.normal(size=(7, 3)))
    angles = rng.uniform(0, np.pi, size=(4, 7))
    start = rng.normal(size=(4, 3))

    def value(numbers: np.ndarray) -> float:
        return _stress(unit(numbers.reshape(4, 3)), landmarks, angles)[0]

    def gradient(numbers: np.ndarray) -> np.ndarray:
        points, lengths = unit(numbers.reshape(4, 3)), np.linalg.norm(numbers.reshape(4, 3), axis=1, keepdims=True)
        upright = _stress(points, landmarks, angles)[1]
        return ((upright - (upright * points).sum(axis=1, keepdims=True) * points) / lengths).ravel()

    assert check_grad(value, gradient, start.ravel()) < 1e-4


def test_at_0_and_pi_the_descent_stays_finite() -> None:
    landmarks = np.eye(3)
    start = np.array([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]])
    angles = np.array([[0.3, 1.4, 1.4], [np.pi, np.pi / 2, np.pi / 2]])
    least, points = _descend(lambda points: _stress(points, landmarks, angles), start, steps=30)
    assert np.isfinite(points).all() and least <= _stress(start, landmarks, angles)[0]


def test_opposite_and_orthogonal_rows_have_a_place() -> None:
    vectors = np.concatenate([np.eye(10), -np.eye(10)])
    found = sphere_projection(vectors)
    assert np.isfinite(found.points).all() and np.isfinite(found.error_95)
    # What is opposite in ten dimensions has room to be opposite in three.
    assert (found.points[:10] * found.points[10:]).sum(axis=1).max() < -0.95


@pytest.mark.parametrize("rows", [5, ALL + 5])
def test_identical_rows_coincide(rows: int, rng: np.random.Generator) -> None:
    found = sphere_projection(np.repeat(rng.normal(size=(1, 8)), rows, axis=0))
    assert found.error_95 < 0.01 and np.ptp(found.points, axis=0).max() < 0.01


def test_one_row_has_no_pair() -> None:
    found = sphere_projection(np.ones((1, 8)))
    np.testing.assert_allclose(np.linalg.norm(found.points, axis=1), 1.0)
    assert np.isnan([found.median_error, found.error_95, found.rank_correlation]).all()
    assert repr(found) == "SphereProjection: 1 points; no pair to measure"


@given(st.integers(1, 6), st.integers(1, 6), st.integers(1, 4), st.integers(0, 100))
def test_any_few_vectors_have_a_place(rows: int, dim: int, centers: int, random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    found = sphere_projection(rng.integers(1, 4, size=(rows, dim)), rng.integers(1, 4, size=(centers, dim)))
    points = np.concatenate([found.points, found.centers])
    assert points.shape == (rows + centers, 3)
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1.0)


@pytest.mark.parametrize(
    ("vectors", "centers", "message"),
    [
        (np.zeros((2, 4)), None, "vectors, row 0: want a vector with a direction, got only zeros"),
        (
            np.ones(4),
            None,
            r"vectors: want numbers of shape \[rows, dim\], at least one row, got float64 of shape \[4\]",
        ),
        (np.ones((2, 4)), np.ones((0, 4)), "centers: want numbers of shape"),
        (np.ones((2, 4)), np.full((1, 4), np.nan), "centers, row 0: .* got a NaN"),
        (np.ones((2, 4)), np.ones((1, 5)), "centers: want centers of width 4, as the vectors, got width 5"),
    ],
)
def test_bad_input_is_refused(vectors: np.ndarray, centers: np.ndarray | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sphere_projection(vectors, centers)
