"""The page is one safe file: everything in it, nothing from elsewhere, no user's text taken for HTML."""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image as Pillow

from steradian.report import PageNeighbor, PageObject, PageRow, PageSection, neighbors_page

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
