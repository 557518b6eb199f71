"""Features of pictures by a dictionary of patches: alone and together, of any size, and what is degenerate."""

import numpy as np
import pytest

from steradian.modalities import image_features
from steradian.modalities.feature_scale import FARTHEST
from steradian.modalities.image_features import PatchDictionary


def some_pictures(count: int = 5, size: int = 48, random_state: int = 0) -> np.ndarray:
    return np.random.default_rng(random_state).integers(256, size=(count, size, size, 3), dtype=np.uint8)


def test_a_seed_decides_everything() -> None:
    pixels = some_pictures()
    once, again, other = (
        PatchDictionary.fit(pixels, patches=5, random_state=random_state)(pixels) for random_state in (1, 1, 2)
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_features_of_a_picture_do_not_depend_on_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = some_pictures()
    fitted = PatchDictionary.fit(pixels, patches=5)
    together = fitted(pixels)
    assert np.array_equal(together, np.concatenate([fitted(pixels[row : row + 1]) for row in range(5)]))
    monkeypatch.setattr(image_features, "CHUNK", 2)
    assert np.array_equal(together, fitted(pixels))


@pytest.mark.parametrize("size", [8, 40, 48, 96])
def test_pictures_of_any_size_have_the_same_number_of_features(size: int) -> None:
    pixels = some_pictures(3, size)
    fitted = PatchDictionary.fit(pixels, patches=5)
    found = fitted(pixels)
    assert found.shape == (3, 45 * 5 + 768)
    assert found.dtype == np.float32
    assert np.abs(found.mean(axis=0)).max() < 1e-3
    assert fitted(pixels[:0]).shape == (0, found.shape[1])


@pytest.mark.parametrize(
    "pixels",
    [some_pictures(1), some_pictures(2), some_pictures(1).repeat(10, axis=0), np.zeros((3, 48, 48, 3), np.uint8)],
)
def test_degenerate_training_pictures_give_finite_features(pixels: np.ndarray) -> None:
    fitted = PatchDictionary.fit(pixels, patches=20)
    found = fitted(np.concatenate([pixels, some_pictures(2, random_state=1)]))
    assert np.isfinite(found).all()
    assert np.abs(found).max() <= FARTHEST


def test_a_brighter_picture_shows_the_same_patches() -> None:
    pixels = some_pictures() // 2
    fitted = PatchDictionary.fit(pixels, patches=5)
    found, brighter = fitted(pixels)[:, 768:], fitted(pixels + np.uint8(60))[:, 768:]
    np.testing.assert_allclose(found, brighter, atol=1e-2)
