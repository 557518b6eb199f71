"""How the cost of every objective grows with modalities, objects of a batch and classes.

Two things are timed. The objective alone: forward and backward on unit vectors that are given, to gradients of these
vectors and of the class centers, by the very code that training runs. And a whole step of training, encoders and
optimizer with it. All cases run once in every round, in a new order each time, so that a busy machine hurts all alike;
the first runs of each warm up and are not counted, and of the others the median is shown.

Time is that of the CPU, `time.process_time` of a process with one thread: what other processes take does not count,
though sharing caches and memory with them still costs.
"""

import os
import platform
import random
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.growth_cases import Case, Grid, Measured, Run, make_run
from benchmarks.growth_report import draw, report, write_json
from steradian.losses.workspace import take_workspace
from steradian.training import OBJECTIVES

LEAST = 0.02
"""Seconds that a time is taken over: a short case runs several times in it."""
SLOW, ROUNDS_OF_SLOW = 0.5, 3
"""A case of more seconds than this one counts in so many rounds at most."""


def run(
    objectives: Sequence[str], *, grid: Grid, rounds: int, json_file: Path | None = None, folder: Path | None = None
) -> None:
    """Measure, print, and write what is asked for.

    Args:
        objectives: of steradian's `OBJECTIVES`; none takes all.
        grid: the sizes.
        rounds: that count; `ROUNDS_OF_SLOW` at most for slow cases.
        json_file: where everything measured goes.
        folder: where the tables go as Markdown, and a plot of every sweep.
    """
    if unknown := set(objectives) - set(OBJECTIVES):
        sys.exit(f"no objective {', '.join(sorted(unknown))}: there are {', '.join(OBJECTIVES)}")
    if folder is not None and find_spec("matplotlib") is None:
        sys.exit("plots need matplotlib: pip install -e '.[benchmarks]' has it")
    kinds = [kind for kind in OBJECTIVES if not objectives or kind in objectives]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        setting = _setting()
        measured = measure(grid.cases(kinds), rounds)
    finally:
        torch.set_num_threads(threads)
    text = report(measured, kinds, grid=grid, setting=setting)
    print(text)
    if json_file is not None:
        write_json(json_file, measured, kinds, grid=grid, setting=setting)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "growth.md").write_text(text + "\n", encoding="utf-8")
        draw(folder, measured, kinds, grid=grid)


def measure(cases: Sequence[Case], rounds: int) -> Measured:
    """Seconds of CPU of each case in each round, by torch's threads of now; and the bytes of those without encoders.

    Args:
        cases: each once.
        rounds: that count; `ROUNDS_OF_SLOW` at most for slow cases.
    """
    runs, warm, peaks = {}, {}, {}
    for number, case in enumerate(cases, 1):
        runs[case] = make_run(case)
        if case.whole_step:
            runs[case]()
        else:
            peaks[case] = _peak(runs[case])
        warm[case] = _seconds(runs[case])
        _tell(f"warm-up {number}/{len(cases)}", case, f"{1e3 * warm[case]:.3f} ms, {peaks.get(case, 0):,} bytes")
    seconds: dict[Case, list[float]] = {case: [] for case in cases}
    order, shuffle = list(cases), random.Random(0).shuffle
    for turn in range(1, rounds + 1):
        shuffle(order)
        for number, case in enumerate(order, 1):
            if warm[case] > SLOW and turn > ROUNDS_OF_SLOW:
                continue
            seconds[case].append(_seconds(runs[case], calls=max(1, round(LEAST / warm[case]))))
            _tell(f"round {turn}/{rounds}, {number}/{len(order)}", case, f"{1e3 * seconds[case][-1]:.3f} ms")
    return Measured(seconds, peaks)


def _seconds(run: Run, calls: int = 1) -> float:
    """Those of CPU that one call takes, the mean of several; gradients are dropped afterwards."""
    begun = time.process_time()
    for _ in range(calls):
        run()
    taken = (time.process_time() - begun) / calls
    run.drop_gradients()
    return taken


def _peak(run: Run) -> int:
    """Most bytes of tensors, gradients among them, that live at once in a first call, beyond those before it.

    By torch's own record of what its allocator gives and takes back, exact to the byte and the same on every run.
    Scratch memory within the libraries of matrix products is not in it, for no objective.
    """
    # The level is that of kineto, which otherwise tells standard error of every start and stop.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    # What an earlier case has left would hide what this one takes.
    take_workspace(0, torch.empty(0))
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        run()
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    # A large gradient of class centers lies from begin to end on pages that come from the system, not the allocator.
    mapped = [leaf.grad for leaf in run.leaves if leaf.grad is not None and not leaf.grad.untyped_storage().resizable()]
    return peak + sum(gradient.nbytes for gradient in mapped)


def _setting() -> dict[str, str]:
    """What the numbers depend on."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    return {
        "torch": f"{torch.__version__}, {torch.get_num_threads()} thread of {os.cpu_count()} cores, CPU, float32",
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "load": f"{load:.1f} processes that run or wait, before the start",
        "time": "seconds of CPU (time.process_time), one thread, medians",
    }


def _tell(progress: str, case: Case, found: str) -> None:
    if sys.stderr.isatty():
        print(f"{progress}: {case}: {found}", file=sys.stderr, flush=True)
