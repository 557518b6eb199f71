"""Pairs of classes from sparse probabilities against means of all of them."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from steradian.audit.close_classes import find_close_classes
from steradian.metrics import unit_vectors


def test_the_pairs_are_those_of_a_plain_loop(rng: np.random.Generator) -> None:
    chances = rng.dirichlet(np.full(9, 0.3), size=60)
    numbers = rng.integers(8, size=60)
    centers = unit_vectors(rng.normal(size=(18, 4))).reshape(9, 2, 4)
    found = find_close_classes(csr_array(chances), numbers, centers, confusion=0.12)
    slow = {}
    for one in range(9):
        for other in range(one + 1, 9):
            given, back = (
                chances[numbers == a, b].sum() / ((numbers == a).sum() + 1) for a, b in ((one, other), (other, one))
            )
            if max(given, back) >= 0.12:
                slow[one, other] = (max(given, back), min(given, back))
    assert 2 < len(slow) < 36
    assert {tuple(sorted(pair[:2])): pytest.approx(slow[tuple(sorted(pair[:2]))]) for pair in found} == {
        tuple(sorted(pair[:2])): (pair.confusion, pair.back) for pair in found
    }
    assert len(found) == len(slow)
    assert [pair.confusion for pair in found] == sorted((pair.confusion for pair in found), reverse=True)
    for pair in found:
        cosines = centers[pair.confused] @ centers[pair.other].T
        assert pair.angle == pytest.approx(np.arccos(cosines.max()), abs=1e-5)
        mean = chances[numbers == pair.confused, pair.other].sum() / ((numbers == pair.confused).sum() + 1)
        assert pair.confusion == pytest.approx(mean)


def test_one_confused_object_is_not_enough() -> None:
    centers = np.eye(3)[:, None]
    chances = np.array([[0.85, 0.15, 0.0]])
    assert find_close_classes(csr_array(chances), np.array([0]), centers, confusion=0.1) == []
    many = csr_array(np.repeat(chances, 4, axis=0))
    assert len(find_close_classes(many, np.zeros(4, dtype=int), centers, confusion=0.1)) == 1


def test_ten_thousand_classes_need_no_matrix_of_all_pairs(rng: np.random.Generator) -> None:
    numbers = np.arange(10_000)
    pairs = csr_array((np.full(20_000, 0.5), np.stack([numbers, numbers ^ 1]).T.ravel(), np.arange(0, 20_001, 2)))
    found = find_close_classes(pairs, numbers, unit_vectors(rng.normal(size=(10_000, 8)))[:, None], confusion=0.1)
    assert len(found) == 5_000
    assert found[0].confusion == 0.25
