"""What all results that print as tables have: lines, a frame of their rows, a file."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from steradian import (
    AddedClasses,
    Attribution,
    Audit,
    Calibration,
    Certificates,
    Decisions,
    Evaluation,
    Geometry,
    ModelComparison,
    PlainBaseline,
    Robustness,
    Verification,
)
from steradian.audit.findings import Finding
from steradian.calibration import OperatingPoint
from steradian.evaluation.evaluation_table import SubsetScores
from steradian.new_classes import AddedClass
from steradian.result_table import ResultTable


class Scores(ResultTable, rows="scores", line="{:6} {:>4}", words={"subset"}):
    def to_dict(self) -> dict[str, Any]:
        scores = [{"subset": ["a", "b"], "at": {"low": 1}}, {"subset": ["a"], "at": {"low": None}, "n": [1]}]
        return {"all": 2, "scores": scores}

    def _title(self) -> str:
        return "Scores: 2"

    def _table(self) -> Iterator[list[str]]:
        yield from [["subset", "n"], ["a + b", ""], ["a", "1"]]

    def _notes(self) -> list[str]:
        return ["word " * 20]


def test_it_prints_its_title_its_lines_and_its_notes_on_80_columns() -> None:
    title, heads, first, second, *notes = repr(Scores()).splitlines()
    assert (title, heads, first, second) == ("Scores: 2", "subset    n", "a + b", "a         1")
    assert len(notes) == 2 and max(map(len, notes)) <= 80


def test_a_terminal_shows_the_same() -> None:
    console = Console(width=60, force_terminal=True, color_system=None)
    with console.capture() as capture:
        console.print(Scores())
    shown = capture.get()
    assert "Scores: 2" in shown and "a + b" in shown and shown.count("word") == 20


def test_it_is_saved_as_plain_json(tmp_path: Path) -> None:
    Scores().save(tmp_path / "new" / "scores.json")
    assert json.loads((tmp_path / "new" / "scores.json").read_text(encoding="utf-8")) == Scores().to_dict()


def test_results_are_frames_of_their_rows() -> None:
    frame = Scores().to_pandas()
    assert frame["subset"].tolist() == ["a + b", "a"] and frame["at.low"].tolist()[0] == 1

    class Whole(ResultTable):
        def to_dict(self) -> dict[str, Any]:
            return {"n": 2, "angles": {"mean": 0.5}}

    assert Whole().to_pandas().to_dict("records") == [{"n": 2, "angles.mean": 0.5}]


def test_every_result_that_prints_as_a_table_of_rows_has_them() -> None:
    point = OperatingPoint(("photo", "title"), 9, 4.0, 0.5, 0.9)
    arrays = {"classes": np.array([1]), "kappas": np.array([np.nan]), "kappa_objects": np.array([0])}
    found = Calibration(("photo", "title"), "coverage", 0.9, (point,), 0.01, (), **arrays)
    assert found.to_pandas()["threshold"].tolist() == [0.5]
    cup = AddedClass("cup", 5, nearest="jar", angle=0.62)
    assert AddedClasses((cup,), num_classes=12, scale=14.2).to_pandas()["nearest"].tolist() == ["jar"]
    row = SubsetScores(("photo", "title"), 9, 0, recall={1: 0.75})
    frame = Evaluation((row,), ("photo", "title")).to_pandas()
    assert frame.loc[0, ["subset", "recall_at_1"]].tolist() == ["photo + title", 0.75]
    label = Finding("label", 1, 3, "s4", "cup", "jar", 1.2, 0.31, 0.004, "A sentence.")
    assert Audit((label,), 40, 5, 40, 0.02).to_pandas()["id"].tolist() == ["s4"]
    for kind in (
        Attribution,
        Certificates,
        Decisions,
        Geometry,
        ModelComparison,
        PlainBaseline,
        Robustness,
        Verification,
    ):
        assert issubclass(kind, ResultTable)
