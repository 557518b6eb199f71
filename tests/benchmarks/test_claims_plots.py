from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from benchmarks.claim_protocol import CLOSED_FORM, OBJECTIVES
from benchmarks.claims_plots import METHODS, PICTURES, draw, draw_angles, draw_curves, draw_gaps, draw_times
from benchmarks.claims_report import DEFAULTS, summarise

MakeRecord = Callable[..., dict[str, Any]]
NAMES = CLOSED_FORM, DEFAULTS, *OBJECTIVES


@pytest.fixture
def records(make_record: MakeRecord) -> list[dict[str, Any]]:
    """Two sets: one with all methods, of which clip never gets anywhere, and one with three."""
    ends = {method: 0.3 if method == "clip" else 0.9 for method in OBJECTIVES}
    found = [make_record(method, [0.1, 0.2, end], seed=seed) for method, end in ends.items() for seed in (0, 1)]
    found.append(make_record("angular", [0.1, 0.5, 0.9], trial=3))
    for method in ("angular", "cross_entropy", "gmc"):
        found.append(make_record(method, [0.4, 0.6, 0.8], name="few", linear_probe=None))
    return found


def labels(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_every_method_has_a_look_of_its_own() -> None:
    looks = [(look.colour, look.line, look.mark) for name, look in METHODS.items() if name in NAMES]
    assert len(set(looks)) == len(looks) == len(NAMES)


def test_all_pictures_are_written(records: list[dict[str, Any]], tmp_path: Path) -> None:
    draw(tmp_path, summarise(records), records)
    assert {path.name for path in tmp_path.iterdir()} == {f"claims-{name}.png" for name in PICTURES}


def test_nothing_measured_draws_nothing(tmp_path: Path) -> None:
    draw(tmp_path, {}, [])
    assert list(tmp_path.iterdir()) == []


def test_curves_are_medians_with_the_targets_and_ours_in_a_band(records: list[dict[str, Any]]) -> None:
    figure = Figure()
    draw_curves(figure, summarise(records), records)
    assert [axes.get_title("left") for axes in figure.axes] == ["made", "few"]
    curves = {line.get_label(): line for line in figure.axes[0].lines}
    assert curves["ours, defaults"].get_linewidth() > curves["CLIP, all pairs"].get_linewidth()
    seconds, scores = curves["GMC"].get_data()
    assert (seconds[0], seconds[-1]) == pytest.approx((1.5, 2.5))
    assert scores == pytest.approx(np.interp(seconds, [1.5, 2.5], [0.2, 0.9]))
    heights = sorted(line.get_ydata()[0] for line in figure.axes[0].lines if "cross entropy's" in line.get_label())
    assert heights == pytest.approx([0.81, 0.855, 0.891])
    assert len(figure.axes[0].collections) == 1
    # Where tuning chose the defaults, ours is one curve.
    assert "ours, tuned" not in [line.get_label() for line in figure.axes[1].lines]


def test_the_closed_form_is_a_point_in_every_picture(records: list[dict[str, Any]], make_record: MakeRecord) -> None:
    records = [*records, make_record(CLOSED_FORM, [0.8], start="closed_form")]
    curves, times, gaps, angles = (Figure() for _ in range(4))
    draw_curves(curves, summarise(records), records)
    points = {line.get_label(): line.get_data() for line in curves.axes[0].lines}
    assert points["ours, closed form"] == ([0.5], [0.8])
    draw_times(times, summarise(records))
    draw_gaps(gaps, summarise(records))
    draw_angles(angles, summarise(records), records)
    assert "ours, closed form" in labels(curves)
    assert "ours, closed form" in labels(times)
    assert "ours, closed form" in [text.get_text() for text in gaps.axes[0].get_yticklabels()]
    assert angles.axes[0].get_title("left") == "ours, closed form"


def test_what_never_gets_there_stands_beyond_all_that_does(records: list[dict[str, Any]]) -> None:
    figure = Figure()
    draw_times(figure, summarise(records))
    places = {dots.get_label(): dots.get_offsets()[0] for dots in figure.axes[0].collections}
    assert places["CLIP, all pairs"][1] == pytest.approx(30)
    assert places["CLIP, all pairs"][0] > max(x for label, (x, _) in places.items() if label != "CLIP, all pairs")
    assert set(labels(figure)) == set(places)


def test_gaps_have_a_bar_a_method(records: list[dict[str, Any]]) -> None:
    figure, found = Figure(), summarise(records)
    draw_gaps(figure, found)
    assert [len(axes.patches) for axes in figure.axes] == [len(methods) for _, methods in found.values()]
    gap = records[0]["geometry"]["gap"]["within_class"]
    assert [bar.get_width() for bar in figure.axes[0].patches] == pytest.approx([gap] * len(figure.axes[0].patches))


def test_angles_are_of_the_set_that_is_named(records: list[dict[str, Any]]) -> None:
    figure = Figure()
    draw_angles(figure, summarise(records), records, "few")
    assert [axes.get_title("left") for axes in figure.axes] == ["ours, defaults", "cross entropy", "GMC"]
    assert labels(figure) == ["within classes", "between classes"]
