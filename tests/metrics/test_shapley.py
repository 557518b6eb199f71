"""Shapley values against their definition by orders, and their axioms."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.errors import InputError
from steradian.metrics import shapley_values


def by_orders(values: np.ndarray, players: int) -> list[float]:
    """What each player adds when it comes, over all orders in which they may come."""
    added = [0.0] * players
    orders = list(permutations(range(players)))
    for order in orders:
        coalition = 0
        for player in order:
            added[player] += values[coalition | 1 << player] - values[coalition]
            coalition |= 1 << player
    return [total / len(orders) for total in added]


@given(players=st.integers(1, 5), random_state=st.integers(0, 1000))
def test_they_are_the_mean_over_all_orders(players: int, random_state: int) -> None:
    values = np.random.default_rng(random_state).normal(size=(3, 2**players))
    found = shapley_values(values)
    assert found.shape == (3, players)
    for row in range(3):
        np.testing.assert_allclose(found[row], by_orders(values[row], players), atol=1e-12)


@given(players=st.integers(1, 8))
def test_they_share_out_the_whole(players: int) -> None:
    values = np.random.default_rng(players).normal(size=(20, 2**players))
    np.testing.assert_allclose(shapley_values(values).sum(axis=1), values[:, -1] - values[:, 0], atol=1e-12)


def test_players_alike_get_the_same_and_one_who_adds_nothing_gets_nothing(rng: np.random.Generator) -> None:
    sizes = np.array([bin(number & 0b0111).count("1") for number in range(16)])
    values = rng.normal(size=(4, 4))[:, sizes]
    found = shapley_values(values)
    np.testing.assert_allclose(found[:, 1:3], found[:, :1].repeat(2, axis=1), atol=1e-12)
    np.testing.assert_allclose(found[:, 3], 0.0, atol=1e-12)
    # Without the one who adds nothing, the others get the same.
    np.testing.assert_allclose(shapley_values(values[:, :8]), found[:, :3], atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 3), (2, 1), (4,), (2, 0)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="a value for each coalition"):
        shapley_values(np.zeros(shape))
