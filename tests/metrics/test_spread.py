"""Alignment, uniformity, energy, least angle and effective rank: loops, known cases, invariances."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.errors import InputError
from steradian.metrics import alignment, effective_rank, hyperspherical_energy, least_center_angle, uniformity


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def simplex(classes: int) -> np.ndarray:
    """The corners of a simplex around 0, in as many dimensions as classes."""
    return unit(np.eye(classes) - 1 / classes)


@pytest.mark.parametrize("rows", [2, 40])
def test_equal_the_definitions(rows: int, rng: np.random.Generator) -> None:
    vectors, labels = rng.normal(size=(rows, 4)), np.arange(rows) % 3
    labels[-1] = labels[0]
    squares, within = [], []
    for one, other in combinations(range(rows), 2):
        square = float(((unit(vectors)[one] - unit(vectors)[other]) ** 2).sum())
        squares.append(square)
        within += [square] if labels[one] == labels[other] else []
    assert alignment(vectors, labels) == pytest.approx(np.mean(within))
    assert uniformity(vectors) == pytest.approx(np.log(np.mean([np.exp(-2 * square) for square in squares])))
    assert hyperspherical_energy(vectors) == pytest.approx(np.mean([square**-0.5 for square in squares]))
    angle = np.arccos(1 - min(squares) / 2)
    assert least_center_angle(vectors) == pytest.approx((angle, angle / np.arccos(-1 / (rows - 1))))
    values = np.linalg.svd(unit(vectors))[1]
    entropy = -sum(value / sum(values) * np.log(value / sum(values)) for value in values)
    assert effective_rank(vectors) == pytest.approx(np.exp(entropy))


def test_many_centers_in_blocks_equal_one_product(rng: np.random.Generator) -> None:
    centers = rng.normal(size=(700, 4))
    cosines = (unit(centers) @ unit(centers).T)[np.triu_indices(700, 1)]
    assert hyperspherical_energy(centers) == pytest.approx(np.mean((2 - 2 * cosines) ** -0.5))
    assert least_center_angle(centers)[0] == pytest.approx(np.arccos(cosines.max()))


@pytest.mark.parametrize("classes", [2, 3, 10, 300])
def test_the_simplex(classes: int) -> None:
    angle, ratio = least_center_angle(simplex(classes))
    assert angle == pytest.approx(np.arccos(-1 / (classes - 1)))
    assert ratio == pytest.approx(1.0)
    assert hyperspherical_energy(simplex(classes)) == pytest.approx(np.sqrt((classes - 1) / (2 * classes)))
    assert effective_rank(simplex(classes)) == pytest.approx(classes - 1)


@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_no_centers_beat_the_simplex_and_rotation_changes_nothing(random_state: int, classes: int) -> None:
    rng = np.random.default_rng(random_state)
    centers, rotation = rng.normal(size=(classes, 3)), np.linalg.qr(rng.normal(size=(3, 3)))[0]
    angle, ratio = least_center_angle(centers)
    energy, rank = hyperspherical_energy(centers), effective_rank(centers)
    assert 0 <= ratio <= 1
    assert energy >= np.sqrt((classes - 1) / (2 * classes)) - 1e-9
    assert 1 - 1e-9 <= rank <= min(3, classes) + 1e-9
    turned = rng.permutation(centers) @ rotation * rng.uniform(0.1, 10, size=(classes, 1))
    assert least_center_angle(turned) == pytest.approx((angle, ratio), abs=1e-9)
    assert hyperspherical_energy(turned) == pytest.approx(energy)
    labels = np.zeros(classes)
    assert alignment(turned, labels) == pytest.approx(alignment(centers, labels))
    assert uniformity(turned) == pytest.approx(uniformity(centers))


@pytest.mark.parametrize("dim", [16, 64])
def test_an_even_sphere(dim: int, rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(3000, dim))
    assert uniformity(vectors) == pytest.approx(-4 + 8 / dim, abs=0.02)
    assert uniformity(vectors, random_state=1) != uniformity(vectors)
    assert alignment(vectors, np.zeros(3000)) == pytest.approx(2.0, abs=0.01)


def test_rows_that_come_in_chunks_have_the_rank_of_all(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(20_000, 5)) * [1, 1, 0.3, 0.01, 0]
    values = np.linalg.svd(unit(vectors), compute_uv=False)
    shares = values[:4] / values.sum()
    assert effective_rank(vectors) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-9)


def test_vectors_that_coincide() -> None:
    same = np.ones((4, 3))
    assert alignment(same, [0, 0, 1, 1]) == 0.0
    assert uniformity(same) == 0.0
    assert effective_rank(same) == pytest.approx(1.0)
    assert hyperspherical_energy(same) == np.inf
    assert least_center_angle(same) == (0.0, 0.0)


def test_a_tiny_angle_keeps_its_digits() -> None:
    assert least_center_angle(np.array([[1.0, 0.0], [1.0, 1e-10]]))[0] == pytest.approx(1e-10)
    assert alignment(np.array([[1.0, 0.0], [1.0, 1e-10]]), [0, 0]) == pytest.approx(1e-20)


def test_one_row_has_no_pairs() -> None:
    one = np.array([[3.0, 4.0]])
    assert np.isnan([uniformity(one), hyperspherical_energy(one), *least_center_angle(one)]).all()
    assert np.isnan(alignment(np.eye(2), ["a", "b"]))
    assert effective_rank(one) == 1.0


def test_large_classes_count_by_their_pairs() -> None:
    vectors = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    assert alignment(vectors, ["a", "a", "b", "b", "b"]) == pytest.approx(4.0 / 4)


@pytest.mark.parametrize(
    ("measure", "where"),
    [
        (lambda rows: alignment(rows, ["a", "a"]), "vectors"),
        (uniformity, "vectors"),
        (effective_rank, "vectors"),
        (hyperspherical_energy, "class_centers"),
        (least_center_angle, "class_centers"),
    ],
)
def test_what_is_no_vector_is_refused(measure: Any, where: str) -> None:
    with pytest.raises(InputError, match=f"{where}, row 1: want a vector with a direction"):
        measure(np.array([[1.0, 0.0], [np.nan, 0.0]]))
