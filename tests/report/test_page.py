"""The frame: a page that is whole, named in its contents, and runs no script but its own two."""

import base64
import gzip
import re
import sys
from hashlib import sha256
from typing import Any

import pytest

from steradian.errors import MissingExtraError
from steradian.report.markup import PARTS, Section
from steradian.report.page import report_page

EVIL = "</title><script>alert(1)</script>"
SECTIONS = [
    Section("one", EVIL, "How to read it.", PARTS["nothing"]("text")),
    Section("two", "Two", "Likewise.", PARTS["nothing"]("more")),
]


def test_every_section_is_in_the_contents_and_headings_are_in_order(elements: Any) -> None:
    page = report_page(EVIL, EVIL, sections=SECTIONS, credits=[EVIL, "see https://example.org"])
    found = elements(page)
    assert found.open == []
    links = [attributes["href"] for attributes in found.found("a")]
    assert links == ["#one", "#two", "https://example.org"]
    assert [attributes["id"] for attributes in found.found("section")] == ["one", "two"]
    assert [tag for tag, _ in found.tags if tag in {"h1", "h2"}] == ["h1", "h2", "h2"]
    # The title, both headings, the lead, the contents and the foot.
    assert found.text.count(EVIL) == 6


def test_only_the_two_scripts_of_the_page_may_run() -> None:
    page = report_page("t", "l", sections=SECTIONS)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; script-src 'sha256-")
    assert policy[1].endswith("; base-uri 'none'; form-action 'none'")
    assert "unsafe-eval" not in policy[1] and "script-src 'unsafe-inline'" not in policy[1] and "http" not in policy[1]
    packed = re.findall(r'id="plotly">"([^"]*)"</script>', page)
    scripts = [gzip.decompress(base64.b64decode(text)).decode() for text in packed]
    scripts += re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    assert len(scripts) == 2 and "Plotly" in scripts[0] and len(page) < 2_500_000
    hashes = [base64.b64encode(sha256(text.encode()).digest()).decode() for text in scripts]
    assert re.findall(r"'sha256-([^']*)'", policy[1]) == hashes
    carriage_returns = page.count("\r")
    assert carriage_returns == 0


def test_without_plotly_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(MissingExtraError, match=r"steradian\[report\]"):
        report_page("t", "l", sections=[])
