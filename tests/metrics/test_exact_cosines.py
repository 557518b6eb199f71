"""Exact cosines: any order of addition, the order of keys, and the bound on float32 products."""

import numpy as np
import pytest

from steradian.errors import InputError
from steradian.metrics.exact_cosines import (
    COSINE_STEP,
    MAX_ROWS,
    NO_ROW,
    check_gallery_size,
    decode_keys,
    fixed_point,
    ranking_keys,
    rounding,
)


def test_products_are_exact_in_any_order_of_addition(rng: np.random.Generator) -> None:
    vectors, order = rng.normal(size=(200, 64)), rng.permutation(64)
    plain = fixed_point(vectors)
    shuffled = np.ascontiguousarray(plain[:, order])
    np.testing.assert_array_equal(plain @ plain.T, shuffled @ shuffled.T)
    np.testing.assert_array_equal(plain @ plain.T, np.einsum("qd,gd->qg", shuffled, shuffled))
    np.testing.assert_array_equal(fixed_point(np.asfortranarray(vectors)), plain)
    np.testing.assert_array_equal(fixed_point(vectors[3:4]), plain[3:4])


def test_keys_sort_by_cosine_and_then_by_row(rng: np.random.Generator) -> None:
    cosines = rng.integers(-3, 4, size=200) * COSINE_STEP
    rows = rng.permutation(200)
    order = np.argsort(-ranking_keys(cosines.copy(), rows))
    np.testing.assert_array_equal(order, np.lexsort((rows, -cosines)))


def test_keys_say_row_and_cosine(rng: np.random.Generator) -> None:
    cosines = np.append(rng.uniform(-1, 1, size=50), [1.0, -1.0, 1.0000001])
    rows = rng.integers(MAX_ROWS, size=53)
    found, decoded = decode_keys(ranking_keys(cosines.copy(), rows))
    np.testing.assert_array_equal(found, rows)
    np.testing.assert_allclose(decoded, cosines, rtol=0, atol=COSINE_STEP * 2)
    assert np.abs(decoded).max() == 1.0
    none, nothing = decode_keys(np.array([NO_ROW]))
    assert none.tolist() == [-1]
    assert np.isnan(nothing).all()


@pytest.mark.parametrize("dim", [1, 3, 128, 3000])
@pytest.mark.parametrize("off_unit", [0.0, 1e-4])
def test_float32_products_keep_to_their_bound(rng: np.random.Generator, dim: int, off_unit: float) -> None:
    vectors = np.concatenate([rng.normal(size=(150, dim)), np.ones((1, dim)), np.abs(rng.normal(size=(50, dim)))])
    single = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True) * (1 + off_unit)).astype(np.float32)
    exact = fixed_point(vectors)
    error = np.abs(single @ single.T - np.rint(exact @ exact.T / COSINE_STEP) * COSINE_STEP).max()
    assert error <= rounding(dim, off_unit=off_unit)
    # A bound a thousand times too wide would make every row a candidate.
    assert rounding(dim, off_unit=off_unit) < 1000 * max(error, 2.0**-24)


def test_more_rows_than_keys_can_number_are_refused() -> None:
    check_gallery_size(MAX_ROWS)
    with pytest.raises(InputError, match="gallery: want at most 268435456 rows"):
        check_gallery_size(MAX_ROWS + 1)
