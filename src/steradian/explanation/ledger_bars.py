"""A ledger as a picture: a bar for what each modality adds, written as SVG by hand, so that nothing draws it."""

from collections.abc import Sequence
from html import escape

from steradian.text_table import fit_text

__all__ = ["ledger_bars"]

_WIDTH, _NAMES, _NUMBERS = 640, 150, 60
_TOP, _ROW, _BAR = 34, 26, 16
_MORE, _LESS, _TOTAL = "#4a7fb5", "#c4604f", "#7a7a7a"


def ledger_bars(subject: str, bars: Sequence[tuple[str, float]], *, total: float, angle: float) -> str:
    """An SVG document that asks for nothing from elsewhere; its text takes the color of what is around it.

    Bars to the right bring the object nearer to its target, bars to the left take it away.

    Args:
        subject: what is shown, in words.
        bars: names and what they add to the cosine.
        total: the cosine, their sum.
        angle: the same in radians.

    Example:
        >>> picture = ledger_bars("object 7 to the class cup", [("a < b", 0.6), ("size", -0.1)], total=0.5, angle=1.047)
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
    lines = [_row(name, value, zero=zero, scale=scale, y=_TOP + _ROW * n) for n, (name, value) in enumerate(bars)]
    lines.append(_row("whole object", total, zero=zero, scale=scale, y=_TOP + _ROW * len(bars), color=_TOTAL))
    title = escape(f"{_plain(subject, 60)}: angle {angle:.3f}, cosine {total:.3f}")
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    text = 'font-family="system-ui, sans-serif" font-size="13" fill="currentColor"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" {text}>
<title>{title}</title>
<text x="0" y="16" font-weight="bold">{title}</text>
{chr(10).join(lines)}
<line x1="{zero:.1f}" x2="{zero:.1f}" y1="{_TOP - 6}" y2="{height - 8}" stroke="currentColor"/>
</svg>
"""


def _row(name: str, value: float, *, zero: float, scale: float, y: int, color: str | None = None) -> str:
    start, length = zero + min(value, 0.0) * scale, abs(value) * scale
    color = color or (_MORE if value >= 0 else _LESS)
    place, anchor = (start + length + 6, "start") if value >= 0 else (start - 6, "end")
    base = y + _BAR - 3
    return (
        f'<text x="0" y="{base}">{escape(_plain(name, 20))}</text>'
        f'<rect x="{start:.1f}" y="{y}" width="{length:.1f}" height="{_BAR}" fill="{color}"/>'
        f'<text x="{place:.1f}" y="{base}" text-anchor="{anchor}">{value:.3f}</text>'
    )


def _plain(text: str, width: int) -> str:
    """Cut to a width, and without characters that XML forbids."""
    return fit_text(text, width).rstrip()
