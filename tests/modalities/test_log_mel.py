"""Frames beside their definition, tokens that no neighbor reaches, and how far training varies a sound."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from steradian.modalities import log_mel as module
from steradian.modalities.log_mel import BANDS, FLOOR, LogMelTokenizer, band_edges, log_mel, mel_filters

RATE = 16_000
SILENCE = math.log(FLOOR)


def noise(samples: int, random_state: int = 0) -> np.ndarray:
    return np.random.default_rng(random_state).normal(size=samples).astype(np.float32)


def tone(hertz: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


# -- Frames ------------------------------------------------------------------------------------------------------------


def slow_frames(samples: np.ndarray, rate: int) -> np.ndarray:
    """Log power [frames, bands] of one window, by the definitions alone."""
    length, hop = round(0.025 * rate), round(0.010 * rate)
    size = 1
    while size < length:
        size *= 2
    lowest, highest = 2595 * math.log10(1 + 50 / 700), 2595 * math.log10(1 + rate / 2 / 700)
    edges = [700 * (10 ** ((lowest + (highest - lowest) * i / 65) / 2595) - 1) for i in range(66)]
    powers = []
    for middle in range(0, len(samples) + 1, hop):
        frame = np.zeros(size)
        for i in range(length):
            place = middle - size // 2 + (size - length) // 2 + i
            if 0 <= place < len(samples):
                frame[(size - length) // 2 + i] = samples[place] * (0.5 - 0.5 * math.cos(2 * math.pi * i / length))
        phases = np.outer(np.arange(size // 2 + 1), np.arange(size)) * 2 * math.pi / size
        spectrum = (np.cos(phases) @ frame) ** 2 + (np.sin(phases) @ frame) ** 2
        bands = []
        for begin, top, end in zip(edges, edges[1:], edges[2:], strict=False):
            power = 0.0
            for i, part in enumerate(spectrum):
                hertz = i * rate / size
                if begin < hertz < end:
                    power += part * ((hertz - begin) / (top - begin) if hertz < top else (end - hertz) / (end - top))
            bands.append(power)
        powers.append(bands)
    return np.log(np.array(powers) / np.mean(powers) + 1e-5)


@pytest.mark.parametrize(("rate", "samples"), [(8_000, 333), (16_000, 1), (16_000, 500), (22_050, 700)])
def test_frames_are_what_their_definition_says(rate: int, samples: int) -> None:
    sound = noise(samples) * np.linspace(0.1, 1, samples, dtype=np.float32)
    (found,) = log_mel([sound], rate)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found.astype(np.float64), slow_frames(sound, rate), atol=0.01)


@pytest.mark.parametrize("rate", [8_000, 11_025, 12_345, 16_000, 44_100, 48_000, 96_000, 200_000])
def test_every_band_hears_something_up_to_half_the_rate(rate: int) -> None:
    assert (mel_filters(rate).sum(axis=1) > 0.3).all()
    assert band_edges(rate)[-1] == pytest.approx(rate / 2)
    assert not mel_filters(rate)[:, 0].any(), "an offset is no sound"


@pytest.mark.parametrize("hertz", [200.0, 440.0, 1000.0, 3000.0, 7000.0])
def test_a_tone_is_heard_in_its_band(hertz: float) -> None:
    (frames,) = log_mel([tone(hertz, 0.2)], RATE)
    loudest = frames[5:15].argmax(axis=1)
    edges = band_edges(RATE)
    assert (edges[loudest] < hertz).all()
    assert (edges[loudest + 2] > hertz).all()


@settings(max_examples=20)
@given(st.floats(-3, 3), st.integers(1, 2000))
def test_loudness_has_no_influence(power: float, samples: int) -> None:
    sound = noise(samples)
    (plain,), (scaled,) = log_mel([sound], RATE), log_mel([sound * np.float32(10**power)], RATE)
    np.testing.assert_allclose(scaled, plain, atol=0.02)


def test_silence_is_silence() -> None:
    (frames,) = log_mel([np.zeros(1600, np.float32)], RATE)
    assert (frames == np.float16(SILENCE)).all()
    assert log_mel([], RATE) == []


def test_windows_of_a_sound_keep_their_loudness_to_each_other() -> None:
    loud, soft = log_mel([noise(8000), 0.1 * noise(8000)], RATE)
    difference = (loud.astype(np.float64) - soft).mean()
    assert difference == pytest.approx(math.log(100), abs=0.01)
    whole = np.exp(np.concatenate([loud, soft]).astype(np.float64)).mean()
    assert whole == pytest.approx(1, abs=0.01)


# -- Tokens ------------------------------------------------------------------------------------------------------------


def tokenizer(*, width: int = 12, dropout: float = 0.3) -> LogMelTokenizer:
    constants = np.full(BANDS, -5.0, np.float32), np.full(BANDS, 2.0, np.float32)
    return LogMelTokenizer(*constants, rate=RATE, width=width, dropout=dropout)


def batch(*lengths: int) -> tuple[Tensor, Tensor]:
    """Frames of all items float16 [frames, bands], each item's the same whatever stands beside it, and the lengths."""
    items = [torch.randn(n, BANDS, generator=torch.Generator().manual_seed(n)) * 2 - 5 for n in lengths]
    return torch.cat([torch.zeros(0, BANDS), *items]).half(), torch.tensor(lengths, dtype=torch.int64)


@pytest.mark.parametrize("width", [4, 7, 64])
def test_a_token_is_forty_milliseconds(width: int) -> None:
    lengths = [1, 2, 3, 4, 5, 8, 9, 100, 1001]
    tokens = tokenizer(width=width).eval()(*batch(*lengths))
    assert tokens.values.shape == (len(lengths), 251, width)
    assert tokens.mask is not None
    assert tokens.mask.sum(dim=1).tolist() == [1, 1, 1, 1, 2, 2, 3, 25, 251]
    assert (tokens.mask[:, :-1] >= tokens.mask[:, 1:]).all(), "real tokens stand in front"


def test_other_sounds_of_a_batch_have_no_influence() -> None:
    model = tokenizer().eval()
    lengths = [7, 1, 77, 2, 3, 30, 4, 5, 6, 8, 1]
    together = model(*batch(*lengths))
    for item, length in enumerate(lengths):
        alone = model(*batch(length))
        assert alone.mask is not None
        assert alone.mask.all()
        torch.testing.assert_close(together.values[item, : -(-length // 4)], alone.values[0], rtol=0, atol=1e-5)


def test_tokens_are_those_of_plain_convolutions() -> None:
    model = tokenizer().eval()
    frames, lengths = batch(30)
    values = ((frames.float() - model.mean) / model.std)[None, None]
    for convolution, norm in zip(model.convolutions, model.norms, strict=True):
        values = torch.nn.functional.gelu(norm(convolution(values).movedim(1, -1))).movedim(-1, 1)
    expected = model.project(values[0].permute(1, 2, 0).flatten(1))
    found = model(frames, lengths).values[0]
    angles = torch.arange(8.0)[:, None] * 1e4 ** (-torch.arange(6.0) / 6)
    torch.testing.assert_close(found, expected + torch.cat([angles.sin(), angles.cos()], dim=1), rtol=0, atol=1e-5)


def test_the_order_of_sounds_counts() -> None:
    frames, lengths = batch(40)
    model = tokenizer().eval()
    there, back = model(frames, lengths).values, model(frames.flip(0), lengths).values
    assert (there.flip(1) - back).abs().max() > 0.1
    flat = torch.full((400, BANDS), -3.0)
    tokens = model(flat, torch.tensor([400])).values[0, 1:-1]
    assert torch.cdist(tokens, tokens).fill_diagonal_(1).min() > 0.01, "each place in time has its own token"


def test_gradients_reach_every_weight_and_no_sound_gives_no_token() -> None:
    model = tokenizer()
    (model(*batch(30, 50)).values * torch.randn(2, 1, 12)).sum().backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
    assert model(*batch()).values.shape == (0, 1, 12)


def test_half_precision_is_near() -> None:
    model, given = tokenizer().eval(), batch(30, 50)
    expected = model(*given).values
    with torch.autocast("cpu", torch.bfloat16):
        found = model(*given).values
    torch.testing.assert_close(found, expected, rtol=0.05, atol=0.05)


# -- Training ----------------------------------------------------------------------------------------------------------


def varied(frames: np.ndarray, draws: int = 300) -> tuple[Tensor, Tensor]:
    """What so many draws make of log power [frames, bands]: float32 [draws, frames, bands] and int64 [draws]."""
    same = torch.from_numpy(frames).float().repeat(draws, 1)
    edges = torch.from_numpy(band_edges(RATE)).float()
    flat, lengths = module._varied(same, torch.full((draws,), len(frames)), edges)
    return torch.nn.utils.rnn.pad_sequence(flat.split(lengths.tolist()), batch_first=True, padding_value=-50), lengths


def test_sounds_change_in_training_only_and_each_by_its_own_draw() -> None:
    model = tokenizer(dropout=0.0).eval()
    frames, lengths = batch(50)
    same = frames.repeat(16, 1), lengths.repeat(16)
    assert torch.equal(model(*same).values, model(*same).values)
    changed = model.train()(*same)
    assert len(torch.unique(changed.values[:, 0], dim=0)) == 16
    assert not torch.equal(changed.values[:, 0], model(*same).values[:, 0])


def test_a_sound_is_fifteen_percent_longer_or_shorter_at_most() -> None:
    _, lengths = varied(np.zeros((600, BANDS)), 100)
    assert 521 <= lengths.min() < 535
    assert 675 < lengths.max() <= 690
    _, lengths = varied(np.zeros((1, BANDS)))
    assert lengths.tolist() == [1] * 300


def test_a_sound_begins_two_frames_earlier_or_later_at_most() -> None:
    step = np.where(np.arange(100)[:, None] < 50, -8.0, 2.0) * np.ones((1, BANDS))
    frames, lengths = varied(step)
    begins = (frames.mean(dim=2) > -3).float().argmax(dim=1) * 100 / lengths
    assert begins.min() > 50 - 4.5
    assert begins.max() < 50 + 4.5
    assert begins.std() > 0.5


def test_frequencies_rise_and_fall_by_at_most_a_tenth() -> None:
    (frames,) = log_mel([tone(1000.0, 0.3)], RATE)
    changed, lengths = varied(frames)
    edges = torch.from_numpy(band_edges(RATE))
    middle = torch.stack([each[: int(n)].mean(dim=0) for each, n in zip(changed, lengths, strict=True)])
    pitch = edges[middle.argmax(dim=1) + 1]
    # Bands are about 100 hertz wide here.
    assert 1000 / 1.1 - 60 < pitch.min() < 950
    assert 1050 < pitch.max() < 1000 * 1.1 + 60


def test_noise_lies_twenty_to_seventy_decibels_below() -> None:
    frames, _ = varied(np.full((100, BANDS), -50.0))
    level = frames.logsumexp(dim=(1, 2)) - math.log(frames[0].numel())
    decibels = 10 * level / math.log(10)
    assert -75 < decibels.min() < -60
    assert -30 < decibels.max() < -15


def test_color_is_smooth_and_one_for_all_frames() -> None:
    # So loud that no noise is heard.
    color = varied(np.full((60, BANDS), 20.0))[0][:, :40] - 20
    assert (color - color[:, :1]).abs().max() < 0.01
    assert (color[:, 0, 1:] - color[:, 0, :-1]).abs().max() < 0.4
    assert 0.6 < color[:, 0].std() < 1.2


def test_only_an_items_own_frames_are_mixed() -> None:
    lengths = torch.tensor([1, 40, 3, 20])
    frames = torch.tensor([0.0, 10, 20, 30]).repeat_interleave(lengths)[:, None].repeat(1, BANDS)
    changed, after = module._varied(frames, lengths, torch.from_numpy(band_edges(RATE)).float())
    middles = [part.mean(dim=0) for part in changed.split(after.tolist())]
    for middle, value in zip(middles, (0, 10, 20, 30), strict=True):
        assert (middle - value).abs().max() < 4


@pytest.mark.parametrize("share", [0.1, 0.4])
def test_a_share_at_most_is_hidden_in_two_stretches_of_time_and_of_bands(share: float) -> None:
    hidden = ~module._visible(torch.full((1000,), 100), share).unflatten(0, (1000, 100))
    # Where a whole line is hidden, its place is; what remains visible on the other axis tells the rest.
    for lines in (hidden.all(dim=2), hidden.all(dim=1)):
        size = lines.shape[1]
        stretches = (lines[:, 1:] & ~lines[:, :-1]).sum(dim=1) + lines[:, 0]
        assert stretches.max() == 2
        assert lines.sum(dim=1).max() <= size * share + 2
        assert lines.float().mean() == pytest.approx(share / 2, rel=0.15)
        assert lines[:, 2:-2].any(dim=0).all(), "any place may be hidden"
    assert (hidden == hidden.all(dim=2, keepdim=True) | hidden.all(dim=1, keepdim=True)).all()


def test_no_dropout_hides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_visible", lambda *given: pytest.fail("hidden"))
    tokenizer(dropout=0.0)(*batch(20))
    tokenizer(dropout=0.3).eval()(*batch(20))
