import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.claim_protocol import OBJECTIVES, options_of, train_watched
from benchmarks.claim_sets import QUICK_SET, load_claim_set
from benchmarks.claims import run
from benchmarks.claims_plots import PICTURES
from steradian.config import TrainingConfig
from steradian.losses import default_scale


def read_lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "claims.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.usefixtures("_same_threads")
def test_a_quick_run_tests_reports_and_is_not_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run([], None, tmp_path, methods=["angular", "cross_entropy"], quick=True)
    records = read_lines(tmp_path)
    assert [(record["method"], record["tested"]) for record in records] == [("angular", True), ("cross_entropy", True)]
    assert all(record["geometry"] and record["accuracy"] > 0.5 for record in records)
    assert (tmp_path / "claims.md").read_text(encoding="utf-8") in capsys.readouterr().out
    assert {path.stem for path in tmp_path.glob("*.png")} == {f"claims-{name}" for name in PICTURES}
    run([], None, tmp_path, methods=["angular", "cross_entropy"], quick=True)
    assert read_lines(tmp_path) == records


@pytest.mark.usefixtures("_same_threads")
def test_the_trial_with_the_largest_area_is_tested(tmp_path: Path) -> None:
    run([QUICK_SET], None, tmp_path, methods=["cross_entropy"], trials=3, seeds=1)
    *tuning, tested = read_lines(tmp_path)
    assert [(record["trial"], record["tested"]) for record in tuning] == [(0, False), (1, False), (2, False)]
    assert tested["tested"]
    assert tested["trial"] == np.argmax([np.trapezoid(record["scores"], record["steps"]) for record in tuning])


def test_the_same_seed_gives_the_same_curve(tmp_path: Path) -> None:
    data = replace(load_claim_set(QUICK_SET, tmp_path, seed=0), steps=5)
    first, again, other = (train_watched(data, {}, seed=seed, tested=False) for seed in (3, 3, 4))
    assert first.steps == again.steps == [0, 3, 5]
    assert first.scores == again.scores
    assert first.scores != other.scores


@pytest.mark.parametrize("method", OBJECTIVES)
def test_the_first_trial_takes_the_defaults_and_the_others_stay_in_their_ranges(method: str) -> None:
    fixed, space = OBJECTIVES[method]
    assert options_of(method, 0, num_classes=10) == fixed
    trials = [options_of(method, trial, num_classes=10) for trial in range(1, 20)]
    assert trials == [options_of(method, trial, num_classes=10) for trial in range(1, 20)]
    assert len({str(options) for options in trials}) == len(trials)
    for options in trials:
        TrainingConfig(**options)
        for name, span in space.items():
            value = options["scale"] / default_scale(10) if name == "scale_factor" else options[name]
            if isinstance(span, list):
                assert value in span
            else:
                low, high = span if isinstance(span, tuple) else (0, span)
                assert low <= value <= high
