"""Statistics beside a map's own features: what they are, how much they weigh, saved, and the degenerate."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest

from steradian.data.modality import FeatureMap
from steradian.modalities.statistics_features import (
    NOTHING,
    StatisticsFeatures,
    learnt_statistics,
    statistics_of,
)


@dataclass(frozen=True)
class Ends(StatisticsFeatures, FeatureMap):
    """First and last step as they are, and statistics."""

    def __call__(self, inputs: Any) -> np.ndarray:
        return self.with_statistics(*self.parts(inputs))

    @staticmethod
    def parts(inputs: Any) -> tuple[np.ndarray, np.ndarray]:
        own = np.stack([np.concatenate([each[0], each[-1]]) for each in inputs]).astype(np.float32)
        return own, np.stack([statistics_of(each) for each in inputs])


def some_series(count: int = 30, random_state: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(random_state)
    return [rng.normal(size=(int(steps), 2)).astype(np.float32) for steps in rng.integers(1, 40, count)]


def fit(series: list[np.ndarray], *, share: float = 0.5, most: int = 100) -> Ends:
    return Ends(**learnt_statistics(*Ends.parts(series), share=share, most=most))


def test_statistics_are_those_of_numpy() -> None:
    values = some_series()[3].astype(np.float64)
    assert len(values) > 1
    found, changes = statistics_of(values), np.diff(values, axis=0)
    for start, each in ((0, values), (14, changes)):
        median = np.median(each, axis=0)
        expected = np.stack([each.mean(axis=0), each.std(axis=0), each.min(axis=0), each.max(axis=0), median])
        np.testing.assert_allclose(found[start : start + 14].reshape(7, 2)[[0, 1, 2, 3, 5]], expected)
    assert found[-1] == np.log(len(values))


def test_one_step_has_no_changes() -> None:
    assert np.array_equal(statistics_of(np.ones((1, 2)))[14:], np.zeros(15))


@pytest.mark.parametrize("share", [0.1, 2.0])
def test_statistics_have_their_share_of_the_length(share: float) -> None:
    squares = fit(some_series(), share=share)(some_series()).var(axis=0)
    assert squares[4:].sum() == pytest.approx(share * squares[:4].sum(), rel=1e-3)


def test_so_many_items_are_compared_with_at_most() -> None:
    assert fit(some_series(), most=7)(some_series()).shape == (30, 4 + 7)


def test_the_map_stays_the_same_when_a_matrix_follows() -> None:
    # So features that were kept by map are found again.
    fitted, matrix = fit(some_series()), np.ones((34, 3), np.float32)
    assert fitted.folded(matrix)[0] is fitted


@pytest.mark.parametrize(
    "series", [[np.ones((1, 2))], [np.zeros((5, 2))] * 3, [np.ones((3, 2)), np.full((9, 2), 3e38)]]
)
def test_degenerate_series_have_finite_features(series: list[np.ndarray]) -> None:
    assert np.isfinite(fit(series)([*series, *some_series()])).all()


def test_fields_are_what_a_saved_map_may_hold() -> None:
    assert set(NOTHING) == {field.name for field in fields(StatisticsFeatures)}
    fitted = fit(some_series())
    assert isinstance(fitted.weight, float)
    assert [type(width) for width in fitted.widths] == [float, float]
    assert Ends in FeatureMap.__subclasses__()
