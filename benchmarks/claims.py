"""The claims, measured: every objective on the same encoders, with the same budget for tuning."""

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from benchmarks import claim_costs
from benchmarks.claim_protocol import CLOSED_FORM, OBJECTIVES, look_at_closed_form, options_of, train_watched
from benchmarks.claim_records import FROM_CLOSED_FORM, RANDOM, STARTS, Records, read_records
from benchmarks.claim_sets import QUICK_SET, SETS, ClaimSet, load_claim_set
from benchmarks.claims_report import report
from benchmarks.closed_form_start import SolvedSet, solve_set

__all__ = ["run"]


def run(
    names: Sequence[str],
    folder: Path | None,
    out: Path,
    *,
    methods: Sequence[str] = (),
    trials: int = 20,
    seeds: int = 10,
    starts: Sequence[str] = STARTS,
    quick: bool = False,
    costs: bool = False,
) -> None:
    """Tune each method on the validation part of the first split, then train it on each split and test.

    Every training is a line of `OUT/claims.jsonl`; those that stand there already are not run again, so a run that was
    ended goes on where it was. Tables and pictures are made anew at the end, from all lines.

    Args:
        names: of `SETS`; all by default.
        folder: of the shared data sets; None takes the variable STERADIAN_DATA.
        out: where to write.
        methods: of `OBJECTIVES`, and `CLOSED_FORM`; all by default.
        trials: trainings that tune a method, the first with the library's defaults; all from random weights.
        seeds: trainings that count, with splits, weights and orders of their own.
        starts: of `STARTS`, what the trainings that count start from.
        costs: measure what each objective costs alone, which the tables then show.
        quick: only "sklearn-digits", which needs no folder, one trial, one seed and a few steps.
    """
    if quick:
        names, trials, seeds = [QUICK_SET], 1, 1
    folder = folder or Path(os.environ.get("STERADIAN_DATA", "."))
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    if costs:
        claim_costs.run(names, folder, out)
    done = Records(out / "claims.jsonl")
    for name in (names or SETS) if seeds else ():
        _warm_up(name, folder)
        _run_set(done, name, methods or (CLOSED_FORM, *OBJECTIVES), folder, trials=trials, seeds=seeds, starts=starts)
    print(report(list(read_records(out / "claims.jsonl")), out))


def _run_set(
    done: Records,
    name: str,
    methods: Sequence[str],
    folder: Path,
    *,
    trials: int,
    seeds: int,
    starts: Sequence[str],
) -> None:
    objectives = [method for method in methods if method != CLOSED_FORM]
    for method in objectives:
        # One trial alone has nothing to choose from.
        for trial in range(trials if trials > 1 else 0):
            _measure(done, name, method, folder, trial=trial, seed=0, tested=False)
    for seed in range(seeds):
        if CLOSED_FORM in methods:
            _measure(done, name, CLOSED_FORM, folder, trial=0, seed=seed, tested=True, start=FROM_CLOSED_FORM)
        for start in starts:
            for method in objectives:
                tuned = _best_trial(done, name, method, trials)
                for trial in dict.fromkeys((tuned, 0)) if method == "angular" else (tuned,):
                    _measure(done, name, method, folder, trial=trial, seed=seed, tested=True, start=start)


@lru_cache(maxsize=1)
def _load(name: str, folder: Path, seed: int) -> ClaimSet:
    return load_claim_set(name, folder, seed=seed)


@lru_cache(maxsize=1)
def _solve(name: str, folder: Path, seed: int) -> SolvedSet:
    """Once for all trainings that start from it, which have its seconds in common."""
    return solve_set(_load(name, folder, seed), seed=seed)


def _measure(
    done: Records, name: str, method: str, folder: Path, *, trial: int, seed: int, tested: bool, start: str = RANDOM
) -> None:
    key = {"set": name, "method": method, "trial": trial, "seed": seed, "tested": tested, "start": start}
    if done.find(**key):
        return
    data = _load(name, folder, seed)
    options = {} if method == CLOSED_FORM else options_of(method, trial, num_classes=data.num_classes)
    solved = _solve(name, folder, seed) if start == FROM_CLOSED_FORM else None
    begun = time.perf_counter()
    if solved is not None and method == CLOSED_FORM:
        curve = look_at_closed_form(solved, seed=seed, tested=tested)
    else:
        curve = train_watched(data, options, seed=seed, tested=tested, start=solved)
    done.add({**key, "options": options, "wall": round(time.perf_counter() - begun, 1), **curve.to_dict()})
    shown = f"test {100 * curve.accuracy:.2f}" if tested else f"validation {100 * curve.scores[-1]:.2f}"
    print(
        f"{name:18} {method:26} {start:11} trial {trial:2} seed {seed:2} {curve.seconds[-1]:6.1f} s  {shown}",
        flush=True,
    )


def _best_trial(done: Records, name: str, method: str, trials: int) -> int:
    """The trial with the largest area under the validation curve over steps: fast and good both count."""
    if trials == 1:
        return 0
    areas = []
    for trial in range(trials):
        record = done.find(set=name, method=method, trial=trial, seed=0, tested=False)
        if record is None:
            sys.exit(f"trial {trial} of {method} on {name} is missing: run it again")
        areas.append(np.trapezoid(record["scores"], record["steps"]))
    return int(np.argmax(areas))


def _warm_up(name: str, folder: Path) -> None:
    """A few steps, and a small closed form, that nobody counts: the first ones of a process load and plan."""
    solve_set(load_claim_set(QUICK_SET, folder, seed=0), seed=0)
    train_watched(replace(_load(name, folder, 0), steps=4), {}, seed=0, tested=False)
