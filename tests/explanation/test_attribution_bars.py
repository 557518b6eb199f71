"""The picture of an attribution: well-formed, to scale, and nobody's markup but its own."""

from xml.etree import ElementTree

import pytest

from steradian.explanation.attribution_bars import attribution_bars

SVG = "{http://www.w3.org/2000/svg}"


def bars_of(picture: str) -> list[tuple[float, float]]:
    """The left end and the length of each bar."""
    rects = ElementTree.fromstring(picture).iter(f"{SVG}rect")
    return [(float(rect.get("x", "")), float(rect.get("width", ""))) for rect in rects]


@pytest.mark.parametrize("values", [[0.5, 0.3], [0.9, -0.2, 0.1], [-0.5, -0.3], [0.0, 0.0]])
def test_bars_are_to_scale_and_within_the_picture(values: list[float]) -> None:
    total = sum(values)
    bars = bars_of(attribution_bars("it", [(str(n), value) for n, value in enumerate(values)], total=total, angle=1.0))
    assert len(bars) == len(values) + 1
    lengths = [length for _, length in bars]
    longest = max(map(abs, [*values, total]), default=0)
    for value, length in zip([*values, total], lengths, strict=True):
        if longest:
            assert length == pytest.approx(max(lengths) * abs(value) / longest, abs=0.1)
    zero = next(start if value >= 0 else start + length for value, (start, length) in zip(values, bars, strict=False))
    for value, (start, length) in zip([*values, total], bars, strict=True):
        assert (start if value >= 0 else start + length) == pytest.approx(zero, abs=0.2)
        assert start >= 150 and start + length <= 640


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", 'a "quote" & more', "\x00\x1b\ud800 odd", "漢字" * 30])
def test_names_are_only_text(name: str) -> None:
    picture = attribution_bars(name, [(name, 0.5)], total=0.5, angle=1.0)
    root = ElementTree.fromstring(picture)
    assert {node.tag.removeprefix(SVG) for node in root.iter()} == {"svg", "title", "text", "rect", "line"}
    picture.encode()


def test_nothing_is_asked_for_from_elsewhere() -> None:
    picture = attribution_bars("it", [("photo", 0.5)], total=0.5, angle=1.0)
    assert picture.count("http") == 1
    assert "href" not in picture and "url(" not in picture
