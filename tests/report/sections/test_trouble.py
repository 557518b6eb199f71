"""Findings of an audit with their objects, an audit of other objects, nothing found, and no audit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from steradian.audit import Audit, Finding
from steradian.data import ObjectTable
from steradian.report.cards import object_card
from steradian.report.measurements import Measurements
from steradian.report.sections.trouble import trouble_section

NOT_SHOWN = "The objects are not shown"


def finding(kind: Any, rank: int, objects: ObjectTable, row: int, other: Any = "jar", **more: Any) -> Finding:
    sentence = f"The <b>sentence</b> of {kind} {rank}."
    return Finding(kind, rank, row, objects.ids[row], objects.labels[row], other, 1.0, 0.5, 0.1, sentence, **more)


def shown(findings: Measurements, *found: Finding, **sizes: int) -> str:
    counts = {"objects": len(findings.objects), "judged": 20, "classes": 5} | sizes
    return trouble_section(replace(findings, audit=Audit(found, noise=0.05, **counts), no_audit="")).body


@pytest.fixture
def numbered(findings: Measurements) -> Measurements:
    """Both tables without ids of their own, so that row numbers stand for them and say nothing."""
    assert findings.gallery is not None
    tables = (replace(each, ids=np.arange(len(each))) for each in (findings.objects, findings.gallery))
    return replace(findings, **dict(zip(("objects", "gallery"), tables, strict=True)))


def test_findings_are_told_with_their_objects(findings: Measurements, elements: Any) -> None:
    objects, inside = findings.objects, findings.gallery
    assert inside is not None
    twin = {"across": True, "other_row": 2, "other_label": inside.labels[2]}
    pair = Finding("classes", 1, None, None, "cup", "jar", 1.0, None, 0.2, "Two classes.")
    outliers = [finding("outlier", rank, objects, rank) for rank in range(1, 20)]
    duplicate = finding("duplicate", 1, objects, 3, inside.ids[2], **twin)
    body = shown(findings, finding("label", 1, objects, 4), duplicate, pair, *outliers)
    page = elements(body)
    # The names of objects stand in bold, and no text of the data does.
    bold = ["".join(part.split("</b>")[:1]) for part in body.split("<b>")[1:]]
    assert page.open == [] and all(text.startswith("<bdi>") for text in bold)
    assert "Found: 1 label, 19 outliers, 1 near-duplicate, 1 pair of classes. An estimated 5.0% of the 20" in page.text
    # Six objects and a twin.
    assert body.count("<article>") == 6 and body.count('class="object"') == 7
    assert f"object {inside.ids[2]}" in page.text and "The <b>sentence</b> of outlier 12." in page.text
    assert "outlier 13" not in page.text and "the first 12 of each kind" in page.text


def test_rows_and_not_ids_that_are_row_numbers_name_the_objects(numbered: Measurements) -> None:
    objects, inside = numbered.objects, numbered.gallery
    assert inside is not None
    within = finding("duplicate", 1, objects, 3, 7, other_row=7, other_label=objects.labels[7])
    across = finding("duplicate", 2, objects, 4, 8, other_row=8, other_label=inside.labels[8], across=True)
    with_twins = shown(numbered, within, across)
    assert with_twins.count('class="object"') == 4 and "not shown" not in with_twins
    cards = object_card(objects, 3), object_card(objects, 7), object_card(objects, 4), object_card(inside, 8)
    assert [with_twins.count(card) for card in cards] == [1] * 4


@pytest.mark.parametrize(
    "sizes", [{}, {"objects": 29}, {"objects": 31}, {"classes": 4}], ids=["labels", "fewer", "more", "classes"]
)
def test_objects_of_another_table_are_not_shown_though_its_ids_occur_here(
    numbered: Measurements, sizes: dict[str, int]
) -> None:
    found = [finding("label", rank, numbered.objects, rank) for rank in (1, 2, 3)]
    if not sizes:
        found[2] = replace(found[2], label=numbered.objects.labels[4])
        assert found[2].label != numbered.objects.labels[3]
    body = shown(numbered, *found, **sizes)
    assert NOT_SHOWN in body and 'class="object"' not in body and "of label 3" in body
    assert NOT_SHOWN not in shown(numbered, *found[:2])


def test_an_audit_of_other_ids_or_more_rows_is_of_another_table(findings: Measurements) -> None:
    found = finding("label", 1, findings.objects, 4)
    for other in (replace(found, id="another"), replace(found, row=len(findings.objects))):
        assert NOT_SHOWN in shown(findings, other)
    twin = finding("duplicate", 1, findings.objects, 4, "another", other_row=5)
    assert NOT_SHOWN in shown(findings, twin)


def test_twins_of_another_table_than_the_gallery_are_not_shown(numbered: Measurements) -> None:
    inside = numbered.gallery
    assert inside is not None
    wrong = inside.labels[(np.flatnonzero(inside.labels != inside.labels[8]))[0]]
    twin = finding("duplicate", 1, numbered.objects, 4, 8, other_row=8, other_label=wrong, across=True)
    body = shown(numbered, twin)
    assert body.count('class="object"') == 1 and "Near-duplicates in another table are not shown" in body
    alone = shown(replace(numbered, gallery=None), replace(twin, other_label=inside.labels[8]))
    assert alone.count('class="object"') == 1 and "Near-duplicates in another table are not shown" in alone


def test_nothing_found_and_no_audit_are_told_apart(findings: Measurements) -> None:
    audit = Audit((), 30, 5, 30, 0.0)
    nothing = trouble_section(replace(findings, audit=audit, no_audit="Copies were not searched for."))
    assert "found nothing" in nothing.body and "Copies were not" in nothing.body
    none = trouble_section(replace(findings, audit=None, no_audit="The table is <large>."))
    assert "&lt;large&gt;" in none.body and "found nothing" not in none.body
