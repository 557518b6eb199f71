"""What `benchmarks claims` found, as pictures: scores over time, accuracy and time, modality gaps, angles."""

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

from benchmarks.claim_protocol import CLOSED_FORM, OBJECTIVES
from benchmarks.claims_report import DEFAULTS, Method, group_trainings
from benchmarks.growth_report import BLUE, LOOKS, ORANGE

__all__ = ["PICTURES", "draw", "draw_angles", "draw_curves", "draw_gaps", "draw_times"]

Found = Mapping[str, tuple[Sequence[float], Sequence[Method]]]
"""Of `summarise`: for each set its targets and its methods."""
Records = Sequence[Mapping[str, Any]]


class Look(NamedTuple):
    """How a method is drawn.

    Args:
        label: of the legend.
        colour: of its family.
        line: of its curve.
        mark: of its points.
        width: of its curve.
        level: what is drawn over what.
    """

    label: str
    colour: str
    line: str
    mark: str
    width: float = 1.3
    level: int = 3


GREY = "0.55"
METHODS: dict[str, Look] = {name: Look(*look) for name, look in LOOKS.items()} | {
    CLOSED_FORM: Look("ours, closed form", "black", "", "*", level=7),
    DEFAULTS: Look("ours, defaults", ORANGE, "-", "o", 3.5, 5),
    "angular": Look("ours, tuned", "#8C3D00", "--", "s", 2.5, 6),
    "margin alone": Look("ours without alignment", ORANGE, ":", "d", 2.0, 4),
    "clip, no labels": Look("CLIP, no labels", GREY, "--", "X", level=2),
    "gmc, no labels": Look("GMC, no labels", GREY, ":", ">", level=2),
}
TARGETS = "90, 95 and 99 % of cross entropy's last score"
COLUMNS, LEGEND_COLUMNS = 3, 4
LARGEST_GAP = 2.0
"""Of unit vectors."""


# -- Panels ------------------------------------------------------------------------------------------------------------


def _panels(
    figure: Figure, names: Sequence[str], *, size: tuple[float, float], columns: int = COLUMNS, **shared: Any
) -> list[Axes]:
    """A panel a name, in rows; the figure grows with their number."""
    columns = min(columns, len(names))
    rows = -(-len(names) // columns)
    figure.set_size_inches(max(size[0] * columns, 8), size[1] * rows + 1.1)
    figure.set_layout_engine("constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False, **shared).flat)
    for axes, name in zip_longest(panels, names):
        if name is None:
            axes.remove()
        else:
            axes.set_title(name, loc="left", fontsize=10)
            axes.spines[["top", "right"]].set_visible(False)
            axes.tick_params(labelsize=8)
    return panels[: len(names)]


def _label_edges(panels: Sequence[Axes], across: str, up: str, columns: int = COLUMNS) -> None:
    """Names of the axes at the left and below the last panel of each column alone."""
    for place, axes in enumerate(panels):
        if place % columns == 0:
            axes.set_ylabel(up, fontsize=9)
        if place + columns >= len(panels):
            axes.set_xlabel(across, fontsize=9)


def _use_seconds(axes: Axes, numbers: Sequence[float] = (1, 2, 5)) -> None:
    """A logarithmic axis with plain numbers, these and their products with powers of ten."""
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=numbers))
    axes.xaxis.set_major_formatter(FormatStrFormatter("%g"))
    axes.xaxis.set_minor_formatter(NullFormatter())


def _add_legend(figure: Figure, panels: Sequence[Axes]) -> None:
    """One for all panels, below them, families together."""
    handles = {
        label: handle for axes in panels for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    labels = (*(METHODS[name].label for name in (CLOSED_FORM, DEFAULTS, *OBJECTIVES)), TARGETS)
    order = [label for label in labels if label in handles]
    figure.legend(
        [handles[label] for label in order],
        order,
        loc="outside lower center",
        ncols=LEGEND_COLUMNS,
        frameon=False,
        fontsize=9,
        handlelength=3,
    )


# -- Pictures ----------------------------------------------------------------------------------------------------------


def draw_curves(figure: Figure, found: Found, records: Records) -> None:
    """Validation score against CPU seconds, medians over trainings; of ours the lowest and the highest as well.

    Args:
        figure: an empty one.
        found: of `summarise`.
        records: of `read_records`.
    """
    panels = _panels(figure, list(found), size=(3.7, 2.9))
    groups = group_trainings(records)
    for axes, (name, (targets, methods)) in zip(panels, found.items(), strict=True):
        for method in _distinct(methods):
            look = METHODS[method.name]
            if method.name == CLOSED_FORM:
                _draw_point(axes, groups[name][method.name], look)
                continue
            seconds, scores = _common_curves(groups[name][method.name])
            style = {"color": look.colour, "zorder": look.level, "lw": look.width, "label": look.label}
            axes.plot(seconds, np.median(scores, axis=0), look.line, **style)
            if method.name == DEFAULTS:
                axes.fill_between(seconds, scores.min(axis=0), scores.max(axis=0), color=look.colour, alpha=0.2, lw=0)
        for target in targets:
            axes.axhline(target, color="0.4", lw=0.6, zorder=1, label=TARGETS)
        _use_seconds(axes)
        axes.grid(axis="x", alpha=0.25)
        # What comes long before the targets would press them together.
        axes.set_ylim(bottom=max(axes.get_ylim()[0], 0.4 * targets[0]))
    _label_edges(panels, "CPU seconds, one thread", "validation score")
    _add_legend(figure, panels)


def _draw_point(axes: Axes, trainings: Records, look: Look) -> None:
    """The closed form, whose curve has one point."""
    seconds, score = (np.median([record[key][0] for record in trainings]) for key in ("seconds", "scores"))
    axes.plot(seconds, score, look.mark, color=look.colour, ms=9, zorder=look.level, label=look.label)


def draw_times(figure: Figure, found: Found) -> None:
    """Test accuracy against seconds to the 95 % target; what does not reach it stands in a strip of its own.

    Args:
        figure: an empty one.
        found: of `summarise`.
    """
    panels = _panels(figure, list(found), size=(3.7, 2.9))
    for axes, (_, methods) in zip(panels, found.values(), strict=True):
        reached = [method.seconds[1] for method in methods if np.isfinite(method.seconds[1])]
        never = 1.6 * max(reached, default=1.0)
        for method in _distinct(methods):
            look, size = METHODS[method.name], 90 if method.name in (CLOSED_FORM, DEFAULTS, "angular") else 38
            seconds = method.seconds[1] if np.isfinite(method.seconds[1]) else 1.35 * never
            style = {"color": look.colour, "marker": look.mark, "s": size, "zorder": look.level, "lw": 0}
            axes.scatter(seconds, 100 * method.accuracy[0], label=look.label, **style)
        narrow = max(reached, default=1.0) < 5 * min(reached, default=1.0)
        _use_seconds(axes, (1, 1.5, 2, 3, 4, 6) if narrow else (1, 2, 5))
        axes.axvspan(never, 1.9 * never, color="0.9", lw=0, zorder=0)
        axes.set_xlim(min(reached, default=1.0) / 1.15, 1.9 * never)
        axes.text(
            1.35 * never, 1.0, "never", transform=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize=8
        )
        axes.grid(alpha=0.25)
    _label_edges(panels, "CPU seconds to the 95 % target", "test accuracy or R@1 (%)")
    _add_legend(figure, panels)


def draw_gaps(figure: Figure, found: Found) -> None:
    """The modality gap within classes of each objective, and beside it the gap over the distance between classes.

    Args:
        figure: an empty one.
        found: of `summarise`.
    """
    order = [
        name
        for name in (CLOSED_FORM, DEFAULTS, *OBJECTIVES)
        if any(m.name == name for _, ms in found.values() for m in ms)
    ]
    place = {name: len(order) - row for row, name in enumerate(order)}
    panels = _panels(figure, list(found), size=(3.7, 0.6 + 0.19 * len(order)), sharey=True)
    for axes, (_, methods) in zip(panels, found.values(), strict=True):
        for method in methods:
            gap, angle = (method.geometry.get(key) for key in ("gap.within_class", "angles.between_mean"))
            if gap is None:
                continue
            axes.barh(place[method.name], gap, color=METHODS[method.name].colour, height=0.7)
            if angle:
                # The chord of the mean angle: a model that presses all vectors together has a small gap for nothing.
                share = gap / (2 * np.sin(angle / 2))
                mark = "D" if share < LARGEST_GAP else ">"
                at = min(share, LARGEST_GAP), place[method.name]
                axes.plot(*at, mark, ms=4, mfc="white", mec="black", mew=0.9, clip_on=False)
        axes.set_yticks(list(place.values()), [METHODS[name].label for name in place], fontsize=8)
        axes.set_xlim(0, LARGEST_GAP)
        axes.set_xticks([0, 0.5, 1, 1.5, 2])
        axes.grid(axis="x", alpha=0.25)
        axes.set_axisbelow(True)
    words = "bars: modality gap within classes; diamonds: the same over the distance between classes (>: 2 or more)"
    figure.supxlabel(words, fontsize=10)


def draw_angles(figure: Figure, found: Found, records: Records, name: str | None = None) -> None:
    """Histograms of the angles within and between classes, a panel a method.

    Args:
        figure: an empty one.
        found: of `summarise`.
        records: of `read_records`.
        name: of a set; the first by default.
    """
    name = next(iter(found)) if name is None else name
    methods = _distinct(found[name][1])
    trainings = group_trainings(records)[name]
    labels = [METHODS[method.name].label for method in methods]
    panels = _panels(figure, labels, size=(2.3, 1.4), columns=5, sharex=True, sharey=True)
    for axes, method in zip(panels, methods, strict=True):
        angles = [record["geometry"]["angles"] for record in trainings[method.name]]
        edges = np.degrees(angles[0]["edges"])
        for kind, colour in (("within", BLUE), ("between", ORANGE)):
            shares = 100 * np.mean([each[kind] for each in angles], axis=0)
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.6, label=f"{kind} classes")
        overlap = method.geometry.get("angles.overlap")
        if overlap is not None:
            words = {"transform": axes.transAxes, "ha": "right", "va": "top", "fontsize": 8}
            axes.text(0.98, 0.95, f"overlap {overlap:.2f}", **words)
        axes.set_xlim(0, 180)
        axes.set_xticks([0, 60, 120, 180])
        axes.xaxis.set_tick_params(labelbottom=True)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
    figure.suptitle(f"{name}, test objects", fontsize=11, x=0.01, ha="left")
    figure.supxlabel("angle of two objects (degrees)", fontsize=10)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper right", ncols=2, frameon=False, fontsize=9)


PICTURES: dict[str, Callable[[Figure, Found, Records], None]] = {
    "curves": draw_curves,
    "times": lambda figure, found, records: draw_times(figure, found),
    "gaps": lambda figure, found, records: draw_gaps(figure, found),
    "angles": draw_angles,
}
"""By the end of their file's name."""


def draw(folder: Path, found: Found, records: Records) -> None:
    """All pictures as `claims-NAME.png`.

    Args:
        folder: that exists.
        found: of `summarise`.
        records: of `read_records`.
    """
    for name, paint in PICTURES.items() if found else ():
        figure = Figure()
        paint(figure, found, records)
        figure.savefig(folder / f"claims-{name}.png", dpi=150)


# -- Numbers -----------------------------------------------------------------------------------------------------------


def _distinct(methods: Sequence[Method]) -> list[Method]:
    """Without ours tuned where tuning chose the defaults."""
    return [method for method in methods if method.name != "angular" or method.options]


def _common_curves(trainings: Records, points: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Seconds, evenly spaced on a logarithmic axis [points], and the scores by straight lines [trainings, points].

    From the second look on, since the first may be at no time at all, until the first of the trainings ends.
    """
    first = max(record["seconds"][1] for record in trainings)
    last = min(record["seconds"][-1] for record in trainings)
    seconds = np.geomspace(first, last, points)
    return seconds, np.array([np.interp(seconds, record["seconds"], record["scores"]) for record in trainings])
