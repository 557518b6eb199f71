"""The plots as plotly's own plain values; the page's script adds colours, type and margins."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steradian.report.markup import plot_name

__all__ = ["Figure", "bars", "color", "heat_map", "histograms", "lines", "reliability"]

Figure = dict[str, Any]


def color(key: str) -> str:
    """A colour of the page by the name of its CSS variable; no text from the data can begin like this.

    Args:
        key: such as "ink" or "c0".
    """
    return f"\x01{key}"


def lines(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]], *, x: str, y: str, zero: bool = False
) -> Figure:
    """Lines over one axis.

    Args:
        series: x and y by name; the name is shown where there are several.
        x: title of the axis below.
        y: title of the axis at the left.
        zero: whether the axis at the left begins at 0 and ends at 1.
    """
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": plot_name(key),
            "x": np.asarray(xs, dtype=float),
            "y": np.asarray(ys, dtype=float),
            "line": {"color": color(f"c{number % 8}"), "width": 2},
            "marker": {"size": 5, "symbol": number % 8},
            "showlegend": len(series) > 1,
        }
        for number, (key, (xs, ys)) in enumerate(series.items())
    ]
    ends: Figure = {"range": [0, 1.02]} if zero else {"rangemode": "normal"}
    return {"data": data, "layout": {"xaxis": {"title": {"text": x}}, "yaxis": {"title": {"text": y}} | ends}}


def bars(names: Sequence[Any], scores: Mapping[str, Sequence[float | None]]) -> Figure:
    """Horizontal bars of shares from 0 to 1, one group a name, the first at the top.

    Args:
        names: of the groups.
        scores: a share for each of them, by the name of the score.
    """
    data = [
        {
            "type": "bar",
            "orientation": "h",
            "name": plot_name(score),
            "y": list(range(len(names))),
            "x": [None if value is None else float(value) for value in values],
            "marker": {"color": color(f"c{number}")},
            "hovertemplate": "%{x:.3f}",
        }
        for number, (score, values) in enumerate(scores.items())
    ]
    names_axis = {"tickvals": list(range(len(names))), "ticktext": [plot_name(each, 28) for each in names]}
    layout = {
        "barmode": "group",
        "bargap": 0.3,
        "xaxis": {"range": [0, 1]},
        "yaxis": names_axis | {"autorange": "reversed", "showgrid": False},
    }
    return {"data": data, "layout": layout}


def histograms(edges: np.ndarray, shares: Mapping[str, np.ndarray], *, x: str) -> Figure:
    """Outlines of histograms over the same bins, laid over each other.

    Args:
        edges: of the bins [bins + 1].
        shares: of the pairs in each bin [bins], by name.
        x: title of the axis below.
    """
    middles = (edges[1:] + edges[:-1]) / 2
    data = [
        {
            "type": "scatter",
            "mode": "lines",
            "name": plot_name(key, 40),
            "x": middles,
            "y": np.asarray(values, dtype=float),
            "line": {"shape": "hvh", "width": 2, "color": color(f"c{number}"), "dash": ("solid", "dot")[number % 2]},
            "fill": "tozeroy",
            "hovertemplate": "%{x:.2f} rad: %{y:.1%}",
        }
        for number, (key, values) in enumerate(shares.items())
    ]
    ticks = {"tickvals": [0, np.pi / 4, np.pi / 2, 3 * np.pi / 4, np.pi], "ticktext": ["0", "π/4", "π/2", "3π/4", "π"]}
    layout = {
        "xaxis": {"title": {"text": x}, "range": [0, np.pi]} | ticks,
        "yaxis": {"title": {"text": "share of pairs"}, "tickformat": ".0%", "rangemode": "tozero"},
    }
    return {"data": data, "layout": layout}


def heat_map(names: Sequence[Any], angles: np.ndarray) -> Figure:
    """Angles of every two, the diagonal left out.

    Args:
        names: [classes].
        angles: in radians [classes, classes].
    """
    shown = np.where(np.eye(len(names), dtype=bool), np.nan, angles)
    places, few = list(range(len(names))), len(names) <= 30
    axis = {"tickvals": places if few else [], "ticktext": [plot_name(each, 16) for each in names] if few else []}
    words = [plot_name(each) for each in names]
    data = {
        "type": "heatmap",
        "z": shown,
        "x": places,
        "y": places,
        # Each cell tells its two classes: the axes have no room for many names.
        "text": [[f"{row} · {column}" for column in words] for row in words],
        "colorscale": "Cividis",
        "reversescale": True,
        "colorbar": {"title": {"text": "rad"}, "thickness": 12, "outlinewidth": 0},
        "hovertemplate": "%{text}\n%{z:.2f} rad",
        "xgap": 1 if few else 0,
        "ygap": 1 if few else 0,
    }
    layout = {
        "xaxis": axis | {"showgrid": False, "tickangle": -60, "constrain": "domain", "zeroline": False},
        "yaxis": axis
        | {"showgrid": False, "autorange": "reversed", "scaleanchor": "x", "constrain": "domain", "zeroline": False},
    }
    return {"data": [data], "layout": layout}


def reliability(confidence: np.ndarray, accuracy: np.ndarray, counts: np.ndarray) -> Figure:
    """Accuracy against mean confidence, a point a bin, beside the line where both are equal.

    Args:
        confidence: the mean of each bin [bins].
        accuracy: [bins].
        counts: objects in each bin [bins].
    """
    sizes = 8 + 22 * np.sqrt(counts / max(1, counts.max()))
    even = {
        "type": "scatter",
        "mode": "lines",
        "x": [0, 1],
        "y": [0, 1],
        "line": {"color": color("soft"), "width": 1, "dash": "dash"},
        "hoverinfo": "skip",
    }
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": confidence,
        "y": accuracy,
        "marker": {"size": sizes, "color": color("c0"), "opacity": 0.75},
        "customdata": counts,
        "hovertemplate": "confidence %{x:.2f}\naccuracy %{y:.2f}\n%{customdata} objects",
    }
    layout = {
        "showlegend": False,
        "xaxis": {"title": {"text": "mean confidence"}, "range": [0, 1.05]},
        "yaxis": {"title": {"text": "accuracy"}, "range": [0, 1.08]},
    }
    return {"data": [even, points], "layout": layout}
