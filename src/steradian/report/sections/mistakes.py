"""What is taken for what, and what is found for an object: with the objects themselves."""

from collections import Counter
from typing import Any

import numpy as np

from steradian.data import ObjectTable
from steradian.report.cards import object_card
from steradian.report.markup import Section, name, section
from steradian.report.measurements import Measurements

__all__ = ["confusion_section", "neighbor_section"]

DUELS, PAIRS = 6, 20


def confusion_section(findings: Measurements) -> Section:
    """The most frequent wrong pairs, each with an object and one of the class it was taken for.

    Args:
        findings: what was measured.
    """
    taken, rows, of_neighbors = _taken(findings)
    own = findings.labels[rows]
    counts = Counter(zip(own.tolist(), taken.tolist(), strict=True))
    sizes = Counter(findings.labels.tolist())
    ordered = sorted(counts.items(), key=lambda entry: (-entry[1], str(entry[0])))
    lines = [
        [name(right), name(wrong), f"{count:,}", f"{count / sizes[right]:.1%}"]
        for (right, wrong), count in ordered[:PAIRS]
    ]
    duels = [_duel(findings, rows, taken, right, wrong, count) for (right, wrong), count in ordered[:DUELS]]
    return section("confusions", of_neighbors=of_neighbors, duels=duels, rows=lines)


def _taken(findings: Measurements) -> tuple[np.ndarray, np.ndarray, bool]:
    """The wrong classes of objects, which objects these are, and whether they are classes of nearest neighbors."""
    predictions, searched = findings.predictions, findings.searched
    if predictions.known.mean() >= 0.5:
        rows = np.flatnonzero(predictions.known & ~predictions.right)
        return predictions.classes[rows], rows, False
    wrong = searched.relevant & ~searched.first_right
    return _inside(findings).labels[searched.neighbors[wrong, 0]], searched.rows[wrong], True


def _inside(findings: Measurements) -> ObjectTable:
    return findings.objects if findings.gallery is None else findings.gallery


def _duel(
    findings: Measurements, rows: np.ndarray, taken: np.ndarray, right: object, wrong: object, count: int
) -> dict[str, Any]:
    """The object that was most surely taken for the other class, and an object of that class."""
    here = rows[(findings.labels[rows] == right) & (taken == wrong)]
    shown = here[findings.predictions.angles[here].argmin()]
    inside = _inside(findings)
    rivals = np.flatnonzero(inside.labels == wrong)
    if findings.gallery is None and len(rivals):
        # Those of the very class that the model placed nearest to the object.
        rivals = rivals[(findings.vectors[rivals] @ findings.vectors[shown]).argsort()[::-1]]
    return {
        "right": right,
        "wrong": wrong,
        "count": count,
        "shown": object_card(findings.objects, int(shown)),
        "rival": object_card(inside, int(rivals[0])) if len(rivals) else None,
    }


def neighbor_section(findings: Measurements) -> Section:
    """Chosen objects and what is nearest to them.

    Args:
        findings: what was measured.
    """
    searched, inside = findings.searched, _inside(findings)
    places = {row: place for place, row in enumerate(searched.rows.tolist())}
    queries = []
    for row in searched.chosen.tolist() if searched.neighbors.shape[1] else []:
        found = zip(searched.neighbors[places[row]].tolist(), searched.angles[places[row]].tolist(), strict=True)
        neighbors = [
            (angle, inside.labels[other] == findings.labels[row], object_card(inside, other))
            for other, angle in found
            if other >= 0
        ]
        queries.append((object_card(findings.objects, row), neighbors))
    return section("neighbors", queries=queries)
