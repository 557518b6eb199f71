"""Ledgers: bars whose lengths are what the modalities add, and the share of certificates."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from steradian.report.measurements import Measurements
from steradian.report.sections.ledgers import ledger_section


def test_each_chosen_object_has_its_ledger(findings: Measurements, elements: Any) -> None:
    ledger = findings.ledger
    assert ledger is not None
    body = ledger_section(findings).body
    assert elements(body).open == []
    assert body.count('<div class="ledger">') == len(findings.searched.chosen)
    assert body.count('<div class="bar"') == ledger.present.sum() + len(ledger)
    assert f"{findings.evaluation.certified:.1%} of the objects are bound to keep their class" in body


def test_bars_are_as_long_as_what_is_added(findings: Measurements) -> None:
    assert findings.ledger is not None
    one = replace(findings, ledger=findings.ledger[:1])
    bars = re.findall(r'<i class="(\w+)" style="--left: ([\d.]+)%; --width: ([\d.]+)%', ledger_section(one).body)
    values = np.sort(findings.ledger.contributions[0][findings.ledger.present[0]])[::-1]
    span = max(findings.ledger.cosines[0], values.max(), 0) - min(values.min(), 0)
    assert [float(width) / 100 for _, _, width in bars[:-1]] == pytest.approx(np.abs(values) / span, abs=1e-3)
    assert [kind for kind, *_ in bars[:-1]] == ["more" if value >= 0 else "less" for value in values]
    assert bars[-1][0] == "whole"


def test_without_a_ledger_the_reason_is_told(findings: Measurements) -> None:
    assert "because &lt;free&gt;" in ledger_section(replace(findings, ledger=None, no_ledger="because <free>")).body
