"""Ragged series: any number of steps, one or several channels, gaps and timestamps allowed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from steradian.data.modality import (
    Columns,
    FittedModality,
    Items,
    Modality,
    ReadValues,
    Values,
    is_missing,
    shown,
)
from steradian.data.ragged import Ragged
from steradian.data.shown import Shown
from steradian.errors import InputError
from steradian.misspelt import telling_of_misspelt
from steradian.modalities.dates import datetimes_to_days, to_days
from steradian.modalities.series_features import SeriesFeatures
from steradian.modalities.vector import FARTHEST, to_float

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FittedSeries", "Series"]

TOKENS = 32
"""Patches into which a training series of median length is cut."""
MAX_TOKENS = 256
"""Patches of a series at most: eight times the median; a batch is padded to its longest series."""
FARTHEST_TIME = 1e12
"""Usual intervals from a series' start at most."""
POINTS = 32
"""Places, equally far apart from its start to its end, at which the overview of a series looks at each channel."""


@telling_of_misspelt
@dataclass(frozen=True)
class Series(Modality):
    """A column of series, each an array [steps] or [steps, channels] of its own length.

    A step whose channels are all NaN is as if it were not there; of a step that is partly NaN, the known channels
    count. A token covers a patch of steps, 1/32 of the median training series. A series of more than 256 patches is
    averaged over equal bins of neighbouring steps until it has 256, so one very long series costs no more than that.

    Args:
        column: the column to read.
        time: the column of timestamps, each an array [steps] of numbers in any unit or of dates, in any order; only the
            time since a series' first known step counts. None: the steps' numbers are their times.

    Examples:
        >>> Series("motion", time="motion_time").columns
        ('motion', 'motion_time')
    """

    column: str
    time: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        """The column of values, and that of times if there is one."""
        return (self.column,) if self.time is None else (self.column, self.time)

    def shown(self, values: Mapping[str, Any], cells: Mapping[str, Any]) -> Shown:
        """How long it is, and how many channels it has."""
        steps, channels = values["series"].shape
        return Shown(f"series of {steps:,} steps" + (f", {channels} channels" if channels > 1 else ""))

    def read(self, columns: Columns) -> ReadValues:
        """Bring each series' known steps into the order of time.

        Returns:
            `series`: arrays of floats [steps, channels], and `times`: arrays float64 [steps] from 0, both [objects].

        Raises:
            InputError: no step, text, infinite values, or unequal numbers of channels; times that are not as many
                finite numbers or dates as there are steps.
        """
        column = columns[self.column]
        series, times = np.empty((2, len(column)), dtype=object)
        channels: dict[int, int] = {}
        for row, value in enumerate(column):
            if is_missing(value):
                continue
            array = self._array(value, row)
            known = ~np.isnan(array).all(axis=1)
            if known.any():
                place = np.arange(len(array), dtype=np.float64)
                if self.time is not None:
                    place = _times(columns[self.time][row], len(array), row, self.time)
                series[row], times[row] = _in_order(array[known], place[known])
                channels.setdefault(array.shape[1], row)
        if len(channels) > 1:
            (first, row), (second, other) = list(channels.items())[:2]
            raise self._unusable("one number of channels", f"{first} in row {row} and {second}", other)
        return ReadValues({"series": series, "times": times}, np.array([value is not None for value in series]))

    def fit(self, values: Values) -> "FittedSeries":
        """Learn each channel's statistics, the usual interval between steps and the length of a patch."""
        mean, std = _mean_and_std(np.concatenate(list(values["series"])))
        series = [_standardised(each, mean, std) for each in values["series"]]
        _, changes = _mean_and_std(np.concatenate([np.diff(each, axis=0) for each in series]))
        intervals = np.concatenate([np.diff(times) for times in values["times"]])
        passing = intervals[intervals > 0]
        interval = float(np.median(passing)) if passing.size else 1.0
        times = [_in_intervals(each, interval) for each in values["times"]]
        overviews = [_overview(*pair) for pair in zip(series, times, strict=True)]
        overview_mean, overview_std = _mean_and_std(np.stack(overviews))
        return FittedSeries(
            column=self.column,
            mean=mean,
            std=std,
            patch=max(1, round(float(np.median([len(each) for each in series])) / TOKENS)),
            interval=interval,
            changes=changes.astype(np.float32),
            overview_mean=overview_mean.astype(np.float32),
            overview_std=overview_std.astype(np.float32),
        )

    def _array(self, value: Any, row: int) -> np.ndarray:
        try:
            array = np.asarray(value)
            if array.dtype.kind not in "fiubO":
                raise TypeError(f"{array.dtype} is no real number")
            array = to_float(array)
        except (TypeError, ValueError, OverflowError) as error:
            raise self._unusable("numbers", shown(value), row) from error
        if array.ndim not in (1, 2) or array.size == 0:
            raise self._unusable(
                "an array [steps] or [steps, channels] of at least one step", f"shape {array.shape}", row
            )
        array = array.reshape(len(array), -1)
        if np.isinf(array).any():
            raise self._unusable("finite float32 numbers", "an infinite or too large one", row)
        return array

    def _unusable(self, want: str, got: str, row: int) -> InputError:
        return InputError(
            want=want,
            got=got,
            where=f"row {row} (counted from 0), column {self.column!r}",
            fix='Fix the series (in CSV it is written as "[1, 2]"), or put None where it is missing.',
        )


@dataclass(frozen=True)
class FittedSeries(FittedModality):
    """Means and standard deviations of the training rows.

    Args:
        column: for messages.
        mean: float64 [channels].
        std: float64 [channels]; 1 where a channel is constant.
        patch: steps joined to one token.
        interval: between two steps, the median, in the unit of the times.
        changes: deviation of standardised values' changes from step to step, float32 [channels]; 1 where there is none.
        overview_mean: float32 [overview].
        overview_std: float32 [overview].
    """

    column: str
    mean: np.ndarray
    std: np.ndarray
    patch: int
    interval: float
    changes: np.ndarray
    overview_mean: np.ndarray
    overview_std: np.ndarray

    def prepare(self, values: Values, rows: np.ndarray) -> Items:
        """Average what is too long and standardise; see `FittedModality.prepare`."""
        for row, each in zip(rows, values["series"], strict=True):
            if each.shape[1] != len(self.mean):
                raise InputError(
                    want=f"{len(self.mean)} channels, as in training",
                    got=f"{each.shape[1]}",
                    where=f"row {row} (counted from 0), column {self.column!r}",
                    fix="Give the same channels in the same order as when the model was fitted.",
                )
        if not len(rows):
            nothing = np.zeros(1, np.int64)
            return SeriesItems(
                Ragged(np.zeros((0, len(self.mean)), np.float32), nothing),
                Ragged(np.zeros(0, np.float32), nothing),
                np.zeros((0, len(self.overview_mean)), np.float32),
            )
        series = [_standardised(each, self.mean, self.std) for each in values["series"]]
        times = [_in_intervals(each, self.interval) for each in values["times"]]
        overview = np.stack([_overview(*pair) for pair in zip(series, times, strict=True)])
        most = MAX_TOKENS * self.patch
        return SeriesItems(
            Ragged.from_rows([_shortened(each, most) for each in series]),
            Ragged.from_rows([_shortened(each[:, None], most)[:, 0] for each in times]),
            ((overview - self.overview_mean) / self.overview_std).clip(-5, 5).astype(np.float32),
        )

    def feature_inputs(self, items: Items, rows: np.ndarray) -> list[np.ndarray]:
        """Standardised series float32 [steps, channels]."""
        return cast(SeriesItems, items).series.take(rows).rows()

    def feature_map(self, inputs: list[np.ndarray], *, most: int, novel: bool) -> SeriesFeatures:
        """Random convolutions, and comparison of statistics with those of training series."""
        return SeriesFeatures.fit(inputs, most=most)

    def tokenizer(self, width: int, dropout: float) -> "nn.Module":
        """A token a patch of steps, and a few that see the whole series."""
        from steradian.modalities.series_tokenizer import SeriesTokenizer

        return SeriesTokenizer(self.changes, self.patch, len(self.overview_mean), width, dropout)


@dataclass(frozen=True)
class SeriesItems:
    """Standardised series.

    Args:
        series: ragged [steps, channels].
        times: ragged [steps], in intervals.
        overview: standardised [objects, overview].
    """

    series: Ragged
    times: Ragged
    overview: np.ndarray

    def __call__(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """What `SeriesTokenizer.forward` takes; values and times are filled with zeros to the longest of the rows."""
        taken = self.series.take(rows)
        longest = int(taken.lengths.max(initial=1))
        return {
            "values": taken.padded(longest)[0],
            "times": self.times.take(rows).padded(longest)[0],
            "lengths": taken.lengths,
            "overview": self.overview[rows],
        }


def _mean_and_std(steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of known values [steps, channels], each float64 [channels]; 0 and 1 where a channel has none or is constant."""
    # A channel that is constant but for rounding carries nothing.
    rounding = 1e-14 if steps.dtype == np.float64 else 1e-7
    steps = steps.astype(np.float64)
    steps = np.where(np.isnan(steps).all(axis=0), 0.0, steps) if len(steps) else np.zeros((1, steps.shape[1]))
    std = np.nanstd(steps, axis=0)
    constant = std <= rounding * np.nanmax(np.abs(steps), axis=0)
    return np.nanmean(steps, axis=0), np.where(constant, 1.0, std)


def _standardised(series: np.ndarray, mean: np.ndarray, std: np.ndarray) -> np.ndarray:
    """Values [steps, channels] in standard deviations from the mean of their channel, float32."""
    with np.errstate(over="ignore"):
        standardised: np.ndarray = np.clip((series.astype(np.float64) - mean) / std, -FARTHEST, FARTHEST)
    return standardised.astype(np.float32)


def _in_intervals(times: np.ndarray, interval: float) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.minimum(times / interval, FARTHEST_TIME)


def _overview(series: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Numbers that describe a series [steps, channels], at times in intervals, as a whole, float32 [overview].

    Each channel's mean, deviation, least and largest value, mean size of changes and share of known steps; each
    channel's value at equal places, in a straight line between known steps; the logarithms of steps and duration.
    """
    parts: list[Any] = [np.log([len(series), 1.0 + times[-1]])]
    for channel in series.T:
        known = ~np.isnan(channel)
        if not known.any():
            parts.append(np.zeros(6 + POINTS))
            continue
        values = channel[known]
        changes = np.abs(np.diff(values)).mean() if len(values) > 1 else 0.0
        parts.append([values.mean(), values.std(), values.min(), values.max(), changes, known.mean()])
        parts.append(np.interp(np.linspace(0, times[-1], POINTS), times[known], values))
    return np.concatenate(parts).astype(np.float32)


def _shortened(series: np.ndarray, steps: int) -> np.ndarray:
    """A series of at most so many steps: a longer one as the means of equal bins, gaps left out."""
    if len(series) <= steps:
        return series.astype(np.float32)
    # Bins differ by one step at most, and none is empty.
    starts = np.arange(steps) * len(series) // steps
    known = ~np.isnan(series)
    sums = np.add.reduceat(np.where(known, series, 0), starts, dtype=np.float64)
    counts = np.add.reduceat(known, starts, dtype=np.int64)
    means: np.ndarray = np.divide(sums, counts, out=np.full(sums.shape, np.nan), where=counts > 0)
    return means.astype(np.float32)


def _in_order(series: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps by time, and the time since the first."""
    order = np.argsort(times, kind="stable")
    return series[order], times[order] - times[order[0]]


def _times(value: Any, steps: int, row: int, column: str) -> np.ndarray:
    """The times of one series as float64 [steps], dates in days."""

    def unusable(want: str, got: str) -> InputError:
        fix = "Give each step its time, as a number or a date, or leave time= out of the Series."
        return InputError(want=want, got=got, where=f"row {row} (counted from 0), column {column!r}", fix=fix)

    if is_missing(value):
        raise unusable(f"the times of {steps} steps", "an empty cell")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        # Lists of several lengths within.
        raise unusable(f"times of {steps} steps", shown(value)) from error
    if array.shape != (steps,):
        raise unusable(f"times of {steps} steps", f"shape {array.shape}")
    try:
        if array.dtype.kind == "M":
            array = datetimes_to_days(array)
        elif array.dtype.kind == "m":
            array = array / np.timedelta64(1, "D")
        elif array.dtype.kind not in "fiu":
            array = np.array([_time(cell) for cell in array.tolist()])
        times: np.ndarray = array.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise unusable("numbers or dates", shown(value)) from error
    # The time from one end of this range to the other is still a float64.
    usable = np.abs(times) <= 1e300
    if not usable.all():
        raise unusable("finite times", f"{array[~usable][0]} at step {int(np.argmin(usable))}")
    return times


def _time(cell: Any) -> float:
    days = to_days(cell)
    if days is None and isinstance(cell, (str, bool)):
        raise TypeError("text is no time")
    return float(cell) if days is None else days
