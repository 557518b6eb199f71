"""The evaluation as a value: looked up, printed within 80 columns, written whole."""

import json
from dataclasses import replace
from io import StringIO
from itertools import combinations
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

import pytest
from rich.console import Console

from steradian.errors import InputError
from steradian.evaluation import Evaluation, SubsetScores


def row(*subset: str, **changes: Any) -> SubsetScores:
    scores = {"map_at_r": 0.5, "r_precision": 0.6, "accuracy": 0.7, "balanced_accuracy": 0.65, "macro_f1": 0.625}
    plain = SubsetScores(subset, objects=1200, without_subset=0, recall={1: 0.75, 5: 0.875}, ami=-0.01, **scores)
    return replace(plain, **changes)


SMALL = Evaluation(
    (
        row("photo", "title", unknown_class=3),
        row("photo", objects=1100, without_subset=100, unknown_class=2, without_relevant=40),
        row("title", recall=None, map_at_r=None, accuracy=None, macro_f1=None, ami=None, unknown_class=3),
    ),
    modalities=("photo", "title"),
)


def test_it_prints_as_a_table() -> None:
    assert repr(SMALL).splitlines() == [
        "Evaluation: 1,200 objects, searched each among the others",
        "subset                        objects    R@1   MAP@R  accuracy  macro-F1    AMI",
        "whole object                    1,200  0.750   0.500     0.700     0.625 -0.010",
        "photo                           1,100  0.750   0.500     0.700     0.625 -0.010",
        "title                           1,200      -       -         -         -      -",
        "Objects left out: up to 100 without the subset; up to 3 of unknown classes",
        "(accuracy, macro-F1); up to 40 with none of their class to find (R@k, MAP@R).",
    ]
    assert str(SMALL) == repr(SMALL)


def test_on_a_terminal_it_is_a_table_of_the_same_cells() -> None:
    evaluation = Evaluation((row("[b]"), row("[b]", "[/i]", unknown_class=3)), ("[b]", "[/i]", "sound"))
    console = Console(width=80, file=StringIO(), color_system=None, force_terminal=True)
    with console.capture() as capture:
        console.print(evaluation)
    lines = [line.strip() for line in capture.get().splitlines()]
    assert lines[0] == "Evaluation: 1,200 objects, searched each among the others"
    cells = [line.split() for line in repr(evaluation).splitlines()]
    shown = [line.split() for line in lines]
    assert [line for line in shown if line in cells[1:4]] == cells[1:4]
    assert cells[2][0] == "[b]"
    assert " ".join(lines[-2:]) == "Objects left out: up to 3 of unknown classes (accuracy, macro-F1)."


def test_nothing_left_out_needs_no_note() -> None:
    lines = repr(Evaluation((row("photo"),), ("photo",), gallery=5000)).splitlines()
    assert lines[0] == "Evaluation: 1,200 objects, searched in a gallery of 5,000"
    assert len(lines) == 3
    sampled = repr(Evaluation((row("photo", unknown_class=3),), ("photo",), ami_sampled=True)).splitlines()
    assert sampled[3:] == [
        "Objects left out: 3 of unknown classes (accuracy, macro-F1).",
        "AMI is of a random sample of whole classes.",
    ]


def test_a_gallery_of_other_classes_is_told() -> None:
    told = "Without a gallery each object is searched among the others."
    for without, said in ((1200, True), (1199, False)):
        shown = repr(Evaluation((row("photo", without_relevant=without),), ("photo",), gallery=5000))
        assert (told in " ".join(shown.splitlines())) == said
    assert told not in " ".join(repr(Evaluation((row("photo", without_relevant=1200),), ("photo",))).splitlines())


def test_drawn_objects_that_were_predicted_are_told_with_what_the_draw_may_be_off_by() -> None:
    some = Evaluation(
        (row("photo"), row("photo", accuracy=0.5)), ("photo",), certified=0.9, certified_right=0.9, classified=300
    )
    # 1.96 sqrt(0.5 * 0.5 / 300 * (1 - 300 / 1200)) is 0.049.
    assert repr(some).splitlines()[4:6] == [
        "Predicted and certified 300 drawn objects. 95% intervals of the draw: accuracy",
        "and certified within 0.049 (max_queries=None: all).",
    ]
    assert some.to_dict()["classified"] == 300


def test_the_share_of_certified_objects_is_a_line() -> None:
    certified = replace(SMALL, certified=0.8125, certified_right=0.75)
    lines = repr(certified).splitlines()
    assert lines[:-1] == repr(SMALL).splitlines()
    assert lines[-1] == "Certified (no missing modality changes the class): 0.812; and right: 0.750."
    assert (certified.to_dict()["certified"], certified.to_dict()["certified_right"]) == (0.8125, 0.75)
    assert SMALL.to_dict()["certified"] is None


PATTERNS = (row("photo", "title", objects=900), row("title", objects=200), row(objects=100, ami=None))


def test_patterns_are_a_second_block() -> None:
    lines = repr(replace(SMALL, patterns=PATTERNS)).splitlines()
    assert lines[:5] == repr(SMALL).splitlines()[:5]
    assert lines[5:9] == [
        "has exactly                   objects    R@1   MAP@R  accuracy  macro-F1    AMI",
        "everything                        900  0.750   0.500     0.700     0.625 -0.010",
        "title                             200  0.750   0.500     0.700     0.625 -0.010",
        "other patterns                    100  0.750   0.500     0.700     0.625      -",
    ]
    assert lines[9:] == repr(SMALL).splitlines()[5:]
    console = Console(width=80, file=StringIO(), color_system=None, force_terminal=True)
    with console.capture() as capture:
        console.print(replace(SMALL, patterns=PATTERNS))
    shown = [line.split() for line in capture.get().splitlines()]
    assert all(line.split() in shown for line in lines[:9])


def test_one_pattern_is_the_whole_and_needs_no_block() -> None:
    assert repr(replace(SMALL, patterns=PATTERNS[:1])) == repr(SMALL)


def test_the_first_k_is_printed() -> None:
    assert " R@5 " in repr(Evaluation((row("photo", recall={10: 0.9, 5: 0.8}),), ("photo",))).splitlines()[1]


def lines_of_all_subsets(names: list[str]) -> list[str]:
    subsets = [subset for size in range(len(names), 0, -1) for subset in combinations(names, size)]
    evaluation = Evaluation(tuple(row(*subset, objects=9_999_999) for subset in subsets), tuple(names))
    return repr(evaluation).splitlines()[2:]


@pytest.mark.parametrize(
    "names",
    [
        [f"modality_{number}" for number in range(7)],
        [f"{'very ' * 9}long name {number}" for number in range(4)],
        ["photo", "title", "specification", "audio_clip", "motion", "omics"],
    ],
    ids=["numbered", "long", "words"],
)
def test_long_subsets_are_shortened_and_stay_apart(names: list[str]) -> None:
    lines = lines_of_all_subsets(names)
    shown = [line[:26].strip() for line in lines]
    assert shown[0] == "whole object"
    assert len(set(shown)) == len(shown) == 2 ** len(names) - 1
    assert {len(line) for line in lines} == {79}


@pytest.mark.parametrize(
    "names", [["图片", "标题", "说明书和目录", "声音", "动作"], [f"m{n:02}" for n in range(10)]], ids=["wide", "many"]
)
def test_every_line_fits_80_columns(names: list[str]) -> None:
    wide = [sum(east_asian_width(character) in "WF" for character in line) for line in lines_of_all_subsets(names)]
    assert {len(line) + extra for line, extra in zip(lines_of_all_subsets(names), wide, strict=True)} == {79}


def test_a_subset_is_found_by_its_names_in_any_order() -> None:
    assert SMALL["photo"].objects == 1100
    assert SMALL["title", "photo"] is SMALL["photo + title"] is SMALL[["photo", "title"]] is SMALL.whole
    assert [found.name for found in SMALL] == ["photo + title", "photo", "title"]
    assert len(SMALL) == 3
    with pytest.raises(InputError, match=r"want a subset that was measured: photo \+ title, photo, title, got 'sound'"):
        SMALL["sound"]


def test_it_is_written_as_json(tmp_path: Path) -> None:
    SMALL.save(tmp_path / "new" / "scores.json")
    read = json.loads((tmp_path / "new" / "scores.json").read_text(encoding="utf-8"))
    assert read == SMALL.to_dict()
    assert read["objects"] == 1200
    assert read["subsets"][1] == {
        "subset": ["photo"],
        "objects": 1100,
        "without_subset": 100,
        "without_relevant": 40,
        "unknown_class": 2,
        "recall_at_1": 0.75,
        "recall_at_5": 0.875,
        "map_at_r": 0.5,
        "r_precision": 0.6,
        "accuracy": 0.7,
        "balanced_accuracy": 0.65,
        "macro_f1": 0.625,
        "ami": -0.01,
        "queries": 0,
        "map_at_r_error": None,
        "r_precision_error": None,
    }
    assert read["subsets"][2]["map_at_r"] is None
    assert read["patterns"] == []
    read = replace(SMALL, patterns=PATTERNS).to_dict()
    assert [entry["subset"] for entry in read["patterns"]] == [["photo", "title"], ["title"], []]
    assert read["patterns"][2]["objects"] == 100


def test_drawn_queries_are_told_with_the_widest_interval() -> None:
    drawn = [
        SubsetScores(
            subset=(name,),
            objects=900,
            without_subset=0,
            without_relevant=100,
            recall={1: 0.75},
            map_at_r=0.5,
            queries=queries,
            recall_errors={1: error},
            map_at_r_error=2 * error,
        )
        for name, queries, error in (("photo", 300, 0.01), ("title", 300, 0.02), ("sound", 800, 0.0))
    ]
    assert [row.drawn for row in drawn] == [True, True, False]
    told = " ".join(repr(Evaluation(tuple(drawn), ("photo", "title", "sound"))).split())
    assert "Searched for 300 drawn objects where there are more." in told
    assert "R@1 within 0.039; MAP@R within 0.078, or less" in told
    assert drawn[1].to_dict()["recall_at_1_error"] == 0.02
    assert Evaluation((drawn[2],), ("sound",)).drawn is None
    fewer = replace(drawn[1], queries=75, recall_errors={1: 0.04})
    told = " ".join(repr(Evaluation((drawn[0], fewer), ("photo", "title"))).split())
    assert "Searched for 300, in other rows for 75 drawn objects where there are more." in told
    assert "R@1 within 0.020, in other rows 0.078; MAP@R within 0.039, in other rows 0.078, or less" in told


def test_starts_that_were_tried_on_drawn_objects_are_told() -> None:
    tried = Evaluation((row("photo"),), ("photo",), ami_tried=True)
    assert "k-means tries its starts on drawn objects" in repr(tried) and tried.to_dict()["ami_tried"] is True
    assert "k-means" not in repr(replace(tried, ami_tried=False))


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "scores.json"
    SMALL.save(path)
    before = path.read_bytes()

    def full_disk(*_: Any) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.replace", full_disk)
    with pytest.raises(OSError, match="no space left"):
        Evaluation((row("photo"),), ("photo",)).save(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["scores.json"]
