"""Accepted shares beside the guaranteed one, on scikit-learn's digits."""

import numpy as np
import pytest

from benchmarks import coverage
from benchmarks.unknown import QUICK_SET, open_digits


def test_the_accepted_share_is_the_promised_one(capsys: pytest.CaptureFixture[str]) -> None:
    found = coverage.run([QUICK_SET], None, splits=3, coverage=0.8, epochs=0)
    assert found[QUICK_SET].shape == (3, 3)
    assert np.mean(found[QUICK_SET]) == pytest.approx(0.8, abs=0.05)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("guaranteed: 80.0%") and lines[2].split()[:3] == [QUICK_SET, "3", "150"]
    assert len(open_digits()) == 600
