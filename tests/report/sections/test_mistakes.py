"""Confusions are counted as a plain count does; neighbors are those of the search, with their marks."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from steradian.report.measurements import Measurements
from steradian.report.sections.mistakes import confusion_section, neighbor_section


def test_confusions_are_counted(findings: Measurements, elements: Any) -> None:
    body = confusion_section(findings).body
    pairs = zip(findings.labels.tolist(), findings.predictions.classes.tolist(), strict=True)
    counts = Counter(pair for pair in pairs if pair[0] != pair[1])
    shown = [int(number) for number in re.findall(r'</td><td class="number">(\d+)</td>', body)]
    assert sorted(shown, reverse=True) == sorted(counts.values(), reverse=True)[: len(shown)] and shown
    found = elements(body)
    assert found.open == [] and " taken for " in found.text


def test_without_mistakes_there_is_nothing(findings: Measurements) -> None:
    right = replace(findings.predictions, classes=findings.labels, right=np.ones(len(findings.labels), dtype=bool))
    assert "No evaluated object was taken for another" in confusion_section(replace(findings, predictions=right)).body


def test_of_unknown_classes_the_neighbors_are_counted(plain_findings: Callable[..., Measurements]) -> None:
    found = plain_findings(["a", "b"] * 10, ["x", "y", "z"] * 5, noise=2.0)
    body = confusion_section(found).body
    assert "not trained on most of these" in body
    wrong = found.searched.relevant & ~found.searched.first_right
    shown = [int(number) for number in re.findall(r'</td><td class="number">(\d+)</td>', body)]
    assert sum(shown) == wrong.sum() > 0


def test_a_neighbor_is_marked_right_if_it_is_of_the_querys_class(findings: Measurements) -> None:
    body = neighbor_section(findings).body
    assert findings.gallery is not None
    searched = findings.searched
    places = [searched.rows.tolist().index(row) for row in searched.chosen.tolist()]
    right = findings.gallery.labels[searched.neighbors[places]] == findings.labels[searched.chosen][:, None]
    marks = [kind == "right" for kind in re.findall(r'<li class="(\w+)">', body)]
    assert marks == right.ravel().tolist()
    assert body.count("✓ right") == right.sum() and body.count("✗ wrong") == (~right).sum()
    assert f"{searched.angles[places[0], 0]:.2f} rad" in body
