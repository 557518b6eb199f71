"""How well a score tells two kinds apart: known objects from unknown ones, or pairs of one class from other pairs.

A threshold accepts what scores at least as much. While it sinks, more of the positive kind are accepted and more of the
negative kind; equal scores are accepted together. All measures here are read from this one curve.
"""

from dataclasses import dataclass

import numpy as np

from steradian.errors import InputError

__all__ = [
    "DetectionCurve",
    "SortedScores",
    "auroc",
    "check_scores",
    "equal_error_rate",
    "false_positive_rate_at",
    "true_accept_rate",
]


@dataclass(frozen=True, eq=False)
class DetectionCurve:
    """Which shares of both kinds are accepted while the threshold sinks: the corners of the ROC curve, from 0 to 1.

    Args:
        false_accept: the share of the negative kind, rising float64 [corners].
        true_accept: the share of the positive kind, rising float64 [corners].

    Examples:
        >>> curve = DetectionCurve(np.array([0.0, 0.0, 0.5, 1.0]), np.array([0.0, 0.8, 1.0, 1.0]))
        >>> curve.auroc, curve.true_accept_rate(0.1), curve.false_positive_rate(0.95)
        (0.95, 0.8, 0.5)
    """

    false_accept: np.ndarray
    true_accept: np.ndarray

    @property
    def auroc(self) -> float:
        """As the function of this name."""
        return float(np.trapezoid(self.true_accept, self.false_accept))

    @property
    def equal_error_rate(self) -> float:
        """As the function of this name."""
        excess = self.false_accept + self.true_accept - 1.0
        after = int(np.argmax(excess >= 0))
        part = excess[after - 1] / (excess[after - 1] - excess[after])
        return float((1.0 - part) * self.false_accept[after - 1] + part * self.false_accept[after])

    def false_positive_rate(self, true_positive_rate: float) -> float:
        """As `false_positive_rate_at`."""
        return float(self.false_accept[np.argmax(self.true_accept >= true_positive_rate)])

    def true_accept_rate(self, false_accept: float) -> float:
        """As the function of this name."""
        return float(self.true_accept[np.count_nonzero(self.false_accept <= false_accept) - 1])


class SortedScores:
    """Scores of two kinds, sorted once, so that their curve under many weights is quick.

    Args:
        positive: [positives], higher is more like the positive kind.
        negative: [negatives].

    Raises:
        InputError: none of a kind, no array of one axis, or a score that is NaN.

    Examples:
        >>> scores = SortedScores([0.9, 0.7, 0.4], [0.5, 0.1])
        >>> scores.curve().true_accept.round(3).tolist()
        [0.0, 0.667, 0.667, 1.0, 1.0]
        >>> scores.curve(np.array([1, 1, 0])).auroc
        1.0
    """

    def __init__(self, positive: np.ndarray, negative: np.ndarray) -> None:
        kinds = [check_scores(positive, where="positive"), check_scores(negative, where="negative")]
        values, ranks = np.unique(np.concatenate(kinds), return_inverse=True)
        ranks = len(values) - 1 - ranks
        has = np.zeros((2, len(values)), dtype=bool)
        has[0, ranks[: len(kinds[0])]] = has[1, ranks[len(kinds[0]) :]] = True
        # Between two corners the curve is straight: where values of one kind follow each other, one step takes all.
        both = has[0] & has[1]
        first = np.concatenate([[False], np.diff(has[0]) | both[1:] | both[:-1]])
        steps = np.cumsum(first)[ranks]
        self._steps = steps[: len(kinds[0])], steps[len(kinds[0]) :]
        self._corners = int(first.sum()) + 1

    def curve(
        self, positive_weights: np.ndarray | None = None, negative_weights: np.ndarray | None = None
    ) -> DetectionCurve:
        """The curve when each score counts as often as its weight says.

        Args:
            positive_weights: 0 or more, not all of them 0 [positives]; None counts each once.
            negative_weights: likewise [negatives].
        """
        negative, positive = (
            np.bincount(steps, weights=weights, minlength=self._corners).cumsum()
            for steps, weights in zip(self._steps[::-1], (negative_weights, positive_weights), strict=True)
        )
        return DetectionCurve(*(np.concatenate([[0.0], counts / counts[-1]]) for counts in (negative, positive)))


def auroc(positive: np.ndarray, negative: np.ndarray) -> float:
    """The probability that a positive scores higher than a negative, ties counting half: the area under the ROC curve.

    1 is best, 0.5 is chance. Source: Hanley and McNeil, "The meaning and use of the area under a receiver operating
    characteristic (ROC) curve", Radiology 1982.

    Args:
        positive: scores [positives], higher is more like the positive kind.
        negative: scores [negatives].

    Raises:
        InputError: none of a kind, no array of one axis, or a score that is NaN.

    Examples:
        >>> auroc([0.9, 0.7, 0.4], [0.5, 0.4])
        0.75
    """
    return SortedScores(positive, negative).curve().auroc


def false_positive_rate_at(positive: np.ndarray, negative: np.ndarray, *, true_positive_rate: float = 0.95) -> float:
    """The share of negatives accepted at the highest threshold that accepts so many of the positives; 0 is best.

    The threshold is a score that occurs: no point between two of them is made up. At least the wanted share of the
    positives is accepted. At the default this is FPR95 of out-of-distribution detection: Liang et al., "Enhancing the
    reliability of out-of-distribution image detection in neural networks", ICLR 2018.

    Args:
        positive: scores [positives], higher is more like the positive kind.
        negative: scores [negatives].
        true_positive_rate: the share of positives to accept at least, above 0 and up to 1.

    Raises:
        InputError: none of a kind, no array of one axis, a score that is NaN, or a rate out of range.

    Examples:
        >>> false_positive_rate_at([0.9, 0.7, 0.4], [0.5, 0.1])
        0.5
    """
    if not 0 < true_positive_rate <= 1:
        raise InputError(
            want="a share above 0 and up to 1",
            got=repr(true_positive_rate),
            where="true_positive_rate",
            fix="Leave it out for 0.95.",
        )
    return SortedScores(positive, negative).curve().false_positive_rate(true_positive_rate)


def true_accept_rate(positive: np.ndarray, negative: np.ndarray, *, false_accept: float = 0.01) -> float:
    """The share of positives accepted at the lowest threshold that accepts at most so many of the negatives: TAR@FAR.

    1 is best. The rate reached is never above the wanted one: of negatives with equal scores all are accepted or none,
    and nothing is interpolated. With fewer negatives than 1 / false_accept not one of them may be accepted, and the
    answer is the share of positives that score higher than every negative; this can be far too low, or too high by
    luck. A hundred negatives and more at the rate (10,000 for 1%) make it a measurement.
    Source: ISO/IEC 19795-1:2021, "Biometric performance testing and reporting".

    Args:
        positive: scores [positives], higher is more like the positive kind.
        negative: scores [negatives].
        false_accept: the share of negatives to accept at most, from 0 and below 1.

    Raises:
        InputError: none of a kind, no array of one axis, a score that is NaN, or a rate out of range.

    Examples:
        >>> true_accept_rate([0.9, 0.7, 0.4, 0.3], [0.5, 0.1], false_accept=0.4)
        0.5
        >>> true_accept_rate([0.9, 0.7, 0.4, 0.3], [0.5, 0.1], false_accept=0.5)
        1.0
    """
    if not 0 <= false_accept < 1:
        raise InputError(
            want="a share from 0 and below 1",
            got=repr(false_accept),
            where="false_accept",
            fix="Leave it out for 0.01.",
        )
    return SortedScores(positive, negative).curve().true_accept_rate(false_accept)


def equal_error_rate(positive: np.ndarray, negative: np.ndarray) -> float:
    """The error where as large a share of negatives is accepted as of positives is refused; 0 is best, 0.5 is chance.

    It lies where the ROC curve, its corners joined by straight lines, crosses the diagonal of equal errors. Between two
    corners no threshold may reach it, but one drawn at random between both does.
    Source: ISO/IEC 19795-1:2021, "Biometric performance testing and reporting".

    Args:
        positive: scores [positives], higher is more like the positive kind.
        negative: scores [negatives].

    Raises:
        InputError: none of a kind, no array of one axis, or a score that is NaN.

    Examples:
        >>> equal_error_rate([0.9, 0.7, 0.4, 0.3], [0.5, 0.4, 0.2, 0.1])
        0.375
    """
    return SortedScores(positive, negative).curve().equal_error_rate


def check_scores(scores: np.ndarray, *, where: str) -> np.ndarray:
    """The scores as an array, once they are fit to be compared.

    Args:
        scores: [objects].
        where: what to call them in messages.

    Raises:
        InputError: none of them, no numbers of one axis, or one that is NaN.
    """
    scores = np.asarray(scores)
    numbers = np.issubdtype(scores.dtype, np.number) and not np.issubdtype(scores.dtype, np.complexfloating)
    if scores.ndim != 1 or not len(scores) or not numbers:
        raise InputError(
            want="at least one score, as numbers of one axis",
            got=f"{scores.dtype} of shape {list(scores.shape)}",
            where=where,
            fix="Without objects of both kinds there is nothing to tell apart.",
        )
    if np.isnan(scores).any():
        row = int(np.argmax(np.isnan(scores)))
        raise InputError("a number", "NaN", f"{where}, row {row}", "Leave out objects without a score.")
    return scores
