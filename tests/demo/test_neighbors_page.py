"""The page is one safe file: everything in it, nothing from elsewhere, no user's text taken for HTML."""

import base64
import io
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from steradian.demo.neighbors_page import PageNeighbor, PageObject, PageRow, PageSection, neighbors_page

EVIL = "<script>alert('&')</script>\" onload=\"x"


def page_of(*rows: PageRow, credits: tuple[str, ...] = ()) -> str:
    return neighbors_page(EVIL, EVIL, sections=[PageSection(EVIL, EVIL, rows)], credits=credits)


def test_text_of_users_stays_text(elements: Any) -> None:
    thing = PageObject(EVIL, np.zeros((2, 2, 3), np.uint8), EVIL)
    page = page_of(PageRow(thing, [PageNeighbor(thing, angle=0.5, right=True)]), credits=(EVIL,))
    found = elements(page)
    assert found.open == []
    assert {tag for tag, _ in found.tags}.isdisjoint({"script", "link", "iframe", "object", "base", "form"})
    assert [name for _, attributes in found.tags for name in attributes if name.startswith("on")] == []
    assert found.text.count(EVIL) == 10


def test_nothing_is_asked_of_a_network(elements: Any) -> None:
    picture = np.zeros((2, 2, 3), np.uint8)
    page = page_of(PageRow(PageObject("a", picture), []), credits=("See https://example.org/licence.",))
    found = elements(page)
    assert all(attributes["src"].startswith("data:image/png;base64,") for tag, attributes in found.tags if tag == "img")
    assert "url(" not in page and "@import" not in page
    policy = [attributes.get("content") or "" for _, attributes in found.tags if "http-equiv" in attributes]
    assert [policy[0].count(words) for words in ("default-src 'none'", "base-uri 'none'", "form-action 'none'")] == [
        *(1, 1, 1)
    ]
    assert [attributes["href"] for tag, attributes in found.tags if tag == "a"] == ["https://example.org/licence"]


def test_pictures_come_back_bit_for_bit(elements: Any, rng: np.random.Generator) -> None:
    picture = rng.integers(0, 256, (7, 5, 3), dtype=np.uint8)
    (shown,) = [a for tag, a in elements(page_of(PageRow(PageObject("a", picture), []))).tags if tag == "img"]
    data = base64.b64decode(str(shown["src"]).partition(",")[2])
    assert np.array_equal(np.asarray(Pillow.open(io.BytesIO(data))), picture)


def test_right_wrong_and_missing_are_told_in_words(elements: Any) -> None:
    bare = PageObject("only a label")
    row = PageRow(bare, [PageNeighbor(bare, angle=1.0, right=True), PageNeighbor(bare, angle=1.25, right=False)])
    text = elements(page_of(row)).text
    assert text.count("no picture") == text.count("no name") == 3
    assert "1.00 rad ✓ right" in text and "1.25 rad ✗ wrong" in text


HOSTILE = (
    EVIL,
    '"><img src=x onerror=alert(2)>',
    "</title></style></p></main><b>bold",
    "{{ 7 * 7 }}{% raw %}{# #}",
    "שלום \u202eolleh \u2066",
    "nul \x00 escape \x1b half \ud800",
    "long " * 200,
)
any_text = st.text(st.characters(codec=None, categories=None), max_size=30)


def page_of_texts(*texts: str) -> str:
    """A page that has each text in every place."""
    sections = []
    for text in texts:
        shown = PageObject(text, np.zeros((2, 2, 3), np.uint8), text)
        neighbors = [PageNeighbor(shown, angle=0.5, right=True), PageNeighbor(PageObject(text), angle=1.5, right=False)]
        sections.append(PageSection(text, text, [PageRow(shown, neighbors)]))
    return neighbors_page(texts[0], texts[0], sections=sections, credits=texts)


def assert_it_is_only_text(elements: Any, text: str) -> None:
    page = page_of_texts(text)
    found, harmless = elements(page), elements(page_of_texts("harmless"))
    assert found.open == []
    shapes = [[(tag, list(attributes)) for tag, attributes in each.tags if tag != "a"] for each in (found, harmless)]
    assert shapes[0] == shapes[1]
    page.encode("utf-8")
    assert {sign for sign in page if unicodedata.category(sign) in {"Cc", "Cs"}} == {"\n"}
    assert {sign for sign in page if "\u202a" <= sign <= "\u202e" or "\u2066" <= sign <= "\u2069"} == set()


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_changes_no_element(elements: Any, text: str) -> None:
    assert_it_is_only_text(elements, text)


@given(any_text)
def test_no_text_changes_an_element(elements: Any, text: str) -> None:
    assert_it_is_only_text(elements, text)


def test_long_names_and_texts_are_cut(elements: Any) -> None:
    thing = PageObject("label " * 100, np.zeros((2, 2, 3), np.uint8), "text " * 100)
    found = elements(page_of(PageRow(thing, [])))
    (picture,) = found.found("img")
    assert len(str(picture["alt"])) == 60 and str(picture["alt"]).endswith("…")
    assert found.text.count("label") == 10 and found.text.count("text") == 28


def test_in_a_browser_nothing_runs_and_a_phone_scrolls_in_one_direction_only(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "neighbors.html"
    path.write_text(page_of_texts(*HOSTILE), encoding="utf-8")
    context = browser.new_context(viewport={"width": 390, "height": 800}, is_mobile=True, has_touch=True)
    page, seen = context.new_page(), []
    page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: seen.append(request.url))
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on("console", lambda message: seen.append(message.text))
    page.goto(path.as_uri())
    assert [each for each in seen if not each.startswith("data:")] == [path.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.locator("article").count() == len(HOSTILE) and page.locator("script, [onerror], [onload]").count() == 0
    context.close()
