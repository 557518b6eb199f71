"""Attributions: bars whose lengths are what the modalities add, and the share of certificates."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from steradian.report.measurements import Measurements
from steradian.report.sections.attributions import attribution_section


def test_each_chosen_object_has_its_attribution(findings: Measurements, elements: Any) -> None:
    attribution = findings.attribution
    assert attribution is not None
    body = attribution_section(findings).body
    assert elements(body).open == []
    assert body.count('<div class="attribution">') == len(findings.searched.chosen)
    assert body.count('<div class="bar"') == attribution.present.sum() + len(attribution)
    assert f"{findings.evaluation.certified:.1%} of the objects are bound to keep their class" in body


def test_bars_are_as_long_as_what_is_added(findings: Measurements) -> None:
    assert findings.attribution is not None
    one = replace(findings, attribution=findings.attribution[:1])
    bars = re.findall(r'<i class="(\w+)" style="--left: ([\d.]+)%; --width: ([\d.]+)%', attribution_section(one).body)
    values = np.sort(findings.attribution.contributions[0][findings.attribution.present[0]])[::-1]
    span = max(findings.attribution.cosines[0], values.max(), 0) - min(values.min(), 0)
    assert [float(width) / 100 for _, _, width in bars[:-1]] == pytest.approx(np.abs(values) / span, abs=1e-3)
    assert [kind for kind, *_ in bars[:-1]] == ["more" if value >= 0 else "less" for value in values]
    assert bars[-1][0] == "whole"


def test_without_an_attribution_the_reason_is_told(findings: Measurements) -> None:
    assert (
        "because &lt;free&gt;"
        in attribution_section(replace(findings, attribution=None, no_attribution="because <free>")).body
    )
