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

from benchmarks.claim_protocol import OBJECTIVES, options_of, train_watched
from benchmarks.claim_records import Records, read_records
from benchmarks.claim_sets import QUICK_SET, SETS, ClaimSet, load_claim_set
from benchmarks.claims_report import report

__all__ = ["run"]


def run(
    names: Sequence[str],
    folder: Path | None,
    out: Path,
    *,
    methods: Sequence[str] = (),
    trials: int = 20,
    seeds: int = 10,
    quick: bool = False,
) -> None:
    """Tune each method on the validation part of the first split, then train it on each split and test.

    Every training is a line of `OUT/claims.jsonl`; those that stand there already are not run again, so a run that was
    ended goes on where it was. Tables and pictures are made anew at the end, from all lines.

    Args:
        names: of `SETS`; all by default.
        folder: of the shared data sets; None takes the variable STERADIAN_DATA.
        out: where to write.
        methods: of `OBJECTIVES`; all by default.
        trials: trainings that tune a method, the first with the library's defaults.
        seeds: trainings that count, with splits, weights and orders of their own.
        quick: only "sklearn-digits", which needs no folder, one trial, one seed and a few steps.
    """
    if quick:
        names, trials, seeds = [QUICK_SET], 1, 1
    folder = folder or Path(os.environ.get("STERADIAN_DATA", "."))
    torch.set_num_threads(1)
    out.mkdir(parents=True, exist_ok=True)
    done = Records(out / "claims.jsonl")
    for name in (names or SETS) if seeds else ():
        _warm_up(name, folder)
        for method in methods or OBJECTIVES:
            # One trial alone has nothing to choose from.
            for trial in range(trials if trials > 1 else 0):
                _measure(done, name, method, folder, trial=trial, seed=0, tested=False)
        for seed in range(seeds):
            for method in methods or OBJECTIVES:
                tuned = _best_trial(done, name, method, trials)
                _measure(done, name, method, folder, trial=tuned, seed=seed, tested=True)
                if method == "angular":
                    _measure(done, name, method, folder, trial=0, seed=seed, tested=True)
    print(report(list(read_records(out / "claims.jsonl")), out))


@lru_cache(maxsize=1)
def _load(name: str, folder: Path, seed: int) -> ClaimSet:
    return load_claim_set(name, folder, seed=seed)


def _measure(done: Records, name: str, method: str, folder: Path, *, trial: int, seed: int, tested: bool) -> None:
    key = {"set": name, "method": method, "trial": trial, "seed": seed, "tested": tested}
    if done.find(**key):
        return
    data = _load(name, folder, seed)
    options = options_of(method, trial, num_classes=data.num_classes)
    begun = time.perf_counter()
    curve = train_watched(data, options, seed=seed, tested=tested)
    done.add({**key, "options": options, "wall": round(time.perf_counter() - begun, 1), **curve.to_dict()})
    shown = f"test {100 * curve.accuracy:.2f}" if tested else f"validation {100 * curve.scores[-1]:.2f}"
    print(f"{name:18} {method:26} trial {trial:2} seed {seed:2} {curve.seconds[-1]:6.1f} s  {shown}", flush=True)


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
    """A few steps that nobody counts: the first ones of a process load and plan."""
    train_watched(replace(_load(name, folder, 0), steps=4), {}, seed=0, tested=False)
