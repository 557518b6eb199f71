"""What each modality adds to the cosine of the chosen objects, and how many objects are certified."""

from typing import Any

import numpy as np

from steradian.explanation import Ledger
from steradian.report.markup import Section, section
from steradian.report.measurements import Measurements

__all__ = ["ledger_section"]


def ledger_section(findings: Measurements) -> Section:
    """A table with bars for each chosen object.

    Args:
        findings: what was measured.
    """
    ledger, evaluation, chosen = findings.ledger, findings.evaluation, findings.searched.chosen
    if ledger is None:
        return section("ledger", why=findings.no_ledger)
    return section(
        "ledger",
        why=None,
        certified=evaluation.certified,
        certified_right=evaluation.certified_right,
        ledgers=[_ledger(ledger, row, findings.labels[chosen[row]]) for row in range(len(ledger))],
    )


def _ledger(ledger: Ledger, row: int, label: object) -> dict[str, Any]:
    """An object, and a line for each of its modalities: its name, what it adds, its gate and angle, and its bar."""
    here = np.flatnonzero(ledger.present[row])
    columns = (ledger.contributions[row], ledger.gates[row], ledger.modality_angles[row])
    lines = [
        (ledger.modalities[m], *(float(column[m]) for column in columns))
        for m in here[np.argsort(-ledger.contributions[row, here], kind="stable")]
    ]
    if ledger.context is not None:
        lines.append(("context", float(ledger.context[row]), np.nan, np.nan))
    lines.append(("whole object", float(ledger.cosines[row]), 1.0, float(ledger.angles[row])))
    values = [value for _, value, *_ in lines]
    low, high = min(0.0, *values), max(0.0, *values)
    span = max(high - low, 1e-9)
    return {
        "id": ledger.ids[row],
        "label": label,
        "target": ledger.targets[row],
        "right": ledger.targets[row] == label,
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
