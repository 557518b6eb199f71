"""Every subset's row is the evaluation's, and what was dropped is told or said not to be measured."""

import re
from dataclasses import replace
from typing import Any

from steradian.report.measurements import Measurements
from steradian.report.sections.scores import score_section


def test_rows_are_the_evaluations(findings: Measurements, elements: Any) -> None:
    section = score_section(findings)
    for row in findings.evaluation:
        name = "whole object" if len(row.subset) == 5 else row.name.replace("<", "&lt;").replace(">", "&gt;")
        numbers = f'<td class="number">{row.map_at_r:.3f}</td><td class="number">{row.accuracy:.3f}</td>'
        assert re.search(rf"<bdi>{re.escape(name)}</bdi>.*{re.escape(numbers)}", section.body)
    assert "Objects that have exactly these modalities" in section.body
    assert elements(section.body).open == []


def test_drop_out_is_shown_or_its_absence_explained(findings: Measurements) -> None:
    assert findings.robustness is not None
    shown = score_section(findings).body
    assert "plot-dropped" in shown and f"{findings.robustness.map_at_r[-1].mean():.3f} ±" in shown
    assert "Not measured" in score_section(replace(findings, robustness=None)).body
