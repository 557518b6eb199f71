"""Scores of every subset of modalities, and how they fall the more is dropped."""

from collections.abc import Iterable

import numpy as np

from steradian.evaluation import Robustness, SubsetScores
from steradian.report.figures import bars, lines
from steradian.report.findings import Findings
from steradian.report.markup import Html, Section, html, name, nothing, plot, table

__all__ = ["subset_section"]

BARS = 24


def subset_section(findings: Findings) -> Section:
    """Tables and plots of subsets, patterns and shares dropped.

    Args:
        findings: what was measured.
    """
    evaluation = findings.evaluation
    names = [_name(row, evaluation.modalities) for row in evaluation.scores]
    shown = evaluation.scores[:BARS]
    scores = {"accuracy": [row.accuracy for row in shown], "MAP@R": [row.map_at_r for row in shown]}
    scores = {key: values for key, values in scores.items() if any(value is not None for value in values)}
    picture = Html("")
    if scores:
        more = "" if len(evaluation.scores) <= BARS else f" The first {BARS} of {len(evaluation.scores)}."
        height = 70 + (16 + 13 * len(scores)) * len(shown)
        different = len({row.objects for row in evaluation.scores}) > 1
        more += " Rows of other numbers of objects are of other objects: compare with care." if different else ""
        caption = f"Scores by subset, the whole object first.{more}"
        picture = plot("plot-subsets", bars(names[:BARS], scores), caption=caption, height=height)
    patterns = Html("")
    if len(evaluation.patterns) > 1:
        rows = _rows(evaluation.patterns, evaluation.modalities, whole="everything")
        patterns = table("Objects that have exactly these modalities, with all they have", HEADS, rows)
    body = html(
        picture,
        table(
            "Objects seen through a subset of their modalities", HEADS, _rows(evaluation.scores, evaluation.modalities)
        ),
        patterns,
        Html("<h3>The more is missing</h3>"),
        _dropped(findings.robustness, len(evaluation.modalities)),
    )
    searched = "gallery" if evaluation.gallery is not None else "table"
    lead = (
        "A subset's row answers: how good is the model if it sees only this of each object? All are compared with the "
        f"whole objects of the {searched}."
    )
    return Section("subsets", "What each modality is worth", lead, body)


HEADS = ["subset", "objects", "R@1", "MAP@R", "accuracy", "balanced", "macro-F1"]


def _name(row: SubsetScores, modalities: tuple[str, ...], whole: str = "whole object") -> str:
    return whole if set(row.subset) == set(modalities) else row.name


def _rows(
    scores: Iterable[SubsetScores], modalities: tuple[str, ...], *, whole: str = "whole object"
) -> Iterable[list[str]]:
    for row in scores:
        numbers = ((row.recall or {}).get(1), row.map_at_r, row.accuracy, row.balanced_accuracy, row.macro_f1)
        cells = ("-" if number is None else f"{number:.3f}" for number in numbers)
        yield [name(_name(row, modalities, whole)), f"{row.objects:,}", *cells]


def _dropped(found: Robustness | None, modalities: int) -> Html:
    if found is None:
        if modalities < 2:
            return nothing("There is one modality: what has it not, has nothing.")
        return nothing(
            "Not measured, since the table is large. Measure it and pass it on: write_report(evaluation, path, "
            "robustness=steradian.robustness(model, objects))."
        )
    shares = found.shares.tolist()
    series, cells = {}, {}
    for key, drawn in (("accuracy", found.accuracy), ("R@1", found.recall_at_1), ("MAP@R", found.map_at_r)):
        if np.isfinite(drawn).all():
            series[key] = (shares, drawn.mean(axis=1).tolist())
            cells[key] = [
                f"{mean:.3f} ± {spread:.3f}" for mean, spread in zip(drawn.mean(axis=1), drawn.std(axis=1), strict=True)
            ]
    rows = [
        [f"{share:.0%}", f"{found.modalities_left[place]:.2f}", *(column[place] for column in cells.values())]
        for place, share in enumerate(shares)
    ]
    draws = found.accuracy.shape[1]
    caption = f"Each modality dropped with a probability: means and spread of {draws} draw{'s' * (draws > 1)}"
    return html(
        plot(
            "plot-dropped",
            lines(series, x="share of modalities dropped", y="score", zero=True),
            caption="A flat line is a model that can do without.",
            height=260,
        ),
        table(caption, ["dropped", "left an object", *cells], rows),
    )
