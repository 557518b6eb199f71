"""Shapley values: what each of a few players is worth to all coalitions, exact."""

from math import comb

import numpy as np

from steradian.errors import InputError

__all__ = ["shapley_values"]


def shapley_values(values: np.ndarray) -> np.ndarray:
    """What each player adds to a coalition, averaged over all orders in which the players may come.

        phi_i = sum over coalitions S without i of |S|! (k - |S| - 1)! / k! (v(S and i) - v(S))

    They sum to v(all) - v(none). Source: Shapley, "A value for n-person games", 1953.

    Args:
        values: v of every coalition [games, 2^players]. The number of a column says in its bits who takes part:
            column 0 is nobody, column 5 players 0 and 2.

    Returns:
        float64 [games, players].

    Raises:
        InputError: a number of columns that is no power of two from 2 on.

    Examples:
        >>> shapley_values(np.array([[0.0, 1.0, 0.0, 3.0]]))
        array([[2., 1.]])
    """
    players = max(values.shape[-1], 1).bit_length() - 1
    if values.ndim != 2 or players < 1 or values.shape[1] != 2**players:
        raise InputError(
            want="a value for each coalition [games, 2^players]",
            got=f"shape {list(values.shape)}",
            where="values",
            fix="Give the empty coalition a column too.",
        )
    coalitions = np.arange(2**players)
    member = (coalitions[:, None] >> np.arange(players)) & 1 == 1
    sizes = member.sum(axis=1)
    # The value of a coalition counts for its members with what it is as S and i, against the others as S.
    orders = np.array([1.0 / (players * comb(players - 1, size)) for size in range(players)])
    joined, without = orders[np.maximum(sizes - 1, 0)], orders[np.minimum(sizes, players - 1)]
    return np.asarray(values.astype(np.float64) @ np.where(member, joined[:, None], -without[:, None]))
