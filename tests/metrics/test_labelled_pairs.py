"""Pairs of rows: all of them by loops, draws that are even, and distances that stay exact near 0 and pi."""

from collections import Counter
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.errors import InputError
from steradian.metrics.labelled_pairs import (
    all_pairs,
    draw_pairs,
    other_class_pairs,
    pair_angles,
    pair_distances,
    same_class_pairs,
)


def as_sets(pairs: tuple[np.ndarray, np.ndarray]) -> list[tuple[int, int]]:
    return sorted((min(i, j), max(i, j)) for i, j in zip(*(rows.tolist() for rows in pairs), strict=True))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=20))
def test_all_pairs_are_those_of_loops(classes: list[int]) -> None:
    codes, every = np.array(classes), list(combinations(range(len(classes)), 2))
    assert as_sets(all_pairs(len(codes))) == every
    assert as_sets(same_class_pairs(codes)) == [(i, j) for i, j in every if classes[i] == classes[j]]
    assert as_sets(other_class_pairs(codes)) == [(i, j) for i, j in every if classes[i] != classes[j]]


@pytest.mark.parametrize("which", [same_class_pairs, other_class_pairs])
def test_drawn_pairs_are_even(which: Any, rng: np.random.Generator) -> None:
    # Classes of very different sizes: a draw by class or by row would favour the small ones.
    codes = rng.permutation(np.repeat([0, 1, 2], [60, 4, 2]))
    wanted = as_sets(which(codes))
    drawn = Counter(
        pair for random_state in range(1000) for pair in as_sets(which(codes, max_pairs=200, random_state=random_state))
    )
    assert set(drawn) == set(wanted)
    mean = 200_000 / len(wanted)
    assert mean > 100
    chi_squared = sum((drawn[pair] - mean) ** 2 / mean for pair in wanted)
    # Of so many degrees of freedom chi-squared is about normal, with variance twice its mean.
    assert abs(chi_squared - (len(wanted) - 1)) < 5 * (2 * len(wanted)) ** 0.5


def test_the_bound_and_the_seed() -> None:
    assert len(all_pairs(10, max_pairs=45)[0]) == 45
    one, again, other = (all_pairs(10, max_pairs=44, random_state=random_state) for random_state in (0, 0, 1))
    assert len(one[0]) == 44
    assert as_sets(one) == as_sets(again) != as_sets(other)
    # A million rows of one class have 5 x 10^11 pairs, of which none may stand in memory but those drawn.
    left, right = same_class_pairs(np.zeros(1_000_000, dtype=np.int64), max_pairs=1000)
    assert (left < right).all()
    assert left.max() > 900_000


@pytest.mark.parametrize("most", [0, -1, 1.5, None])
def test_a_bound_that_is_none_is_refused(most: Any) -> None:
    with pytest.raises(InputError, match="max_pairs: want an integer from 1"):
        draw_pairs(np.array([1]), np.array([2]), max_pairs=most)


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-7, 1e-3, 1.0, 3.0, np.pi - 1e-9, np.pi])
@pytest.mark.parametrize("lengths", [(1.0, 1.0), (1e-3, 7e4)])
def test_angles_are_exact_at_both_ends(angle: float, lengths: tuple[float, float]) -> None:
    vectors = np.array([[1.0, 0.0], [np.cos(angle), np.sin(angle)]]) * np.array(lengths)[:, None]
    assert pair_angles(vectors, np.array([0]), np.array([1]))[0] == pytest.approx(angle, rel=1e-12, abs=1e-15)


def test_float32_vectors_have_angle_0_to_themselves(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(10_000, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert ((vectors**2).sum(axis=1) > 1).any()
    rows = np.arange(10_000)
    assert (pair_angles(vectors, rows, rows) == 0).all()
    angles = pair_angles(vectors, rows, rows[::-1])
    cosines = (vectors * vectors[::-1]).sum(axis=1, dtype=np.float64)
    np.testing.assert_allclose(np.cos(angles), cosines, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 2, 255, 256, 257, 600])
def test_distances_come_once_a_pair_whatever_the_blocks(rows: int, rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(rows, 3))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    slow = [np.linalg.norm(unit[i] - unit[j]) for i, j in combinations(range(rows), 2)]
    got = np.concatenate(list(pair_distances(vectors)))
    np.testing.assert_allclose(np.sort(got), np.sort(slow), atol=1e-12)


def test_vectors_without_a_direction_are_refused() -> None:
    with pytest.raises(InputError, match="vectors, row 1"):
        pair_angles(np.array([[1.0, 0.0], [np.nan, 0.0]]), np.array([0]), np.array([1]))
    with pytest.raises(InputError, match="centers, row 0"):
        list(pair_distances(np.zeros((2, 2)), where="centers"))
