"""Neighbors within an angle, against all neighbors."""

from typing import Any

import numpy as np
import pytest

from steradian.metrics import nearest, pair_angles
from steradian.metrics.near_pairs import nearest_within


def plain(queries: np.ndarray, gallery: np.ndarray, *, k: int, angle: float, exclude: np.ndarray) -> set[Any]:
    """The k nearest of each query, and of these the ones within the angle."""
    rows, _ = nearest(queries, gallery, k=min(k, len(gallery)), exclude=exclude)
    of_query, places = np.nonzero(rows >= 0)
    pairs = of_query, rows[of_query, places]
    near = pair_angles(np.concatenate([queries, gallery]), pairs[0], len(queries) + pairs[1]) <= angle
    return set(zip(*(part[near].tolist() for part in pairs), strict=True))


@pytest.mark.parametrize("dim", [2, 6, 40])
@pytest.mark.parametrize("angle", [1e-3, 0.1, 1.0, 4.0])
@pytest.mark.parametrize("size", [2, 300, 2500])
def test_equals_the_nearest_that_are_within(rng: np.random.Generator, dim: int, angle: float, size: int) -> None:
    gallery = rng.normal(size=(7, dim))[rng.integers(7, size=size)] + 0.2 * rng.normal(size=(size, dim))
    gallery[: size // 3] = gallery[-(size // 3) - 1 : -1] + 1e-4 * rng.normal(size=(size // 3, dim))
    exclude = rng.integers(-1, size, size=size)
    queries, found = rows = nearest_within(gallery, gallery, k=4, angle=angle, exclude=exclude)
    assert (np.diff(queries) >= 0).all()
    within = pair_angles(gallery, *rows) <= angle
    assert (pair_angles(gallery, *rows) <= angle + 0.01).all()
    got = set(zip(queries[within].tolist(), found[within].tolist(), strict=True))
    assert got == plain(gallery, gallery, k=4, angle=angle, exclude=exclude)


def test_the_nearest_come_first_and_of_equal_ones_the_first_rows(rng: np.random.Generator) -> None:
    gallery = np.concatenate([np.repeat(rng.normal(size=(2, 5)), 700, axis=0), rng.normal(size=(300, 5))])
    queries, rows = nearest_within(gallery[:3], gallery, k=5, angle=0.1, exclude=np.array([-1, 1, 0]))
    assert rows.reshape(3, 5).tolist() == [[0, 1, 2, 3, 4], [0, 2, 3, 4, 5], [1, 2, 3, 4, 5]]
    assert queries.tolist() == np.repeat(np.arange(3), 5).tolist()
