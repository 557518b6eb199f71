"""Curves of the training, or why there are none."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from steradian.report.measurements import Measurements
from steradian.report.sections.training import training_section

CHOICE = {
    "score": "log-loss of left-out objects",
    "closed_form": 0.4567,
    "both": 0.3211,
    "share": 0.5,
    "learned_gates": True,
    "networks": 3,
}


def test_the_loss_is_drawn_and_a_training_without_validation_says_so(
    plain_findings: Callable[..., Measurements],
) -> None:
    body = training_section(plain_findings(["a", "b"] * 20, ["a", "b"], closed_form=False)).body
    (packed,) = re.findall(r'id="plot-loss-data">(.*?)</script>', body)
    assert json.loads(packed)["data"][0]["x"]["dtype"] == "f4"
    assert "No objects were held out" in body and "plot-score" not in body
    assert "closed form" not in body and "first network" not in body


def test_a_closed_form_has_the_loss_of_its_first_network_and_what_was_chosen(findings: Measurements) -> None:
    assert findings.model.training_.choice is not None
    body = training_section(findings).body
    assert 'id="plot-loss"' in body and "of the first network" in body and "plot-score" not in body
    assert "No objects were held out" not in body and "last weights" not in body
    assert f"{findings.model.training_.choice['closed_form']:.3f} by the closed form" in body


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        (CHOICE, "objects: 0.457 by the closed form alone, 0.321 with 3 networks beside it at share 0.5, with their g"),
        (CHOICE | {"networks": 1, "learned_gates": False}, "0.321 with 1 network beside it at share 0.5."),
        (CHOICE | {"networks": 0}, "0.457 by the closed form, which stands alone, since no network"),
    ],
)
def test_what_the_networks_gain_is_told(findings: Measurements, choice: dict[str, Any], says: str) -> None:
    training = replace(findings.model.training_, choice=choice)
    assert says in training_section(replace(findings, model=SimpleNamespace(training_=training))).body


def test_a_closed_form_without_networks_has_no_curve(plain_findings: Callable[..., Measurements]) -> None:
    section = training_section(plain_findings(["a", "b"] * 20, ["a", "b"], epochs=0))
    assert "plot" not in section.body and "no network was trained" in section.body
    assert "solved" in section.lead


def test_scores_of_validation_are_drawn(plain_findings: Callable[..., Measurements]) -> None:
    found = plain_findings(["a", "b"] * 20, ["a", "b"], validation_fraction=0.3, closed_form=False)
    body = training_section(found).body
    assert 'id="plot-score"' in body and f"{found.model.training_.best_score:.3f}" in body


def test_a_model_without_a_history_says_so(findings: Measurements) -> None:
    going_on = replace(findings.model.training_, ended=False)
    body = training_section(replace(findings, model=SimpleNamespace(training_=going_on))).body
    assert "does not hold the history" in body and "plot" not in body


def test_a_training_that_was_interrupted_says_so(findings: Measurements) -> None:
    stopped = replace(findings.model.training_, interrupted=True)
    assert "Ctrl-C" in training_section(replace(findings, model=SimpleNamespace(training_=stopped))).body
