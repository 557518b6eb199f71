"""Tokens that no neighbor reaches, and how far training varies a sound."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from steradian.modalities import log_mel_tokenizer as module
from steradian.modalities.log_mel import BANDS, FLOOR, band_edges, log_mel
from steradian.modalities.log_mel_tokenizer import LogMelTokenizer

RATE = 16_000
SILENCE = math.log(FLOOR)


def tone(hertz: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


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
