import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.claim_protocol import CLOSED_FORM, OBJECTIVES, look_at_closed_form, options_of, train_watched
from benchmarks.claim_sets import QUICK_SET, load_claim_set
from benchmarks.claims import run
from benchmarks.claims_plots import PICTURES
from benchmarks.closed_form_start import solve_set
from steradian.config import TrainingConfig
from steradian.losses import default_scale


def read_lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "claims.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.usefixtures("_same_threads")
def test_a_quick_run_tests_reports_and_is_not_run_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    methods = [CLOSED_FORM, "angular", "cross_entropy"]
    run([], None, tmp_path, methods=methods, quick=True)
    records = read_lines(tmp_path)
    assert [(record["method"], record["start"]) for record in records] == [
        (CLOSED_FORM, "closed_form"),
        *[(method, start) for start in ("random", "closed_form") for method in methods[1:]],
    ]
    assert all(record["tested"] and record["geometry"] and record["accuracy"] > 0.5 for record in records)
    assert (tmp_path / "claims.md").read_text(encoding="utf-8") in capsys.readouterr().out
    assert {path.stem for path in tmp_path.glob("*.png")} == {f"claims-{name}" for name in PICTURES}
    run([], None, tmp_path, methods=methods, quick=True)
    assert read_lines(tmp_path) == records


@pytest.mark.usefixtures("_same_threads")
def test_what_starts_from_the_closed_form_has_its_score_and_its_seconds(tmp_path: Path) -> None:
    run([], None, tmp_path, methods=[CLOSED_FORM, "gmc"], starts=["closed_form"], quick=True)
    alone, started = read_lines(tmp_path)
    assert len(alone["scores"]) == len(alone["steps"]) == 1
    assert 0 < alone["choosing_seconds"] < alone["seconds"][0] < started["start_seconds"] <= started["seconds"][0]
    assert started["scores"][0] == alone["scores"][0]
    assert len(started["scores"]) > 1


@pytest.mark.usefixtures("_same_threads")
def test_the_trial_with_the_largest_area_is_tested(tmp_path: Path) -> None:
    run([QUICK_SET], None, tmp_path, methods=["cross_entropy"], trials=3, seeds=1, starts=["random"])
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


def test_a_start_leaves_the_closed_form_and_the_set_as_they_were(tmp_path: Path) -> None:
    data = replace(load_claim_set(QUICK_SET, tmp_path, seed=0), steps=5)
    solved = solve_set(data, seed=0)
    before = look_at_closed_form(solved, seed=0, tested=False).scores
    random = train_watched(data, {}, seed=0, tested=False)
    first, again = (train_watched(data, {}, seed=0, tested=False, start=solved) for _ in range(2))
    assert first.scores == again.scores
    assert first.scores[0] == before[0] != random.scores[0]
    assert look_at_closed_form(solved, seed=0, tested=False).scores == before
    assert train_watched(data, {}, seed=0, tested=False).scores == random.scores
    assert (random.start_seconds, first.start_seconds) == (0.0, pytest.approx(solved.start_seconds, abs=1e-4))


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
