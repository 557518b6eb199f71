"""Whether a model is better than a plain one on the same objects, in one sentence."""

from steradian.evaluation.plain_baseline import PlainBaseline

__all__ = ["verdict"]


def verdict(baseline: PlainBaseline, *, accuracy: float | None, recall_at_1: float | None) -> str:
    """One sentence on the score that both have: accuracy of known classes, else R@1.

    A difference counts where it is larger than a standard error of two shares of as many objects.

    Args:
        baseline: the plain model's scores.
        accuracy: the model's, of the same objects; None where none is of a known class.
        recall_at_1: likewise; None where nothing could be searched for.

    Examples:
        >>> import numpy as np
        >>> arrays = {name: np.ones(400, bool) for name in ("labels", "known", "right", "searchable", "found")}
        >>> scores = {"accuracy": 0.9, "macro_f1": 0.9, "recall_at_1": 0.8, "map_at_r": 0.5}
        >>> plain = PlainBaseline("plain", **arrays, **scores, modalities=(), trained=9, gallery=9, seconds=0.1)
        >>> verdict(plain, accuracy=0.95, recall_at_1=None)
        'Better than the plain baseline by 5.0 points of accuracy (0.950 against 0.900).'
    """
    if accuracy is not None and baseline.accuracy is not None:
        what, ours, plain, count = "accuracy", accuracy, baseline.accuracy, int(baseline.known.sum())
    elif recall_at_1 is not None and baseline.recall_at_1 is not None:
        what, ours, plain, count = "R@1", recall_at_1, baseline.recall_at_1, baseline.queries
    else:
        return "No score that the model and the plain baseline both have."
    error = ((ours * (1 - ours) + plain * (1 - plain)) / max(1, count)) ** 0.5
    measured = f"({ours:.3f} against {plain:.3f})"
    if abs(ours - plain) <= error:
        return f"Level with the plain baseline: {what} {measured}."
    kind = "Better" if ours > plain else "Worse"
    return f"{kind} than the plain baseline by {100 * abs(ours - plain):.1f} points of {what} {measured}."
