"""Ragged series: any number of steps, one or several channels, gaps allowed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from steradian.data.modality import (
    Columns,
    FittedModality,
    Items,
    Modality,
    ReadValues,
    Tokens,
    Values,
    is_missing,
    shown,
)
from steradian.data.ragged import Ragged
from steradian.errors import InputError

__all__ = ["FittedSeries", "Series"]

TOKENS = 32
"""Patches into which a training series of median length is cut."""
MAX_TOKENS = 256
"""Patches of a series at most: eight times the median; a batch is padded to its longest series."""


@dataclass(frozen=True)
class Series(Modality):
    """A column of series, each an array [steps] or [steps, channels] of its own length; NaN steps are gaps.

    A token covers a patch of steps, 1/32 of the median training series. A series of more than 256 patches is averaged
    over equal bins of neighbouring steps until it has 256, so one very long series costs no more than that.

    Args:
        column: the column to read.

    Example:
        >>> Series("motion").columns
        ('motion',)
    """

    column: str

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        """The one column it reads."""
        return (self.column,)

    def read(self, columns: Columns) -> ReadValues:
        """Bring each series to float32 [steps, channels] in `series`, an object array [objects].

        Raises:
            InputError: no step, text, infinite values, or unequal numbers of channels.
        """
        column = columns[self.column]
        series = np.empty(len(column), dtype=object)
        channels: dict[int, int] = {}
        for row, value in enumerate(column):
            if is_missing(value):
                continue
            array = self._array(value, row)
            if not np.isnan(array).all():
                series[row] = array
                channels.setdefault(array.shape[1], row)
        if len(channels) > 1:
            (first, row), (second, other) = list(channels.items())[:2]
            raise self._unusable("one number of channels", f"{first} in row {row} and {second}", other)
        return ReadValues({"series": series}, np.array([value is not None for value in series]))

    def fit(self, values: Values) -> "FittedSeries":
        """Learn each channel's mean and standard deviation, and the length of a patch."""
        steps = np.concatenate(list(values["series"])).astype(np.float64)
        median = float(np.median([len(series) for series in values["series"]]))
        known = np.where(np.isnan(steps).all(axis=0), 0.0, steps)
        std = np.nanstd(known, axis=0)
        return FittedSeries(
            column=self.column,
            mean=np.nanmean(known, axis=0).astype(np.float32),
            std=np.where(std <= 1e-7 * np.nanmax(np.abs(known), axis=0), 1.0, std).astype(np.float32),
            patch=max(1, round(median / TOKENS)),
        )

    def _array(self, value: Any, row: int) -> np.ndarray:
        try:
            array = np.asarray(value)
            if array.dtype.kind not in "fiubO":
                raise TypeError(f"{array.dtype} is no real number")
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise self._unusable("numbers", shown(value), row) from error
        if array.ndim not in (1, 2) or array.size == 0:
            raise self._unusable(
                "an array [steps] or [steps, channels] of at least one step", f"shape {array.shape}", row
            )
        with np.errstate(over="ignore"):
            array = array.reshape(len(array), -1).astype(np.float32)
        if np.isinf(array).any():
            raise self._unusable("finite float32 numbers", "an infinite or too large one", row)
        return array

    def _unusable(self, want: str, got: str, row: int) -> InputError:
        return InputError(
            want=want,
            got=got,
            where=f"row {row} (counted from 0), column {self.column!r}",
            fix='Mend the series (in CSV it is written as "[1, 2]"), or put None where it is missing.',
        )


@dataclass(frozen=True)
class FittedSeries(FittedModality):
    """Means and standard deviations of the training rows.

    Args:
        column: for messages.
        mean: float32 [channels].
        std: float32 [channels]; 1 where a channel is constant.
        patch: steps joined to one token.
    """

    column: str
    mean: np.ndarray
    std: np.ndarray
    patch: int

    def prepare(self, values: Values, rows: np.ndarray) -> Items:
        """Average what is too long and standardise; see `FittedModality.prepare`."""
        for row, series in zip(rows, values["series"], strict=True):
            if series.shape[1] != len(self.mean):
                raise InputError(
                    want=f"{len(self.mean)} channels, as in training",
                    got=f"{series.shape[1]}",
                    where=f"row {row} (counted from 0), column {self.column!r}",
                    fix="Give the same channels in the same order as when the model was fitted.",
                )
        if not len(rows):
            return SeriesItems(Ragged(np.zeros((0, len(self.mean)), np.float32), np.zeros(1, np.int64)))
        steps = MAX_TOKENS * self.patch
        return SeriesItems(
            Ragged.from_rows([(_shortened(series, steps) - self.mean) / self.std for series in values["series"]])
        )

    def tokenizer(self, width: int, dropout: float) -> nn.Module:
        """A linear map a patch of steps."""
        return SeriesTokenizer(len(self.mean), self.patch, width, dropout)


def _shortened(series: np.ndarray, steps: int) -> np.ndarray:
    """A series of at most so many steps: a longer one as the means of equal bins, gaps left out."""
    if len(series) <= steps:
        return series
    # Bins differ by one step at most, and none is empty.
    starts = np.arange(steps) * len(series) // steps
    known = ~np.isnan(series)
    sums = np.add.reduceat(np.where(known, series, 0), starts, dtype=np.float64)
    counts = np.add.reduceat(known, starts, dtype=np.int64)
    means: np.ndarray = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return means.astype(np.float32)


@dataclass(frozen=True)
class SeriesItems:
    """Standardised series, ragged [steps, channels]."""

    series: Ragged

    def __call__(self, rows: np.ndarray) -> dict[str, Tensor]:
        """`values` float32 [items, steps, channels] filled with zeros, `lengths` int64 [items]."""
        taken = self.series.take(rows)
        values, _ = taken.padded(int(taken.lengths.max(initial=1)))
        return {"values": torch.from_numpy(values), "lengths": torch.from_numpy(taken.lengths)}


class SeriesTokenizer(nn.Module):
    """A token a patch of steps: the known values, which of them are known, and the place in time.

    Args:
        channels: numbers a step.
        patch: steps a token.
        width: length of a token.
        dropout: share of values zeroed in training.
    """

    frequencies: Tensor

    def __init__(self, channels: int, patch: int, width: int, dropout: float) -> None:
        super().__init__()
        self.patch = patch
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Linear(2 * channels * patch, width)
        # Wavelengths from 2 pi to 10,000 patches (Vaswani et al. 2017) reach any length without a table.
        half = (width + 1) // 2
        self.register_buffer("frequencies", 1e4 ** (-torch.arange(half) / half), persistent=False)

    def forward(self, values: Tensor, lengths: Tensor) -> Tokens:
        """Tokens [items, patches, width] of values [items, steps, channels] and lengths int64 [items]."""
        items, steps, _ = values.shape
        patches = -(-steps // self.patch)
        real = torch.arange(patches * self.patch, device=values.device) < lengths[:, None]
        values = nn.functional.pad(values, (0, 0, 0, patches * self.patch - steps))
        known = real[..., None] & ~values.isnan()
        both = torch.cat([self.dropout(values.where(known, values.new_zeros(()))), known.to(values.dtype)], dim=-1)
        tokens = self.project(both.unflatten(1, (patches, self.patch)).flatten(2))
        angles = torch.arange(patches, device=values.device)[:, None] * self.frequencies
        place = torch.cat([angles.sin(), angles.cos()], dim=-1)[:, : tokens.shape[-1]]
        return Tokens(tokens + place, real.view(items, patches, self.patch).any(dim=-1))
