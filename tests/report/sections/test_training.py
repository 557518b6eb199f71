"""Curves of the training, or why there are none."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

from steradian.report.findings import Findings
from steradian.report.sections.training import training_section


def test_the_loss_is_drawn_and_a_training_without_validation_says_so(findings: Findings) -> None:
    body = training_section(findings).body
    (packed,) = re.findall(r'id="plot-loss-data">(.*?)</script>', body)
    assert json.loads(packed)["data"][0]["x"]["dtype"] == "f4"
    assert "No objects were held out" in body and "plot-score" not in body


def test_scores_of_validation_are_drawn(plain_findings: Callable[..., Findings]) -> None:
    found = plain_findings(["a", "b"] * 20, ["a", "b"], validation_share=0.3)
    body = training_section(found).body
    assert 'id="plot-score"' in body and f"{found.model.training_.best_score:.3f}" in body


def test_a_model_without_a_history_says_so(findings: Findings) -> None:
    body = training_section(replace(findings, model=SimpleNamespace())).body
    assert "does not hold the history" in body and "plot" not in body


def test_a_training_that_was_interrupted_says_so(findings: Findings) -> None:
    stopped = replace(findings.model.training_, interrupted=True)
    assert "Ctrl-C" in training_section(replace(findings, model=SimpleNamespace(training_=stopped))).body
