"""Class means and concentration: loops beside them, the law they estimate, and what has no spread."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import vonmises_fisher

from steradian.errors import InputError
from steradian.metrics import class_means, concentration
from steradian.metrics.class_means import mean_rows


def clouds(random_state: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(random_state)
    labels = np.array(["cup", "lamp", "pot"])[rng.permutation(np.repeat([0, 1, 2], [12, 5, 3]))]
    return rng.normal(size=(20, 4)) + 3 * (labels == "cup")[:, None] * [1, 0, 0, 0], labels


@given(st.integers(0, 2**32 - 1))
def test_equals_loops_over_classes(random_state: int) -> None:
    vectors, labels = clouds(random_state)
    found, kappas = class_means(vectors, labels), concentration(vectors, labels)
    for place, label in enumerate(dict.fromkeys(labels.tolist())):
        unit = [v / np.linalg.norm(v) for v in vectors[labels == label]]
        mean = sum(unit) / len(unit)
        length = np.linalg.norm(mean)
        np.testing.assert_allclose(found.means[place], mean, atol=1e-12)
        assert found.counts[place] == len(unit)
        assert found.scatter[place] == pytest.approx(1 - length**2)
        assert kappas[place] == pytest.approx(length * (4 - length**2) / (1 - length**2))


@pytest.mark.parametrize(("dim", "kappa"), [(3, 5.0), (3, 200.0), (16, 50.0), (64, 1000.0)])
def test_a_sample_tells_its_kappa(dim: int, kappa: float, rng: np.random.Generator) -> None:
    mean = np.eye(dim)[1]
    vectors = vonmises_fisher(mean, kappa).rvs(4000, random_state=rng)
    # The approximation itself is a few percent off in low dimensions.
    assert concentration(vectors, np.zeros(4000))[0] == pytest.approx(kappa, rel=0.06)


@given(st.integers(0, 2**32 - 1))
def test_rotation_keeps_kappa_and_names_mean_nothing(random_state: int) -> None:
    vectors, labels = clouds(random_state)
    rotation = np.linalg.qr(np.random.default_rng(random_state).normal(size=(4, 4)))[0]
    names = np.char.add("the ", labels)
    np.testing.assert_allclose(concentration(vectors @ rotation, names), concentration(vectors, labels), rtol=1e-9)


def test_what_has_no_spread_is_very_concentrated_and_finite() -> None:
    dim = 8
    one = concentration(np.ones((1, dim)), ["cup"])
    same = concentration(np.ones((9, dim)), ["cup"] * 9)
    assert one[0] == same[0] == pytest.approx((dim - 1) / np.finfo(np.float32).eps, rel=1e-6)
    opposite = concentration(np.array([[1.0, 0.0], [-1.0, 0.0]]), ["cup", "cup"])
    assert opposite[0] == pytest.approx(0.0, abs=1e-9)


def test_a_small_spread_keeps_its_digits(rng: np.random.Generator) -> None:
    vectors = np.array([1.0, 0, 0]) + 1e-3 * rng.normal(size=(2000, 3)) * [0, 1, 1]
    # In the plane beside it, 2 / kappa is the mean square of the angle, 2e-6.
    assert concentration(vectors, np.zeros(2000))[0] == pytest.approx(1e6, rel=0.1)


def test_mean_rows_of_numbers_and_of_vectors() -> None:
    codes = np.array([2, 0, 2, 1])
    assert mean_rows(np.array([1.0, 5.0, 2.0, 7.0]), codes).tolist() == [5.0, 7.0, 1.5]
    assert mean_rows(np.array([[1.0, 0.0], [5.0, 1.0], [2.0, 4.0], [7.0, 7.0]]), codes).tolist() == [
        [5.0, 1.0],
        [7.0, 7.0],
        [1.5, 2.0],
    ]


@pytest.mark.parametrize(
    ("vectors", "labels", "says"),
    [
        (np.zeros((0, 2)), [], "vectors: want numbers"),
        (np.array([[1.0, np.nan]]), ["a"], "vectors, row 0"),
        (np.zeros((1, 2)), ["a"], "got only zeros"),
        (np.eye(2), ["a"], "labels: want 2 classes, one a row, got 1"),
        (np.eye(2), ["a", None], "labels, row 1"),
        (np.ones((2, 1)), ["a", "a"], "vectors of at least two numbers"),
    ],
)
def test_what_cannot_be_measured_is_refused(vectors: np.ndarray, labels: Any, says: str) -> None:
    with pytest.raises(InputError, match=says):
        concentration(vectors, labels)
