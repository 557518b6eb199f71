"""Features of rows by comparison with landmarks: against the four kernels written out, and what is degenerate."""

import dataclasses
import math

import numpy as np
import pytest

from steradian.modalities import kernel_features
from steradian.modalities.kernel_features import FARTHEST, QUANTILES, KernelFeatures, inverse_root


def some_rows(count: int = 40, columns: int = 3, random_state: int = 0) -> np.ndarray:
    return np.random.default_rng(random_state).normal(size=(count, columns)).astype(np.float32)


def deviate(fitted: KernelFeatures, column: int, value: float) -> float:
    """The normal deviate of the place of a value among training values."""
    edges = fitted.quantiles[:, column].astype(float)
    places = [(place + 0.5) / QUANTILES for place in range(QUANTILES)]
    deviates = [min(max(math.log(p / (1 - p)) / 1.702, -FARTHEST), FARTHEST) for p in places]
    equal: dict[float, list[float]] = {}
    for edge, each in zip(edges.tolist(), deviates, strict=True):
        equal.setdefault(edge, []).append(each)
    middle = [(equal[edge][0] + equal[edge][-1]) / 2 for edge in edges.tolist()]
    return float(np.interp(value, edges, middle))


def mean_of_kernels(fitted: KernelFeatures, one: np.ndarray, other: np.ndarray) -> float:
    """How alike two rows are."""
    columns = len(one)
    bent = [[z / math.sqrt(1 + (z / FARTHEST) ** 2) for z in row] for row in (one.tolist(), other.tolist())]
    normal = [[deviate(fitted, column, row[column]) for column in range(columns)] for row in (one, other)]
    raw = [row * fitted.factor + fitted.offset for row in (one.astype(float), other.astype(float))]
    linear = sum(a * b for a, b in zip(*bent, strict=True)) / columns
    near = math.exp(-sum((a - b) ** 2 for a, b in zip(*bent, strict=True)) / fitted.widths[0])
    laplace = math.exp(-math.sqrt(sum((a - b) ** 2 for a, b in zip(*normal, strict=True))) / fitted.widths[1])
    cosine = float(raw[0] @ raw[1] / np.linalg.norm(raw[0]) / np.linalg.norm(raw[1]))
    return (linear + near + laplace + cosine) / 4


@pytest.mark.parametrize("columns", [1, 3])
def test_inner_products_are_the_mean_of_four_kernels(columns: int) -> None:
    rows, rng = some_rows(12, columns), np.random.default_rng(1)
    rows[3, 0] = rows[4, 0] = rows[5, 0]
    offset, factor = rng.normal(size=columns), rng.uniform(0.5, 2, columns)
    fitted = KernelFeatures.fit(rows, offset=offset, factor=factor)
    found = fitted(rows)
    assert (found.shape, found.dtype) == ((12, len(fitted.landmarks)), np.float32)
    slow = [[mean_of_kernels(fitted, one, other) for other in rows] for one in rows]
    np.testing.assert_allclose(found @ found.T, slow, atol=1e-3)


def test_inner_products_with_new_rows_are_right_where_one_side_is_a_landmark() -> None:
    fitted, unseen = KernelFeatures.fit(some_rows(12)), some_rows(5, random_state=1)
    found = fitted(unseen) @ fitted(fitted.landmarks).T
    slow = [[mean_of_kernels(fitted, one, other) for other in fitted.landmarks] for one in unseen]
    np.testing.assert_allclose(found, slow, atol=1e-3)


def test_widths_are_medians_between_landmarks() -> None:
    fitted = KernelFeatures.fit(some_rows(15))
    bent = fitted.landmarks / np.sqrt(1 + (fitted.landmarks / FARTHEST) ** 2)
    normal = np.array([[deviate(fitted, c, row[c]) for c in range(3)] for row in fitted.landmarks])
    pairs = [(i, j) for i in range(15) for j in range(i)]
    squares = [((bent[i] - bent[j]) ** 2).sum() for i, j in pairs]
    assert fitted.widths[0] == pytest.approx(np.median(squares) / 2, rel=1e-4)
    assert fitted.widths[1] == pytest.approx(
        np.median([np.linalg.norm(normal[i] - normal[j]) for i, j in pairs]), rel=1e-4
    )


def test_features_of_a_row_do_not_depend_on_the_others() -> None:
    fitted, rows = KernelFeatures.fit(some_rows()), some_rows(9, random_state=1)
    alone = np.concatenate([fitted(row[None]) for row in rows])
    # Matrix products of other sizes sum in another order.
    np.testing.assert_allclose(fitted(rows), alone, atol=1e-4)
    np.testing.assert_allclose(fitted(rows[::-1])[::-1], alone, atol=1e-4)
    assert fitted(rows[:0]).shape == (0, alone.shape[1])


def test_all_distinct_rows_are_landmarks_as_far_as_they_go() -> None:
    rows = some_rows(50)
    assert len(KernelFeatures.fit(rows).landmarks) == 50
    assert len(KernelFeatures.fit(np.repeat(rows, 3, axis=0)).landmarks) == 50
    few = KernelFeatures.fit(rows, most=10)
    assert len(few.landmarks) == 10
    assert {tuple(row) for row in few.landmarks.tolist()} <= {tuple(row) for row in rows.tolist()}
    assert len(KernelFeatures.fit(rows, most=1).landmarks) == 2


def test_landmarks_are_spread_over_the_table() -> None:
    rows = np.arange(1000, dtype=np.float32)[:, None] / 1000
    landmarks = KernelFeatures.fit(rows, most=10).landmarks[:, 0]
    assert (landmarks[0], landmarks[-1]) == (0, np.float32(0.999))
    assert np.diff(landmarks).max() < 0.2


def test_wide_rows_have_fewer_landmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_features, "STORED", 60)
    assert len(KernelFeatures.fit(some_rows(50)).landmarks) == 20


def test_few_landmarks_still_say_how_alike_rows_are() -> None:
    rows = some_rows(200, 2)
    whole, few = KernelFeatures.fit(rows), KernelFeatures.fit(rows, most=60)
    products = [found @ found.T for found in (whole(rows), few(rows))]
    assert np.corrcoef(products[0].ravel(), products[1].ravel())[0, 1] > 0.98


def test_a_folded_map_gives_the_same_product() -> None:
    fitted, rows = KernelFeatures.fit(some_rows(20)), some_rows(7, random_state=1)
    matrix = np.random.default_rng(2).normal(size=(20, 4)).astype(np.float32)
    folded, product = fitted.folded(matrix)
    assert isinstance(folded, KernelFeatures)
    assert folded.projection.size == 0
    np.testing.assert_allclose(folded(rows) @ product, fitted(rows) @ matrix, rtol=1e-3, atol=1e-3)


def test_columns_in_another_order_make_the_same_products() -> None:
    rows, order = some_rows(20, 4), np.array([2, 0, 3, 1])
    products = [found @ found.T for found in (KernelFeatures.fit(each)(each) for each in (rows, rows[:, order]))]
    np.testing.assert_allclose(products[0], products[1], atol=1e-3)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_equal_rows_are_one_landmark_and_all_alike(count: int) -> None:
    rows = np.repeat(some_rows(1), count, axis=0)
    fitted = KernelFeatures.fit(rows)
    found = fitted(rows)
    assert found.shape == (count, 1)
    assert np.ptp(found) == 0
    assert fitted.widths == [1, 1]
    assert np.isfinite(fitted(some_rows(4, random_state=1))).all()


def test_constant_columns_do_no_harm() -> None:
    rows = some_rows(30)
    rows[:, 1] = 0
    fitted = KernelFeatures.fit(rows)
    assert np.isfinite(fitted(rows)).all()
    assert np.isfinite(fitted(some_rows(10, random_state=1))).all()
    nothing = np.zeros((4, 3), np.float32)
    assert np.isfinite(KernelFeatures.fit(nothing)(nothing)).all()


def test_columns_of_any_unit_are_heard() -> None:
    rows = some_rows(30, 2)
    fitted = KernelFeatures.fit(rows, offset=np.zeros(2, np.float32), factor=np.array([1e9, 1e-9], np.float32))
    other = rows[:1].copy()
    other[0, 1] += 1
    found = fitted(np.concatenate([rows[:1], other]))
    assert np.isfinite(found).all()
    assert np.abs(found[0] - found[1]).max() > 0.01


def test_raw_rows_that_are_huge_or_zero_have_finite_features() -> None:
    rows = np.array([[0, 0], [1, 1], [-1, 2]], np.float32)
    for factor in (1e300, 1e-300, 0.0):
        fitted = KernelFeatures.fit(rows, factor=np.full(2, factor))
        assert np.isfinite(fitted(rows)).all()


@pytest.mark.parametrize("value", [1e3, 1e6, -1e6])
def test_values_far_outside_training_bend(value: float) -> None:
    fitted = KernelFeatures.fit(some_rows(30))
    far = fitted(np.full((1, 3), value, np.float32))
    assert np.isfinite(far).all()
    # No kernel of a bent row with itself is larger than that of one at the bend.
    assert np.square(far).sum() < (FARTHEST**2 + 3) / 4 + 0.1
    np.testing.assert_allclose(far, fitted(np.full((1, 3), 10 * value, np.float32)), atol=0.05)


def test_more_columns_than_there_are_sums_keep_inner_products_but_for_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = some_rows(30, 2000)
    exact = KernelFeatures.fit(rows)(rows)
    monkeypatch.setattr(kernel_features, "WIDE", 1000)
    fitted = KernelFeatures.fit(rows)
    found = fitted(rows)
    assert [part.shape for part in fitted._inputs(rows)] == [(30, 1000)] * 4
    assert np.isfinite(found).all()
    noise = found @ found.T - exact @ exact.T
    assert np.abs(noise).max() < 0.15
    assert abs(noise.mean()) < 0.02
    np.testing.assert_allclose(fitted(rows[:1]), found[:1], atol=1e-4)


def test_rows_wider_than_the_limit_are_compared() -> None:
    rows = some_rows(6, kernel_features.WIDE + 1)
    rows[3:] += 3
    found = KernelFeatures.fit(rows)(rows)
    products = found @ found.T
    assert products[0, 1] > products[0, 3]


def test_an_inverse_root_makes_features_of_a_kernel() -> None:
    rows = np.random.default_rng(0).normal(size=(10, 20))
    kernel = rows @ rows.T
    found = kernel @ inverse_root(kernel)
    assert inverse_root(kernel).dtype == np.float32
    np.testing.assert_allclose(found @ found.T, kernel, atol=1e-3)


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_an_inverse_root_of_a_kernel_that_is_singular_is_finite(rank: int) -> None:
    rows = np.random.default_rng(0).normal(size=(10, rank))
    kernel = rows @ rows.T
    found = kernel @ inverse_root(kernel)
    assert np.isfinite(inverse_root(kernel)).all()
    np.testing.assert_allclose(found @ found.T, kernel, atol=1e-2)


def test_a_kernel_that_is_none_is_left_as_it_is() -> None:
    assert np.array_equal(inverse_root(np.diag([1.0, -5.0])), np.eye(2, dtype=np.float32))


def test_fields_are_plain_numbers_lists_and_arrays() -> None:
    for name, value in dataclasses.asdict(KernelFeatures.fit(some_rows())).items():
        if name == "widths":
            assert [type(width) for width in value] == [float, float]
        else:
            assert value.dtype in (np.float32, np.float64)
