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
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import logsumexp

__all__ = ["LabelNoise", "fit_label_noise", "longest_prefix"]

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
_LEAST = 1e-12


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


def fit_label_noise(cosines: np.ndarray, numbers: np.ndarray, *, groups: np.ndarray, usual: float) -> LabelNoise:
    """The scale and the share of wrong labels that make the labels most likely.

    A scale near `usual` is expected beforehand. Otherwise objects whose labels are all as expected would ask for an
    infinite one, and a few wrong labels among few classes for one so small that it explains them as chance.

    Args:
        cosines: to the class centers [objects, num_classes].
        numbers: the class of each label as a column of `cosines`, int [objects].
        groups: of which group each object is, such as those with the same modalities, int [objects]. Of several, one of
            20 objects or more gets a scale of its own, held near the common one.
        usual: the scale expected, such as that of training: on the sets measured in docs/audit.md, clean labels ask for
            0.6 to 1.1 times as much.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> numbers = rng.integers(5, size=400)
        >>> cosines = 0.9 * np.eye(5)[numbers] + 0.1 * rng.normal(size=(400, 5))
        >>> numbers[:40] = (numbers[:40] + 1) % 5
        >>> found = fit_label_noise(cosines, numbers, groups=np.zeros(400, dtype=int), usual=10.0)
        >>> round(found.noise, 3), found.right(np.array([0.9, 1e-6]), ranks=np.array([0, 1])).round(3).tolist()
        (0.099, [0.996, 0.0])
    """
    cosines, classes = cosines.astype(np.float64), cosines.shape[1]
    own = np.take_along_axis(cosines, numbers[:, None], axis=1)[:, 0]
    every, weights = np.arange(len(own)), _weights((cosines > own[:, None]).sum(axis=1), classes)

    def loss(log_scale: float, rows: np.ndarray, noise: float | None) -> float:
        scale = math.exp(log_scale)
        total = logsumexp(scale * cosines[rows], axis=1)
        chances = np.exp(scale * own[rows] - total)
        noise = _noise(chances, weights[rows]) if noise is None else noise
        label = (1 - noise) * chances + noise * (1 - chances) * weights[rows]
        return float(-np.log(np.maximum(label, _LEAST)).sum())

    def drawn_loss(log_scale: float) -> float:
        return loss(log_scale, every, None) + ((log_scale - math.log(usual)) / USUAL_SPREAD) ** 2 / 2

    best = int(np.argmin([drawn_loss(math.log(scale)) for scale in SCALES]))
    ends = [math.log(SCALES[place]) for place in (max(best - 1, 0), min(best + 1, len(SCALES) - 1))]
    common = float(minimize_scalar(drawn_loss, bounds=ends, method="bounded").x)
    noise = _noise(np.exp(math.exp(common) * own - logsumexp(math.exp(common) * cosines, axis=1)), weights)
    found, sizes = LabelNoise(noise, classes, math.exp(common), {}), np.bincount(groups)
    # Twice, since the noise found under a scale common to all is not that under several.
    for _ in range(2 if np.count_nonzero(sizes) > 1 else 0):
        for group in np.flatnonzero(sizes >= OWN_SCALE).tolist():
            rows = np.flatnonzero(groups == group)
            shrunk = minimize_scalar(
                lambda at, rows=rows, noise=found.noise: loss(at, rows, noise) + ((at - common) / SPREAD) ** 2 / 2,
                bounds=(common - 2, common + 2),
                method="bounded",
            )
            found.group_scales[group] = math.exp(float(shrunk.x))
        scales = found.scales(groups)[:, None]
        chances = np.exp(scales[:, 0] * own - logsumexp(scales * cosines, axis=1))
        found = replace(found, noise=_noise(chances, weights))
    return found


def longest_prefix(scores: np.ndarray, *, mean: float) -> int:
    """How many of the first scores can be taken with a mean of at most `mean`.

    If the scores are probabilities of being a false alarm, `mean` bounds the Bayesian false discovery rate.

    Args:
        scores: ascending [scores].
        mean: at most so much on average.

    Example:
        >>> longest_prefix(np.array([0.0, 0.02, 0.1, 0.3]), mean=0.05)
        3
    """
    means = np.cumsum(scores) / np.arange(1, len(scores) + 1)
    return int(np.searchsorted(means, mean, side="right"))


def _weights(ranks: np.ndarray, classes: int) -> np.ndarray:
    """How probable each label is among those of another class than the true one, float64 [objects]."""
    near = min(NEAR, classes - 1)
    return np.asarray((1 - NEAR_SHARE) / (classes - 1) + NEAR_SHARE / near * (ranks <= near))


def _noise(own: np.ndarray, weights: np.ndarray) -> float:
    """The likeliest share of wrong labels, given each label's probability; the likelihood has one summit."""
    own = np.maximum(own, _LEAST)
    wrong = (1 - own) * weights

    def slope(noise: float) -> float:
        return float(((wrong - own) / (own + noise * (wrong - own))).sum())

    if slope(0.0) <= 0:
        return 0.0
    return MOST_NOISE if slope(MOST_NOISE) >= 0 else float(brentq(slope, 0.0, MOST_NOISE, xtol=1e-9))
