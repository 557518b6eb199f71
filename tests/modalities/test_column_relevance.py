"""Columns along which the answer changes get the larger factor, by slopes that a loop of differences finds too."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.modalities import column_relevance as module
from steradian.modalities.column_relevance import PENALTY, column_relevance


def table(count: int = 200, columns: int = 8, random_state: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two of the columns tell the class, by an exclusive or."""
    rows = np.random.default_rng(random_state).normal(size=(count, columns))
    return rows, np.where((rows[:, :1] > 0) ^ (rows[:, 1:2] > 0), 1.0, -1.0)


def slow_slopes(rows: np.ndarray, targets: np.ndarray) -> list[float]:
    """The mean square slope along each column, by differences of the answer at nearby points."""
    distances = np.array([[((one - other) ** 2).sum() for other in rows] for one in rows])
    width = np.median(distances[np.triu_indices(len(rows), 1)]) / 2
    coefficients = np.linalg.solve(np.exp(-distances / width) + PENALTY * np.eye(len(rows)), targets)

    def answer(point: np.ndarray) -> np.ndarray:
        return np.array([np.exp(-((point - other) ** 2).sum() / width) for other in rows]) @ coefficients

    found = []
    for column in range(rows.shape[1]):
        step = np.eye(rows.shape[1])[column] * 1e-4
        found.append(float(np.mean([((answer(row + step) - answer(row - step)) / 2e-4) ** 2 for row in rows])))
    return found


def test_factors_are_the_slopes_of_the_answer() -> None:
    rows, targets = table(40, 4)
    found = column_relevance(rows, targets)
    slopes = np.sqrt(slow_slopes(rows, targets - targets.mean()))
    np.testing.assert_allclose(found, slopes / np.sqrt(np.square(slopes).mean()), rtol=1e-3)


def test_columns_that_only_together_tell_the_class_are_found_and_more_so_with_each_turn() -> None:
    rows, targets = table()
    shares = [np.square(column_relevance(rows, targets, turns=turns))[:2].sum() / 8 for turns in (1, 2, 3)]
    assert 0.4 < shares[0] < shares[1] < shares[2]


def test_the_order_of_columns_and_a_factor_of_the_targets_change_nothing_else() -> None:
    rows, targets = table()
    found = column_relevance(rows, targets)
    np.testing.assert_allclose(column_relevance(rows[:, ::-1], 7 * targets + 3), found[::-1], rtol=1e-4)


@pytest.mark.parametrize(
    ("rows", "targets"),
    [
        (np.zeros((5, 3)), np.eye(5)),
        (np.random.default_rng(0).normal(size=(6, 3)), np.ones((6, 2))),
        (np.random.default_rng(0).normal(size=(1, 3)), np.ones((1, 1))),
    ],
    ids=["equal rows", "one target", "one row"],
)
def test_where_nothing_can_be_told_all_columns_are_alike(rows: np.ndarray, targets: np.ndarray) -> None:
    assert column_relevance(rows, targets, turns=2).tolist() == [1.0] * 3


@given(
    seed=st.integers(0, 50), columns=st.integers(2, 6), turns=st.integers(1, 3), scale=st.sampled_from([1e-3, 1, 1e3])
)
def test_factors_are_finite_above_0_and_their_mean_square_is_1(
    seed: int, columns: int, turns: int, scale: float
) -> None:
    rows = np.random.default_rng(seed).normal(size=(12, columns)) * scale
    found = column_relevance(rows, np.eye(3)[np.arange(12) % 3], turns=turns)
    assert found.dtype == np.float32 and (found > 0).all()
    assert np.square(found).mean() == pytest.approx(1, abs=0.01)


def test_many_rows_and_targets_are_drawn_from(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, targets = table(300)
    whole = column_relevance(rows, np.repeat(targets, 20, axis=1))
    monkeypatch.setattr(module, "ROWS", 150)
    part = column_relevance(rows, targets)
    assert whole[:2].min() > whole[2:].max() and part[:2].min() > part[2:].max()
