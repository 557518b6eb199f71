"""Time and memory of the classifier's loss and its gradients over many classes, beside rivals and a floor.

All variants get the same rows, class centers, scale and margin. They run in turn, in a new order every round; the
first round warms up and is not counted, and of the others the median is shown. Peak memory is measured apart, in a
process of its own for every variant.
"""

import ctypes
import json
import multiprocessing
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from benchmarks.classifier_variants import (
    BFLOAT16,
    COMPILED,
    FLOOR,
    PLAIN,
    RIVAL,
    STERADIAN,
    TILED_FLOOR,
    Problem,
    Size,
    Variant,
    VariantMissingError,
    make_variant,
    steradian_loss,
)
from steradian.losses.blockwise_softmax import GradientTaker
from steradian.training import RowwiseAdam

SIZES = [Size(10_000, 128), Size(10_000, 512), Size(100_000, 128), Size(100_000, 512), Size(1_000_000, 128)]
LARGEST = SIZES[-1]
TIMED = [STERADIAN, BFLOAT16, PLAIN, COMPILED, RIVAL, FLOOR, TILED_FLOOR]
WEIGHED = [STERADIAN, BFLOAT16, PLAIN, COMPILED, RIVAL]
ROUNDS_OF_LARGEST = 3
QUIET = 0.05
"""Share of the cores' time above which times mean little: a thread that waits for a core holds all others up."""

MEGABYTE = 1e6
LEGEND = """floor %: the time of 3 products / this time; x PML, x plain: times as fast;
MB: peak memory beyond the gradient of the class centers"""

CLEAR_PEAK = Path("/proc/self/clear_refs")
"""Where Linux takes a 5 as the order to forget the peak of resident memory."""


class Result(NamedTuple):
    """What was measured at a size.

    Args:
        size: this one.
        seconds: of each variant in each round.
        others: share of the cores' time that other processes took during these rounds.
        memory: bytes of each variant beyond the gradient of the class centers.
        errors: relative, of the gradients in bfloat16.
        step: bytes of a whole training step.
    """

    size: Size
    seconds: dict[str, list[float]]
    others: float
    memory: dict[str, float]
    errors: dict[str, float]
    step: float | None

    def ms(self, name: str) -> float:
        """The median in milliseconds."""
        return 1e3 * statistics.median(self.seconds[name])

    def times(self, slower: str, faster: str = STERADIAN) -> float | None:
        """How many times as long the slower one takes."""
        if slower not in self.seconds or faster not in self.seconds:
            return None
        return self.ms(slower) / self.ms(faster)


class Bar(NamedTuple):
    """A measured value, and what it should be; its value is None where it was not measured."""

    text: str
    value: float | None
    bound: float
    at_least: bool

    @property
    def verdict(self) -> str:
        """Held, missed, or not measured."""
        if self.value is None:
            return "not measured"
        return "held" if (self.value >= self.bound if self.at_least else self.value <= self.bound) else "missed"


def run(sizes: Sequence[str], *, rounds: int, memory: bool, json_file: Path | None) -> None:
    """Measure and print.

    Args:
        sizes: such as 10kx128; none takes all that have a bar.
        rounds: that count; from a million classes on 3 at most.
        memory: measure peak memory too, where the system is Linux.
        json_file: where everything measured goes as well.
    """
    setting = _setting()
    print("\n".join(f"{key:10} {value}" for key, value in setting.items()))
    print(f"\n{LEGEND}\n")
    print(f"{'size':10}{'variant':25}{'ms':>9}{'floor %':>9}{'x PML':>8}{'x plain':>9}{'MB':>9}")
    memory = memory and CLEAR_PEAK.exists()
    results = []
    for size in map(Size.parse, sizes) if sizes else SIZES:
        results.append(_measure(size, rounds=rounds, memory=memory))
        _show(results[-1])
    bars = [bar for result in results for bar in _bars(result)]
    _show_bars(bars)
    if json_file is not None:
        _write(json_file, setting, results, bars)


# -- Measuring ---------------------------------------------------------------------------------------------------------


def _measure(size: Size, *, rounds: int, memory: bool) -> Result:
    rounds = min(rounds, ROUNDS_OF_LARGEST) if size.classes >= LARGEST.classes else rounds
    seconds, others = _seconds(size, rounds)
    names = [name for name in WEIGHED if name in seconds] if memory else []
    peaks = {name: peak for name in names if (peak := _in_own_process(_peak_memory, name, size)) is not None}
    step = _in_own_process(_peak_of_step, size) if memory and size == LARGEST else None
    return Result(size, seconds, others, peaks, _errors(size), step)


def _seconds(size: Size, rounds: int) -> tuple[dict[str, list[float]], float]:
    """Those of each variant in each round, and the share of the cores' time that other processes took meanwhile."""
    problem = Problem.make(size)
    variants = _variants(size, problem)
    _check_losses(size, variants)
    seconds: dict[str, list[float]] = {name: [] for name in variants}
    order, shuffle = list(variants), random.Random(0).shuffle
    begun, others = time.perf_counter(), _others_seconds()
    for _ in range(rounds):
        shuffle(order)
        for name in order:
            seconds[name].append(variants[name].seconds())
    available = (time.perf_counter() - begun) * (os.cpu_count() or 1)
    return seconds, (_others_seconds() - others) / available


def _others_seconds() -> float:
    """Processor time that all other processes have taken since the machine started; 0 where there is no /proc."""
    file = Path("/proc/stat")
    if not file.is_file():
        return 0.0
    user, nice, system, _, _, interrupts, soft_interrupts, stolen = map(int, file.read_text().split()[1:9])
    ticks = user + nice + system + interrupts + soft_interrupts + stolen
    return ticks / os.sysconf("SC_CLK_TCK") - time.process_time()


def _variants(size: Size, problem: Problem) -> dict[str, Variant]:
    variants = {}
    for name in TIMED:
        try:
            variants[name] = make_variant(name, problem)
            note = variants[name].note
        except VariantMissingError as error:
            note = f"left out: {error}"
        if note:
            print(f"{size!s:10}{name}: {note}"[:80], flush=True)
    return variants


def _check_losses(size: Size, variants: dict[str, Variant]) -> None:
    """Run each variant once: what follows means little where they compute different things."""
    expected = None
    for name, variant in variants.items():
        loss = variant.run()
        variant.drop_gradients()
        if loss is not None:
            expected = loss if expected is None else expected
            if not torch.isclose(loss, expected, rtol=1e-3):
                print(f"{size!s:10}{name}: another loss, {loss:.5f} in place of {expected:.5f}")


def _errors(size: Size) -> dict[str, float]:
    """Relative L2 errors of the gradients in bfloat16, at the start of a training and towards its end."""
    errors = {}
    for near, rows in (False, "random rows"), (True, "near rows"):
        problem = Problem.make(size, near=near)
        exact = _gradients(problem, "float32")
        for name, wanted, got in zip(("embeddings", "centers"), exact, _gradients(problem, "bfloat16"), strict=True):
            errors[f"{name}, {rows}"] = float((got - wanted).norm() / wanted.norm())
    return errors


def _gradients(problem: Problem, precision: str) -> Sequence[Tensor]:
    return torch.autograd.grad(steradian_loss(problem, precision=precision), [problem.embeddings, problem.centers])


# -- Memory, in a process of its own for each --------------------------------------------------------------------------


def _in_own_process(function: Callable[..., float], *inputs: Any) -> float | None:
    """What the function gives in a fresh process; None where the system ended it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as processes:
        try:
            return processes.submit(function, *inputs).result()
        except BrokenProcessPool:
            return None


def _peak_memory(name: str, size: Size) -> float:
    """Bytes of a first forward and backward beyond the gradient of the class centers."""
    make_variant(name, Problem.make(Size(256, size.dim))).seconds()  # brings the code of torch itself into memory
    variant = make_variant(name, Problem.make(size))
    ctypes.CDLL(None).malloc_trim(0)
    CLEAR_PEAK.write_text("5")
    before = _resident("VmRSS")
    variant.run()
    return _resident("VmHWM") - before - 4 * size.classes * size.dim


def _peak_of_step(size: Size) -> float:
    """Bytes of the whole process, torch and class centers in it, while it takes two training steps."""
    problem = Problem.make(size)
    take_gradient = RowwiseAdam(problem.centers, learning_rate=0.01).update
    for _ in range(2):
        _fused_step(problem, take_gradient)
    return _resident("VmHWM")


def _fused_step(problem: Problem, take_gradient: GradientTaker) -> None:
    """Forward and backward in which each tile of class centers moves as soon as its gradient is known."""
    steradian_loss(problem, take_gradient=take_gradient).backward()
    problem.embeddings.grad = None


def _resident(key: str) -> float:
    """Bytes: VmRSS now, VmHWM the peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024.0 * next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:"))


# -- Telling -----------------------------------------------------------------------------------------------------------


def _setting() -> dict[str, str]:
    """What the numbers depend on."""
    variable = os.environ.get
    cpu = _cpu("model name")
    bfloat16 = sorted({"amx_bf16", "avx512_bf16"} & set(_cpu("flags").split()))
    pages = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return {
        "torch": f"{torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} cores",
        "cpu": f"{cpu}; instructions for bfloat16: {', '.join(bfloat16) or 'none'}",
        "allocator": f"{' '.join(platform.libc_ver())}, GLIBC_TUNABLES={variable('GLIBC_TUNABLES', '')!r}",
        "pages": f"huge ones {pages.read_text().strip() if pages.is_file() else 'unknown'}, "
        f"THP_MEM_ALLOC_ENABLE={variable('THP_MEM_ALLOC_ENABLE', '')!r}",
        "PML": f"{RIVAL} {_version(RIVAL)}",
        "input": "256 rows, float32, margin 0.2 rad, forward and backward, medians",
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "is not installed"


def _cpu(key: str) -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "unknown")


def _show(result: Result) -> None:
    for name in result.seconds:
        share, rival, plain = (result.times(other, name) for other in (FLOOR, RIVAL, PLAIN))
        numbers = f"{_number(share and 100 * share, '.0f'):>9}{_number(rival, '.2f'):>8}{_number(plain, '.2f'):>9}"
        memory = result.memory.get(name)
        beyond = _number(memory and memory / MEGABYTE, ".1f")
        print(f"{result.size!s:10}{name:25}{result.ms(name):9.1f}{numbers}{beyond:>9}")
    if result.others > QUIET:
        print(f"{result.size!s:10}not quiet: others took {result.others:.0%} of the cores' time")
    for name, error in result.errors.items():
        print(f"{result.size!s:10}bfloat16, relative error of gradient, {name}: {error:.1e}")
    print(flush=True)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _bars(result: Result) -> list[Bar]:
    """Those that this size has."""
    size = result.size
    share = result.times(FLOOR)
    bars = [
        Bar("% of the floor", share and 100 * share, 72 if size == LARGEST else 80, True),
        Bar("times as fast as plain torch", result.times(PLAIN), 1.0, True),
        Bar("error of bfloat16 gradients", max(result.errors.values()), 5e-3, False),
    ]
    if size.classes == 10_000:
        bars += [Bar("times as fast as PML", result.times(RIVAL), 2.0, True)]
    if size == LARGEST:
        memory = result.memory.get(STERADIAN)
        bars += [
            Bar("times as fast as PML", result.times(RIVAL), 4.0, True),
            Bar("times as fast as PML, bfloat16", result.times(RIVAL, BFLOAT16), 7.0, True),
            Bar("MB beyond the gradient", memory and memory / MEGABYTE, 64.0, False),
            Bar("GB of a whole training step", result.step and result.step / 1e9, 1.3, False),
        ]
    return [bar._replace(text=f"{size!s:10}{bar.text}") for bar in bars]


def _show_bars(bars: Sequence[Bar]) -> None:
    print(f"{'bars':43}{'bound':>12}{'measured':>12}")
    for bar in bars:
        bound = f"{'>=' if bar.at_least else '<='} {bar.bound:g}"
        print(f"{bar.text:43}{bound:>12}{_number(bar.value, '.3g'):>12}  {bar.verdict}")
    print("Run with GLIBC_TUNABLES=glibc.malloc.hugetlb=1 too: they are to hold there.")


def _write(file: Path, setting: dict[str, str], results: Sequence[Result], bars: Sequence[Bar]) -> None:
    report = {
        "setting": setting,
        "results": [result._asdict() | {"size": str(result.size)} for result in results],
        "bars": [bar._asdict() | {"verdict": bar.verdict} for bar in bars],
    }
    unfinished = file.with_name(file.name + ".part")
    unfinished.write_text(json.dumps(report, indent=1) + "\n")
    unfinished.replace(file)
