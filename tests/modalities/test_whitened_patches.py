"""Dictionaries of whitened patches, and how answers are counted by place."""

import numpy as np

from steradian.modalities.whitened_patches import THRESHOLD, contrasts, dictionary, pooled, tents


def test_tents_share_every_place_out() -> None:
    weights = tents(24, 3)
    assert weights.shape == (3, 24)
    np.testing.assert_allclose(weights[:, 4:20].sum(axis=0), 1.0, atol=1e-6)


def test_pooled_counts_what_exceeds_the_threshold_on_either_side() -> None:
    answers = np.array([[[2.0 + THRESHOLD], [2.0 + THRESHOLD], [-9.0 - THRESHOLD], [0.1]]], np.float32)
    np.testing.assert_allclose(pooled(answers, np.ones((1, 4), np.float32))[0, :, 0, 0], [2.0, 3.0])


def test_a_dictionary_finds_the_patches_that_there_are() -> None:
    rng = np.random.default_rng(0)
    shapes = np.linalg.qr(rng.normal(size=(12, 3)))[0].T
    drawn = shapes[rng.integers(3, size=600)] * rng.choice([-1, 1], size=(600, 1)) + 0.01 * rng.normal(size=(600, 12))
    mean, filters = dictionary(drawn.astype(np.float32), 6, ridge=0.1, rng=rng)
    found = np.abs(shapes @ (filters / np.linalg.norm(filters, axis=0))).max(axis=1)
    assert np.abs(mean).max() < 0.1
    assert found.min() > 0.95


def test_contrast_knows_no_scale_and_no_level() -> None:
    patches = np.random.default_rng(0).normal(size=(4, 9)).astype(np.float32)
    np.testing.assert_allclose(contrasts(100 * patches + 7, 0.0), contrasts(patches, 0.0), atol=1e-4)
    assert not contrasts(np.ones((1, 9), np.float32), 1.0).any()
