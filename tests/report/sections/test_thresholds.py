"""Operating points count the evaluated objects, and the diagram tells confidence from accuracy."""

import re
from copy import copy
from dataclasses import replace

import numpy as np
import pytest

from steradian.calibration import Calibration, OperatingPoint
from steradian.metrics import expected_calibration_error
from steradian.report.measurements import Measurements
from steradian.report.sections.thresholds import threshold_section
from steradian.validation import present_modalities


def test_without_a_calibration_the_way_to_one_is_told(findings: Measurements) -> None:
    assert "model.calibrate(validation)" in threshold_section(findings).body


def test_objects_accepted_are_counted_at_each_point(findings: Measurements) -> None:
    model = copy(findings.model)
    names = tuple(model.schema_.modalities)
    points = (OperatingPoint(names, 40, 12.0, 0.8, 0.95), OperatingPoint(names[1:], 9, 10.0, np.pi, 1.0))
    kappas = {"kappas": np.ones(5), "kappa_objects": np.ones(5, dtype=np.int64)}
    calibration = Calibration(names, "coverage", 0.95, points, 0.01, (), model.classes_, **kappas)
    model.fitted_ = replace(model.fitted_, calibration=calibration)
    body = threshold_section(replace(findings, model=model)).body
    present = present_modalities(model.schema_, findings.objects)
    whole = present.all(axis=1)
    share = (findings.predictions.angles[whole] <= 0.8).mean()
    cells = re.findall(r"<td[^>]*>([^<]*)</td>", re.findall(r"<bdi>everything.*?</tr>", body)[0])
    assert cells[:5] == ["40", "12.0", "0.800", str(whole.sum()), f"{share:.1%}"] and cells[5] == "-"
    assert "at least 95.0% of the objects of known classes are accepted" in body
    assert re.search(r"vector \+ specs \+ motion</bdi></th><td[^>]*>9</td><td[^>]*>10.0</td><td[^>]*>any<", body)


def test_the_calibration_error_is_that_of_the_metric(findings: Measurements) -> None:
    found = findings.predictions
    error = expected_calibration_error(found.confidence, found.right)
    shown = re.search(r"calibration error ([\d.]+), over 15 bins\.<", threshold_section(findings).body)
    assert shown is not None and float(shown[1]) == pytest.approx(error, abs=6e-4)


def test_unknown_classes_have_no_accuracy(findings: Measurements) -> None:
    unknown = replace(findings.predictions, known=np.zeros(len(findings.labels), dtype=bool))
    assert "knows no class" in threshold_section(replace(findings, predictions=unknown)).body


def test_what_the_promise_lacks_is_told(findings: Measurements) -> None:
    model = copy(findings.model)
    names = tuple(model.schema_.modalities)
    kappas = {"kappas": np.ones(5), "kappa_objects": np.ones(5, dtype=np.int64)}
    points = (OperatingPoint(names, 40, 12.0, -1.0, 0.0, unknown=7),)
    calibration = Calibration(names, "false_accept", 0.05, points, 0.01, (), model.classes_, **kappas)
    model.fitted_ = replace(model.fitted_, calibration=calibration.for_classes(model.classes_))
    body = threshold_section(replace(findings, model=model)).body
    assert "everything (7): it takes at least 19 unknown objects" in body and "calibrate again" in body
