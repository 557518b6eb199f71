"""What `benchmarks.growth` found, told: tables, fitted exponents, break-even against pairwise losses, plots, JSON."""

import json
import math
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.growth_cases import LETTERS, Axis, Case, Grid, Measured, Size, Sweep

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 80
UPPER: dict[Axis, int] = {"modalities": 4, "objects": 256, "classes": 1_000}
"""From here on what each call costs, whatever its size, hides growth no more."""
EQUAL = 0.95

ORANGE, BLUE, GREEN, PURPLE, BLACK = "#D55E00", "#0072B2", "#009E73", "#AA4499", "#000000"
LOOKS: dict[str, tuple[str, str, str, str]] = {
    "angular": ("angular (ours)", ORANGE, "-", "o"),
    "normalised_cross_entropy": ("normalised CE", BLUE, "-", "s"),
    "cross_entropy": ("cross entropy", BLUE, "--", "^"),
    "proxy_anchor": ("Proxy-Anchor", BLUE, ":", "v"),
    "supcon": ("SupCon", GREEN, "-", "D"),
    "triplet": ("triplet", GREEN, "--", "P"),
    "clip": ("CLIP, all pairs", BLACK, "-", "X"),
    "anchor_clip": ("CLIP, one anchor", BLACK, "--", "<"),
    "gmc": ("GMC", PURPLE, "-", ">"),
    "gmc_cross_entropy": ("GMC + CE", PURPLE, "--", "*"),
    "symile": ("Symile", PURPLE, ":", "h"),
    "gram": ("GRAM", PURPLE, "-.", "p"),
}
"""Name, colour of the family (of Okabe and Ito's and Tol's palettes, which the colour-blind tell apart), line, mark."""


class BreakEven(NamedTuple):
    """Where the margin softmax costs as much as CLIP over all pairs.

    Args:
        size: modalities and objects.
        classes: measured; 0 where ours is dearer from the fewest classes on, inf where cheaper up to the most.
        by_products: what counting the multiplications of M + 1 rows an object and of M (M - 1) / 2 pairs says.
        ratios: time of ours / time of CLIP, by number of classes.
    """

    size: Size
    classes: float
    by_products: float
    ratios: dict[int, float]


# -- Numbers -----------------------------------------------------------------------------------------------------------


def fit_exponent(values: Sequence[float], costs: Sequence[float]) -> float | None:
    """The slope of a least-squares line through logarithms; None for fewer than two points."""
    return float(np.polyfit(np.log(values), np.log(costs), 1)[0]) if len(values) > 1 else None


def exponents(measured: Measured, sweep: Sweep, kind: str) -> tuple[float | None, float | None]:
    """Of time over all values and over the upper ones; None where nothing varies."""
    if sweep.case(kind, sweep.values[0]) == sweep.case(kind, sweep.values[-1]):
        return None, None
    upper = [value for value in sweep.values if value >= UPPER[sweep.axis]]
    ranges = sweep.values, upper
    first, second = (fit_exponent(values, [measured.ms(sweep.case(kind, n)) for n in values]) for values in ranges)
    return first, second


def break_even(measured: Measured, size: Size, classes: Sequence[int]) -> BreakEven:
    """By straight lines between the numbers of classes measured: in theory time is a constant and a part a class."""
    clip = measured.ms(Case("clip", size))
    ratios = {number: measured.ms(Case("angular", size._replace(classes=number))) / clip for number in classes}
    dearer = next((i for i, ratio in enumerate(ratios.values()) if ratio > 1), None)
    if not dearer:
        found = math.inf if dearer is None else 0.0
    else:
        around = slice(dearer - 1, dearer + 1)
        found = float(np.interp(1.0, list(ratios.values())[around], list(classes)[around]))
    modalities, objects = size.modalities, size.objects
    return BreakEven(size, found, objects * modalities * (modalities - 1) / (2 * (modalities + 1)), ratios)


def _break_evens(measured: Measured, kinds: Sequence[str], grid: Grid) -> list[BreakEven]:
    if not {"angular", "clip"} <= set(kinds):
        return []
    return [break_even(measured, size, grid.break_even_classes) for size in grid.break_even_sizes]


# -- Tables ------------------------------------------------------------------------------------------------------------


def report(measured: Measured, kinds: Sequence[str], *, grid: Grid, setting: dict[str, str]) -> str:
    """Everything as Markdown of at most 80 columns."""
    parts = ["# What an objective costs", "\n".join(f"- {key}: {value}" for key, value in setting.items())]
    for sweep in grid.sweeps:
        what = "Whole training step" if sweep.whole_step else "Objective alone"
        parts.append(f"## {what}: milliseconds by {sweep.letter}, {sweep.fixed}")
        parts.append(_sweep_table(sweep, kinds, lambda case: _three_digits(measured.ms(case))))
        parts += _cheaper(measured, sweep, kinds)
    parts += _exponent_parts(measured, kinds, grid)
    parts += _break_even_parts(_break_evens(measured, kinds, grid), grid)
    for sweep in grid.sweeps:
        if not sweep.whole_step:
            parts.append(f"## Objective alone: bytes by {sweep.letter}, {sweep.fixed}")
            parts.append(_sweep_table(sweep, kinds, lambda case: _bytes(measured.peaks[case])))
    parts.append(_wrapped("Bytes are the peak of tensors beyond the inputs in a first call, gradients among them."))
    return "\n\n".join(parts)


def _sweep_table(sweep: Sweep, kinds: Sequence[str], cell: Callable[[Case], str]) -> str:
    rows = [[LOOKS[kind][0], *(cell(sweep.case(kind, value)) for value in sweep.values)] for kind in kinds]
    return _table([sweep.letter, *(f"{value:,}" for value in sweep.values)], rows)


def _cheaper(measured: Measured, sweep: Sweep, kinds: Sequence[str]) -> list[str]:
    """Which rivals cost less than ours, and where; what is as near as `EQUAL` may be chance."""
    if "angular" not in kinds:
        return []
    found = []
    for kind in kinds:
        times = {n: (measured.ms(sweep.case(kind, n)), measured.ms(sweep.case("angular", n))) for n in sweep.values}
        less = [n for n, (theirs, ours) in times.items() if theirs < EQUAL * ours]
        if less:
            where = "everywhere" if len(less) == len(sweep.values) else "at " + ", ".join(f"{n:,}" for n in less)
            found.append(f"{LOOKS[kind][0]} {where}")
    return [_wrapped(f"Cheaper than ours by more than {1 - EQUAL:.0%}: {'; '.join(found) or 'none'}.")]


def _exponent_parts(measured: Measured, kinds: Sequence[str], grid: Grid) -> list[str]:
    titles = [f"{sweep.letter}{', step' if sweep.whole_step else ''}" for sweep in grid.sweeps]
    # Of the two sweeps over M of the objective alone.
    titles[:2] = [f"M, N={sweep.size.objects}" for sweep in grid.sweeps[:2]]
    parts = ["## Fitted exponents of time"]
    upper = ", ".join(f"{LETTERS[axis]} >= {least:,}" for axis, least in UPPER.items())
    for number, where in enumerate(("all values", upper)):
        fits = {kind: [exponents(measured, sweep, kind)[number] for sweep in grid.sweeps] for kind in kinds}
        rows = [[LOOKS[kind][0], *("-" if fit is None else f"{fit:.2f}" for fit in fits[kind])] for kind in kinds]
        parts += [f"Over {where}:", _table(["k in x^k", *titles], rows)]
    return parts


def _break_even_parts(found: Sequence[BreakEven], grid: Grid) -> list[str]:
    if not found:
        return []
    fewest, most = grid.break_even_classes[0], grid.break_even_classes[-1]
    rows = []
    for one in found:
        measured = f"{one.classes:,.0f}" if 0 < one.classes < math.inf else (f"> {most:,}" if one.classes else "none")
        ratios = (_three_digits(ratio) for ratio in one.ratios.values())
        rows.append([str(one.size.modalities), str(one.size.objects), f"{one.by_products:,.0f}", measured, *ratios])
    legend = f"""The number of classes at which the margin softmax costs as much as CLIP over all pairs, by C = N M
        (M - 1) / (2 (M + 1)) of the products alone, of M + 1 rows an object where the random subset adds
        one, and as measured ("none": ours is the dearer from {fewest} classes
        on), and time of ours / time of CLIP at several C: above 1 ours is the dearer."""
    dearer = sum(ratio > 1 for one in found for ratio in one.ratios.values())
    cells = sum(len(one.ratios) for one in found)
    return [
        "## Break-even against CLIP over all pairs",
        _wrapped(legend),
        _table(["M", "N", "products", "measured", *(f"{n:,}" for n in grid.break_even_classes)], rows),
        _wrapped(f"Ours is the dearer in {dearer} of these {cells} cells."),
    ]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Names to the left, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Iterable[str]) -> str:
        first, *others = (f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        return "| " + " | ".join([first, *(f"{cell.strip():>{len(cell)}}" for cell in others)]) + " |"

    rule = "|" + "|".join("-" * (width + 1) + (":" if i else "-") for i, width in enumerate(widths)) + "|"
    return "\n".join([line(header), rule, *map(line, rows)])


def _wrapped(text: str) -> str:
    return textwrap.fill(" ".join(text.split()), WIDTH)


def _three_digits(number: float) -> str:
    digits = 0 if number >= 100 else 1 if number >= 10 else 2 if number >= 0.1 else 3
    return f"{number:,.{digits}f}"


def _bytes(number: float) -> str:
    for unit in ("", "k", "M"):
        if number < 999.5:
            return f"{number:.3g}{unit}"
        number /= 1000
    return f"{number:.3g}G"


# -- Files -------------------------------------------------------------------------------------------------------------


def write_json(file: Path, measured: Measured, kinds: Sequence[str], *, grid: Grid, setting: dict[str, str]) -> None:
    """Every time of every round, and what follows from them."""
    cases = [
        {
            "objective": case.objective,
            **case.size._asdict(),
            "what": "step" if case.whole_step else "objective",
            "seconds": seconds,
            "peak_bytes": measured.peaks.get(case),
        }
        for case, seconds in measured.seconds.items()
    ]
    fits: list[dict[str, Any]] = []
    for sweep in grid.sweeps:
        for kind in kinds:
            over_all, upper = exponents(measured, sweep, kind)
            place = {"in": sweep.letter, "fixed": sweep.fixed, "what": "step" if sweep.whole_step else "objective"}
            least = UPPER[sweep.axis]
            fits.append({"objective": kind, **place, "all": over_all, "upper": upper, "upper_from": least})
    even = [
        # JSON has no infinity.
        {
            **one.size._asdict(),
            **one._asdict(),
            "size": None,
            "classes": one.classes if one.classes < math.inf else None,
        }
        for one in _break_evens(measured, kinds, grid)
    ]
    found = {"setting": setting, "cases": cases, "exponents": fits, "break_even": even}
    unfinished = file.with_name(file.name + ".part")
    unfinished.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    unfinished.replace(file)


def draw(folder: Path, measured: Measured, kinds: Sequence[str], *, grid: Grid) -> None:
    """A plot of every sweep, as PNG; needs matplotlib.

    Args:
        folder: that is there.
        measured: what was found.
        kinds: the objectives.
        grid: the sizes.
    """
    from matplotlib.figure import Figure

    for sweep in grid.sweeps:
        figure = Figure(figsize=(7.6, 4.8), layout="constrained")
        axes = figure.add_subplot()
        last = {kind: measured.ms(sweep.case(kind, sweep.values[-1])) for kind in kinds}
        # In the order of the lines' ends, so that the legend beside them can be read across.
        for kind in sorted(kinds, key=lambda kind: -last[kind]):
            label, colour, line, mark = LOOKS[kind]
            times = [measured.ms(sweep.case(kind, value)) for value in sweep.values]
            width, size, level = (3.5, 8, 5) if kind == "angular" else (1.3, 5, 2)
            axes.plot(
                sweep.values, times, line, color=colour, marker=mark, lw=width, ms=size, zorder=level, label=label
            )
        words = {"modalities": "modalities M", "objects": "objects of a batch N", "classes": "classes C"}
        axes.set(xscale="log", yscale="log", xlabel=words[sweep.axis], ylabel="CPU time (ms), one thread")
        axes.set_title(f"{'Training step' if sweep.whole_step else 'Objective alone'}, {sweep.fixed}", loc="left")
        axes.set_xticks(sweep.values, [f"{value:,}" for value in sweep.values])
        axes.xaxis.minorticks_off()
        axes.grid(alpha=0.3)
        if sweep.axis == "classes" and {"angular", "clip"} <= set(kinds):
            _mark_break_even(axes, measured, sweep)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
        place = f"{sweep.axis}-{sweep.size.objects}" if sweep.axis == "modalities" else sweep.axis
        figure.savefig(folder / f"growth-{'step-' if sweep.whole_step else ''}{place}.png", dpi=150)


def _mark_break_even(axes: "Axes", measured: Measured, sweep: Sweep) -> None:
    """Where ours meets CLIP, if it does, and where the products alone would have it."""
    clip = sweep.case("clip", sweep.values[0])
    found, height = break_even(measured, clip.size, sweep.values), measured.ms(clip)
    axes.axvline(found.by_products, color="0.5", ls=":", lw=1.2)
    boxed: dict[str, Any] = {
        "size": 9,
        "bbox": {"boxstyle": "round,pad=0.2", "fc": "white", "ec": "none", "alpha": 0.85},
        "zorder": 7,
    }
    top = axes.get_ylim()[1]
    axes.text(
        found.by_products / 1.15, top / 1.5, f"by products\nC = {found.by_products:.0f}", ha="right", va="top", **boxed
    )
    if 0 < found.classes < math.inf:
        axes.plot(found.classes, height, "o", ms=15, mfc="none", mec="black", mew=1.6, zorder=6)
        words, place = f"ours = CLIP\nC = {found.classes:.0f}", (found.classes, height)
        axes.annotate(
            words, place, xytext=(30, -52), textcoords="offset points", arrowprops={"arrowstyle": "-"}, **boxed
        )
