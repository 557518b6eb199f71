"""The exact search: the slow obvious ranking, ties, memory, and what it refuses."""

from importlib import import_module
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.errors import InputError
from steradian.metrics import nearest, unit_vectors
from steradian.metrics.exact_cosines import check_gallery_size
from steradian.metrics.nearest import check_exclude, check_rows, check_vectors

# The package's attribute of this name is the function.
MODULE = import_module("steradian.metrics.nearest")


def ranked(
    queries: np.ndarray, gallery: np.ndarray, exclude: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """All gallery rows of each query, by the full matrix of cosines in extended precision."""
    left, right = (v.astype(np.longdouble) for v in (queries, gallery))
    cosines = (left @ right.T) / np.linalg.norm(left, axis=1)[:, None] / np.linalg.norm(right, axis=1)
    if exclude is not None:
        cosines[np.arange(len(queries))[exclude >= 0], exclude[exclude >= 0]] = -np.inf
    order = np.argsort(-cosines, axis=1, kind="stable")
    return order, np.take_along_axis(cosines, order, axis=1).astype(np.float64)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize(("k", "memory_bytes"), [(1, 1), (7, 20_000), (300, 2**26), (300, 50_000)])
def test_equals_the_full_ranking(rng: np.random.Generator, dtype: Any, k: int, memory_bytes: int) -> None:
    queries, gallery = (rng.normal(size=(rows, 16)).astype(dtype) for rows in (23, 300))
    rows, cosines = nearest(queries, gallery, k=k, memory_bytes=memory_bytes)
    want_rows, want_cosines = ranked(queries, gallery)
    np.testing.assert_array_equal(rows, want_rows[:, :k])
    np.testing.assert_allclose(cosines, want_cosines[:, :k], rtol=0, atol=2e-7)
    assert rows.dtype == np.int64
    assert cosines.dtype == np.float32


def test_equals_the_full_ranking_without_the_excluded(rng: np.random.Generator) -> None:
    gallery = rng.normal(size=(50, 8))
    exclude = np.array([0, -1, 49, 7])
    rows, _ = nearest(gallery[[0, 1, 49, 7]], gallery, k=49, exclude=exclude, memory_bytes=3000)
    np.testing.assert_array_equal(rows, ranked(gallery[[0, 1, 49, 7]], gallery, exclude)[0][:, :49])


def test_the_last_place_is_empty_where_a_row_is_excluded_and_all_are_asked_for() -> None:
    rows, cosines = nearest(np.eye(2), np.eye(2), k=2, exclude=np.array([0, -1]))
    assert rows.tolist() == [[1, -1], [1, 0]]
    np.testing.assert_array_equal(cosines, [[0, np.nan], [1, 0]])


@pytest.mark.parametrize("memory_bytes", [1, 4000, 2**26])
def test_equal_cosines_are_ordered_by_row(rng: np.random.Generator, memory_bytes: int) -> None:
    # Each vector stands in several rows at other lengths, so that plain products differ in the last bits.
    distinct = rng.normal(size=(5, 33))
    copies = rng.integers(5, size=200)
    gallery = distinct[copies] * rng.uniform(0.1, 10, size=(200, 1))
    rows, cosines = nearest(distinct, gallery, k=200, memory_bytes=memory_bytes)
    for query in range(5):
        by_vector = [rows[query][copies[rows[query]] == vector] for vector in range(5)]
        assert all((np.diff(group) > 0).all() for group in by_vector)
        assert len(np.unique(cosines[query])) == 5


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 12),
    st.integers(1, 40),
    st.sampled_from([1, 2, 3, 8]),
    st.integers(1, 20_000),
)
def test_chunks_change_no_bit(random_state: int, queries: int, gallery: int, dim: int, memory_bytes: int) -> None:
    rng = np.random.default_rng(random_state)
    # Small integers give many ties.
    left, right = (rng.integers(-2, 3, size=(rows, dim)) * 2.0 + 1 for rows in (queries, gallery))
    k = int(rng.integers(1, gallery + 1))
    exclude = rng.integers(-1, gallery, size=queries)
    whole = nearest(left, right, k=k, exclude=exclude)
    parts = nearest(left, right, k=k, exclude=exclude, memory_bytes=memory_bytes)
    for got, want in zip(parts, whole, strict=True):
        np.testing.assert_array_equal(got, want)


@given(st.integers(0, 2**32 - 1))
def test_a_common_rotation_changes_nothing(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    queries, gallery = rng.normal(size=(5, 6)), rng.normal(size=(30, 6))
    rotation = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    rows, cosines = nearest(queries, gallery, k=30)
    turned_rows, turned_cosines = nearest(queries @ rotation, gallery @ rotation, k=30)
    np.testing.assert_allclose(turned_cosines, cosines, rtol=0, atol=4e-7)
    apart = np.abs(np.diff(cosines, axis=1, prepend=2, append=-2)) > 1e-6
    sure = apart[:, :-1] & apart[:, 1:]
    np.testing.assert_array_equal(turned_rows[sure], rows[sure])


@given(st.integers(0, 2**32 - 1))
def test_a_permuted_gallery_gives_the_same_neighbors(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    queries, gallery = rng.normal(size=(5, 6)), rng.normal(size=(30, 6))
    order = rng.permutation(30)
    rows, cosines = nearest(queries, gallery, k=9)
    permuted_rows, permuted_cosines = nearest(queries, gallery[order], k=9)
    np.testing.assert_array_equal(permuted_cosines, cosines)
    different = order[permuted_rows] != rows
    tied = (cosines[:, :, None] == cosines[:, None, :]).sum(axis=2) > 1
    assert not (different & ~tied).any()


@pytest.mark.parametrize("dim", [3, 128, 5000, 7001])
def test_cosines_stay_within_one(rng: np.random.Generator, dim: int) -> None:
    # Equal components are all rounded the same way, which makes the rounded vector longest.
    vectors = np.concatenate([np.ones((1, dim)), rng.normal(size=(20, dim))])
    rows, cosines = nearest(np.concatenate([vectors, -vectors]), vectors, k=21)
    np.testing.assert_array_equal(rows[:21, 0], np.arange(21))
    np.testing.assert_allclose(cosines[:21, 0], 1.0, rtol=0, atol=dim**0.5 * 2.0**-26 + 2.0**-25)
    assert np.abs(cosines).max() == 1.0


@pytest.mark.parametrize("k", [3, 300])
def test_working_memory_keeps_to_its_bound(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch, k: int) -> None:
    shapes = []
    candidates, keys = MODULE.near_candidates, MODULE.ranking_keys

    def few(queries: Any, blocks: Any, **options: Any) -> Any:
        blocks = list(blocks)
        shapes.extend((len(queries), len(block)) for _, block in blocks)
        return candidates(queries, blocks, **options)

    def many(cosines: Any, rows: Any) -> Any:
        shapes.extend([cosines.shape] if cosines.ndim == 2 else [])
        return keys(cosines, rows)

    monkeypatch.setattr(MODULE, "near_candidates", few)
    monkeypatch.setattr(MODULE, "ranking_keys", many)
    nearest(rng.normal(size=(40, 4)), rng.normal(size=(900, 4)), k=k, memory_bytes=16_000)
    assert max(8 * queries * gallery for queries, gallery in shapes) <= 16_000
    assert sum(queries * gallery for queries, gallery in shapes) == 40 * 900


@pytest.mark.parametrize("k", [2, 9, 10, 299])
def test_few_and_many_neighbors_are_found_alike(rng: np.random.Generator, k: int) -> None:
    """Copies of a few rows, some of them off by less than float32 can tell."""
    gallery = rng.normal(size=(10, 16))[rng.integers(10, size=300)] * (1 + 1e-9 * rng.normal(size=(300, 16)))
    queries, exclude = gallery[:20] + 1e-8 * rng.normal(size=(20, 16)), rng.integers(-1, 300, size=20)
    rows, cosines = nearest(queries, gallery, k=k, exclude=exclude)
    all_rows, all_cosines = nearest(queries, gallery, k=300, exclude=exclude)
    np.testing.assert_array_equal(rows, all_rows[:, :k])
    np.testing.assert_array_equal(cosines, all_cosines[:, :k])


def test_a_crowd_of_equal_rows_is_ordered_by_row(rng: np.random.Generator) -> None:
    gallery = rng.normal(size=(5000, 4))
    gallery[100:4000] = gallery[7]
    rows, _ = nearest(gallery[[7, 4500]], gallery, k=4, exclude=np.array([100, -1]))
    assert rows[0].tolist() == [7, 101, 102, 103]
    np.testing.assert_array_equal(rows[1], ranked(gallery[[4500]], gallery)[0][0, :4])


@pytest.mark.parametrize("vectors", [np.float32, np.float64], ids=["float32", "float64"])
def test_checked_rows_are_searched_alike(rng: np.random.Generator, vectors: Any) -> None:
    gallery, queries = unit_vectors(rng.normal(size=(400, 8))).astype(vectors), rng.normal(size=(7, 8))
    checked = check_rows(gallery)
    assert (checked.off_unit is not None) == (vectors is np.float32)
    assert checked.vectors is gallery
    for got, want in zip(nearest(queries, checked, k=5), nearest(queries, gallery, k=5), strict=True):
        np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("row", [[0, 0], [np.nan, 0], [np.inf, 0]])
def test_rows_without_a_direction_are_refused(row: list[float]) -> None:
    with pytest.raises(InputError, match="gallery, row 1: want a vector with a direction"):
        check_rows(np.array([[1, 0], row], dtype=np.float32), where="gallery")


def test_float32_rows_that_are_not_unit_are_made_so() -> None:
    gallery = np.array([[1.0, 0.0], [0.0, 1.001]], dtype=np.float32)
    assert check_rows(gallery).off_unit is None


@pytest.mark.parametrize(
    ("queries", "options", "says"),
    [
        (np.zeros((0, 3)), {}, "at least one row"),
        (np.ones(3), {}, r"shape \[3\]"),
        (np.array([["a", "b", "c"]]), {}, "<U1"),
        (np.ones((1, 2)), {}, "queries: want queries of width 3, as the gallery, got width 2"),
        (np.array([[1.0, 0, 0], [0, 0, 0]]), {}, "queries, row 1: want a vector with a direction, got only zeros"),
        (np.array([[1.0, np.nan, 0]]), {}, "queries, row 0: .* a NaN"),
        (np.array([[1e200, 0, 0]]), {}, "numbers too large"),
        (np.ones((1, 3)), {"k": 4}, "k: want an integer from 1 to 3, got 4"),
        (np.ones((1, 3)), {"k": 0}, "got 0"),
        (np.ones((1, 3)), {"k": 1.5}, "got 1.5"),
        (np.ones((1, 3)), {"exclude": np.array([3])}, "exclude, query 0: want a gallery row from 0 to 2, or -1, got 3"),
        (np.ones((1, 3)), {"exclude": np.array([-2])}, "got -2"),
        (np.ones((1, 3)), {"exclude": np.array([0, 1])}, r"1 integers, one a query, got int64 of shape \[2\]"),
        (np.ones((1, 3)), {"exclude": np.array([0.5])}, "float64"),
    ],
)
def test_what_cannot_be_searched_is_refused(queries: np.ndarray, options: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        nearest(queries, np.eye(3), **{"k": 1, **options})


def test_more_rows_than_keys_can_number_are_refused() -> None:
    with pytest.raises(InputError, match="gallery: want at most 268435456 rows"):
        check_gallery_size(2**28 + 1)


def test_unit_vectors(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(20_000, 3)) * 10.0 ** rng.integers(-30, 30, size=(20_000, 1))
    unit = unit_vectors(vectors)
    assert unit.dtype == np.float32
    np.testing.assert_allclose(unit, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), rtol=0, atol=1e-7)
    np.testing.assert_array_equal(unit_vectors(unit), unit)


def test_messages_name_the_array() -> None:
    with pytest.raises(InputError, match="left, row 2: "):
        check_vectors(np.array([[1], [2], [0]]), where="left")
    with pytest.raises(InputError, match="gallery, row 0: "):
        check_rows(np.zeros((1, 1)), where="gallery")


def test_nothing_is_excluded_by_default() -> None:
    assert check_exclude(None, queries=2, gallery=1).tolist() == [-1, -1]
    assert check_exclude(np.array([0, -1]), queries=2, gallery=1).tolist() == [0, -1]
