"""What the pages carry within themselves names nothing elsewhere."""

import re

import pytest

from steradian.report.assets import asset


@pytest.mark.parametrize("name", ["page.css", "report.css", "report.js"])
def test_an_asset_asks_for_nothing_and_ends_no_element(name: str) -> None:
    text = asset(name)
    assert not re.search(r"https?:|url\(|@import|fetch|XMLHttp|WebSocket|eval\(|new Function", text)
    assert "</script" not in text and "</style" not in text
