"""What each modality adds to the cosine of the chosen objects, and how many objects are certified."""

from typing import Any

import numpy as np

from steradian.explanation import Attribution
from steradian.report.markup import Section, section
from steradian.report.measurements import Measurements

__all__ = ["attribution_section"]


def attribution_section(findings: Measurements) -> Section:
    """A table with bars for each chosen object.

    Args:
        findings: what was measured.
    """
    attribution, evaluation, chosen = findings.attribution, findings.evaluation, findings.searched.chosen
    if attribution is None:
        return section("attribution", why=findings.no_attribution)
    return section(
        "attribution",
        why=None,
        certified=evaluation.certified,
        certified_right=evaluation.certified_right,
        attributions=[_attribution(attribution, row, findings.labels[chosen[row]]) for row in range(len(attribution))],
    )


def _attribution(attribution: Attribution, row: int, label: object) -> dict[str, Any]:
    """An object, and a line for each of its modalities: its name, what it adds, its gate and angle, and its bar."""
    here = np.flatnonzero(attribution.present[row])
    columns = (attribution.contributions[row], attribution.gates[row], attribution.modality_angles[row])
    lines = [
        (attribution.modalities[m], *(float(column[m]) for column in columns))
        for m in here[np.argsort(-attribution.contributions[row, here], kind="stable")]
    ]
    if attribution.context is not None:
        lines.append(("context", float(attribution.context[row]), np.nan, np.nan))
    lines.append(("whole object", float(attribution.cosines[row]), 1.0, float(attribution.angles[row])))
    values = [value for _, value, *_ in lines]
    low, high = min(0.0, *values), max(0.0, *values)
    span = max(high - low, 1e-9)
    return {
        "id": attribution.ids[row],
        "label": label,
        "target": attribution.targets[row],
        "right": attribution.targets[row] == label,
        "zero": f"{-low / span:.1%}",
        "lines": [
            {
                "key": key,
                "adds": value,
                "left": f"{(min(value, 0.0) - low) / span:.1%}",
                "width": f"{abs(value) / span:.1%}",
                "numbers": ["-" if np.isnan(number) else f"{number:.3f}" for number in (value, *numbers)],
            }
            for key, value, *numbers in lines
        ],
    }
