"""Text is escaped once, wherever it goes; numbers are packed as plotly reads them."""

import base64
import json
import re
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from markupsafe import Markup as Html

from steradian.report import markup
from steradian.report.markup import PARTS, asset, json_data, name, plain, plot_name, write_html

facts, linked, nothing, plot, table = (PARTS[part] for part in ("facts", "linked", "nothing", "plot", "table"))

any_text = st.text(st.characters(codec=None, categories=None), max_size=30)


def html(*parts: Any) -> str:
    """The parts one after the other, as a template of this package puts them in."""
    return markup._PAGES.from_string("{% for part in parts %}{{ part }}{% endfor %}").render(parts=parts)


@given(any_text)
def test_what_is_no_html_never_becomes_markup(elements: Any, text: str) -> None:
    pieces = [
        html(text),
        name(text),
        nothing(text),
        facts({text: text}),
        table(text, [text], [[text]]),
        plot("key", {"a": text}, caption=text),
    ]
    for piece in pieces:
        found = elements(piece)
        piece.encode("utf-8")
        assert found.open == []
        assert {tag for tag, _ in found.tags} <= {
            *("bdi", "p", "dl", "dt", "dd", "div", "table", "caption", "span", "thead", "tbody", "tr", "th", "td"),
            *("figure", "figcaption", "script"),
        }
        assert not [key for _, attributes in found.tags for key in attributes if key.startswith("on")]


def test_html_stays_and_text_beside_it_is_escaped() -> None:
    assert html(Html("<b>"), "<i>", 3, Html("</b>")) == "<b>&lt;i&gt;3</b>"


def test_what_a_page_cannot_show_is_replaced_and_the_rest_stays() -> None:
    assert plain("a\x00\x1b\ud800\u202e\u2066b") == "a�����b"
    assert plain("é\n\tשב 👩‍👩‍👧 \u200f") == "é  שב 👩‍👩‍👧 \u200f"


def test_names_are_cut_before_they_are_escaped() -> None:
    assert name("&" * 9, 4) == "<bdi>&amp;&amp;&amp;…</bdi>"
    assert plot_name("<" * 9, 3) == "&lt;&lt;…"


def test_links_are_those_of_https_alone() -> None:
    assert linked("a https://x.org/y, <b>") == 'a <a href="https://x.org/y">https://x.org/y</a>, &lt;b&gt;'
    assert "href" not in linked("javascript:alert(1) http://x.org")


@given(any_text)
def test_addresses_are_cleaned_like_other_text(elements: Any, text: str) -> None:
    found = elements(linked(f"see https://{text}"))
    linked(f"see https://{text}").encode("utf-8")
    assert found.open == [] and [tag for tag, _ in found.tags] == ["a"]
    assert found.text == plain(f"see https://{text}")


@given(any_text)
def test_json_within_a_script_element_comes_back(text: str) -> None:
    packed = json_data({"text": [text]})
    assert "<" not in packed
    assert json.loads(packed) == {"text": [text]}


def test_arrays_come_back_as_plotly_unpacks_them(rng: np.random.Generator) -> None:
    values, matrix = rng.normal(size=5), rng.normal(size=(2, 3))
    packed = json.loads(json_data({"x": values, "z": matrix, "n": np.int64(3)}))
    assert np.allclose(np.frombuffer(base64.b64decode(packed["x"]["bdata"]), dtype="<f4"), values)
    assert packed["z"]["shape"] == "2, 3" and packed["n"] == 3
    # plotly's own class takes the packed form for what it is.
    assert go.Scatter(x=packed["x"]).x == packed["x"]


def test_numbers_that_json_has_no_word_for_are_refused_outside_of_arrays() -> None:
    with pytest.raises(ValueError, match="JSON"):
        json_data({"a": float("nan")})


def test_tables_name_their_columns_and_align_numbers() -> None:
    made = table("All", ["name", "kind", "size"], [["a", "b", "1"]], words=2)
    assert made.count("<th scope=") == 4 and made.count('class="number"') == 2
    assert "<caption><span>All</span></caption>" in made


def test_what_a_template_needs_and_is_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="unseen"):
        write_html("report/templates/card.html", pictures=[], texts=[], id="a", label=None)


def test_a_written_template_is_html_for_the_next() -> None:
    card = write_html(
        "report/templates/card.html",
        pictures=[],
        texts=[("<b>", True)],
        lacking=[],
        unseen=[],
        id="a",
        label=None,
        most=9,
    )
    assert "&lt;b&gt;" in card and nothing(card) == f'<p class="nothing">{card}</p>'


ASSETS = ["report/page.css", "report/report.css", "report/report.js", "demo/neighbors_page.css"]


@pytest.mark.parametrize("name", ASSETS)
def test_an_asset_asks_for_nothing_and_ends_no_element(name: str) -> None:
    text = asset(name)
    assert not re.search(r"https?:|url\(|@import|fetch|XMLHttp|WebSocket|eval\(|new Function", text)
    assert "</script" not in text and "</style" not in text
