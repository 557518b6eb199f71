"""The headline numbers are the evaluation's, with intervals around them and a baseline beside them."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from steradian.report.measurements import Measurements
from steradian.report.sections.summary import summary_section


def test_each_tile_is_the_evaluations_number_within_its_interval(findings: Measurements, elements: Any) -> None:
    section = summary_section(findings)
    whole = findings.evaluation.whole
    tiles = re.findall(r"<strong>([\d.]+)%</strong><span>95% interval ([\d.]+)% to ([\d.]+)%", section.body)
    assert whole.recall is not None
    expected = [whole.accuracy, whole.recall[1], whole.map_at_r]
    assert [value for value, _, _ in tiles] == [f"{100 * float(value or 0):.1f}" for value in expected]
    assert all(float(low) <= float(value) <= float(high) for value, low, high in tiles)
    text = elements(section.body).text
    assert "5 classes" in text and "30 objects of 5 classes" in text and "a gallery of 60 objects" in text
    assert "<i>text" in text


def test_the_share_that_is_missing_is_that_of_the_table(findings: Measurements) -> None:
    rows = re.findall(r"<td>(Image|Series)</td>.*?>([\d.]+)%</td>.*?>([\d.]+)%</td>", summary_section(findings).body)
    assert rows == [("Image", "13.3", "15.0"), ("Series", "0.0", "0.0")]


def test_a_baseline_stands_beside_and_its_absence_is_told(findings: Measurements) -> None:
    assert findings.baseline is not None
    given = replace(findings.baseline, name="<u>nearest</u>", accuracy=0.25, recall_at_1=0.125, map_at_r=None)
    body = summary_section(replace(findings, baseline=given)).body
    assert body.count("plain baseline 25.0%") == body.count("plain baseline 12.5%") == 1
    assert body.count("<span>plain baseline") == 2
    assert "&lt;u&gt;nearest" in body and "<u>" not in body
    others = replace(given, known=~given.known)
    assert "plain baseline 25.0%" not in summary_section(replace(findings, baseline=others)).body
    none = summary_section(replace(findings, baseline=None, no_baseline="it is <late>")).body
    assert "it is &lt;late&gt;" in none and "<span>plain baseline" not in none


def test_unknown_classes_are_counted(plain_findings: Callable[..., Measurements]) -> None:
    mixed = summary_section(plain_findings(["a", "b"] * 10, ["a", "b", "x", "x"])).body
    assert "accuracy of the 2 objects of known classes" in mixed
    assert "2 objects are of classes that the model was not trained on" in mixed
    none = summary_section(plain_findings(["a", "b"] * 10, ["x", "y"])).body
    assert "No object could be scored" in none
