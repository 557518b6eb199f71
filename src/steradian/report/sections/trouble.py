"""Labels and objects that look wrong."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from steradian.audit import Audit, Finding
from steradian.data import ObjectTable
from steradian.report.cards import object_card
from steradian.report.markup import Section, name, section
from steradian.report.measurements import Measurements

__all__ = ["trouble_section"]

CARDS, LINES = 6, 12
"""Findings that are shown with their objects, and lines of each kind in the table."""
KINDS = {
    "label": ("label", "labels"),
    "outlier": ("outlier", "outliers"),
    "duplicate": ("near-duplicate", "near-duplicates"),
    "classes": ("pair of classes", "pairs of classes"),
}
_Entry = tuple[int | None, Any, Any]
"""A row of a table, an id and a label."""


def trouble_section(findings: Measurements) -> Section:
    """What an audit found, the gravest of each kind first.

    Args:
        findings: what was measured.
    """
    audit = findings.audit
    if audit is None:
        return section("audit", audit=None, left_out=findings.no_audit)
    counts = ((count, *KINDS[kind]) for kind, count in audit.counts.items() if count)
    counted = ", ".join(f"{count:,} {one if count == 1 else several}" for count, one, several in counts)
    shown = [each for each in audit if each.rank <= LINES]
    rows = [
        [each.kind, "-" if each.id is None else name(each.id, 24), name(each.label, 30), name(each.sentence, 240)]
        for each in shown
    ]
    more = f", the first {LINES} of each kind" if len(shown) < len(audit) else ""
    cards = _cards(findings, audit)
    return section("audit", audit=audit, left_out=findings.no_audit, counted=counted, more=more, rows=rows, **cards)


def _cards(findings: Measurements, audit: Audit) -> dict[str, Any]:
    """The gravest findings about objects, with the objects, if the audit is of these."""
    objects, gallery = findings.objects, findings.gallery
    own: list[_Entry] = [(each.row, each.id, each.label) for each in audit if each.row is not None]
    twins = [each for each in audit if each.kind == "duplicate"]
    own += [(each.other_row, each.other, each.other_label) for each in twins if not each.across]
    sizes = (audit.objects, audit.classes) == (len(objects), len(np.unique(objects.labels)))
    if own and not (sizes and _holds(objects, own)):
        return {"others": True}
    across = [(each.other_row, each.other, each.other_label) for each in twins if each.across]
    known = gallery is not None and _holds(gallery, across)
    chosen = sorted((each for each in audit if each.row is not None), key=lambda each: each.rank)[:CARDS]
    cards = [_card(each, objects, (gallery if known else None) if each.across else objects) for each in chosen]
    return {"others": False, "cards": cards, "strange": bool(across) and not known}


def _holds(objects: ObjectTable, entries: Iterable[_Entry]) -> bool:
    """Whether a table has these ids and labels, None for any, in these rows."""
    labels = objects.labels_or_none
    return all(
        row is not None
        and row < len(objects)
        and objects.ids[row] == thing
        and (label is None or (labels is not None and labels[row] == label))
        for row, thing, label in entries
    )


def _card(finding: Finding, objects: ObjectTable, twins: ObjectTable | None) -> tuple[str, str, list[str]]:
    shown = [(objects, finding.row)]
    if finding.kind == "duplicate" and twins is not None:
        shown.append((twins, finding.other_row))
    cards = [object_card(of, row) for of, row in shown if row is not None]
    return KINDS[finding.kind][0], finding.sentence, cards
