from pathlib import Path

import pytest

from benchmarks import claim_costs
from benchmarks.claim_sets import QUICK_SET


def test_costs_stand_by_set_and_method_and_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert claim_costs.read_costs(tmp_path) == {}
    (tmp_path / "costs.json").write_text('{"other": {"clip": [1.5, 100]}}', encoding="utf-8")
    monkeypatch.setattr(claim_costs, "ALONE", ("angular", "cross_entropy"))
    claim_costs.run([QUICK_SET], tmp_path, tmp_path, rounds=1)
    costs = claim_costs.read_costs(tmp_path)
    assert costs["other"] == {"clip": (1.5, 100)}
    assert set(costs[QUICK_SET]) == {"angular", "cross_entropy"}
    assert all(ms > 0 and peak > 0 for ms, peak in costs[QUICK_SET].values())
    # The margin's forward holds more than a plain softmax.
    assert costs[QUICK_SET]["angular"][1] > costs[QUICK_SET]["cross_entropy"][1]
