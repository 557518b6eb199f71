"""The demo's questions, how a model and the baseline answer them, and the table of both."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from steradian.metrics import recall_at_k

__all__ = ["QUESTIONS", "Question", "comparison_table", "score_answers", "score_questions"]

BOTH = ("picture", "name")


class Question(NamedTuple):
    """What of the query is given, and what of the gallery it is compared with."""

    title: str
    query: tuple[str, ...]
    gallery: tuple[str, ...]


QUESTIONS = (
    Question("whole object", BOTH, BOTH),
    Question("picture only", ("picture",), BOTH),
    Question("name only", ("name",), BOTH),
    Question("picture -> other artist's picture", ("picture",), ("picture",)),
    Question("name -> name in another language", ("name",), ("name",)),
    Question("name -> picture", ("name",), ("picture",)),
    Question("picture -> name", ("picture",), ("name",)),
)
"""The first three search whole objects."""

Vectors = Callable[[tuple[str, ...]], Any]
"""Unit rows [objects, dim], dense or sparse, of some modalities of a fixed table."""


def score_questions(queries: Vectors, gallery: Vectors) -> dict[str, dict[str, float]]:
    """Scores of every question, by its title.

    Args:
        queries: gives the queries' vectors; row i belongs to the emoji of gallery row i.
        gallery: gives the gallery's vectors.
    """
    scores = {}
    for question in QUESTIONS:
        cosines = queries(question.query) @ gallery(question.gallery).T
        scores[question.title] = score_answers(cosines if isinstance(cosines, np.ndarray) else cosines.toarray())
    return scores


def score_answers(cosines: np.ndarray) -> dict[str, float]:
    """Recall@1, recall@5 and the mean reciprocal rank, each in 0..1.

    Where all cosines of a query are equal, the order of the gallery decides: over all queries this is chance.

    Args:
        cosines: [queries, gallery]; gallery row i answers query i, and no other does.

    Examples:
        >>> score_answers(np.array([[0.9, 0.1], [0.8, 0.2]]))
        {'recall@1': 0.5, 'recall@5': 1.0, 'mrr': 0.75}
    """
    order = np.argsort(-cosines, axis=1, kind="stable")
    relevant = order == np.arange(len(cosines))[:, None]
    return {
        "recall@1": float(recall_at_k(relevant, k=1).mean()),
        "recall@5": float(recall_at_k(relevant, k=min(5, relevant.shape[1])).mean()),
        "mrr": float((1 / (1 + relevant.argmax(axis=1))).mean()),
    }


def comparison_table(results: Mapping[str, Mapping[str, Mapping[str, float]]]) -> str:
    """Recall@1 and mean reciprocal rank in percent as plain text, at most 80 columns for two methods.

    Args:
        results: scores by method and question, as `score_questions` gives them.
    """
    methods = list(results)
    lines = [" " * 34 + "".join(f"{method:>20}" for method in methods)]
    lines.append(f"{'query -> what is searched':34}" + f"{'R@1 %':>13}{'MRR %':>7}" * len(methods))
    for question in QUESTIONS:
        numbers: Sequence[Mapping[str, float]] = [results[method][question.title] for method in methods]
        cells = (f"{100 * scores['recall@1']:>13.1f}{100 * scores['mrr']:>7.1f}" for scores in numbers)
        lines.append(f"{question.title:34}" + "".join(cells))
    return "\n".join(lines)
