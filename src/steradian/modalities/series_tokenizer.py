"""From the steps of ragged series to tokens: one a patch of steps, and a few that see the whole series."""

from collections.abc import Iterable
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.data.modality import Tokens
from steradian.modalities.dropout import Dropout

__all__ = ["SeriesTokenizer"]

KERNEL, DILATIONS = 5, (1, 3, 9)
"""Steps that each convolution of the stem sees, and how far apart they lie; all together see 53."""
STEM_WIDTH = 32
"""Channels of the stem."""
OVERVIEW_TOKENS = 4
"""Tokens that see the whole series."""
JITTER, SCALING, STRETCH, SPAN = 0.1, 0.1, 0.1, 0.1
"""Augmentation in training: deviation of noise, of a series' loudness and of its pace, and share of time blanked out;
light, so that a class that is a matter of these keeps its mark."""


class SeriesTokenizer(nn.Module):
    """A token a patch of steps: its values as they are, what a small convolutional stem finds, and its place in time.

    Args:
        changes: deviation of a channel's change from step to step in training, in those of its values, float32
            [channels].
        patch: steps a token.
        overview: numbers that describe a whole series.
        width: length of a token.
        dropout: share of values zeroed in training.
    """

    changes: Tensor
    frequencies: Tensor

    def __init__(self, changes: np.ndarray, patch: int, overview: int, width: int, dropout: float) -> None:
        super().__init__()
        self.patch = patch
        self.dropout = Dropout(dropout)
        self.register_buffer("changes", torch.tensor(changes), persistent=False)
        channels = len(changes)
        self.values = nn.Linear(2 * channels * patch, width)
        self.stem_in = nn.Linear(3 * channels + 1, STEM_WIDTH)
        self.stem = nn.ModuleList(
            nn.Conv1d(STEM_WIDTH, STEM_WIDTH, KERNEL, padding=KERNEL // 2 * dilation, dilation=dilation)
            for dilation in DILATIONS
        )
        self.stem_out = nn.Linear(STEM_WIDTH, width)
        self.overview = nn.Linear(overview, OVERVIEW_TOKENS * width)
        # Wavelengths from 2 pi to 10,000 patches (Vaswani et al. 2017) reach any length without a table.
        half = (width + 1) // 2
        self.register_buffer("frequencies", 1e4 ** (-torch.arange(half) / half), persistent=False)

    def forward(self, values: Tensor, times: Tensor, lengths: Tensor, overview: Tensor) -> Tokens:
        """Tokens [items, 4 + patches, width].

        Args:
            values: standardised [items, steps, channels], NaN where unknown.
            times: since each series' start, in usual step intervals [items, steps].
            lengths: steps that are real, int64 [items].
            overview: numbers that describe the whole series [items, overview].
        """
        steps = values.shape[1]
        missing = -steps % self.patch
        real = torch.arange(steps + missing, device=values.device) < lengths[:, None]
        values, times = F.pad(values, (0, 0, 0, missing)), F.pad(times, (0, missing))
        known = real[..., None] & ~values.isnan()
        values = values.nan_to_num()
        if self.training:
            values, known, times = _augmented(values, known, times, lengths)
        values = self.dropout(values * known)
        both = torch.cat([values, known.to(values.dtype)], dim=-1)
        patches = self.values(self._patches(both).flatten(2))
        found = self.stem_out(self._pooled(self._stem(values, known, times, real), real))
        tokens = patches + found + self._place(self._pooled(times[..., None], real))
        whole = self.overview(self.dropout(overview)).reshape(
            overview.shape[0], OVERVIEW_TOKENS, self.values.out_features
        )
        mask = F.pad(self._patches(real).any(dim=-1), (OVERVIEW_TOKENS, 0), value=True)
        return Tokens(torch.cat([whole, tokens], dim=1), mask)

    def _stem(self, values: Tensor, known: Tensor, times: Tensor, real: Tensor) -> Tensor:
        """What convolutions find around each step [items, steps, stem]; what is no real step is 0 before each."""
        # No `diff`, which graphs of ONNX do not have.
        changes = (values[:, 1:] - values[:, :-1]) / self.changes * (known[:, 1:] & known[:, :-1])
        intervals = (times[:, 1:] - times[:, :-1]).clamp(1e-3, 1e3).log() * real[:, 1:]
        before = torch.cat([changes, intervals[..., None]], dim=-1)
        steps = torch.cat([values, known.to(values.dtype), F.pad(before, (0, 0, 1, 0))], dim=-1)
        found = F.gelu(self.stem_in(steps)) * real[..., None]
        for convolution in cast(Iterable[nn.Conv1d], self.stem):
            # As a picture of one row, whose channels lie side by side, so that nothing is turned around.
            near = F.conv2d(
                found.transpose(1, 2)[:, :, None],
                convolution.weight[:, :, None],
                convolution.bias,
                padding=(0, KERNEL // 2 * convolution.dilation[0]),
                dilation=(1, convolution.dilation[0]),
            )
            found = found + F.gelu(near[:, :, 0].transpose(1, 2)) * real[..., None]
        return found

    def _pooled(self, steps: Tensor, real: Tensor) -> Tensor:
        """The mean of each patch's real steps [items, patches, ...]; 0 where it has none."""
        sums = self._patches(steps * real[..., None]).sum(dim=2)
        means: Tensor = sums / self._patches(real).sum(dim=2).clamp(min=1)[..., None]
        return means

    def _patches(self, steps: Tensor) -> Tensor:
        """Steps [items, steps, ...] by patch [items, patches, patch, ...]; `unflatten` would fix sizes in a graph."""
        return steps.reshape(steps.shape[0], steps.shape[1] // self.patch, self.patch, *steps.shape[2:])

    def _place(self, times: Tensor) -> Tensor:
        """Sines and cosines [items, patches, width] of times [items, patches, 1] in step intervals."""
        angles = times / self.patch * self.frequencies
        return torch.cat([angles.sin(), angles.cos()], dim=-1)[..., : self.values.out_features]


def _augmented(values: Tensor, known: Tensor, times: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The series with noise, louder or softer, faster or slower, and without a span of their time."""
    items, steps, _ = values.shape
    draws = torch.randn(2, items, 1, device=values.device)
    values = values * (SCALING * draws[0]).exp()[..., None] + JITTER * torch.randn_like(values)
    begin = torch.rand(items, 1, device=values.device) * lengths[:, None]
    step = torch.arange(steps, device=values.device)
    blank = (step >= begin) & (step < begin + SPAN * lengths[:, None])
    return values, known & ~blank[..., None], times * (STRETCH * draws[1]).exp()
