"""The table of decisions: its three blocks, its columns, its JSON."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from steradian.errors import InputError
from steradian.evaluation import Decisions, SubsetDecisions

WHOLE = SubsetDecisions(
    ("photo", "title"),
    known=9_999_999,
    unknown=300,
    without_subset=0,
    pairs=400_000,
    ece=0.0214,
    accepted_known=0.95,
    precision=1.0,
    auroc=0.9,
    fpr95=0.25,
    oscr=0.8,
    accepted_unknown=0.125,
    pair_auroc=0.99,
    pair_eer=0.02,
    pair_tar=0.97,
    intervals={"ece": (0.02, 0.031), "oscr": (0.71, 0.85), "pair_tar": (0.9, 1.0)},
)
PHOTO = SubsetDecisions(("photo",), 7, 0, 12)


def make_decisions(**changes: Any) -> Decisions:
    return replace(
        Decisions((WHOLE, PHOTO), ("photo", "title"), 10, 3, calibrated=True, notes=("All well.",)), **changes
    )


def test_it_prints_as_three_blocks() -> None:
    assert repr(make_decisions()).splitlines() == [
        "Decisions: 9,999,999 objects of 10 known classes, 300 of 3 unknown ones",
        "how sure                   known         ECE    accepted   precision",
        "whole object           9,999,999       0.021       0.950       1.000",
        "  95% interval                   0.020-0.031           -           -",
        "photo                          7           -           -           -",
        "unknown classes          unknown       AUROC       FPR95        OSCR    accepted",
        "whole object                 300       0.900       0.250       0.800       0.125",
        "  95% interval                             -           - 0.710-0.850           -",
        "photo                          0           -           -           -           -",
        "same or not                pairs       AUROC         EER      TAR@1%",
        "whole object             400,000       0.990       0.020       0.970",
        "  95% interval                             -           - 0.900-1.000",
        "photo                          0           -           -           -",
        "All well.",
    ]


def test_no_line_is_wider_than_a_terminal() -> None:
    names = ("a name of many words indeed", "another such name", "写真と題名と価格と重さ")
    rows = tuple(replace(WHOLE, subset=subset) for subset in (names, names[:2], names[1:], names[2:]))
    lines = repr(make_decisions(scores=rows, modalities=names, notes=("word " * 40,))).splitlines()
    assert max(map(len, lines)) <= 80
    assert [line.split("  ")[0] for line in lines[4:7]] == [
        "all but 写真と題名と…",
        "another …e+写真と…さ",
        "写真と題名と価格と重さ 9,999,999",
    ]


def test_many_modalities_are_told_by_what_is_missing() -> None:
    names = tuple(f"camera {number}" for number in range(5))
    rows = (replace(WHOLE, subset=names), replace(WHOLE, subset=names[1:]))
    lines = repr(make_decisions(scores=rows, modalities=names)).splitlines()
    assert lines[4].startswith("all but camera 0  ")


def test_without_unknown_classes_their_block_is_left_out() -> None:
    lines = repr(make_decisions(unknown_classes=0)).splitlines()
    assert len(lines) == 10
    assert not any("OSCR" in line for line in lines)


@pytest.mark.parametrize("unknown_classes", [0, 3])
def test_on_a_terminal_it_shows_the_same_cells(unknown_classes: int) -> None:
    decisions = make_decisions(unknown_classes=unknown_classes)
    console = Console(width=90, file=StringIO(), color_system=None, force_terminal=True)
    console.print(decisions)
    shown = console.file.getvalue().split()  # type: ignore[attr-defined]
    assert [word for word in shown if set(word) != {"─"}] == repr(decisions).split()


def test_a_subset_is_found_by_any_of_its_names() -> None:
    decisions = make_decisions()
    assert decisions["photo"] is decisions[["photo"]] is PHOTO
    assert decisions["title", "photo"] is decisions["photo + title"] is decisions.whole is WHOLE
    assert list(decisions) == [WHOLE, PHOTO]
    assert len(decisions) == 2
    with pytest.raises(InputError, match=r"want a subset that was measured: photo \+ title, photo, got 'title'"):
        decisions["title"]


def test_it_is_written_as_json(tmp_path: Path) -> None:
    decisions = make_decisions()
    decisions.save(tmp_path / "new" / "decisions.json")
    read = json.loads((tmp_path / "new" / "decisions.json").read_text(encoding="utf-8"))
    assert read == decisions.to_dict()
    assert (read["known_classes"], read["unknown_classes"], read["calibrated"]) == (10, 3, True)
    assert read["subsets"][0]["subset"] == ["photo", "title"]
    assert read["subsets"][0]["intervals"]["ece"] == [0.02, 0.031]
    assert read["subsets"][1] == {**PHOTO.to_dict(), "ece": None, "known": 7}
