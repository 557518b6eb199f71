"""Series of any length and gaps, their mistakes, and tokens that padding does not change."""

from datetime import datetime
from typing import Any

import numpy as np
import pytest
import torch

from steradian.data.batch import Preprocessor
from steradian.data.columns import to_objects
from steradian.data.modality import ReadValues
from steradian.data.reading import read_objects
from steradian.data.schema import Schema
from steradian.errors import InputError
from steradian.modalities import Series
from steradian.modalities.series import MAX_TOKENS, FittedSeries, SeriesItems
from steradian.modalities.series_tokenizer import OVERVIEW_TOKENS
from steradian.modalities.tensors import to_tensors

NAN, INF = float("nan"), float("inf")


def read(cells: Any) -> ReadValues:
    return Series("s").read({"s": cells if isinstance(cells, np.ndarray) else to_objects(cells)})


def timed(cells: Any, times: Any) -> ReadValues:
    columns = {
        name: each if isinstance(each, np.ndarray) else to_objects(each)
        for name, each in zip("st", (cells, times), strict=True)
    }
    return Series("s", time="t").read(columns)


def fit(*series: Any) -> FittedSeries:
    return Series("s").fit(read(series).values)  # type: ignore[return-value]


def prepare(fitted: FittedSeries, *series: Any) -> SeriesItems:
    return fitted.prepare(read(series).values, np.arange(len(series)))  # type: ignore[return-value]


def walks(rng: np.random.Generator, *lengths: int, channels: int = 2) -> list[np.ndarray]:
    return [rng.normal(size=(length, channels)).cumsum(axis=0) for length in lengths]


# -- Reading -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cells",
    [
        [[1, 2, 3], [4]],
        [(1, 2, 3), np.array([4.0], dtype=np.float16)],
        [np.array([[1], [2], [3]]), np.array([[4]], dtype=np.int8)],
        [torch.tensor([1.0, 2.0, 3.0]), [4]],
    ],
)
def test_every_form_of_series_is_steps_by_channels(cells: Any) -> None:
    found = read(cells)
    assert found.present.tolist() == [True, True]
    series = found.values["series"]
    assert [each.dtype for each in series] == [np.float32] * 2
    assert [each.tolist() for each in series] == [[[1], [2], [3]], [[4]]]


@pytest.mark.parametrize("column", [np.arange(6.0).reshape(2, 3), np.arange(6).reshape(2, 3)])
def test_a_column_that_is_one_array(column: np.ndarray) -> None:
    assert [each[:, 0].tolist() for each in read(column).values["series"]] == [[0, 1, 2], [3, 4, 5]]
    both = np.stack([column, column + 10], axis=2)
    assert [each.tolist() for each in read(both).values["series"]] == both.tolist()


def test_missing_series_are_none_nan_or_all_gaps() -> None:
    found = read([None, [1.0], NAN, [NAN, NAN], np.full((3, 2), NAN), [NAN, 2.0]])
    assert found.present.tolist() == [False, True, False, False, False, True]


@pytest.mark.parametrize(
    ("cell", "want"),
    [
        ([], r"an array \[steps\] or \[steps, channels\] of at least one step, got shape"),
        (np.zeros((0, 2)), r"an array \[steps\] or \[steps, channels\] of at least one step, got shape"),
        (np.zeros((2, 0)), r"an array \[steps\] or \[steps, channels\] of at least one step, got shape"),
        (3.0, r"an array \[steps\]"),
        (np.zeros((2, 2, 2)), r"an array \[steps\]"),
        ([1, INF], "finite float32"),
        ([1, 1e39], "finite float32"),
        ("1 2 3", r"numbers, got str .1 2 3.\. .*in CSV it is written as .\[1, 2\]"),
        (["a"], "numbers"),
        (["1", "2"], "numbers"),
        ([1, 10**400], "numbers"),
        (np.array([1j, 2]), "numbers"),
        ([[1], [2, 3]], "numbers"),
        ({"a": 1}, "numbers"),
    ],
)
def test_what_is_no_series_is_refused_with_its_row_and_column(cell: Any, want: str) -> None:
    with pytest.raises(InputError, match=rf"^row 2 \(counted from 0\), column 's': want {want}"):
        read([None, [1.0], cell])


def test_unequal_channels_are_refused_with_both_rows() -> None:
    with pytest.raises(InputError, match=r"^row 2 .*want one number of channels, got 2 in row 1 and 3"):
        read([None, np.zeros((4, 2)), np.zeros((4, 3)), np.zeros((1, 2))])


# -- Time --------------------------------------------------------------------------------------------------------------


def test_the_columns_are_the_values_and_the_times() -> None:
    assert Series("s").columns == ("s",)
    assert Series("s", time="t").columns == ("s", "t")
    assert Schema.from_dict(Schema({"m": Series("s", time="t")}).to_dict()).modalities["m"] == Series("s", time="t")


@pytest.mark.parametrize(
    "times",
    [
        [5.0, 3.0, 4.5],
        [-95, -97, -95.5],
        np.array([5, 3, 4.5], dtype=np.float32),
        np.array(["2024-01-06", "2024-01-04", "2024-01-05T12:00"], dtype="datetime64[m]"),
        [datetime(2024, 1, 6), datetime(2024, 1, 4), datetime(2024, 1, 5, 12)],
        ["2024-01-06T01:00+01:00", "2024-01-04T00:00Z", "2024-01-05T12:00Z"],
    ],
)
def test_steps_stand_in_the_order_of_time_and_time_begins_with_them(times: Any) -> None:
    values = timed([[1.0, 2.0, 3.0], None], [times, None]).values
    assert values["series"][0].tolist() == [[2], [3], [1]]
    np.testing.assert_allclose(values["times"][0], [0, 1.5, 2], atol=1e-9)


def test_without_times_the_numbers_of_steps_are_the_times() -> None:
    series = [1.0, NAN, 3.0, 4.0]
    plain, numbered = read([series]).values, timed([series], [[0, 1, 2, 3]]).values
    assert plain["times"][0].tolist() == numbered["times"][0].tolist() == [0, 2, 3]
    np.testing.assert_array_equal(plain["series"][0], numbered["series"][0])


def test_an_unknown_step_is_as_if_it_were_not_there(rng: np.random.Generator) -> None:
    (series,) = walks(rng, 30)
    series[:, 1][::3] = NAN
    times = rng.random(30).cumsum()
    gone = rng.random(30) < 0.3
    gone[[0, 5]] = True
    gaps = series.copy()
    gaps[gone] = NAN
    with_gaps, cut = timed([gaps], [times]).values, timed([series[~gone]], [times[~gone]]).values
    for name in ("series", "times"):
        np.testing.assert_array_equal(with_gaps[name][0], cut[name][0])


@pytest.mark.parametrize(
    ("times", "want"),
    [
        (None, "the times of 3 steps, got an empty cell"),
        ([1, 2], r"times of 3 steps, got shape \(2,\)"),
        (np.zeros((3, 1)), "times of 3 steps, got shape"),
        ([1, NAN, 3], "finite times, got nan at step 1"),
        ([1, 2, INF], "finite times, got inf at step 2"),
        ([1, 2e300, 3], r"finite times, got 2e\+300 at step 1"),
        ([1, 10**400, 3], "numbers or dates, got list"),
        (np.array(["2024-01-01", "NaT", "2024-01-01"], dtype="datetime64[D]"), "finite times, got nan at step 1"),
        (["a", "b", "c"], "numbers or dates, got list"),
        (["1", "2", "3"], "numbers or dates, got list"),
        ([1, None, 3], "numbers or dates, got list"),
    ],
)
def test_times_that_are_none_are_refused_with_their_row_and_column(times: Any, want: str) -> None:
    with pytest.raises(InputError, match=rf"^row 1 \(counted from 0\), column 't': want {want}"):
        timed([None, [1.0, 2.0, 3.0]], [times, times])


def test_the_unit_and_the_origin_of_times_do_not_matter(rng: np.random.Generator) -> None:
    series = walks(rng, 40, 25, 1)
    times = [rng.random(len(each)).cumsum() for each in series]
    tokens = []
    for unit, origin in ((1.0, 0.0), (86_400.0, 1e6)):
        values = timed(series, [unit * each + origin for each in times]).values
        fitted = Series("s", time="t").fit(values)
        torch.manual_seed(0)
        tokens.append(
            fitted.tokenizer(12, 0.3).eval()(**to_tensors(fitted.prepare(values, np.arange(3))(np.arange(3)))).values
        )
    torch.testing.assert_close(*tokens, rtol=0, atol=1e-3)


def test_irregular_times_change_the_tokens(rng: np.random.Generator) -> None:
    (series,) = walks(rng, 40)
    values = timed([series, series], [np.arange(40), np.arange(40) ** 1.3]).values
    fitted = Series("s", time="t").fit(values)
    tokens = fitted.tokenizer(12, 0.3).eval()(**to_tensors(fitted.prepare(values, np.arange(2))(np.arange(2)))).values
    assert (tokens[0] - tokens[1]).norm(dim=-1).min() > 0.01


# -- Standardising -----------------------------------------------------------------------------------------------------


def test_each_channel_of_the_training_rows_gets_mean_0_and_deviation_1(rng: np.random.Generator) -> None:
    series = [s * [1, 1e-3] + [50, 0] for s in walks(rng, 30, 7, 1, 90)]
    series[0][3:9, 1] = NAN
    steps = prepare(fit(*series), *series).series.flat.astype(np.float64)
    assert np.isnan(steps).sum() == 6
    np.testing.assert_allclose(np.nanmean(steps, axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(np.nanstd(steps, axis=0), 1, rtol=1e-4)


def test_other_rows_are_measured_by_the_training_rows(rng: np.random.Generator) -> None:
    training, others = walks(rng, 40, 20), walks(rng, 5, 6)
    steps = np.concatenate(training)
    expected = (np.concatenate(others) - steps.mean(axis=0)) / steps.std(axis=0)
    np.testing.assert_allclose(prepare(fit(*training), *others).series.flat, expected, rtol=1e-3, atol=1e-4)


def test_what_is_far_from_the_training_rows_overflows_nowhere() -> None:
    training = timed([[1.0, 3.0, 2.0], [2.0, 1.0]], [[1e-300, 2e-300, 3e-300], [0, 1e-300]]).values
    fitted = Series("s", time="t").fit(training)
    values = timed([[3.3e38, -3.3e38, NAN]], [[0.0, 1e300, -1e300]]).values
    items = fitted.prepare(values, np.arange(1))(np.arange(1))
    assert items["values"].flatten().tolist() == [1e6, -1e6]
    assert items["times"].flatten().tolist() == [0, pytest.approx(1e12)]
    tokens = fitted.tokenizer(8, 0.0).eval()(**to_tensors(items)).values
    assert torch.nn.functional.layer_norm(tokens, [8]).isfinite().all()


@pytest.mark.parametrize("value", [0.0, 7.3, -1e30, 1e-40])
def test_a_constant_channel_becomes_0_and_an_empty_one_stays_a_gap(value: float) -> None:
    series = np.array([[value, NAN, 1.0], [value, NAN, 3.0]])
    fitted = fit(series)
    found = prepare(fitted, series).series.flat
    np.testing.assert_allclose(found, [[0, NAN, -1], [0, NAN, 1]], rtol=1e-6)
    assert np.isfinite(fitted.mean).all()
    assert fitted.std[:2].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("lengths", "patch"), [((1, 1, 1), 1), ((32, 32), 1), ((64, 320, 320), 10), ((10, 10, 10_000), 1)]
)
def test_a_series_of_median_length_has_about_32_patches(lengths: tuple[int, ...], patch: int) -> None:
    assert fit(*(np.arange(float(n)) for n in lengths)).patch == patch


@pytest.mark.parametrize("channels", [1, 3])
def test_another_number_of_channels_than_in_training_is_refused(channels: int, rng: np.random.Generator) -> None:
    fitted = fit(*walks(rng, 5, 5))
    values = read(walks(rng, 4, channels=channels)).values
    with pytest.raises(InputError, match=rf"^row 9 .*column 's': want 2 channels, as in training, got {channels}"):
        fitted.prepare(values, np.array([9]))


# -- Series that are too long ------------------------------------------------------------------------------------------


def slowly_shortened(series: np.ndarray, steps: int) -> np.ndarray:
    """Bin by bin and channel by channel."""
    shortened = np.full((steps, series.shape[1]), NAN)
    for place in range(steps):
        piece = series[place * len(series) // steps : (place + 1) * len(series) // steps]
        for channel in range(series.shape[1]):
            known = [value for value in piece[:, channel].astype(float) if not np.isnan(value)]
            if known:
                shortened[place, channel] = sum(known) / len(known)
    return shortened


@pytest.mark.parametrize("length", [700, 1000, 5 * 512])
def test_a_long_series_becomes_the_means_of_equal_bins_without_its_gaps(length: int, rng: np.random.Generator) -> None:
    training, (long,) = walks(rng, 64, 64, 64), walks(rng, length)
    long[rng.random(long.shape) < 0.3] = NAN
    long[-20:, 1] = NAN
    long[-20:, 0] = 1.0
    fitted = fit(*training)
    assert MAX_TOKENS * fitted.patch == 512
    found = prepare(fitted, long).series.flat
    known = long[~np.isnan(long).all(axis=1)].astype(np.float32)
    expected = (slowly_shortened(known, 512) - fitted.mean) / fitted.std
    assert np.isnan(expected[-1, 1])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_a_series_of_the_longest_length_is_left_as_it_is(rng: np.random.Generator) -> None:
    training, (long,) = walks(rng, 64, 64, 64), walks(rng, 512)
    fitted = fit(*training)
    expected = ((long.astype(np.float32) - fitted.mean) / fitted.std).astype(np.float32)
    assert np.array_equal(prepare(fitted, long).series.flat, expected)


def test_a_long_series_neither_swells_its_batch_nor_changes_with_it(rng: np.random.Generator) -> None:
    series = walks(rng, 40, 200_000, 3, 20)
    fitted = fit(*series[::2], series[3])
    tokenizer, items = fitted.tokenizer(12, 0.3).eval(), prepare(fitted, *series)
    together = tokenizer(**to_tensors(items(np.arange(4))))
    assert together.values.shape == (4, OVERVIEW_TOKENS + MAX_TOKENS, 12)
    for row, each in enumerate(series):
        alone = tokenizer(**to_tensors(prepare(fitted, each)(np.arange(1))))
        tokens = alone.values.shape[1]
        assert together.mask[row].sum() == tokens
        torch.testing.assert_close(together.values[row, :tokens], alone.values[0], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("offset", [0.0, 1e8, 1.7e9, 1e12], ids=str)
@pytest.mark.parametrize("beside", [0.0, 1e9])
def test_values_far_from_zero_are_centered_exactly(offset: float, beside: float, rng: np.random.Generator) -> None:
    motions = rng.normal(size=(30, 5, 1))

    def standardised(series: np.ndarray) -> np.ndarray:
        objects = read_objects({"x": list(series)}, Schema({"x": Series("x")}), labelled=False)
        items = Preprocessor.fit(objects).prepare(objects).items["x"](np.arange(30))
        return items["values"][..., 0]

    moved = np.concatenate([motions + offset, np.full_like(motions, beside)], axis=2)
    np.testing.assert_allclose(standardised(moved), standardised(motions), atol=1e-5 + 1e-15 * offset)


def test_a_channel_that_is_constant_but_for_rounding_is_constant() -> None:
    values = [np.array([[0.1], [0.1 + 1e-8], [0.1 - 1e-9]])] * 3
    fitted = fit(*values)
    np.testing.assert_array_equal(fitted.std, [1.0])


@pytest.mark.parametrize(
    "times", [[1, 2], [1, 2, [3]], [[1], [2], [3]], "a", 5, {"a": 1}, [1, None, 3], [1, "x", 3]], ids=str
)
def test_times_of_another_form_are_refused(times: Any) -> None:
    table = {"x": to_objects([[1.0, 2.0, 3.0]]), "t": to_objects([times])}
    with pytest.raises(InputError, match=r"row 0 .*column 't'"):
        Series("x", time="t").read(table)
