"""What each modality adds to the cosine of the chosen objects, and how many objects are certified."""

import numpy as np

from steradian.explanation import Ledger
from steradian.report.findings import Findings
from steradian.report.markup import Html, Section, html, name, nothing

__all__ = ["ledger_section"]


def ledger_section(findings: Findings) -> Section:
    """A table with bars for each chosen object.

    Args:
        findings: what was measured.
    """
    lead = (
        "The cosine of an object to the class it is given is a sum over its modalities: a bar to the right brings "
        "it nearer, one to the left takes it away."
    )
    ledger, evaluation = findings.ledger, findings.evaluation
    if ledger is None:
        return Section("ledger", "What each modality adds", lead, nothing(findings.no_ledger))
    share = Html("")
    if evaluation.certified is not None:
        right = (
            f"; {evaluation.certified_right:.1%} are certified and right"
            if evaluation.certified_right is not None
            else ""
        )
        share = html(
            Html("<p>"),
            f"Certificates: {evaluation.certified:.1%} of the objects are bound to keep their class whichever of their "
            f"modalities are missing{right}.",
            Html("</p>"),
        )
    chosen = findings.searched.chosen
    cards = [_ledger(ledger, row, findings.labels[chosen[row]]) for row in range(len(ledger))]
    body = html(share, Html('<div class="ledgers">'), *cards, Html("</div>"))
    return Section("ledger", "What each modality adds", lead, body)


def _ledger(ledger: Ledger, row: int, label: object) -> Html:
    here = np.flatnonzero(ledger.present[row])
    lines = [
        (
            ledger.modalities[m],
            float(ledger.contributions[row, m]),
            float(ledger.gates[row, m]),
            float(ledger.modality_angles[row, m]),
        )
        for m in here[np.argsort(-ledger.contributions[row, here], kind="stable")]
    ]
    context = [] if ledger.context is None else [("context", float(ledger.context[row]), np.nan, np.nan)]
    whole = ("whole object", float(ledger.cosines[row]), 1.0, float(ledger.angles[row]))
    values = [value for _, value, *_ in (*lines, *context, whole)]
    low, high = min(0.0, *values), max(0.0, *values)
    span = max(high - low, 1e-9)
    rows = [_line(*line, low=low, span=span) for line in (*lines, *context)]
    rows.append(_line(*whole, low=low, span=span, total=True))
    verdict = "right" if ledger.targets[row] == label else "wrong"
    mark = Html(f'<b class="{verdict}">{"✓" if verdict == "right" else "✗"} {verdict}</b>')
    return html(
        Html('<div class="ledger"><h4>'),
        "object ",
        name(ledger.ids[row], 24),
        ", ",
        name(label, 24),
        ": given ",
        name(ledger.targets[row], 24),
        " ",
        mark,
        Html(
            '</h4><div class="box"><table><thead><tr><th scope="col">modality</th>'
            '<th scope="colgroup" colspan="2">adds to the cosine</th>'
        ),
        Html('<th scope="col" class="number">gate</th>'),
        Html('<th scope="col" class="number">angle</th></tr></thead><tbody>'),
        *rows,
        Html("</tbody></table></div></div>"),
    )


def _line(key: str, value: float, gate: float, angle: float, *, low: float, span: float, total: bool = False) -> Html:
    left, width, zero = (min(value, 0.0) - low) / span, abs(value) / span, -low / span
    kind = "whole" if total else "more" if value >= 0 else "less"
    place = f"--left: {left:.1%}; --width: {width:.1%}"
    bar = f'<div class="bar" style="--zero: {zero:.1%}"><i class="{kind}" style="{place}"></i></div>'
    numbers = ("-" if np.isnan(number) else f"{number:.3f}" for number in (value, gate, angle))
    cells = (html(Html('<td class="number">'), number, Html("</td>")) for number in numbers)
    return html(
        Html('<tr><th scope="row">'), name(key, 20), Html(f'</th><td class="bars">{bar}</td>'), *cells, Html("</tr>")
    )
