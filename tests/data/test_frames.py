"""Columns as a data frame."""

import sys
from typing import Any

import numpy as np
import pytest

from steradian import (
    AddedClasses,
    Attribution,
    Audit,
    Calibration,
    Certificates,
    Decisions,
    Evaluation,
    Geometry,
    MissingExtraError,
    PlainBaseline,
    Robustness,
    Schema,
    Text,
    Verification,
    read_objects,
)
from steradian.audit.findings import Finding
from steradian.calibration import OperatingPoint
from steradian.data.frames import FrameOfRows, to_frame
from steradian.evaluation.evaluation_table import SubsetScores
from steradian.new_classes import AddedClass


def test_columns_of_every_form_stand_in_a_frame() -> None:
    words = np.array(["a", None], dtype=object)
    frame = to_frame({"word": words, "n": np.array([1.5, np.nan]), "v": np.eye(2)}, np.array(["x", "y"]), name="sku")
    assert frame.index.tolist() == ["x", "y"] and frame.index.name == "sku"
    assert frame["v"]["y"].tolist() == [0, 1] and frame["n"].dtype == np.float64
    assert frame["word"].tolist()[0] == "a"


def test_pandas_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = read_objects({"title": ["a"]}, Schema({"title": Text("title")}), labelled=False)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'steradian\[pandas\]'"):
        objects.to_pandas()


class Scores(FrameOfRows, rows="scores"):
    def to_dict(self) -> dict[str, Any]:
        scores = [{"subset": ["a", "b"], "at": {"low": 1}}, {"subset": ["a"], "at": {"low": None}, "n": [1]}]
        return {"all": 2, "scores": scores}


def test_results_are_frames_of_their_rows() -> None:
    frame = Scores().to_pandas()
    assert frame["subset"].tolist() == ["a + b", "a"] and frame["at.low"].tolist()[0] == 1

    class Whole(FrameOfRows):
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
    for kind in (Attribution, Certificates, Decisions, Geometry, PlainBaseline, Robustness, Verification):
        assert issubclass(kind, FrameOfRows)
