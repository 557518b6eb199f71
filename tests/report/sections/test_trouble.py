"""Findings of an audit with their objects, nothing found, and no audit."""

from dataclasses import replace
from typing import Any

from steradian.audit import Audit, Finding
from steradian.report.findings import Findings
from steradian.report.sections.trouble import trouble_section


def finding(kind: Any, rank: int, thing: Any, other: Any, **more: Any) -> Finding:
    return Finding(kind, rank, 0, thing, "cup", other, 1.0, 0.5, 0.1, f"The <b>sentence</b> of {kind} {rank}.", **more)


def test_findings_are_told_with_their_objects(findings: Findings, elements: Any) -> None:
    assert findings.gallery is not None
    one, twin = findings.objects.ids[3], findings.gallery.ids[2]
    found = (
        finding("label", 1, one, "jar"),
        finding("duplicate", 1, one, twin, across=True, other_row=2),
        finding("classes", 1, None, "jar"),
        *(finding("outlier", rank, "of another table", "jar") for rank in range(1, 20)),
    )
    section = trouble_section(replace(findings, audit=Audit(found, 30, 5, 0.021), no_audit=""))
    page = elements(section.body)
    assert page.open == [] and "b" not in {tag for tag, _ in page.tags} - {"b"}
    assert "Found: 1 label, 19 outliers, 1 near-duplicate, 1 pair of classes. About 2.1% of the labels" in page.text
    assert section.body.count("<article>") == 2 and section.body.count('class="object"') == 3
    assert str(twin) in page.text and "The <b>sentence</b> of outlier 12." in page.text
    assert "outlier 13" not in page.text and "the first 12 of each kind" in page.text


def test_nothing_found_and_no_audit_are_told_apart(findings: Findings) -> None:
    nothing = trouble_section(replace(findings, audit=Audit((), 30, 5, None), no_audit="Copies were not searched for."))
    assert "found nothing" in nothing.body and "Copies were not" in nothing.body
    none = trouble_section(replace(findings, audit=None, no_audit="The table is <large>."))
    assert "&lt;large&gt;" in none.body and "found nothing" not in none.body
