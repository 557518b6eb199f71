"""Fixed features of pictures: which small patches they show and about where, by numpy alone."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from steradian.data.modality import FeatureMap
from steradian.modalities.feature_scale import scaled, spread_of
from steradian.modalities.whitened_patches import contrasts, dictionary, pooled, tents

__all__ = ["PatchDictionary"]

FINE, COARSE, SMALL = 48, 24, 16
"""Pixels a side of the pictures cut into patches, and of the small one whose pixels are features themselves."""
STRIDES = 2, 1, 1
"""Pixels from patch to patch: of the fine picture, the coarse one and the coarse one in grey."""
PATCH = 6
"""Pixels a side of a patch."""
BORDER = 2
"""Pixels repeated around a picture, so that its edge is seen as often as its middle."""
PARTS = 3
"""Overlapping parts a side in which patches are counted: they say where, and are wide enough for another artist."""
GREY = np.array([0.299, 0.587, 0.114], np.float32)
"""How bright red, green and blue look (ITU-R BT.601)."""
CONTRAST = 10.0
"""Variance of pixels, of 0..255, that counts as noise."""
RIDGE = 0.1
"""Variance added before whitening (Coates and Ng 2011)."""
SAMPLE = 20_000
"""Patches from which each dictionary is learnt: a hundred a filter."""
PICTURES = 2_000
"""Training pictures at most from which patches are drawn."""
SPREAD = 1_000
"""Of these, from which the mean and the deviation of a feature are taken: to 3% of a deviation."""
DRAWN_FROM = 16
"""Pictures at once while patches are drawn: the draws follow from it."""
CHUNK = 2
"""Pictures at once: their responses stay in the processor's cache, where 16 at once take half as long again."""


@dataclass(frozen=True)
class PatchDictionary(FeatureMap):
    """Dictionaries of a picture's patches: fine, coarse, and coarse in grey, of which dark and light count alike.

    Args:
        patch_means: float32 [3, numbers of a patch].
        filters: float32 [3, numbers of a patch, patches].
        feature_mean: float32 [features].
        feature_std: float32 [features].

    Examples:
        >>> pictures = np.random.default_rng(0).integers(256, size=(2, 48, 48, 3), dtype=np.uint8)
        >>> PatchDictionary.fit(pictures, patches=4)(pictures).shape
        (2, 948)
    """

    patch_means: np.ndarray
    filters: np.ndarray
    feature_mean: np.ndarray
    feature_std: np.ndarray

    @classmethod
    def fit(cls, pixels: np.ndarray, *, patches: int = 160, random_state: int = 0) -> "PatchDictionary":
        """Learn dictionaries and statistics from training pictures.

        Args:
            pixels: uint8 [items, size, size, 3], at least one item.
            patches: of each dictionary; a picture has 45 features for each, and 768 pixels.
            random_state: of the patches drawn.
        """
        rng = np.random.default_rng(random_state)
        chosen = pixels[rng.permutation(len(pixels))[:PICTURES]]
        learnt = [dictionary(drawn, patches, ridge=RIDGE, rng=rng) for drawn in _drawn(chosen, rng)]
        means, filters = (np.stack(parts) for parts in zip(*learnt, strict=True))
        plain = cls(means, filters, np.zeros(0, np.float32), np.zeros(0, np.float32))
        feature_mean, feature_std = spread_of(plain._raw(chosen[:SPREAD]))
        return replace(plain, feature_mean=feature_mean, feature_std=feature_std)

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Standardised features of pictures uint8 [items, size, size, 3], float32 [items, features]."""
        return scaled(self._raw(pixels), self.feature_mean, self.feature_std)

    def _raw(self, pixels: np.ndarray) -> np.ndarray:
        width = 5 * PARTS**2 * self.filters.shape[2] + 3 * SMALL**2
        raw = np.empty((len(pixels), width), np.float32)
        for start in range(0, len(pixels), CHUNK):
            raw[start : start + CHUNK] = self._chunk(pixels[start : start + CHUNK])
        return raw

    def _chunk(self, pixels: np.ndarray) -> np.ndarray:
        features = [_resized(pixels, SMALL).reshape(len(pixels), -1) / 255]
        for view, (windows, mean, filters) in enumerate(
            zip(_views(pixels), self.patch_means, self.filters, strict=True)
        ):
            items, side, _, numbers = windows.shape
            patches = contrasts(windows.reshape(items, side * side, numbers), CONTRAST)
            patches -= mean
            parts = np.kron(tents(side, PARTS), tents(side, PARTS))
            # One product a picture: what a picture gets does not depend on the others, to the last bit.
            found = pooled(patches @ filters, parts)
            features.append((found if view < 2 else found.sum(axis=1)).reshape(items, -1))
        return np.concatenate(features, axis=1)


def _views(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """The patches of the fine, the coarse and the grey picture, float32 [items, rows, columns, numbers of a patch]."""
    coarse = _resized(pixels, COARSE)
    grey = np.repeat((coarse @ GREY)[..., None], 3, axis=3)
    for picture, stride in zip((_resized(pixels, FINE), coarse, grey), STRIDES, strict=True):
        padded = np.pad(picture, ((0, 0), (BORDER, BORDER), (BORDER, BORDER), (0, 0)), mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, (PATCH, PATCH), axis=(1, 2))[:, ::stride, ::stride]
        yield windows.reshape(*windows.shape[:3], 3 * PATCH**2)


def _drawn(pixels: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Random patches of each view at one contrast, float32 [patches, numbers of a patch]."""
    each = -(-SAMPLE // len(pixels))
    drawn: list[list[np.ndarray]] = [[] for _ in STRIDES]
    for start in range(0, len(pixels), DRAWN_FROM):
        for view, windows in enumerate(_views(pixels[start : start + DRAWN_FROM])):
            items, side, _, numbers = windows.shape
            places = rng.integers(side * side, size=(items, each))
            drawn[view].append(windows.reshape(items, side * side, numbers)[np.arange(items)[:, None], places])
    return [contrasts(np.concatenate(parts).reshape(-1, parts[0].shape[-1]), CONTRAST) for parts in drawn]


def _resized(pixels: np.ndarray, side: int) -> np.ndarray:
    """Pictures of so many pixels a side, each the mean of the area it covers, float32 [items, side, side, 3]."""
    items, size = pixels.shape[:2]
    areas = _areas(size, side)
    rows = (areas @ pixels.reshape(items, size, size * 3).astype(np.float32)).reshape(items, side, size, 3)
    resized: np.ndarray = areas @ rows
    return resized


def _areas(size: int, side: int) -> np.ndarray:
    """The share of each old pixel in each new one along a side, float32 [side, size]."""
    old, new = np.arange(size + 1.0) / size, np.arange(side + 1.0) / side
    overlap = np.minimum(old[1:], new[1:, None]) - np.maximum(old[:-1], new[:-1, None])
    return (overlap.clip(min=0.0) * side).astype(np.float32)
