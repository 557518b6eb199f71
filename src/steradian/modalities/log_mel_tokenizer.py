"""Frames of log-mel power as tokens, and what varies sounds in training."""

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.data.modality import Tokens
from steradian.modalities.log_mel import BANDS, band_edges
from steradian.modalities.tensors import laid_out

__all__ = ["LogMelTokenizer"]

CHANNELS = 16, 48
"""Of the two convolutions."""
STRIDE = 4
"""Frames that the two convolutions make a token: 40 ms."""

SPEED = 0.15
"""In training: a sound becomes longer or shorter by up to this share, as other people speak slower or faster."""
TRACT = 0.1
"""In training: its frequencies rise or fall by up to this share, as between the vocal tracts of adults."""
SHIFT = 2.0
"""In training: it begins up to so many frames earlier or later; the borders of tokens shall carry no meaning."""
COLOR = 0.5
"""In training: standard deviation (in log power, so 2 dB) of the height of four smooth curves over the bands that are
added, the first flat: what another distance, microphone or room does."""
NOISE = 2.0, 7.0
"""In training: noise is mixed in, so many powers of 10 (20 to 70 dB) below the mean power: rooms and microphones."""


class LogMelTokenizer(nn.Module):
    """Two convolutions over time and frequency, then a token for every 4 frames, with its place in time.

    Frames of all sounds stand in one flat list and are convolved as one sound with silence between its parts, so the
    cost follows the sounds' lengths and not the longest. In training a sound is varied as speakers, rooms and
    microphones vary it, and some bands and stretches of time are hidden (VTLP, Jaitly and Hinton 2013; SpecAugment,
    Park et al. 2019).

    Args:
        mean: of each band over training sounds, float32 [bands].
        std: likewise its standard deviation.
        rate: samples a second.
        width: length of a token.
        dropout: the largest share of the bands, and of the time, that is hidden in training.
    """

    mean: Tensor
    std: Tensor
    hertz: Tensor
    frequencies: Tensor

    def __init__(self, mean: np.ndarray, std: np.ndarray, *, rate: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        first, second = CHANNELS
        convolutions = [
            nn.Conv2d(1, first, (3, 5), stride=(2, 4), padding=(1, 2)),
            nn.Conv2d(first, second, 3, stride=2, padding=1),
        ]
        self.convolutions = nn.ModuleList(convolutions)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for channels in CHANNELS)
        self.project = nn.Linear(second * BANDS // 8, width)
        # Wavelengths from 2 pi to 10,000 tokens (Vaswani et al. 2017) need no table.
        half = (width + 1) // 2
        constants = {
            "mean": torch.tensor(mean),
            "std": torch.tensor(std),
            "hertz": torch.tensor(band_edges(rate), dtype=torch.float32),
            "frequencies": 1e4 ** (-torch.arange(half) / half),
        }
        for name, constant in constants.items():
            self.register_buffer(name, constant, persistent=False)

    def forward(self, frames: Tensor, lengths: Tensor) -> Tokens:
        """Tokens [items, tokens, width] of log power [frames of all items, bands] and lengths int64 [items]."""
        # Powers and places must not be rounded to bfloat16.
        with torch.autocast(frames.device.type, enabled=False):
            frames = frames.float()
            if self.training:
                frames, lengths = _varied(frames, lengths, self.hertz)
            values = (frames - self.mean) / self.std
            if self.training and self.dropout:
                values = values * _visible(lengths, self.dropout)
            owner, step = _places(lengths)
            tokens = (lengths + STRIDE - 1) // STRIDE
            # A sound begins at a multiple of the stride, and the convolutions do not reach over a stride of silence.
            begins = STRIDE * (tokens + 1).cumsum(0)
            places = (begins - STRIDE * tokens)[owner] + step
            size = STRIDE * (len(lengths) + 1 + int(tokens.sum()))
            real = torch.zeros(size, dtype=torch.bool, device=frames.device).index_fill(0, places, True)
            values = values.new_zeros(size, BANDS).index_copy_(0, places, values)[None, :, :, None]
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            values = convolution(values.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
            real = real[::2]
            # The norm is of each place alone, so that neighbors in the list have no influence.
            values = F.gelu(norm(values)) * real[:, None, None]
        return self._placed(self.project(values[0, real].flatten(1)), tokens)

    def _placed(self, values: Tensor, lengths: Tensor) -> Tokens:
        """Tokens of all items [tokens, width] as a row an item, with their places in time."""
        places = torch.arange(int(lengths.max()) if len(lengths) else 1, device=values.device)
        angles = places[:, None] * self.frequencies
        waves = torch.cat([angles.sin(), angles.cos()], dim=-1)[:, : values.shape[-1]]
        mask = places < lengths[:, None]
        return Tokens(laid_out(values, mask) + waves, mask)


def _places(lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The item of each frame in a flat list, and its number within the item, int64 [frames]."""
    owner = torch.arange(len(lengths), device=lengths.device).repeat_interleave(lengths)
    starts = lengths.cumsum(0) - lengths
    return owner, torch.arange(len(owner), device=lengths.device) - starts[owner]


def _uniform(lengths: Tensor, low: float, high: float) -> Tensor:
    """A draw for each item [items]."""
    return torch.empty(len(lengths), device=lengths.device).uniform_(low, high)


def _varied(frames: Tensor, lengths: Tensor, hertz: Tensor) -> tuple[Tensor, Tensor]:
    """Each item at another speed, pitch, color and noise by its own draw, and its new length.

    Args:
        frames: log power float32 [frames, bands].
        lengths: int64 [items].
        hertz: edges of the bands [bands + 2].
    """
    speed, tract = ((1 + most) ** _uniform(lengths, -1, 1) for most in (SPEED, TRACT))
    # -- Time: each new frame lies between two old ones
    starts, last = lengths.cumsum(0) - lengths, lengths - 1
    lengths = (lengths / speed).round().long().clamp(min=1)
    owner, step = _places(lengths)
    times = step * speed[owner] + _uniform(lengths, -SHIFT, SHIFT)[owner]
    times = times.clamp(min=0).minimum(last[owner])
    before = times.long()
    after = (before + 1).minimum(last[owner])
    # Rows that are chosen by numbers take a quarter of the time that indexing takes.
    begins = starts[owner]
    earlier, later = frames.index_select(0, begins + before), frames.index_select(0, begins + after)
    frames = torch.lerp(earlier, later, (times - before)[:, None])
    # -- Frequency: each new band between two old ones
    mel = (1 + hertz / 700).log()
    bands = ((1 + hertz[1:-1] * tract[:, None] / 700).log() - mel[1]) / (mel[2] - mel[1])
    bands = bands.clamp(0, BANDS - 1)
    below = bands.long().clamp(max=BANDS - 2)
    share, below = (bands - below).index_select(0, owner), below.index_select(0, owner)
    frames = torch.lerp(frames.gather(1, below), frames.gather(1, below + 1), share)
    # -- Another microphone and room, and their noise, whose power varies from one value to the next as noise's does
    across = torch.linspace(0, math.pi, BANDS, device=frames.device)
    waves = (torch.arange(4, device=frames.device)[:, None] * across).cos()
    color = COLOR * torch.randn(len(lengths), 4, device=frames.device) @ waves
    level = _uniform(lengths, *NOISE)[:, None] * -math.log(10) + _uniform(lengths, -1, 1)[:, None] * across.cos()
    # Exponential draws by way of uniform ones, in a quarter of the time that `exponential_` takes.
    noise = torch.rand_like(frames).neg_().log1p_().neg_().clamp_(min=1e-6).log_().add_(level.index_select(0, owner))
    return torch.logaddexp(frames + color.index_select(0, owner), noise), lengths


def _visible(lengths: Tensor, share: float) -> Tensor:
    """False in two stretches of each item's time and in two of its bands, together of up to a share of each.

    Returns:
        bool [frames, bands].
    """
    owner, step = _places(lengths)
    bands = torch.arange(BANDS, device=lengths.device)
    # A place in time is hidden in all bands, and a band of an item at all times.
    times_shown, bands_shown = step >= 0, (bands >= 0).repeat(len(lengths), 1)
    for _ in range(2):
        start, width = _stretch(lengths, share)
        times_shown &= _outside(step, start[owner], width[owner])
        start, width = _stretch(torch.full_like(lengths, BANDS), share)
        bands_shown &= _outside(bands, start[:, None], width[:, None])
    return times_shown[:, None] & bands_shown.index_select(0, owner)


def _stretch(ends: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Where a stretch of up to half a share of each item's places begins, and how many it has [items]."""
    width = ends * _uniform(ends, 0, share / 2)
    return (ends - width) * _uniform(ends, 0, 1), width


def _outside(places: Tensor, start: Tensor, width: Tensor) -> Tensor:
    """Whether the middle of each place lies outside a stretch."""
    behind = places + 0.5 - start
    return (behind < 0) | (behind >= width)
