"""Features of series by random convolutions and by statistics: a slow reference, alone and together, the degenerate."""

import dataclasses

import numpy as np
import pytest

from steradian.modalities.feature_scale import FARTHEST
from steradian.modalities.series_features import (
    DILATIONS,
    SHARE,
    STEPS,
    TAPS,
    SeriesFeatures,
    dense_kernels,
    draw_kernels,
    resampled,
    responses,
)


def some_series(count: int = 6, channels: int = 3, random_state: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(random_state)
    return [rng.normal(size=(int(steps), channels)).astype(np.float32) for steps in rng.integers(1, 300, count)]


def test_responses_are_those_of_an_obvious_loop() -> None:
    rng = np.random.default_rng(0)
    channels, weights = draw_kernels(rng, channels=5, groups=1, kernels=7)
    values = rng.normal(size=(20, 5)).astype(np.float32)
    found = responses(values, dense_kernels(channels[0], weights[0], 5), dilation=2)
    slow = np.zeros((20, 7))
    for step in range(20):
        for kernel in range(7):
            for seen in range(weights.shape[1]):
                for tap in range(TAPS):
                    place = step + 2 * (tap - TAPS // 2)
                    if 0 <= place < 20:
                        value = values[place, channels[0, seen, kernel]]
                        slow[step, kernel] += weights[0, seen, tap, kernel] * value
    np.testing.assert_allclose(found, slow, rtol=1e-4, atol=1e-5)


def test_repeated_ends_hide_the_level_of_a_series() -> None:
    channels, weights = draw_kernels(np.random.default_rng(0), channels=2, groups=1, kernels=5)
    dense, level = dense_kernels(channels[0], weights[0], 2), np.full((30, 2), 2.0, np.float32)
    assert np.abs(responses(level, dense, 4, ends="edge")).max() < 1e-5
    assert np.abs(responses(level, dense, 4)).max() > 0.1


@pytest.mark.parametrize("steps", [1, 2, 100, STEPS, STEPS + 1, 1000])
def test_resampling_keeps_lines_and_means(steps: int) -> None:
    line = np.linspace(0, 1, steps, dtype=np.float32)[:, None]
    found = resampled(line, STEPS)
    assert found.shape == (STEPS, 1)
    assert found.dtype == np.float32
    assert (np.diff(found[:, 0]) >= 0).all()
    np.testing.assert_allclose(found.mean(), line.mean(), atol=1e-4)


def test_a_seed_decides_everything() -> None:
    series = some_series()
    once, again, other = (
        SeriesFeatures.fit(series, kernels=40, random_state=random_state)(series) for random_state in (1, 1, 2)
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_features_of_a_series_do_not_depend_on_the_others() -> None:
    series = some_series()
    fitted = SeriesFeatures.fit(series, kernels=40)
    together, alone = fitted(series), np.concatenate([fitted([each]) for each in series])
    assert np.array_equal(together[:, :80], alone[:, :80])
    assert np.array_equal(together[::-1, :80], fitted(series[::-1])[:, :80])
    # Products of the statistics' kernels may round the last bit otherwise in another batch.
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-4)


def test_features_are_standardised_and_of_the_promised_shape() -> None:
    series = some_series(40)
    fitted = SeriesFeatures.fit(series, kernels=40)
    found = fitted(series)
    assert found.shape == (40, 2 * 40 + 40)
    assert found.dtype == np.float32
    assert np.abs(found[:, :80].mean(axis=0)).max() < 0.2
    assert np.abs(found[:, :80]).max() <= FARTHEST
    assert fitted([]).shape == (0, found.shape[1])


def test_kernels_are_shared_out_among_dilations_of_series_and_differences() -> None:
    fitted = SeriesFeatures.fit(some_series(), kernels=41)
    assert fitted.thresholds.shape == (2 * len(DILATIONS), 5)


@pytest.mark.parametrize(
    "series",
    [
        [np.ones((1, 1))],
        [np.ones((1, 2)), np.zeros((50_000, 2))],
        [np.full((5, 2), 7.0)] * 3,
        [np.array([[np.nan, 1.0], [np.nan, 2.0]])] * 2,
        [np.array([[np.nan, 1.0], [3.0, np.nan], [np.nan, 2.0]]), np.array([[np.nan, 1.0]])],
        [np.array([[3e38], [-3e38]])],
    ],
)
def test_degenerate_series_have_finite_features(series: list[np.ndarray]) -> None:
    series = [each.astype(np.float32) for each in series]
    fitted = SeriesFeatures.fit(series, kernels=20)
    unseen = np.full((2, series[0].shape[1]), 1e9, np.float32)
    assert np.isfinite(fitted([*series, unseen])).all()


def test_gaps_lie_on_straight_lines() -> None:
    whole = np.arange(9, dtype=np.float32)[:, None]
    gaps = whole.copy()
    gaps[3:6] = np.nan
    fitted = SeriesFeatures.fit([whole, whole[::-1]], kernels=20)
    np.testing.assert_allclose(fitted([gaps]), fitted([whole]), atol=1e-4)


def test_statistics_weigh_their_share_of_the_convolutions() -> None:
    series = some_series(40)
    squares = SeriesFeatures.fit(series, kernels=40)(series).var(axis=0)
    assert squares[80:].sum() == pytest.approx(SHARE * squares[:80].sum(), rel=1e-3)


def test_statistics_are_compared_with_at_most_so_many_series() -> None:
    series = some_series(40)
    assert SeriesFeatures.fit(series, kernels=40, most=7)(series).shape == (40, 80 + 7)


def test_statistics_tell_slight_differences_of_level() -> None:
    # Kernels over time have mean 0 and see a level at the ends alone.
    rng = np.random.default_rng(0)
    series = [rng.normal(0.5 * (row % 2), 1, size=(60, 1)).astype(np.float32) for row in range(80)]
    found = SeriesFeatures.fit(series[:40], kernels=200)(series)
    means = [found[side:40:2].mean(axis=0) for side in (0, 1)]
    nearer = np.linalg.norm(found[40:] - means[1], axis=1) < np.linalg.norm(found[40:] - means[0], axis=1)
    assert np.mean(nearer == np.arange(40) % 2) > 0.8


def test_fields_are_arrays_of_plain_numbers() -> None:
    fields = dataclasses.asdict(SeriesFeatures.fit(some_series(), kernels=20))
    assert isinstance(fields.pop("weight"), float)
    assert [type(width) for width in fields.pop("widths")] == [float, float]
    for value in fields.values():
        assert isinstance(value, np.ndarray)
        assert value.dtype in (np.float32, np.float64, np.int64)
