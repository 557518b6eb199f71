"""Fixed features of ragged series: what random convolutions find in them, and statistics, by numpy alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from steradian.data.modality import FeatureMap
from steradian.modalities.feature_scale import FARTHEST, scaled, spread_of
from steradian.modalities.statistics_features import (
    LANDMARKS,
    NOTHING,
    StatisticsFeatures,
    learnt_statistics,
    statistics_of,
)

__all__ = ["SeriesFeatures", "dense_kernels", "draw_kernels", "resampled", "responses", "thresholds_of"]

STEPS = 128
"""To which every series is resampled: kernels then mean the same in a short and in a long one."""
TAPS = 9
"""Length of a kernel, as in ROCKET (Dempster et al. 2020)."""
DILATIONS = (1, 2, 4, 8, 16)
"""Steps between taps: the widest kernel sees the whole of a resampled series."""
CHANNELS = 4
"""Of a kernel at most: more would average what single channels say."""
SAMPLE = 100
"""Training series from which thresholds are learnt: some 12,000 responses of a kernel."""
SHARE = 0.1
"""Mean square length of the statistics' features for 1 of the convolutions'. Of splits of ten sets it was best on
average: 93.9 % of .1, 92.9 of none, 93.7 of .05, 93.8 of .2 and 93.1 of .4."""


@dataclass(frozen=True)
class SeriesFeatures(StatisticsFeatures, FeatureMap):
    """Random kernels over a series and its differences, and statistics of its channels.

    A kernel gives two features: the share of steps at which it answers above its threshold, and its highest answer.

    Args:
        offset: of each statistic; this and what follows as of `StatisticsFeatures`.
        factor: of each statistic.
        quantiles: of statistics.
        landmarks: statistics of training items.
        widths: of two kernels.
        projection: of kernels to features.
        weight: of the statistics' features.
        mean: of each channel over training steps, float32 [channels].
        std: likewise its standard deviation.
        channels: that a kernel sees, int64 [groups, seen, kernels]; a group is a dilation, of the series or of its
            differences.
        weights: of the kernels, float32 [groups, seen, taps, kernels].
        thresholds: float32 [groups, kernels].
        feature_mean: of the convolutions' features, float32 [features].
        feature_std: float32 [features].

    Examples:
        >>> series = [np.sin(np.arange(steps, dtype=np.float32))[:, None] for steps in (5, 50)]
        >>> SeriesFeatures.fit(series, kernels=20)(series).shape
        (2, 42)
    """

    mean: np.ndarray
    std: np.ndarray
    channels: np.ndarray
    weights: np.ndarray
    thresholds: np.ndarray
    feature_mean: np.ndarray
    feature_std: np.ndarray

    @classmethod
    def fit(
        cls, series: Sequence[np.ndarray], *, kernels: int = 3000, most: int = LANDMARKS, random_state: int = 0
    ) -> "SeriesFeatures":
        """Draw the kernels, and learn thresholds and statistics from training series.

        Args:
            series: float32 [steps, channels] each, NaN where a value is not known; at least one series of one step.
            kernels: over all dilations, rounded up to a multiple of ten.
            most: series at most whose statistics others are compared with.
            random_state: of the draw.
        """
        rng = np.random.default_rng(random_state)
        mean, std = _statistics(series)
        groups = 2 * len(DILATIONS)
        channels, weights = draw_kernels(rng, len(mean), groups, -(-kernels // groups))
        nothing, none = np.zeros(0, np.float32), np.zeros((groups, weights.shape[-1]), np.float32)
        later = {"thresholds": none, "feature_mean": nothing, "feature_std": nothing}
        plain = cls(**{**NOTHING, **later, "mean": mean, "std": std, "channels": channels, "weights": weights})
        sample = [plain._grids(series[row])[0] for row in rng.permutation(len(series))[:SAMPLE]]
        thresholds = np.stack([thresholds_of(plain._answers(sample, group), rng) for group in range(groups)])
        plain = replace(plain, thresholds=thresholds)
        raw, statistics = plain._raw(series)
        feature_mean, feature_std = spread_of(raw)
        plain = replace(plain, feature_mean=feature_mean, feature_std=feature_std)
        convolved = scaled(raw, feature_mean, feature_std)
        return replace(plain, **learnt_statistics(convolved, statistics, share=SHARE, most=most))

    def __call__(self, series: Sequence[np.ndarray]) -> np.ndarray:
        """Standardised features of series float32 [steps, channels], float32 [items, features]."""
        raw, statistics = self._raw(series)
        return self.with_statistics(scaled(raw, self.feature_mean, self.feature_std), statistics)

    def _raw(self, series: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """What the kernels find in each series, and its statistics."""
        groups, kernels = self.thresholds.shape
        shares, highest = np.empty((2, len(series), groups, kernels), np.float32)
        statistics = np.empty((len(series), 14 * len(self.mean) + 1))
        dense = [self._dense(group) for group in range(groups)]
        # One product a series and dilation: what a series gets does not depend on the others, to the last bit.
        for row, each in enumerate(series):
            values, statistics[row] = self._grids(each)
            for group in range(groups):
                answers = responses(self._view(values, group), dense[group], DILATIONS[group // 2])
                np.add.reduce(answers > self.thresholds[group], axis=0, dtype=np.float32, out=shares[row, group])
                answers.max(axis=0, out=highest[row, group])
        shape = len(series), groups * kernels
        return np.concatenate((shares.reshape(shape) / STEPS, highest.reshape(shape)), axis=1), statistics

    def _grids(self, series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A series at STEPS places, [STEPS, channels], and its statistics before that."""
        values = _filled(((series - self.mean) / self.std).clip(-FARTHEST, FARTHEST).astype(np.float32))
        return resampled(values, STEPS), statistics_of(values)

    def _view(self, values: np.ndarray, group: int) -> np.ndarray:
        return np.diff(values, axis=0, append=values[-1:]) if group % 2 else values

    def _dense(self, group: int) -> np.ndarray:
        return dense_kernels(self.channels[group], self.weights[group], len(self.mean))

    def _answers(self, sample: Sequence[np.ndarray], group: int) -> np.ndarray:
        dense = self._dense(group)
        each = [responses(self._view(values, group), dense, DILATIONS[group // 2]) for values in sample]
        return np.concatenate(each)


def draw_kernels(rng: np.random.Generator, channels: int, groups: int, kernels: int) -> tuple[np.ndarray, np.ndarray]:
    """Which channels each kernel sees, int64 [groups, seen, kernels], and weights [groups, seen, taps, kernels].

    A kernel sees one to four channels; the weights of each have mean 0, so that only changes in time count.

    Args:
        rng: of the draw.
        channels: of a series.
        groups: a dilation each, of the series or of its differences.
        kernels: of a group.
    """
    seen = min(CHANNELS, channels)
    chosen = rng.integers(channels, size=(groups, seen, kernels))
    weights = rng.normal(size=(groups, seen, TAPS, kernels))
    weights -= weights.mean(axis=2, keepdims=True)
    counts = rng.integers(1, seen + 1, size=(groups, 1, 1, kernels))
    weights *= (np.arange(seen)[:, None, None] < counts) / np.sqrt(counts)
    return chosen, weights.astype(np.float32)


def dense_kernels(channels: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """A group's kernels over all channels of a series, float32 [channels x taps, kernels].

    Args:
        channels: that a kernel sees, int64 [seen, kernels].
        weights: float32 [seen, taps, kernels].
        count: channels of a series.
    """
    kernels = channels.shape[1]
    dense = np.zeros((count, TAPS, kernels), np.float32)
    for seen, weight in zip(channels, weights, strict=True):
        # A kernel may have drawn a channel twice: its weights add up.
        dense[seen, :, np.arange(kernels)] += weight.T
    return dense.reshape(count * TAPS, kernels)


def responses(
    values: np.ndarray, dense: np.ndarray, dilation: int, *, ends: Literal["constant", "edge"] = "constant"
) -> np.ndarray:
    """The answers of kernels at each step of a series, float32 [steps, kernels].

    Args:
        values: float32 [steps, channels].
        dense: [channels x taps, kernels], from `dense_kernels`.
        dilation: steps between taps.
        ends: what lies before and behind a series. "constant": zeros, the training mean, so that a kernel whose weights
            have mean 0 sees a series' level at its ends; "edge": its first and last step, so that it does not.
    """
    reach = TAPS // 2 * dilation
    padded = np.pad(values, ((reach, reach), (0, 0)), mode=ends)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1, axis=0)[..., ::dilation]
    answers: np.ndarray = windows.reshape(len(values), -1) @ dense
    return answers


def thresholds_of(answers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random quantile, .1 to .9, of each kernel's answers, float32 [kernels].

    Args:
        answers: over the steps of training series, float32 [steps, kernels].
        rng: of the draw.
    """
    kernels = answers.shape[1]
    places = (rng.uniform(0.1, 0.9, (kernels,)) * (len(answers) - 1)).astype(np.int64)
    thresholds: np.ndarray = np.sort(answers, axis=0)[places, np.arange(kernels)]
    return thresholds


def resampled(values: np.ndarray, steps: int) -> np.ndarray:
    """A series at so many steps: a longer one as means, a shorter one along straight lines, float32 [steps, channels].

    Args:
        values: float32 [any number of steps, channels], without gaps.
        steps: of the result.
    """
    count = len(values)
    if count <= steps:
        places = np.linspace(0, count - 1, steps)
        before = places.astype(np.int64)
        share = (places - before).astype(np.float32)[:, None]
        between: np.ndarray = values[before] * (1 - share) + values[np.minimum(before + 1, count - 1)] * share
        return between
    # A new step is the mean over the stretch it covers, of whole steps and shares of steps.
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    edges = np.arange(steps + 1) * count / steps
    whole = np.minimum(edges.astype(np.int64), count - 1)
    sums_at = sums[whole] + (edges - whole)[:, None] * values[whole]
    means: np.ndarray = np.diff(sums_at, axis=0) * (steps / count)
    return means.astype(np.float32)


def _filled(values: np.ndarray) -> np.ndarray:
    """Gaps on straight lines between known steps; a channel without any is at its mean, 0."""
    known = ~np.isnan(values)
    if known.all():
        return values
    filled, places = np.zeros_like(values), np.arange(len(values))
    for channel in np.flatnonzero(known.any(axis=0)):
        at = known[:, channel]
        filled[:, channel] = np.interp(places, places[at], values[at, channel])
    return filled


def _statistics(series: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Of known values, each float32 [channels]; 0 and 1 where a channel has none or is constant."""
    steps = np.concatenate(list(series)).astype(np.float64)
    steps = np.where(np.isnan(steps).all(axis=0), 0.0, steps)
    std = np.nanstd(steps, axis=0)
    constant = std <= 1e-7 * np.nanmax(np.abs(steps), axis=0)
    return np.nanmean(steps, axis=0).astype(np.float32), np.where(constant, 1.0, std).astype(np.float32)
