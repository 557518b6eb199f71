"""Every figure is one that plotly takes, and holds no text as it stood in the data."""

import json

import numpy as np
import plotly.graph_objects as go
import pytest

from steradian.report.figures import Figure, bars, color, heat_map, histograms, lines, reliability
from steradian.report.markup import json_data

EVIL = "<b>x</b><a href='javascript:alert(1)'>y</a>"
EDGES = np.linspace(0, np.pi, 5)
FIGURES = {
    "lines": lines({EVIL: ([1, 2], [0.1, 0.2]), "b": ([1], [0.5])}, x="step", y="loss", zero=True),
    "bars": bars([EVIL, "b"], {"accuracy": [0.5, None], EVIL: [0.1, 0.2]}),
    "histograms": histograms(EDGES, {EVIL: np.ones(4) / 4, "b": np.ones(4) / 4}, x="angle"),
    "few classes": heat_map([EVIL, 7], np.ones((2, 2))),
    "many classes": heat_map([EVIL] * 40, np.ones((40, 40))),
    "reliability": reliability(np.array([0.5, 0.9]), np.array([0.4, 1.0]), np.array([3, 9])),
}


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_plotly_takes_the_figure(figure: Figure) -> None:
    def without_own_colors(value: object) -> object:
        """The page's colours are filled in by its script."""
        if isinstance(value, dict):
            return {key: without_own_colors(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [without_own_colors(entry) for entry in value]
        return "#000" if isinstance(value, str) and value[0:1] == "\x01" else value

    made = go.Figure(without_own_colors(json.loads(json_data(figure))))
    assert len(made.data) == len(figure["data"])


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_names_are_no_markup_in_a_plot(figure: Figure) -> None:
    packed = json.dumps(json.loads(json_data(figure)))
    for tag in ("<b>x", "<a href"):
        assert tag not in packed


def test_a_color_is_a_name_that_no_text_can_be() -> None:
    assert color("ink")[0] == "\x01"


def test_the_diagonal_of_a_heat_map_is_left_out_and_cells_name_their_classes() -> None:
    (made,) = heat_map(["a", "b"], np.array([[0.0, 1.5], [1.5, 0.0]]))["data"]
    assert np.isnan(np.diag(made["z"])).all() and made["z"][0, 1] == 1.5
    assert made["text"][0][1] == "a · b"
