"""Features in units of their spread."""

import numpy as np

from steradian.modalities.feature_scale import FARTHEST, scaled, spread_of


def test_training_features_get_mean_0_and_deviation_1() -> None:
    raw = np.random.default_rng(0).normal([5.0, -100.0], [2.0, 3.0], size=(500, 2)).astype(np.float32)
    found = scaled(raw.copy(), *spread_of(raw))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-2)
    np.testing.assert_allclose(found.std(axis=0), 1, atol=1e-2)


def test_what_hardly_varies_in_training_is_not_blown_up() -> None:
    raw = np.array([[0.0, 7.0, 1.0], [2.0, 7.0, 1.001]], np.float32)
    spread = spread_of(raw)
    assert scaled(raw.copy(), *spread)[:, 1].tolist() == [0, 0]
    assert np.abs(scaled(raw.copy(), *spread)[:, 2]).max() < 0.1
    assert np.abs(scaled(raw * 1000, *spread)).max() <= FARTHEST


def test_one_item_is_at_0() -> None:
    raw = np.array([[3.0, -1.0]], np.float32)
    assert not scaled(raw.copy(), *spread_of(raw)).any()
