"""Series of any length and gaps, their mistakes, and tokens that padding does not change."""

from typing import Any

import numpy as np
import pytest
import torch

from steradian.data.columns import to_objects
from steradian.data.modality import ReadValues
from steradian.errors import InputError
from steradian.modalities import Series
from steradian.modalities.series import MAX_TOKENS, FittedSeries, SeriesItems

NAN, INF = float("nan"), float("inf")


def read(cells: Any) -> ReadValues:
    return Series("s").read({"s": cells if isinstance(cells, np.ndarray) else to_objects(cells)})


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


@pytest.mark.parametrize("length", [513, 1000, 5 * 512])
def test_a_long_series_becomes_the_means_of_equal_bins_without_its_gaps(length: int, rng: np.random.Generator) -> None:
    training, (long,) = walks(rng, 64, 64, 64), walks(rng, length)
    long[rng.random(long.shape) < 0.3] = NAN
    long[-20:, 1] = NAN
    fitted = fit(*training)
    assert MAX_TOKENS * fitted.patch == 512
    found = prepare(fitted, long).series.flat
    expected = (slowly_shortened(long.astype(np.float32), 512) - fitted.mean) / fitted.std
    assert np.isnan(expected[-1, 1])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_a_series_of_the_longest_length_is_left_as_it_is(rng: np.random.Generator) -> None:
    training, (long,) = walks(rng, 64, 64, 64), walks(rng, 512)
    fitted = fit(*training)
    expected = (long.astype(np.float32) - fitted.mean) / fitted.std
    assert np.array_equal(prepare(fitted, long).series.flat, expected)


def test_a_long_series_neither_swells_its_batch_nor_changes_with_it(rng: np.random.Generator) -> None:
    series = walks(rng, 40, 200_000, 3, 20)
    fitted = fit(*series[::2], series[3])
    tokenizer, items = fitted.tokenizer(12, 0.3).eval(), prepare(fitted, *series)
    together = tokenizer(**items(np.arange(4)))
    assert together.values.shape == (4, MAX_TOKENS, 12)
    for row, each in enumerate(series):
        alone = tokenizer(**prepare(fitted, each)(np.arange(1)))
        tokens = alone.values.shape[1]
        assert together.mask[row].sum() == tokens
        torch.testing.assert_close(together.values[row, :tokens], alone.values[0], rtol=0, atol=1e-5)


# -- Tokens ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("median", [8, 100])
def test_padding_changes_no_token(median: int, rng: np.random.Generator) -> None:
    series = walks(rng, median, median, median, 1, 2, 3, 7, 64, 65, 300)
    fitted = fit(*series)
    tokenizer = fitted.tokenizer(12, 0.3).eval()
    items = prepare(fitted, *series)
    together = tokenizer(**items(np.arange(len(series))))
    assert together.values.shape[1] == min(-(-300 // fitted.patch), MAX_TOKENS)
    for row, each in enumerate(series):
        alone = tokenizer(**items(np.array([row])))
        patches = min(-(-len(each) // fitted.patch), MAX_TOKENS)
        assert alone.mask.tolist() == [[True] * patches]
        assert together.mask[row].tolist() == [True] * patches + [False] * (together.mask.shape[1] - patches)
        torch.testing.assert_close(together.values[row, :patches], alone.values[0], rtol=0, atol=1e-5)


def test_tokens_are_those_of_a_loop_over_patches_steps_and_channels(rng: np.random.Generator) -> None:
    series = walks(rng, 100, 101, 99, 7)
    series[0][4:30, 1] = NAN
    series[3][:2] = NAN
    fitted = fit(*series)
    assert fitted.patch == 3
    tokenizer = fitted.tokenizer(7, 0.3).eval()
    tokens = tokenizer(**prepare(fitted, *series)(np.arange(4))).values
    for row, each in enumerate(series):
        for patch in range(-(-len(each) // 3)):
            values, known = torch.zeros(3, 4), [0.0, 0.0]
            for step in range(3 * patch, min(3 * patch + 3, len(each))):
                standard = (each[step].astype(np.float32) - fitted.mean) / fitted.std
                known = [0.0 if np.isnan(v) else 1.0 for v in standard]
                values[step - 3 * patch] = torch.tensor([*np.nan_to_num(standard), *known])
            angles = [patch * 10_000 ** (-n / 4) for n in range(4)]
            place = torch.tensor([*np.sin(angles), *np.cos(angles)])[:7].float()
            expected = tokenizer.project.weight @ values.flatten() + tokenizer.project.bias + place
            torch.testing.assert_close(tokens[row, patch], expected, rtol=0, atol=2e-5)


def test_a_gap_is_not_the_mean(rng: np.random.Generator) -> None:
    training = walks(rng, 20, 20)
    fitted = fit(*training)
    tokenizer = fitted.tokenizer(12, 0.3).eval()
    mean, gap = fitted.mean[None].repeat(2, axis=0), fitted.mean[None].repeat(2, axis=0)
    gap[1] = NAN
    tokens = tokenizer(**prepare(fitted, mean, gap)(np.arange(2))).values
    assert tokens.isfinite().all()
    assert (tokens[0, 1] - tokens[1, 1]).norm() > 0.01
    torch.testing.assert_close(tokens[0, 0], tokens[1, 0])


def test_rows_are_taken_in_any_order_and_none_too(rng: np.random.Generator) -> None:
    series = walks(rng, 5, 1, 9)
    fitted = fit(*series)
    items = prepare(fitted, *series)
    taken = items(np.array([2, 0, 2]))
    assert taken["lengths"].tolist() == [9, 5, 9]
    torch.testing.assert_close(taken["values"][0], taken["values"][2])
    np.testing.assert_allclose(taken["values"][1, :5], (series[0] - fitted.mean) / fitted.std, atol=1e-4)
    tokenizer = fitted.tokenizer(12, 0.3)
    nothing = tokenizer(**items(np.array([], dtype=np.int64)))
    assert nothing.values.shape == (0, 1, 12)
    assert nothing.mask.shape == (0, 1)
    absent = fitted.prepare({"series": to_objects([])}, np.arange(0))(np.arange(0))
    assert tokenizer(**absent).values.shape == (0, 1, 12)


def test_values_are_left_out_in_training_only_and_gradients_flow(rng: np.random.Generator) -> None:
    series = walks(rng, 40, 30)
    fitted = fit(*series)
    tokenizer, tensors = fitted.tokenizer(12, 0.5), prepare(fitted, *series)(np.arange(2))
    assert not torch.equal(tokenizer(**tensors).values, tokenizer(**tensors).values)
    tokenizer.eval()
    tokens = tokenizer(**tensors).values
    assert torch.equal(tokenizer(**tensors).values, tokens)
    (tokens * torch.randn_like(tokens)).sum().backward()
    assert [name for name, p in tokenizer.named_parameters() if p.grad is None or not p.grad.any()] == []
