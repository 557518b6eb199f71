"""Scores of every subset of modalities, and how they fall the more is dropped."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from steradian.evaluation import Robustness, SubsetScores
from steradian.report.figures import bars, lines
from steradian.report.markup import Section, name, section
from steradian.report.measurements import Measurements

__all__ = ["score_section"]

BARS = 24


def score_section(findings: Measurements) -> Section:
    """Tables and plots of subsets, patterns and shares dropped.

    Args:
        findings: what was measured.
    """
    evaluation = findings.evaluation
    names = [_name(row, evaluation.modalities) for row in evaluation.scores]
    shown = evaluation.scores[:BARS]
    scores = {"accuracy": [row.accuracy for row in shown], "MAP@R": [row.map_at_r for row in shown]}
    scores = {key: values for key, values in scores.items() if any(value is not None for value in values)}
    return section(
        "subsets",
        searched="table" if evaluation.gallery is None else "gallery",
        figure=bars(names[:BARS], scores) if scores else None,
        height=70 + (16 + 13 * len(scores)) * len(shown),
        most=BARS,
        number=len(evaluation.scores),
        different=len({row.objects for row in evaluation.scores}) > 1,
        drawn=evaluation.drawn,
        heads=HEADS,
        subsets=_rows(evaluation.scores, evaluation.modalities),
        patterns=_rows(evaluation.patterns, evaluation.modalities, whole="everything"),
        modalities=len(evaluation.modalities),
        dropped=None if findings.robustness is None else _dropped(findings.robustness),
    )


HEADS = ["subset", "objects", "R@1", "MAP@R", "accuracy", "balanced", "macro-F1"]


def _name(row: SubsetScores, modalities: tuple[str, ...], whole: str = "whole object") -> str:
    return whole if set(row.subset) == set(modalities) else row.name


def _rows(
    scores: Iterable[SubsetScores], modalities: tuple[str, ...], *, whole: str = "whole object"
) -> list[list[str]]:
    rows = []
    for row in scores:
        numbers = ((row.recall or {}).get(1), row.map_at_r, row.accuracy, row.balanced_accuracy, row.macro_f1)
        cells = ("-" if number is None else f"{number:.3f}" for number in numbers)
        rows.append([name(_name(row, modalities, whole)), f"{row.objects:,}", *cells])
    return rows


def _dropped(found: Robustness) -> dict[str, Any]:
    shares, draws = found.shares.tolist(), found.accuracy.shape[1]
    series, cells = {}, {}
    for key, drawn in (("accuracy", found.accuracy), ("R@1", found.recall_at_1), ("MAP@R", found.map_at_r)):
        if np.isfinite(drawn).all():
            means, spreads = drawn.mean(axis=1).tolist(), drawn.std(axis=1).tolist()
            series[key] = (shares, means)
            cells[key] = [f"{mean:.3f} ± {spread:.3f}" for mean, spread in zip(means, spreads, strict=True)]
    rows = [
        [f"{share:.0%}", f"{found.modalities_left[place]:.2f}", *(column[place] for column in cells.values())]
        for place, share in enumerate(shares)
    ]
    return {
        "figure": lines(series, x="share of modalities dropped", y="score", zero=True),
        "draws": f"{draws} draw{'s' * (draws > 1)}",
        "heads": ["dropped", "left an object", *cells],
        "rows": rows,
    }
