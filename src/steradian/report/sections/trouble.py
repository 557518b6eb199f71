"""Labels and objects that look wrong."""

from typing import Any

import numpy as np

from steradian.audit import Audit, Finding
from steradian.data import ObjectTable
from steradian.report.cards import object_card
from steradian.report.findings import Findings
from steradian.report.markup import Html, Section, html, name, nothing, table

__all__ = ["trouble_section"]

CARDS, LINES = 6, 12
"""Findings that are shown with their objects, and lines of each kind in the table."""
KINDS = {
    "label": ("label", "labels"),
    "outlier": ("outlier", "outliers"),
    "duplicate": ("near-duplicate", "near-duplicates"),
    "classes": ("pair of classes", "pairs of classes"),
}


def trouble_section(findings: Findings) -> Section:
    """What an audit found, the gravest of each kind first.

    Args:
        findings: what was measured.
    """
    lead = "Each line is a suspicion, not a verdict: look at the object, then mend its label or leave it."
    audit, left_out = findings.audit, nothing(findings.no_audit) if findings.no_audit else Html("")
    if audit is None:
        return Section("audit", "Label trouble", lead, left_out)
    if not audit.findings:
        return Section(
            "audit", "Label trouble", lead, html(nothing("The audit found nothing that looks wrong."), left_out)
        )
    counts = ((count, *KINDS[kind]) for kind, count in audit.counts.items() if count)
    counted = ", ".join(f"{count:,} {one if count == 1 else several}" for count, one, several in counts)
    noise = "" if audit.noise is None else f" About {audit.noise:.1%} of the labels are estimated to be wrong."
    shown = [each for each in audit if each.rank <= LINES]
    rows = [
        [each.kind, "-" if each.id is None else name(each.id, 24), name(each.label, 30), name(each.sentence, 240)]
        for each in shown
    ]
    more = f", the first {LINES} of each kind" if len(shown) < len(audit) else ""
    heads = ["kind", "object", "label", "what was found"]
    body = html(
        html(Html("<p>"), f"Looked at: {audit.objects:,} objects. Found: {counted}.{noise}", Html("</p>")),
        left_out,
        _cards(findings, audit),
        table(f"Findings by rank{more}", heads, rows, words=len(heads)),
    )
    return Section("audit", "Label trouble", lead, body)


def _cards(findings: Findings, audit: Audit) -> Html:
    """The gravest findings about objects, with the objects."""
    # By id: an audit that was passed on may be of another table.
    grave = [each for each in audit if each.id is not None and _place(findings.objects, each.id) is not None]
    chosen = sorted(grave, key=lambda each: each.rank)[:CARDS]
    return html(Html('<div class="duel">'), *(_card(findings, each) for each in chosen), Html("</div>"))


def _card(findings: Findings, finding: Finding) -> Html:
    tables = [(findings.objects, finding.id)]
    if finding.kind == "duplicate":
        tables.append(
            (findings.gallery if finding.across and findings.gallery is not None else findings.objects, finding.other)
        )
    places = [(objects, _place(objects, thing)) for objects, thing in tables]
    return html(
        Html("<article><h4>"),
        KINDS[finding.kind][0],
        Html("</h4><p>"),
        name(finding.sentence, 300),
        Html('</p><div class="sides">'),
        *(object_card(objects, place) for objects, place in places if place is not None),
        Html("</div></article>"),
    )


def _place(objects: ObjectTable, thing: Any) -> int | None:
    found = np.flatnonzero(objects.ids == thing)
    return int(found[0]) if len(found) else None
