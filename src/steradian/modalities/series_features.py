"""Fixed features of ragged series: what random convolutions find in them, by numpy alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from steradian.data.modality import FeatureMap
from steradian.modalities.feature_scale import FARTHEST, scaled, spread_of

__all__ = ["RandomConvolutions", "dense_kernels", "draw_kernels", "resampled", "responses", "thresholds_of"]

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


@dataclass(frozen=True)
class RandomConvolutions(FeatureMap):
    """Random kernels over a series and its differences, and plain statistics of its channels.

    A kernel gives two features: the share of steps at which it answers above its threshold, and its highest answer.

    Args:
        mean: of each channel over training steps, float32 [channels].
        std: likewise its standard deviation.
        channels: that a kernel sees, int64 [groups, seen, kernels]; a group is a dilation, of the series or of its
            differences.
        weights: of the kernels, float32 [groups, seen, taps, kernels].
        thresholds: float32 [groups, kernels].
        feature_mean: float32 [features].
        feature_std: float32 [features].

    Example:
        >>> series = [np.sin(np.arange(steps, dtype=np.float32))[:, None] for steps in (5, 50)]
        >>> RandomConvolutions.fit(series, kernels=20)(series).shape
        (2, 46)
    """

    mean: np.ndarray
    std: np.ndarray
    channels: np.ndarray
    weights: np.ndarray
    thresholds: np.ndarray
    feature_mean: np.ndarray
    feature_std: np.ndarray

    @classmethod
    def fit(cls, series: Sequence[np.ndarray], *, kernels: int = 3000, seed: int = 0) -> "RandomConvolutions":
        """Draw the kernels, and learn thresholds and statistics from training series.

        Args:
            series: float32 [steps, channels] each, NaN where a value is not known; at least one series of one step.
            kernels: over all dilations, rounded up to a multiple of ten.
            seed: of the draw.
        """
        rng = np.random.default_rng(seed)
        mean, std = _statistics(series)
        groups = 2 * len(DILATIONS)
        channels, weights = draw_kernels(rng, len(mean), groups, -(-kernels // groups))
        nothing = np.zeros(0, np.float32)
        plain = cls(mean, std, channels, weights, np.zeros((groups, weights.shape[-1]), np.float32), nothing, nothing)
        sample = [plain._grids(series[row])[0] for row in rng.permutation(len(series))[:SAMPLE]]
        thresholds = np.stack([thresholds_of(plain._answers(sample, group), rng) for group in range(groups)])
        plain = replace(plain, thresholds=thresholds)
        feature_mean, feature_std = spread_of(plain._raw(series))
        return replace(plain, feature_mean=feature_mean, feature_std=feature_std)

    def __call__(self, series: Sequence[np.ndarray]) -> np.ndarray:
        """Standardised features of series float32 [steps, channels], float32 [items, features]."""
        return scaled(self._raw(series), self.feature_mean, self.feature_std)

    def _raw(self, series: Sequence[np.ndarray]) -> np.ndarray:
        groups, kernels = self.thresholds.shape
        shares, highest = np.empty((2, len(series), groups, kernels), np.float32)
        overview = np.empty((len(series), 5 * len(self.mean) + 1), np.float32)
        dense = [self._dense(group) for group in range(groups)]
        # One product a series and dilation: what a series gets does not depend on the others, to the last bit.
        for row, each in enumerate(series):
            values, overview[row] = self._grids(each)
            for group in range(groups):
                answers = responses(self._view(values, group), dense[group], DILATIONS[group // 2])
                np.add.reduce(answers > self.thresholds[group], axis=0, dtype=np.float32, out=shares[row, group])
                answers.max(axis=0, out=highest[row, group])
        shape = len(series), groups * kernels
        parts = (shares.reshape(shape) / STEPS, highest.reshape(shape), overview)
        return np.concatenate(parts, axis=1)

    def _grids(self, series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A series at STEPS places, [STEPS, channels], and its overview before that."""
        values = _filled(((series - self.mean) / self.std).clip(-FARTHEST, FARTHEST).astype(np.float32))
        return resampled(values, STEPS), _overview(values)

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


def _overview(values: np.ndarray) -> np.ndarray:
    """Each channel's mean, deviation, ends and mean change, and the logarithm of the number of steps."""
    changes = np.abs(np.diff(values, axis=0, append=values[-1:])).mean(axis=0)
    channels = (values.mean(axis=0), values.std(axis=0), values.min(axis=0), values.max(axis=0), changes)
    return np.concatenate([*channels, [np.log(len(values))]]).astype(np.float32)


def _statistics(series: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Of known values, each float32 [channels]; 0 and 1 where a channel has none or is constant."""
    steps = np.concatenate(list(series)).astype(np.float64)
    steps = np.where(np.isnan(steps).all(axis=0), 0.0, steps)
    std = np.nanstd(steps, axis=0)
    constant = std <= 1e-7 * np.nanmax(np.abs(steps), axis=0)
    return np.nanmean(steps, axis=0).astype(np.float32), np.where(constant, 1.0, std).astype(np.float32)
