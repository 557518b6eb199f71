"""What was trained on what, and the headline numbers beside a plain baseline."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from steradian.metrics import class_interval
from steradian.report.markup import Section, name, section, time_words
from steradian.report.measurements import Measurements

__all__ = ["summary_section"]


def summary_section(findings: Measurements) -> Section:
    """The first things to know.

    Args:
        findings: what was measured.
    """
    return section(
        "summary",
        tiles=[_tile(*entry) for entry in _headlines(findings)],
        baseline=_baseline_words(findings),
        entries=_facts(findings),
        **_modalities(findings),
    )


def _headlines(findings: Measurements) -> Iterator[tuple[str, float, np.ndarray, float | None]]:
    """Name, value, interval and the baseline's value."""
    whole, baseline, labels = findings.evaluation.whole, findings.baseline, findings.labels
    predictions, searched = findings.predictions, findings.searched
    if whole.accuracy is not None:
        known = predictions.known
        interval = _interval(predictions.right[known], labels[known])
        what = "accuracy" if known.all() else f"accuracy of the {known.sum():,} objects of known classes"
        yield what, whole.accuracy, interval, getattr(baseline, "accuracy", None) if _alike(findings) else None
    queries = labels[searched.rows]
    if whole.recall and 1 in whole.recall:
        interval = _interval(searched.first_right[searched.relevant], queries[searched.relevant])
        yield "nearest is right (R@1)", whole.recall[1], interval, getattr(baseline, "recall_at_1", None)
    if whole.map_at_r is not None:
        scored = np.isfinite(searched.average_precision)
        # Of classes too large to be searched through, the others' interval would be of something else.
        scored = scored if (scored == searched.relevant).all() else np.zeros_like(scored)
        interval = _interval(searched.average_precision[scored], queries[scored])
        yield "mean average precision (MAP@R)", whole.map_at_r, interval, getattr(baseline, "map_at_r", None)


def _interval(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    if not len(values):
        return np.full(2, np.nan)
    return class_interval(lambda weights: np.average(values, weights=weights), labels)


def _tile(what: str, value: float, interval: np.ndarray, plain_value: float | None) -> tuple[str, str, list[str]]:
    lines = []
    if np.isfinite(interval).all():
        lines.append(f"95% interval {interval[0]:.1%} to {interval[1]:.1%}")
    if plain_value is not None:
        lines.append(f"plain baseline {plain_value:.1%}")
    return what, f"{value:.1%}", lines


def _baseline_words(findings: Measurements) -> str:
    baseline = findings.baseline
    if baseline is None:
        return f"There is no plain baseline beside these numbers: {findings.no_baseline}."
    notes = baseline.notes
    if baseline.accuracy is not None and not _alike(findings):
        notes = ("It knows other classes than the model, so their accuracies are of other objects.", *notes)
    learnt = f", of {baseline.trained:,} objects" if baseline.trained else ", which learns nothing"
    return f"The plain baseline is {baseline.name}{learnt}. {' '.join(notes)}"


def _alike(findings: Measurements) -> bool:
    """Whether model and baseline know the classes of the same objects."""
    return findings.baseline is not None and np.array_equal(findings.baseline.known, findings.predictions.known)


def _facts(findings: Measurements) -> dict[str, Any]:
    model, objects, gallery = findings.model, findings.objects, findings.gallery
    encoder, classifier = model.fitted_.encoder, model.fitted_.classifier
    parts = [*encoder.parameters(), *classifier.parameters()]
    count, size = sum(part.numel() for part in parts), sum(part.nbytes for part in parts)
    training = model.training_
    unknown = int(np.count_nonzero(~findings.predictions.known))
    entries = {
        "model": f"{len(model.classes_):,} classes, unit vectors of {encoder.embedding_dim} numbers, fusion "
        f'"{encoder.fusion.kind}", {count:,} parameters, {size:,} bytes',
        "evaluated": f"{len(objects):,} objects of {len(np.unique(objects.labels)):,} classes",
        "searched in": "each object among the others" if gallery is None else f"a gallery of {len(gallery):,} objects",
        "label": "the column " + name(model.schema_.label),
        "objective": f'"{model.objective}", scale {model.scale_:.3g}, margin {model.margin_:.3g} radians',
    }
    if unknown:
        entries["unknown classes"] = f"{unknown:,} objects are of classes that the model was not trained on"
    if training is not None and training.history:
        seconds = training.history[-1]["seconds"]
        entries["training"] = (
            f"{training.steps:,} steps in {time_words(seconds)}, the weights of step {training.best_step:,}"
        )
    if findings.evaluation.certified is not None:
        entries["certified"] = (
            f"{findings.evaluation.certified:.1%} of the objects keep their class whichever of their modalities are "
            "missing; that says how steady an answer is, not whether it is right"
        )
    if len(findings.searched.rows) < len(objects):
        entries["intervals"] = f"of R@1 and MAP@R from {len(findings.searched.rows):,} objects drawn at random"
    return entries


def _modalities(findings: Measurements) -> dict[str, Any]:
    model = findings.model
    present = model.fitted_.present(findings.objects).mean(axis=0)
    inside = None if findings.gallery is None else model.fitted_.present(findings.gallery).mean(axis=0)
    rows = []
    for place, (key, modality) in enumerate(model.schema_.modalities.items()):
        columns = ", ".join(modality.columns[:6]) + (", …" if len(modality.columns) > 6 else "")
        cells = [name(key), type(modality).__name__, name(columns), f"{1 - present[place]:.1%}"]
        rows.append(cells if inside is None else [*cells, f"{1 - inside[place]:.1%}"])
    heads = ["modality", "kind", "columns", "missing"] + ([] if inside is None else ["missing in the gallery"])
    return {"heads": heads, "modalities": rows}
