"""Numbers and categories: what a cell may hold, what is learnt, and the piecewise-linear shares against a loop."""

import math
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from steradian.data import Schema, read_objects
from steradian.data.columns import to_objects
from steradian.data.modality import ReadValues
from steradian.errors import ConfigError, InputError
from steradian.modalities import Tabular
from steradian.modalities.categories import BUCKETS
from steradian.modalities.dates import CALENDAR_PARTS, calendar
from steradian.modalities.tabular import OWN_TOKENS, FittedTabular

NAN, INF = float("nan"), float("inf")


def column(cells: Any) -> np.ndarray:
    return cells if isinstance(cells, np.ndarray) else to_objects(cells)


def read(*, numeric: dict[str, Any] | None = None, categorical: dict[str, Any] | None = None) -> ReadValues:
    numeric, categorical = numeric or {}, categorical or {}
    arrays = {name: column(cells) for name, cells in {**numeric, **categorical}.items()}
    return Tabular(numeric=list(numeric), categorical=list(categorical)).read(arrays)


def fit_numbers(numbers: Any) -> FittedTabular:
    return Tabular(numeric=["n"]).fit(read(numeric={"n": numbers}).values)  # type: ignore[return-value]


def positions(fitted: FittedTabular, numbers: Any) -> list[float]:
    values = read(numeric={"n": numbers}).values
    rows = np.arange(len(values["numbers"]))
    return fitted.prepare(values, rows)(rows)["positions"][:, 0].tolist()


def fit_categories(cells: Any) -> FittedTabular:
    return Tabular(categorical=["c"]).fit(read(categorical={"c": cells}).values)  # type: ignore[return-value]


def codes(fitted: FittedTabular, cells: Any) -> list[int]:
    values = read(categorical={"c": cells}).values
    rows = np.arange(len(values["categories"]))
    return fitted.prepare(values, rows)(rows)["codes"][:, 0].tolist()


# -- Reading -----------------------------------------------------------------------------------------------------------


def test_a_row_is_there_when_any_of_its_cells_is() -> None:
    found = read(numeric={"n": [1, None, NAN, None]}, categorical={"c": ["a", "b", None, NAN]})
    assert found.present.tolist() == [True, True, False, False]
    np.testing.assert_array_equal(found.values["numbers"][:, 0], [1, NAN, NAN, NAN])
    assert found.values["categories"][:, 0].tolist() == ["a", "b", None, None]


@pytest.mark.parametrize(
    "cells",
    [
        [1, None, 0],
        [1.0, NAN, 0.0],
        [True, None, False],
        [np.int8(1), np.float32("nan"), np.bool_(False)],
        np.array([1.0, NAN, 0.0]),
        np.array([1.0, NAN, 0.0], dtype=np.float16),
    ],
)
def test_every_form_of_numbers(cells: Any) -> None:
    np.testing.assert_array_equal(read(numeric={"n": cells}).values["numbers"][:, 0], [1, NAN, 0])


def test_whole_and_truth_value_columns() -> None:
    for cells in (np.array([2, 0], dtype=np.uint8), np.array([2, 0]), np.array([2, 0], dtype=np.float32)):
        assert read(numeric={"n": cells}).values["numbers"].tolist() == [[2], [0]]
    assert read(numeric={"n": np.array([True, False])}).values["numbers"].tolist() == [[1], [0]]


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", ">f8", "i1", "u8", "i8", "?"])
def test_plain_columns_are_read_like_their_cells(dtype: str, rng: np.random.Generator) -> None:
    cells = rng.integers(0, 100, size=50).astype(dtype)
    if cells.dtype.kind == "f":
        cells[::7] = NAN
    found = read(numeric={"n": cells}).values["numbers"]
    np.testing.assert_array_equal(found, read(numeric={"n": list(cells)}).values["numbers"])
    assert not np.shares_memory(found, cells)


@pytest.mark.parametrize("value", [INF, -INF])
def test_an_infinite_number_of_a_plain_column_is_refused_like_a_cell(value: float) -> None:
    cells = np.array([1.0, NAN, value, -value], dtype=np.float32)
    refusals = []
    for form in (cells, list(cells)):
        with pytest.raises(
            InputError, match=r"^row 2 \(counted from 0\), column 'n': want a finite number, "
        ) as caught:
            read(numeric={"n": form})
        refusals.append(str(caught.value))
    assert refusals[0] == refusals[1]


def test_a_column_of_vectors_is_no_column_of_numbers() -> None:
    with pytest.raises(InputError, match=r"^row 0 \(counted from 0\), column 'n': want a finite number, got ndarray"):
        read(numeric={"n": np.zeros((2, 3))})


def test_very_large_whole_numbers() -> None:
    assert read(numeric={"n": [2**64, -(10**300)]}).values["numbers"][:, 0].tolist() == [2.0**64, -1e300]


@pytest.mark.parametrize("unit", ["h", "ms", "ns"])
def test_durations_become_days_whatever_their_unit(unit: str) -> None:
    found = read(numeric={"n": np.array([36, -12, "NaT"], dtype="timedelta64[h]").astype(f"timedelta64[{unit}]")})
    np.testing.assert_array_equal(found.values["numbers"][:, 0], [1.5, -0.5, NAN])
    assert not found.values["dates"].any()


def test_dates_become_days() -> None:
    dates = np.array(["1970-01-02", "1970-01-01T12:00", "NaT"], dtype="datetime64[s]")
    np.testing.assert_array_equal(read(numeric={"n": dates}).values["numbers"][:, 0], [1, 0.5, NAN])


DAYS = ["2024-06-01", "2024-06-02T12:00", None, "2024-06-05"]


@pytest.mark.parametrize(
    "cells",
    [
        DAYS,
        [None if day is None else datetime.fromisoformat(day) for day in DAYS],
        [None if day is None else np.datetime64(day) for day in DAYS],
        np.array([day or "NaT" for day in DAYS], dtype="datetime64[ns]"),
        pd.to_datetime(pd.Series(DAYS), format="ISO8601").to_numpy(),
    ],
)
def test_every_form_of_date_is_days_with_the_calendar_behind(cells: Any) -> None:
    values = read(numeric={"n": [1, 2, 3, 4], "d": cells}).values
    np.testing.assert_allclose(values["numbers"][:, 1], [19875, 19876.5, NAN, 19879])
    assert values["dates"].tolist() == [[False, True], [False, True], [False, False], [False, True]]
    fitted = Tabular(numeric=["n", "d"]).fit(values)
    assert fitted.dates == [False, True]
    expected = calendar(values["numbers"][:, 1])
    rows = np.arange(4)
    found = fitted.prepare(values, rows)(rows)["positions"]
    assert found.shape == (4, 2 + CALENDAR_PARTS)
    assert np.isnan(found[:, 1:]).all(axis=1).tolist() == [False, False, True, False]
    for part in range(CALENDAR_PARTS):
        column = pytest.approx([slow_position(v, fitted.edges[2 + part]) for v in expected[[0, 1, 3], part]], abs=1e-4)
        assert found[[0, 1, 3], 2 + part].tolist() == column


def test_weekends_are_learnt_from_dates() -> None:
    days = np.arange("2021-01-01", "2022-12-31", dtype="datetime64[D]")
    values = read(numeric={"d": days}).values
    tensors = Tabular(numeric=["d"]).fit(values).prepare(values, np.arange(len(days)))(np.arange(len(days)))
    weekend = (days.astype(int) + 3) % 7 >= 5
    plain = LogisticRegression(C=100).fit(tensors["deviations"][:365], weekend[:365])
    assert plain.score(tensors["deviations"][365:], weekend[365:]) == 1


@pytest.mark.parametrize(("cells", "row"), [([1, None, "2024-01-01"], 2), (["2024-01-01", 3.0, 4.0], 1)])
def test_numbers_among_dates_are_refused(cells: Any, row: int) -> None:
    with pytest.raises(InputError, match=rf"^row {row} \(counted from 0\), column 'n': want numbers or dates, got "):
        read(numeric={"n": cells})


@pytest.mark.parametrize(
    ("training", "others", "message"),
    [
        ([1, 2], ["2024-01-01"], "want a number, as in training, got a date"),
        (["2024-01-01"], [None, 3], "want a date, as in training, got a number"),
    ],
)
def test_another_kind_than_in_training_is_refused(training: Any, others: Any, message: str) -> None:
    fitted = fit_numbers(training)
    with pytest.raises(InputError, match=rf"^row {6 + len(others)} \(counted from 0\), column 'n': {message}"):
        fitted.prepare(read(numeric={"n": others}).values, np.arange(7, 7 + len(others)))
    assert positions(fitted, [None]) == pytest.approx([NAN] * 1, nan_ok=True)


def test_only_categories_and_only_numbers() -> None:
    assert read(categorical={"c": ["a", None]}).present.tolist() == [True, False]
    assert read(numeric={"n": [1, None]}).present.tolist() == [True, False]


@pytest.mark.parametrize(
    "cell", ["3", "cheap", b"4", INF, -INF, [1], 1j, 10**400, np.longdouble("1e4000"), np.timedelta64(1, "D")]
)
def test_a_cell_that_is_no_finite_number_is_refused_with_its_row_and_column(cell: Any) -> None:
    with pytest.raises(InputError, match=r"^row 2 \(counted from 0\), column 'm': want a finite number, got "):
        read(numeric={"n": [1, 2, 3], "m": [1, None, cell]})


def test_columns_are_needed_and_a_single_name_is_one_column() -> None:
    with pytest.raises(ConfigError, match="at least one column"):
        Tabular()
    assert Tabular(numeric="price", categorical="colour") == Tabular(numeric=["price"], categorical=("colour",))
    assert Tabular(numeric=["a", "b"], categorical=["c"]).columns == ("a", "b", "c")


# -- Numbers -----------------------------------------------------------------------------------------------------------


def slow_position(number: float, edges: list[float]) -> float:
    """Bins passed, and on beyond the outer edges by the outer bins' widths for at most three of them."""
    if number < edges[0]:
        return max((number - edges[0]) / (edges[1] - edges[0]), -3.0)
    if number > edges[-1]:
        return len(edges) - 1 + min((number - edges[-1]) / (edges[-1] - edges[-2]), 3.0)
    for place, (low, high) in enumerate(pairwise(edges)):
        if number <= high:
            return place + (number - low) / (high - low)
    raise AssertionError("within the edges there is a bin")


def test_edges_are_quantiles_of_the_training_rows() -> None:
    assert fit_numbers([*range(17), None, NAN]).edges == [[float(n) for n in range(17)]]
    assert fit_numbers([0] * 90 + [1] * 5 + [2] * 5).edges == [[0.0, 1.0, 2.0]]
    many = np.random.default_rng(0).exponential(size=10_000)
    (edges,) = fit_numbers(many).edges
    np.testing.assert_allclose(np.histogram(many, edges)[0], 10_000 / 16, atol=1)


@given(
    st.lists(st.floats(-1e6, 1e6).map(lambda x: round(x, 2)), min_size=1, max_size=40),
    st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=10),
)
def test_positions_are_those_of_the_loop(training: list[float], others: list[float]) -> None:
    fitted = fit_numbers(training)
    (edges,) = fitted.edges
    assert all(low < high for low, high in pairwise(edges))
    expected = [slow_position(number, edges) for number in [*training, *others]]
    assert positions(fitted, [*training, *others]) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("value", [0.0, 5.0, -3.25, 1e16, 1e300, -1e308, 1e-300])
def test_a_constant_has_a_bin_around_it(value: float) -> None:
    fitted = fit_numbers([value, value])
    assert positions(fitted, [value, None]) == pytest.approx([0.5, NAN], abs=1e-6, nan_ok=True)
    step = 1 + abs(value) / 2
    below, above = positions(fitted, [value - step, value + step])
    assert -3 <= below < 0.5 < above <= 4


def test_a_column_empty_in_training() -> None:
    values = read(numeric={"n": [None, None], "m": [1, 2]}).values
    fitted = Tabular(numeric=["n", "m"]).fit(values)
    arrays = fitted.prepare(read(numeric={"n": [5.0, None], "m": [1, 2]}).values, np.arange(2))(np.arange(2))
    assert np.isfinite(arrays["positions"][0]).all()
    assert np.isnan(arrays["positions"][1]).tolist() == [True, False]


def test_an_extreme_training_range() -> None:
    training = [-1e300, 0.0, 5e-324, 1e300]
    found = positions(fit_numbers(training), [*training, 1.0, -1.0])
    assert all(math.isfinite(position) for position in found)
    assert found[:4] == sorted(found[:4])
    assert positions(fit_numbers([0.0, 5e-324]), [1.0, -1.0]) == [4.0, -3.0]


@pytest.mark.parametrize("training", [[3.0, 9.0, 4.0, 1e9], [0] * 50 + [1] * 50, [7.0], [-1e300, 1e300], [0.0, 5e-324]])
def test_deviations_are_bounded_and_keep_the_order(training: list[float]) -> None:
    values = read(numeric={"n": [*sorted(training), 1e308, None]}).values
    found = fit_numbers(training).prepare(values, np.arange(len(training) + 2))(np.arange(len(training) + 2))
    deviations = found["deviations"][:, 0]
    assert np.isfinite(deviations[:-1]).all()
    assert (np.diff(deviations[:-1]) >= 0).all()
    assert np.abs(deviations[:-1]).max() <= 5
    assert np.isnan(deviations[-1])


# -- Categories --------------------------------------------------------------------------------------------------------


def test_empty_unknown_and_known_categories_have_codes_of_their_own() -> None:
    fitted = fit_categories(["b", "a", "b", "a", "once", None])
    assert fitted.vocabularies == [["a", "b"]]
    assert codes(fitted, ["a", "b", "once", "never", None, NAN]) == [2, 3, 1, 1, 0, 0]


def test_numbers_and_text_of_one_name_are_one_category() -> None:
    fitted = fit_categories([7, 7.0, "7", True, np.False_, 0, "false"])
    assert fitted.vocabularies == [["7", "False"]]
    assert codes(fitted, np.array([7.0, NAN, 0.0])) == [2, 0, 1]
    assert codes(fitted, np.array([True, False])) == [1, 3]


def test_no_category_twice() -> None:
    fitted = fit_categories(["a", "b", None])
    assert fitted.vocabularies == [[]]
    assert codes(fitted, ["a", None]) == [1, 0]


@pytest.fixture(scope="module")
def many() -> tuple[FittedTabular, list[str]]:
    """1,500 categories, number n as often as 2 + n // 100."""
    names = [f"n{n}" for n in range(1500)]
    return fit_categories([name for n, name in enumerate(names) for _ in range(2 + n // 100)]), names


def test_of_very_many_categories_the_frequent_have_codes_of_their_own(many: tuple[FittedTabular, list[str]]) -> None:
    fitted, names = many
    assert fitted.hashed == [True]
    assert len(fitted.vocabularies[0]) == OWN_TOKENS
    assert set(fitted.vocabularies[0]) == set(names[500:])
    assert len(set(codes(fitted, names[500:]))) == OWN_TOKENS
    rare = np.array(codes(fitted, [*names[:500], "never"])) - OWN_TOKENS - 2
    assert rare.min() >= 0
    assert rare.max() < BUCKETS**2
    # Two hashes tell apart what one would not: 500 of 1,024 collide, of a million hardly.
    assert len(set((rare // BUCKETS).tolist())) < 480 < 498 <= len(set(rare.tolist()))
    assert codes(fitted, [None, "n3"]) == [0, codes(fitted, ["n3", "x"])[0]]


def test_hashes_are_the_same_in_every_process(many: tuple[FittedTabular, list[str]]) -> None:
    assert codes(many[0], ["never", "\ud800"]) == [95_399, 527_404]


def test_as_many_categories_as_there_are_tokens_are_not_hashed() -> None:
    fitted = fit_categories([f"n{n}" for n in range(OWN_TOKENS)] * 2)
    assert fitted.hashed == [False]
    assert codes(fitted, ["never"]) == [1]


def test_one_text_among_numbers_is_the_one_that_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('price\n4.81\n5\n-1e3\n"12,5"\nabc\n')
    with pytest.raises(InputError, match=r"row 3 .*column 'price'.*got str '12,5'"):
        read_objects(tmp_path / "t.csv", Schema({"specs": Tabular(numeric=["price"])}), labelled=False)
    with pytest.raises(InputError, match=r"row 0 .*got str '4.81'"):
        read_objects({"price": ["4.81", "5"]}, Schema({"specs": Tabular(numeric=["price"])}), labelled=False)
