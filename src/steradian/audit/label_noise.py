"""How many labels of a table are wrong, and how probable it is that each of them is right.

A table with wrong labels cannot be judged by probabilities fitted to it as if all were right: a few wrong labels that
the model contradicts outright make the best scale far too small. And a probability that is right does not tell wrong
labels from hard objects: of the objects that give their own class 5%, on a clean table, every one has a right label.
So the share of wrong labels is fitted together with the scale. A label is right with probability 1 - noise, and then
drawn from the model's probabilities p = softmax(scale * cosines). Otherwise it is another class than the true one:
half of such labels any other, as if a hand had slipped, and half one of the three nearest to the object, as if a person
had been unsure:

    P(label y) = (1 - noise) p_y + noise (1 - p_y) w_y,    w_y = 1 / (2 (C - 1)) + [y is near] / (2 * 3)

The two numbers that make the labels most likely are the estimate, and Bayes' rule gives the rest. Noise of a fixed form
and unknown share is that of Angluin and Laird, "Learning from noisy examples", Machine Learning 1988.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.interpolate import CubicHermiteSpline
from scipy.optimize import brentq, minimize_scalar

__all__ = ["LabelEvidence", "LabelNoise", "fit_label_noise", "longest_prefix", "weigh_labels"]

MOST_NOISE = 0.5
"""Where more labels are wrong, nothing can be said of any of them."""
NEAR, NEAR_SHARE = 3, 0.5
"""Half of the wrong labels name one of the three nearest classes, other than the true one."""
SCALES = np.geomspace(1.0, 500.0, 16)
"""Where the search for the best scale starts: the likelihood may have more than one summit."""
OWN_SCALE = 20
"""Objects that must have the same modalities before these get a scale of their own."""
USUAL_SPREAD, SPREAD = 0.15, 0.5
"""Before anything is seen, of the logarithm of the common scale, and of that of a group's around the common one."""
GROUP_RANGE = 2.0
"""By how much the logarithm of a group's scale may differ from that of the common one."""
GRID = np.linspace(-GROUP_RANGE, math.log(SCALES[-1]) + GROUP_RANGE, 32)
"""Logarithms of all scales that may be tried; between them what is known of an object is interpolated."""
_LEAST = 1e-12


@dataclass(frozen=True, eq=False)
class LabelEvidence:
    """What cosines say of labels at any scale, in few numbers an object, however many classes there are.

    Args:
        classes: how many there are.
        behind: by how much the largest cosine exceeds that to the class of the label, float64 [objects].
        ranks: how many classes are nearer to the object than that of its label, int64 [objects].
        totals: the logarithm of the summed exp(scale * (cosine - largest)) at the scales of the grid, float64
            [scales, objects].
        slopes: its derivatives by the logarithm of the scale, float64 [scales, objects].
    """

    classes: int
    behind: np.ndarray
    ranks: np.ndarray
    totals: np.ndarray
    slopes: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> "LabelEvidence":
        return LabelEvidence(
            self.classes, self.behind[rows], self.ranks[rows], self.totals[:, rows], self.slopes[:, rows]
        )

    def own(self, log_scale: float) -> np.ndarray:
        """The probability of the label's class of each object, float64 [objects].

        Args:
            log_scale: the logarithm of the scale, between the ends of the grid.
        """
        first = int(np.clip(np.searchsorted(GRID, log_scale) - 1, 0, len(GRID) - 2))
        ends = slice(first, first + 2)
        total = CubicHermiteSpline(GRID[ends], self.totals[ends], self.slopes[ends])(log_scale)
        return np.asarray(np.exp(-math.exp(log_scale) * self.behind - total))


def weigh_labels(chunks: Iterable[tuple[slice, np.ndarray]], numbers: np.ndarray) -> LabelEvidence:
    """What the fit needs to know of objects, which come some at a time.

    Args:
        chunks: which objects, and their cosines to the class centers [objects of the chunk, num_classes].
        numbers: the class of each label as a column of the cosines, int [objects].

    Examples:
        >>> cosines = np.array([[0.9, 0.5, -0.2], [0.1, 0.3, 0.2]])
        >>> weigh_labels([(slice(0, 2), cosines)], np.array([0, 0])).own(np.log(5.0)).round(3).tolist()
        [0.878, 0.186]
    """
    classes, behind, ranks = 0, np.empty(len(numbers)), np.empty(len(numbers), np.int64)
    totals, slopes = np.empty((2, len(GRID), len(numbers)))
    for part, cosines in chunks:
        classes, largest = cosines.shape[1], cosines.max(axis=1, keepdims=True)
        own = np.take_along_axis(cosines, numbers[part, None], axis=1)
        behind[part], ranks[part] = (largest - own)[:, 0], (cosines > own).sum(axis=1)
        # Single precision errs less than the interpolation does.
        below = (cosines - largest).astype(np.float32)
        chances = np.empty_like(below)
        for place, scale in enumerate(np.exp(GRID)):
            np.exp(np.multiply(below, np.float32(scale), out=chances), out=chances)
            total = chances.sum(axis=1)
            totals[place, part] = np.log(total)
            slopes[place, part] = scale * np.einsum("oc,oc->o", chances, below) / total
    return LabelEvidence(classes, behind, ranks, totals, slopes)


@dataclass(frozen=True)
class LabelNoise:
    """The share of wrong labels, and the scales that go with it.

    Args:
        noise: the share of labels that are wrong, from 0 to 0.5.
        classes: how many there are.
        scale: factor of the cosines.
        group_scales: by number of a group, the scale of those groups that have one of their own.
    """

    noise: float
    classes: int
    scale: float
    group_scales: dict[int, float]

    def scales(self, groups: np.ndarray) -> np.ndarray:
        """The scale of each object, float64 [objects].

        Args:
            groups: of which group each object is, int [objects].
        """
        scales = np.full(int(groups.max()) + 1, self.scale)
        for group, scale in self.group_scales.items():
            scales[group : group + 1] = scale
        return np.asarray(scales[groups])

    def right(self, own: np.ndarray, ranks: np.ndarray) -> np.ndarray:
        """The probability that each label is right, float64 [objects].

        Args:
            own: the probability that the model gives the class of the label [objects].
            ranks: how many classes are nearer to the object than that of its label, int [objects].
        """
        own = np.maximum(own, _LEAST)
        wrong = self.noise * (1 - own) * _weights(ranks, self.classes)
        return np.asarray((1 - self.noise) * own / ((1 - self.noise) * own + wrong))


def fit_label_noise(evidence: LabelEvidence, *, groups: np.ndarray, usual: float) -> LabelNoise:
    """The scale and the share of wrong labels that make the labels most likely.

    A scale near `usual` is expected beforehand. Otherwise objects whose labels are all as expected would ask for an
    infinite one, and a few wrong labels among few classes for one so small that it explains them as chance.

    Args:
        evidence: of the objects, as `weigh_labels` gives it.
        groups: of which group each object is, such as those with the same modalities, int [objects]. Of several, one of
            20 objects or more gets a scale of its own, held near the common one.
        usual: the scale expected, such as that of training: on the sets measured in docs/audit.md, clean labels ask for
            0.6 to 1.1 times as much.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> numbers = rng.integers(5, size=400)
        >>> cosines = 0.9 * np.eye(5)[numbers] + 0.1 * rng.normal(size=(400, 5))
        >>> numbers[:40] = (numbers[:40] + 1) % 5
        >>> evidence = weigh_labels([(slice(0, 400), cosines)], numbers)
        >>> found = fit_label_noise(evidence, groups=np.zeros(400, dtype=int), usual=10.0)
        >>> round(found.noise, 3), found.right(np.array([0.9, 1e-6]), ranks=np.array([0, 1])).round(3).tolist()
        (0.099, [0.996, 0.0])
    """
    weights = _weights(evidence.ranks, evidence.classes)

    def drawn_loss(at: float) -> float:
        chances = evidence.own(at)
        loss = _loss(chances, weights, _noise(chances, weights))
        return loss + ((at - math.log(usual)) / USUAL_SPREAD) ** 2 / 2

    best = int(np.argmin([drawn_loss(math.log(scale)) for scale in SCALES]))
    ends = [math.log(SCALES[place]) for place in (max(best - 1, 0), min(best + 1, len(SCALES) - 1))]
    common = float(minimize_scalar(drawn_loss, bounds=ends, method="bounded").x)
    chances, sizes = evidence.own(common), np.bincount(groups)
    found = LabelNoise(_noise(chances, weights), evidence.classes, math.exp(common), {})
    large = {group: np.flatnonzero(groups == group) for group in np.flatnonzero(sizes >= OWN_SCALE).tolist()}
    # Twice, since the noise found under a scale common to all is not that under several.
    for _ in range(2 if np.count_nonzero(sizes) > 1 else 0):
        for group, rows in large.items():
            at = _group_scale(evidence[rows], weights[rows], found.noise, common)
            found.group_scales[group], chances[rows] = math.exp(at), evidence[rows].own(at)
        found = replace(found, noise=_noise(chances, weights))
    return found


def _group_scale(evidence: LabelEvidence, weights: np.ndarray, noise: float, common: float) -> float:
    """The logarithm of the likeliest scale of a group's objects, held near the common one."""
    shrunk = minimize_scalar(
        lambda at: _loss(evidence.own(at), weights, noise) + ((at - common) / SPREAD) ** 2 / 2,
        bounds=(common - GROUP_RANGE, common + GROUP_RANGE),
        method="bounded",
    )
    return float(shrunk.x)


def longest_prefix(scores: np.ndarray, *, mean: float) -> int:
    """How many of the first scores can be taken with a mean of at most `mean`.

    If the scores are probabilities of being a false alarm, `mean` bounds the Bayesian false discovery rate.

    Args:
        scores: ascending [scores].
        mean: at most so much on average.

    Examples:
        >>> longest_prefix(np.array([0.0, 0.02, 0.1, 0.3]), mean=0.05)
        3
    """
    means = np.cumsum(scores) / np.arange(1, len(scores) + 1)
    return int(np.searchsorted(means, mean, side="right"))


def _weights(ranks: np.ndarray, classes: int) -> np.ndarray:
    """How probable each label is among those of another class than the true one, float64 [objects]."""
    near = min(NEAR, classes - 1)
    return np.asarray((1 - NEAR_SHARE) / (classes - 1) + NEAR_SHARE / near * (ranks <= near))


def _loss(own: np.ndarray, weights: np.ndarray, noise: float) -> float:
    """How improbable the labels are, given the probability of each one's class."""
    return float(-np.log(np.maximum((1 - noise) * own + noise * (1 - own) * weights, _LEAST)).sum())


def _noise(own: np.ndarray, weights: np.ndarray) -> float:
    """The likeliest share of wrong labels, given each label's probability; the likelihood has one summit."""
    own = np.maximum(own, _LEAST)
    wrong = (1 - own) * weights

    def slope(noise: float) -> float:
        return float(((wrong - own) / (own + noise * (wrong - own))).sum())

    if slope(0.0) <= 0:
        return 0.0
    return MOST_NOISE if slope(MOST_NOISE) >= 0 else float(brentq(slope, 0.0, MOST_NOISE, xtol=1e-9))
