"""An audit as a value: how it prints, and what it saves."""

import json
import os
import unicodedata
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import steradian as sr
from steradian.audit.findings import Audit, Finding

FOUND = (
    Finding("label", 1, 4, "s4", "cup", "jar", 1.2, 0.31, 0.004, "Labelled 'cup'."),
    Finding("outlier", 1, 7, "s7", "jar", "cup", 0.9, 1.1, 5.25, "Far out."),
    Finding("duplicate", 1, 8, "s8", "cup", "t1", 0.0, None, 0.0, "The same.", 3, "jar", True),
    Finding("classes", 1, None, None, "cup", "jar", 1.4, None, 0.125, "Close."),
)
AUDIT = Audit(FOUND, 90, 3, 90, 0.021, ("A note.",))


def test_it_prints_on_80_columns() -> None:
    assert str(AUDIT).splitlines() == [
        "Audit: 90 objects of 3 classes: 1 label, 1 outlier, 1 duplicate, 1 pair of",
        "classes",
        "kind        # object         label          other           angle  other   score",
        "label       1 s4             cup            jar             1.200  0.310   0.004",
        "outlier     1 s7             jar            cup             0.900  1.100   5.250",
        "duplicate   1 s8             cup            t1              0.000      -   0.000",
        "classes     1 -              cup            jar             1.400      -   0.125",
        "An estimated 2.1% of the labels are wrong, those of 2 objects.",
        "label: other is the suggested class; score: the probability that the label is",
        "right.",
        "outlier: other is the next class; score: robust standard deviations too far out.",
        "duplicate: other is the twin, under its angle that of a usual nearest neighbor;",
        "score: the share of it.",
        "classes: score: the share of its probability that label's class gives the other.",
        "A note.",
    ]


def test_wrong_labels_are_counted_among_those_that_were_judged() -> None:
    some = replace(AUDIT, objects=1000, judged=100, noise=0.1)
    assert some.wrong_labels == "An estimated 10.0% of the 100 labels of known classes are wrong, those of 10 objects."
    assert " ".join(str(some).splitlines()[7:9]).startswith(some.wrong_labels)
    assert some.to_dict()["judged"] == 100


def test_ten_of_a_kind_are_shown_and_the_rest_is_named() -> None:
    many = tuple(replace(FOUND[0], rank=rank) for rank in range(1, 25))
    lines = str(replace(AUDIT, findings=many)).splitlines()
    assert sum(line.startswith("label  ") for line in lines) == 10
    assert "... 14 more: audit.of_kind('label')" in lines


def test_nothing_found_prints_without_a_table() -> None:
    assert str(Audit((), 5, 2, 5, 0.0)).splitlines() == [
        "Audit: 5 objects of 2 classes: nothing found",
        "No sign of wrong labels.",
    ]


def test_odd_names_print_harmlessly() -> None:
    odd = replace(FOUND[0], id="\x1b[31m\n[bold]" * 9, label="漢字" * 20, other="[/red]<script>", rank=10)
    audit = replace(AUDIT, findings=(odd,), objects=10**7, judged=10**7, classes=10**6)
    lines = str(audit).splitlines()
    assert "\x1b" not in str(audit)
    assert max(len(line) + sum(unicodedata.east_asian_width(at) in "WF" for at in line) for line in lines) <= 80
    console = Console(width=80, file=StringIO(), color_system=None, force_terminal=True)
    console.print(audit)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[31m" not in shown
    assert "[/red]" in shown


def test_on_a_terminal_it_is_a_table_of_the_same_cells() -> None:
    console = Console(width=80, file=StringIO(), color_system=None, force_terminal=True)
    console.print(AUDIT)
    shown = [line.split() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert all(line.split() in shown for line in str(AUDIT).splitlines()[3:7])


def test_findings_are_walked_counted_and_chosen() -> None:
    assert list(AUDIT) == list(FOUND)
    assert len(AUDIT) == 4
    assert AUDIT[2].other_label == "jar"
    assert AUDIT.counts == {"label": 1, "outlier": 1, "duplicate": 1, "classes": 1}
    assert AUDIT.of_kind("outlier") == FOUND[1:2]
    with pytest.raises(sr.InputError, match="label, outlier, duplicate, classes"):
        AUDIT.of_kind("labels")  # type: ignore[arg-type]


def test_it_is_plain_json_and_saved(tmp_path: Path) -> None:
    entries = AUDIT.to_dict()
    AUDIT.save(tmp_path / "audit.json")
    assert json.loads((tmp_path / "audit.json").read_text(encoding="utf-8")) == entries
    assert entries["noise"] == 0.021
    assert entries["counts"]["classes"] == 1
    assert entries["findings"][2]["across"] is True
    assert entries["findings"][0]["sentence"] == "Labelled 'cup'."


def test_it_saves_any_name_whole_in_a_folder_that_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "audit.json"
    odd = replace(AUDIT, findings=(replace(FOUND[0], label="half \ud800"),))
    odd.save(path)
    written = path.read_bytes()
    assert json.loads(written.decode("utf-8")) == odd.to_dict()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=r"audit\.json"):
        AUDIT.save(path)
    assert path.read_bytes() == written and os.listdir(path.parent) == ["audit.json"]


def test_one_wrong_label_is_no_plural() -> None:
    assert replace(AUDIT, noise=1 / 90).wrong_labels.endswith("are wrong, those of 1 object.")
