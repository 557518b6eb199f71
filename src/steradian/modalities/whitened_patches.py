"""A dictionary of whitened patches, found by k-means without labels (Coates and Ng 2011), by numpy alone."""

import numpy as np

__all__ = ["contrasts", "dictionary", "pooled", "tents"]

ROUNDS = 8
"""Of k-means: later ones move few patches."""
THRESHOLD = 0.5
"""What a response must exceed, in deviations of a whitened patch along a filter."""


def contrasts(patches: np.ndarray, floor: float) -> np.ndarray:
    """Patches [..., numbers] without their mean and at one contrast.

    Args:
        patches: float32.
        floor: variance that is noise; added to each patch's own.
    """
    scaled: np.ndarray = patches - patches.mean(axis=-1, keepdims=True)
    scaled /= np.sqrt(np.square(scaled).mean(axis=-1, keepdims=True) + np.float32(floor))
    return scaled


def dictionary(
    patches: np.ndarray, count: int, *, ridge: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """What to take off a patch, and the filters that answer to it.

    Args:
        patches: float32 [patches, numbers], at one contrast.
        count: filters.
        ridge: variance added to every direction before whitening, so that noise is not blown up.
        rng: of the first centers.

    Returns:
        mean float32 [numbers] and filters float32 [numbers, count].
    """
    mean = patches.mean(axis=0)
    centered = patches - mean
    variances, directions = np.linalg.eigh(centered.T.astype(np.float64) @ centered / len(centered))
    whiten = ((directions / np.sqrt(variances.clip(min=0.0) + ridge)) @ directions.T).astype(np.float32)
    return mean, whiten @ _k_means(centered @ whiten, count, rng).T


def tents(size: int, count: int) -> np.ndarray:
    """Weights float32 [count, size] of places in overlapping parts, highest in a part's middle.

    A thing that moves a little moves between neighbouring parts little by little.

    Args:
        size: places in a row.
        count: parts.
    """
    middles = (np.arange(count) + 0.5) * size / count - 0.5
    weights: np.ndarray = 1.0 - np.abs(np.arange(size) - middles[:, None]) * count / size
    return weights.clip(min=0.0).astype(np.float32)


def pooled(responses: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """Roots of the sums over parts of what exceeds the threshold, float32 [items, 2, parts, filters].

    Sums are roughly counts, whose noise grows with their size; after the root it does not.

    Args:
        responses: [items, places, filters].
        parts: [parts, places].
    """
    # In one buffer: new memory would take longer than the sums.
    beyond = responses - np.float32(THRESHOLD)
    above = parts @ np.maximum(beyond, 0, out=beyond)
    np.add(responses, np.float32(THRESHOLD), out=beyond)
    below = parts @ np.minimum(beyond, 0, out=beyond)
    found: np.ndarray = np.sqrt(np.abs(np.stack([above, below], axis=1)))
    return found


def _k_means(points: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Unit directions [count, numbers], each the mean of the points that it answers to most, of either sign."""
    centers = _unit(rng.normal(size=(count, points.shape[1])).astype(np.float32))
    for _ in range(ROUNDS):
        scores = points @ centers.T
        nearest = np.abs(scores).argmax(axis=1)
        order = nearest.argsort(kind="stable")
        starts = np.flatnonzero(np.diff(nearest[order], prepend=-1))
        weighted = np.take_along_axis(scores, nearest[:, None], axis=1) * points
        # The old center stays in the sum, so that one without points stays where it is.
        centers[nearest[order[starts]]] += np.add.reduceat(weighted[order], starts, axis=0)
        centers = _unit(centers)
    return centers


def _unit(rows: np.ndarray) -> np.ndarray:
    unit: np.ndarray = rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(min=1e-12)
    return unit
