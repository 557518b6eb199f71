"""Features of log-mel frames: alone and together, what silence around a sound changes, and what is degenerate."""

import numpy as np
import pytest

from steradian.modalities.log_mel import BANDS
from steradian.modalities.sound_features import SoundFeatures


def some_sounds(count: int = 5, random_state: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(random_state)
    return [rng.normal(size=(int(frames), BANDS)).astype(np.float16) for frames in rng.integers(1, 90, count)]


def fit(sounds: list[np.ndarray], random_state: int = 0) -> SoundFeatures:
    return SoundFeatures.fit(sounds, kernels=30, patches=6, random_state=random_state)


def test_a_seed_decides_everything() -> None:
    sounds = some_sounds()
    once, again, other = (fit(sounds, random_state)(sounds) for random_state in (1, 1, 2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_features_of_a_sound_do_not_depend_on_the_others() -> None:
    sounds = some_sounds()
    fitted = fit(sounds)
    together = fitted(sounds)
    alone, own = np.concatenate([fitted([each]) for each in sounds]), 2 * 30 + 24 * 6 + 1
    assert np.array_equal(together[:, :own], alone[:, :own])
    # Products of the statistics' kernels may round the last bit otherwise in another batch.
    np.testing.assert_allclose(together, alone, rtol=1e-5, atol=1e-4)
    assert together.shape == (5, own + 5)
    assert together.dtype == np.float32
    assert fitted([]).shape == (0, together.shape[1])


def test_silence_around_a_sound_changes_nothing() -> None:
    sounds = some_sounds()
    fitted = fit(sounds)
    silence = np.full((10, BANDS), -11.5, np.float16)
    around = [np.concatenate([silence, sound, silence]) for sound in sounds]
    assert np.array_equal(fitted(around), fitted(sounds))


@pytest.mark.parametrize("sounds", [[np.zeros((1, BANDS))], [np.full((20, BANDS), -11.5)] * 3])
def test_degenerate_sounds_have_finite_features(sounds: list[np.ndarray]) -> None:
    sounds = [sound.astype(np.float32) for sound in sounds]
    assert np.isfinite(fit(sounds)([*sounds, *some_sounds()])).all()
