"""Whether a model is better than a plain one on the same objects, in one sentence."""

from typing import TYPE_CHECKING

from steradian.evaluation.plain_baseline import PlainBaseline

if TYPE_CHECKING:
    from steradian.evaluation.result import SubsetScores

__all__ = ["verdict"]


def verdict(whole: "SubsetScores", baseline: PlainBaseline) -> str:
    """One sentence on the score that both have: accuracy of known classes, else R@1.

    A difference counts where it is larger than a standard error of two shares of as many objects.

    Args:
        whole: the model's scores of whole objects.
        baseline: of the same objects.

    Example:
        >>> import numpy as np
        >>> from steradian.evaluation import SubsetScores
        >>> arrays = {name: np.ones(400, bool) for name in ("labels", "known", "right", "searchable", "found")}
        >>> scores = {"accuracy": 0.9, "macro_f1": 0.9, "recall_at_1": 0.8, "map_at_r": 0.5}
        >>> plain = PlainBaseline("plain", **arrays, **scores, modalities=(), trained=9, gallery=9, seconds=0.1)
        >>> verdict(SubsetScores(("x",), 400, 0, accuracy=0.95), plain)
        'Better than the plain baseline by 5.0 points of accuracy (0.950 against 0.900).'
    """
    if whole.accuracy is not None and baseline.accuracy is not None:
        what, ours, plain, count = "accuracy", whole.accuracy, baseline.accuracy, int(baseline.known.sum())
    elif whole.recall and 1 in whole.recall and baseline.recall_at_1 is not None:
        what, ours, plain, count = "R@1", whole.recall[1], baseline.recall_at_1, int(baseline.searchable.sum())
    else:
        return "No score that the model and the plain baseline both have."
    error = ((ours * (1 - ours) + plain * (1 - plain)) / max(1, count)) ** 0.5
    measured = f"({ours:.3f} against {plain:.3f})"
    if abs(ours - plain) <= error:
        return f"Level with the plain baseline: {what} {measured}."
    kind = "Better" if ours > plain else "Worse"
    return f"{kind} than the plain baseline by {100 * abs(ours - plain):.1f} points of {what} {measured}."
