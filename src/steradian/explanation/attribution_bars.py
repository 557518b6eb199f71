"""An attribution as a picture: a bar for what each modality adds, written as SVG, so that nothing draws it."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, tostring

from steradian.text_table import fit_text

__all__ = ["attribution_bars"]

_WIDTH, _NAMES, _NUMBERS = 640, 150, 60
_TOP, _ROW, _BAR = 34, 26, 16
_MORE, _LESS, _TOTAL = "#4a7fb5", "#c4604f", "#7a7a7a"


def attribution_bars(subject: str, bars: Sequence[tuple[str, float]], *, total: float, angle: float) -> str:
    """An SVG document that asks for nothing from elsewhere; its text takes the color of what is around it.

    Bars to the right bring the object nearer to its target, bars to the left take it away.

    Args:
        subject: what is shown, in words.
        bars: names and what they add to the cosine.
        total: the cosine, their sum.
        angle: the same in radians.

    Examples:
        >>> parts = [("a < b", 0.6), ("size", -0.1)]
        >>> picture = attribution_bars("object 7 to the class cup", parts, total=0.5, angle=1.047)
        >>> picture.count("<rect"), "a &lt; b" in picture, "1.047" in picture
        (3, True, True)
    """
    rows = [*bars, ("whole object", total)]
    low, high = min(0.0, *(value for _, value in rows)), max(0.0, *(value for _, value in rows))
    # Room for the number beside a bar that points to the left.
    left = _NAMES + (_NUMBERS if low < 0 else 0)
    scale = (_WIDTH - _NUMBERS - left) / max(high - low, 1e-9)
    zero = left - low * scale
    height = _TOP + _ROW * len(rows) + 8
    text = {"font-family": "system-ui, sans-serif", "font-size": "13", "fill": "currentColor"}
    size = {"viewBox": f"0 0 {_WIDTH} {height}", "width": str(_WIDTH), "height": str(height)}
    picture = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size, "role": "img", **text})
    title = f"{_plain(subject, 60)}: angle {angle:.3f}, cosine {total:.3f}"
    SubElement(picture, "title").text = title
    SubElement(picture, "text", {"x": "0", "y": "16", "font-weight": "bold"}).text = title
    for number, (name, value) in enumerate(rows):
        color = _TOTAL if number == len(bars) else _MORE if value >= 0 else _LESS
        _add_row(picture, name, value, start=zero + min(value, 0.0) * scale, scale=scale, number=number, color=color)
    ends = {"x1": f"{zero:.1f}", "x2": f"{zero:.1f}", "y1": str(_TOP - 6), "y2": str(height - 8)}
    SubElement(picture, "line", ends, stroke="currentColor")
    return f"{tostring(picture, encoding='unicode')}\n"


def _add_row(picture: Element, name: str, value: float, *, start: float, scale: float, number: int, color: str) -> None:
    length, top = abs(value) * scale, _TOP + _ROW * number
    place, anchor = (start + length + 6, "start") if value >= 0 else (start - 6, "end")
    base = str(top + _BAR - 3)
    SubElement(picture, "text", x="0", y=base).text = _plain(name, 20)
    SubElement(picture, "rect", x=f"{start:.1f}", y=str(top), width=f"{length:.1f}", height=str(_BAR), fill=color)
    SubElement(picture, "text", {"x": f"{place:.1f}", "y": base, "text-anchor": anchor}).text = f"{value:.3f}"


def _plain(text: str, width: int) -> str:
    """Cut to a width, and without characters that XML forbids."""
    return fit_text(text, width).rstrip()
