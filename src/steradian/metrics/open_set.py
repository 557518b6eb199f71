"""Naming what is known while refusing what is not."""

import numpy as np

from steradian.errors import InputError
from steradian.metrics.detection import auroc, check_scores

__all__ = ["oscr"]


def oscr(scores: np.ndarray, right: np.ndarray, unknown_scores: np.ndarray) -> float:
    """The area under the curve of correct classification rate against false accept rate (OSCR); 1 is best.

    At a threshold, the correct classification rate is the share of known objects that are accepted and whose class is
    right, the false accept rate the share of unknown objects that are accepted. The area is the accuracy on known
    objects times the AUROC of the right ones among them against the unknown ones, ties counting half: it cannot exceed
    the accuracy, and with no object right it is 0.
    Sources: Dhamija et al., "Reducing network agnostophobia", NeurIPS 2018 (the curve); Vaze et al., "Open-set
    recognition: a good closed-set classifier is all you need?", ICLR 2022 (its area).

    Args:
        scores: of objects of known classes [known], higher is more like a known one.
        right: bool [known], whether the predicted class is the true one.
        unknown_scores: of objects of unknown classes [unknown].

    Raises:
        InputError: no known or no unknown object, different lengths, or a score that is NaN.

    Examples:
        >>> oscr(np.array([0.9, 0.8, 0.3, 0.6]), np.array([True, False, True, True]), np.array([0.5, 0.1]))
        0.625
    """
    scores, right = check_scores(scores, where="scores"), np.asarray(right)
    unknown_scores = check_scores(unknown_scores, where="unknown_scores")
    if right.shape != scores.shape or right.dtype != np.bool_:
        raise InputError(
            want="a bool for each known object",
            got=f"{right.dtype} of shape {list(right.shape)} for scores of shape {list(scores.shape)}",
            where="right",
            fix="Pass predicted == labels.",
        )
    return float(right.mean()) * auroc(scores[right], unknown_scores) if right.any() else 0.0
