"""Tokens of series: against a slow reading of the same sums, and what may not change them."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from steradian.data.columns import to_objects
from steradian.data.modality import Tokens
from steradian.modalities import Series
from steradian.modalities.series import FittedSeries, SeriesItems
from steradian.modalities.series_tokenizer import DILATIONS, KERNEL, OVERVIEW_TOKENS, SeriesTokenizer
from steradian.modalities.tensors import to_tensors

NAN = float("nan")


def walks(rng: np.random.Generator, *lengths: int, channels: int = 2) -> list[np.ndarray]:
    return [rng.normal(size=(length, channels)).cumsum(axis=0) for length in lengths]


def prepared(*series: np.ndarray) -> tuple[FittedSeries, SeriesItems]:
    modality = Series("s")
    values = modality.read({"s": to_objects(series)}).values
    fitted = modality.fit(values)
    return fitted, fitted.prepare(values, np.arange(len(series)))  # type: ignore[return-value]


def slow_tokens(tokenizer: SeriesTokenizer, values: Any, times: Any, overview: Any) -> torch.Tensor:
    """One series, step by step and patch by patch, without padding beyond the last patch's."""
    steps, channels = values.shape
    features = []
    for step in range(steps):
        known = [not np.isnan(v) for v in values[step].tolist()]
        now = [v if k else 0.0 for v, k in zip(values[step].tolist(), known, strict=True)]
        changes, interval = [0.0] * channels, 0.0
        if step:
            interval = float(np.log(np.clip(times[step] - times[step - 1], 1e-3, 1e3)))
            for c in range(channels):
                both = known[c] and not np.isnan(values[step - 1, c])
                changes[c] = (values[step, c] - values[step - 1, c]) / tokenizer.changes[c] if both else 0.0
        features.append(torch.tensor([*now, *map(float, known), *map(float, changes), interval]))
    found = [F.gelu(tokenizer.stem_in(each)) for each in features]
    for convolution, apart in zip(tokenizer.stem, DILATIONS, strict=True):
        near = []
        for step in range(steps):
            total = convolution.bias.clone()
            for place in range(KERNEL):
                other = step + apart * (place - KERNEL // 2)
                if 0 <= other < steps:
                    total = total + convolution.weight[:, :, place] @ found[other]
            near.append(total)
        found = [old + F.gelu(new) for old, new in zip(found, near, strict=True)]
    tokens = list(tokenizer.overview(torch.tensor(overview)).chunk(OVERVIEW_TOKENS))
    for begin in range(0, steps, tokenizer.patch):
        members = range(begin, min(begin + tokenizer.patch, steps))
        raw = torch.zeros(tokenizer.patch, 2 * channels)
        for step in members:
            raw[step - begin] = features[step][: 2 * channels]
        time = sum(float(times[step]) for step in members) / len(members) / tokenizer.patch
        angles = time * tokenizer.frequencies
        place = torch.cat([angles.sin(), angles.cos()])[: tokenizer.values.out_features]
        mean = torch.stack([found[step] for step in members]).mean(dim=0)
        tokens.append(tokenizer.values(raw.flatten()) + tokenizer.stem_out(mean) + place)
    return torch.stack(tokens)


@pytest.mark.parametrize("median", [8, 100])
def test_tokens_are_those_of_a_loop_whatever_the_padding(median: int, rng: np.random.Generator) -> None:
    series = walks(rng, median, median, median, 1, 2, 3, 7, 65, 130)
    series[0][4:6, 1] = NAN
    series[5][1] = NAN
    fitted, items = prepared(*series)
    tokenizer = fitted.tokenizer(7, 0.3).eval()
    together = tokenizer(**to_tensors(items(np.arange(len(series)))))
    patches = -(-130 // fitted.patch)
    assert together.values.shape == (len(series), OVERVIEW_TOKENS + patches, 7)
    for row in range(len(series)):
        single = items(np.array([row]))
        expected = slow_tokens(tokenizer, single["values"][0], single["times"][0], single["overview"][0])
        alone = tokenizer(**to_tensors(single))
        assert alone.mask.all()
        torch.testing.assert_close(alone.values[0], expected, rtol=0, atol=1e-4)
        torch.testing.assert_close(together.values[row, : len(expected)], expected, rtol=0, atol=1e-4)
        assert together.mask[row].tolist() == [place < len(expected) for place in range(OVERVIEW_TOKENS + patches)]


def test_an_unknown_channel_is_not_the_mean(rng: np.random.Generator) -> None:
    fitted, _ = prepared(*walks(rng, 20, 20))
    tokenizer = fitted.tokenizer(12, 0.3).eval()
    mean, gap = fitted.mean[None].repeat(2, axis=0), fitted.mean[None].repeat(2, axis=0)
    gap[1, 0] = NAN
    values = Series("s").read({"s": to_objects([mean, gap])}).values
    tokens = tokenizer(**to_tensors(fitted.prepare(values, np.arange(2))(np.arange(2)))).values
    assert tokens.isfinite().all()
    assert (tokens[0, -1] - tokens[1, -1]).norm() > 0.01


def test_rows_are_taken_in_any_order_and_none_too(rng: np.random.Generator) -> None:
    series = walks(rng, 5, 1, 9)
    fitted, items = prepared(*series)
    taken = items(np.array([2, 0, 2]))
    assert taken["lengths"].tolist() == [9, 5, 9]
    np.testing.assert_array_equal(taken["values"][0], taken["values"][2])
    np.testing.assert_allclose(taken["values"][1, :5], (series[0] - fitted.mean) / fitted.std, atol=1e-4)
    tokenizer = fitted.tokenizer(12, 0.3)
    absent = {"series": to_objects([]), "times": to_objects([])}
    for nothing in (items(np.arange(0)), fitted.prepare(absent, np.arange(0))(np.arange(0))):
        tokens = tokenizer(**to_tensors(nothing))
        assert tokens.values.shape == (0, OVERVIEW_TOKENS + 1, 12)
        assert tokens.mask.shape == (0, OVERVIEW_TOKENS + 1)


@pytest.mark.parametrize("value", [0.0, 7.3, -1e30])
def test_series_of_one_step_and_constant_ones_train(value: float) -> None:
    fitted, items = prepared(np.array([[value, 1.0]]), np.array([[value, NAN]]))
    for tokenizer in (fitted.tokenizer(12, 0.3), fitted.tokenizer(12, 0.3).eval()):
        tokens = tokenizer(**to_tensors(items(np.arange(2))))
        assert tokens.values.isfinite().all()
        assert tokens.mask.all()


def test_series_are_augmented_in_training_only_and_gradients_flow(rng: np.random.Generator) -> None:
    fitted, items = prepared(*walks(rng, 90, 70))
    tensors = to_tensors(items(np.arange(2)))
    given = {name: tensor.clone() for name, tensor in tensors.items()}
    tokenizer = fitted.tokenizer(12, 0.0)
    drawn: list[Tokens] = [tokenizer(**tensors) for _ in range(2)]
    assert ((drawn[0].values - drawn[1].values)[drawn[0].mask].norm(dim=-1) > 0).sum() > 50
    assert torch.equal(drawn[0].mask, drawn[1].mask)
    tokenizer.eval()
    tokens = tokenizer(**tensors).values
    assert torch.equal(tokenizer(**tensors).values, tokens)
    assert all(torch.equal(tensors[name], given[name]) for name in given)
    (tokens * torch.randn_like(tokens)).sum().backward()
    assert [name for name, p in tokenizer.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_augmentation_is_light(rng: np.random.Generator) -> None:
    fitted, items = prepared(*walks(rng, *[90] * 50))
    tensors = to_tensors(items(np.arange(50)))
    tokenizer = fitted.tokenizer(12, 0.0)
    augmented = tokenizer(**tensors).values[:, OVERVIEW_TOKENS:]
    plain = tokenizer.eval()(**tensors).values[:, OVERVIEW_TOKENS:]
    away = (augmented - plain).norm(dim=-1)
    apart = (plain[1:] - plain[:-1]).norm(dim=-1)
    assert away[:, :3].median() < 0.5 * apart.median()
