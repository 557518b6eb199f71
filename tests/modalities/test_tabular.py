"""Numbers and categories: what a cell may hold, what is learnt, and the piecewise-linear shares against a loop."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steradian.data.columns import to_objects
from steradian.data.modality import ReadValues
from steradian.errors import ConfigError, InputError
from steradian.modalities import Tabular
from steradian.modalities.tabular import FittedTabular

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


def test_dates_become_days() -> None:
    dates = np.array(["1970-01-02", "1970-01-01T12:00", "NaT"], dtype="datetime64[s]")
    np.testing.assert_array_equal(read(numeric={"n": dates}).values["numbers"][:, 0], [1, 0.5, NAN])


def test_only_categories_and_only_numbers() -> None:
    assert read(categorical={"c": ["a", None]}).present.tolist() == [True, False]
    assert read(numeric={"n": [1, None]}).present.tolist() == [True, False]


@pytest.mark.parametrize("cell", ["3", "cheap", b"4", INF, -INF, [1], 1j])
def test_a_cell_that_is_no_finite_number_is_refused_with_its_row_and_column(cell: Any) -> None:
    with pytest.raises(InputError, match=r"^row 2 \(counted from 0\), column 'm': want a finite number, got "):
        read(numeric={"n": [1, 2, 3], "m": [1, None, cell]})


@pytest.mark.parametrize(
    ("name", "forms"),
    [
        ("a", ["a"]),
        ("", [""]),
        ("7", [7, np.int8(7), 7.0, np.float32(7), "7", "7.0"]),
        ("7.50", ["7.50"]),
        ("v7.0", ["v7.0"]),
        ("007", ["007"]),
        ("True", [True, np.True_, "True", "true", "TRUE"]),
        ("False", [False, "false"]),
    ],
)
def test_every_form_of_category(name: str, forms: list[Any]) -> None:
    assert read(categorical={"c": ["x", *forms]}).values["categories"][:, 0].tolist() == ["x", *[name] * len(forms)]


@pytest.mark.parametrize("cell", [1.5, INF, -INF, b"b", ["a"], 1j])
def test_a_cell_that_is_no_category_is_refused_with_its_row_and_column(cell: Any) -> None:
    with pytest.raises(InputError, match=r"^row 1 \(counted from 0\), column 'c': want a string, an integer or"):
        read(categorical={"c": [None, cell]})


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
    tensors = fitted.prepare(read(numeric={"n": [5.0, None], "m": [1, 2]}).values, np.arange(2))(np.arange(2))
    assert tensors["positions"][0].isfinite().all()
    assert tensors["positions"][1].isnan().tolist() == [True, False]


def test_an_extreme_training_range() -> None:
    training = [-1e300, 0.0, 5e-324, 1e300]
    found = positions(fit_numbers(training), [*training, 1.0, -1.0])
    assert all(math.isfinite(position) for position in found)
    assert found[:4] == sorted(found[:4])
    assert positions(fit_numbers([0.0, 5e-324]), [1.0, -1.0]) == [4.0, -3.0]


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
    assert fitted.tokenizer(4, 0.1)(positions=torch.zeros(2, 0), codes=torch.tensor([[1], [0]])).values.shape == (
        2,
        1,
        4,
    )


# -- Tokens ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def mixed() -> tuple[FittedTabular, dict[str, torch.Tensor]]:
    """Two numbers of 3 and 1 bins and two categories of 2 and 0 known names; every kind of cell."""
    modality = Tabular(numeric=["n", "m"], categorical=["c", "d"])
    table = {
        "n": column([0, 1, 1, 2, 3, 3, None]),
        "m": column([4.0] * 7),
        "c": column(["a", "a", "b", "b", "once", None, "a"]),
        "d": column(["x", None, "y", None, None, None, None]),
    }
    values = modality.read(table).values
    fitted = modality.fit(values)
    return fitted, fitted.prepare(values, np.arange(7))(np.arange(7))  # type: ignore[return-value]


def test_tokens_are_those_of_a_loop_over_cells(mixed: tuple[FittedTabular, dict[str, torch.Tensor]]) -> None:
    fitted, tensors = mixed
    tensors["positions"][1, 0], tensors["positions"][2, 0] = -2.5, 5.25
    tokenizer = fitted.tokenizer(6, 0.3).eval()
    bins = [len(edges) - 1 for edges in fitted.edges]
    assert bins[1] == 1 < bins[0]
    tokens = tokenizer(**tensors).values
    assert tokens.shape == (7, 4, 6)
    for row in range(7):
        for n in range(2):
            position = tensors["positions"][row, n].item()
            expected = tokenizer.bias[n].clone()
            for place in range(bins[n]):
                expected += min(max(position - place, 0.0), 1.0) * tokenizer.slopes[n, place]
            expected += (min(position, 0.0) + max(position - bins[n], 0.0)) * tokenizer.slopes[n, -1]
            expected = tokenizer.empty[n] if math.isnan(position) else expected
            torch.testing.assert_close(tokens[row, n], expected, rtol=0, atol=1e-5)
        for c, first in enumerate([0, 4]):
            expected = tokenizer.categories.weight[first + tensors["codes"][row, c]]
            torch.testing.assert_close(tokens[row, 2 + c], expected)


def test_a_number_moves_its_token_without_a_jump(mixed: tuple[FittedTabular, dict[str, torch.Tensor]]) -> None:
    tokenizer = mixed[0].tokenizer(6, 0.3).eval()
    line = torch.linspace(-4, 7, 1101)[:, None].repeat(1, 2)
    tokens = tokenizer(positions=line, codes=torch.zeros(1101, 2, dtype=torch.int64)).values[:, :2]
    steps = tokens.diff(dim=0).norm(dim=-1)
    assert steps.max() < 0.02 * tokenizer.slopes.norm(dim=-1).max()
    assert steps.min() > 0


def test_no_row_and_no_other_rows_matter(mixed: tuple[FittedTabular, dict[str, torch.Tensor]]) -> None:
    fitted, tensors = mixed
    tokenizer = fitted.tokenizer(6, 0.3).eval()
    whole = tokenizer(**tensors).values
    for row in range(7):
        alone = tokenizer(**{key: t[row : row + 1] for key, t in tensors.items()}).values
        torch.testing.assert_close(alone[0], whole[row], rtol=0, atol=1e-6)
    assert tokenizer(**{key: t[:0] for key, t in tensors.items()}).values.shape == (0, 4, 6)


def test_cells_are_emptied_in_training_only(mixed: tuple[FittedTabular, dict[str, torch.Tensor]]) -> None:
    fitted, tensors = mixed
    given = {key: t.clone() for key, t in tensors.items()}
    tokenizer = fitted.tokenizer(6, 0.5)
    emptied = fitted.tokenizer(6, 0.999_999_9)
    emptied.load_state_dict(tokenizer.state_dict())
    all_empty = emptied(**tensors).values
    torch.testing.assert_close(all_empty[:, :2], tokenizer.empty.expand(7, 2, 6))
    torch.testing.assert_close(all_empty[:, 2], tokenizer.categories.weight[0].expand(7, 6))
    assert not torch.equal(tokenizer(**tensors).values, tokenizer(**tensors).values)
    tokenizer.eval()
    assert torch.equal(tokenizer(**tensors).values, tokenizer(**tensors).values)
    assert all(torch.equal(tensors[key], given[key]) or key == "positions" for key in given)
    torch.testing.assert_close(tensors["positions"], given["positions"], rtol=0, atol=0, equal_nan=True)


def test_gradients_reach_every_parameter(mixed: tuple[FittedTabular, dict[str, torch.Tensor]]) -> None:
    fitted, tensors = mixed
    tensors["positions"][0] = torch.tensor([-2.0, math.nan])
    tokenizer = fitted.tokenizer(6, 0.0)
    (tokenizer(**tensors).values * torch.randn(7, 4, 6)).sum().backward()
    for name, parameter in tokenizer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
