"""Pieces of HTML. All text is escaped unless it is `Html` already, so that no user's text is ever taken for markup."""

import base64
import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np

__all__ = [
    "Html",
    "Section",
    "facts",
    "html",
    "json_data",
    "linked",
    "name",
    "nothing",
    "plain",
    "plot",
    "plot_name",
    "table",
]

WIDTH = 60
"""Characters of a name that are shown at most, in HTML."""

_PLACEHOLDER = "\N{REPLACEMENT CHARACTER}"
_TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], _PLACEHOLDER)


class Html(str):
    """Text that is HTML and safe: made by the functions of this package, never of a user's text as it stands."""

    __slots__ = ()


@dataclass(frozen=True)
class Section:
    """A part of the report.

    Args:
        name: what its address ends with.
        title: its heading.
        lead: one plain sentence that says how to read it.
        body: all else.
    """

    name: str
    title: str
    lead: str
    body: Html


def plain(text: Any) -> str:
    r"""Text without what a page cannot show: control characters, halves of surrogate pairs, turns of direction.

    Args:
        text: any value; its `str` counts.

    Example:
        >>> plain("a\x00b\nc")
        'a�b c'
    """
    return "".join(map(_shown, str(text).translate(_TURNING)))


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    return _PLACEHOLDER if unicodedata.category(character) in {"Cc", "Cs"} else character


def html(*parts: Any) -> Html:
    """The parts one after the other; what is no `Html` is escaped.

    Args:
        parts: `Html`, text or any other value.

    Example:
        >>> html(Html("<b>"), "a < b", Html("</b>"))
        '<b>a &lt; b</b>'
    """
    return Html("".join(part if isinstance(part, Html) else escape(plain(part)) for part in parts))


def name(text: Any, width: int = WIDTH) -> Html:
    """A name from the data: cut to a width, and of a direction of its own.

    Args:
        text: any value.
        width: characters at most.

    Example:
        >>> name("<abc>", 4)
        '<bdi>&lt;ab…</bdi>'
    """
    return html(Html("<bdi>"), _cut(plain(text), width), Html("</bdi>"))


def plot_name(text: Any, width: int = 24) -> str:
    """A name for a plot. Plotly takes some HTML in texts for markup and decodes entities, so it is escaped once.

    Args:
        text: any value.
        width: characters at most.

    Example:
        >>> plot_name("<b>x</b>")
        '&lt;b&gt;x&lt;/b&gt;'
    """
    return escape(_cut(plain(text), width), quote=False)


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def table(caption: str, heads: Sequence[str], rows: Iterable[Sequence[Any]], *, words: int = 1) -> Html:
    """A table in a box of its own, which scrolls where the page is narrow.

    Args:
        caption: what it shows.
        heads: of the columns.
        rows: cells, text or `Html`.
        words: how many columns from the left hold words; the others hold numbers, aligned on the right.
    """
    kinds = [Html("") if place < words else Html(' class="number"') for place in range(len(heads))]
    head = html(
        *(html(Html(f'<th scope="col"{kind}>'), text, Html("</th>")) for kind, text in zip(kinds, heads, strict=True))
    )
    lines = []
    for row in rows:
        cells = [html(Html('<th scope="row">'), row[0], Html("</th>"))]
        cells += [html(Html(f"<td{kind}>"), cell, Html("</td>")) for kind, cell in zip(kinds[1:], row[1:], strict=True)]
        lines.append(html(Html("<tr>"), *cells, Html("</tr>")))
    return html(
        Html('<div class="box" tabindex="0" role="region" aria-label="'),
        caption,
        Html('"><table><caption><span>'),
        caption,
        Html("</span></caption><thead><tr>"),
        head,
        Html("</tr></thead><tbody>\n"),
        Html("\n".join(lines)),
        Html("\n</tbody></table></div>"),
    )


def facts(entries: Mapping[str, Any]) -> Html:
    """Names and what is to be said of them.

    Args:
        entries: by name, text or `Html`.
    """
    lines = (html(Html("<dt>"), key, Html("</dt><dd>"), value, Html("</dd>")) for key, value in entries.items())
    return html(Html("<dl>"), *lines, Html("</dl>"))


def linked(line: str) -> Html:
    """A line of text whose addresses that begin with https:// are links.

    Args:
        line: any text.

    Example:
        >>> linked("see https://example.org.")
        'see <a href="https://example.org">https://example.org</a>.'
    """
    words = plain(line).split(" ")
    return Html(" ".join(_link(word) if word.startswith("https://") else escape(word) for word in words))


def _link(word: str) -> str:
    address = word.rstrip(".,;")
    return f'<a href="{escape(address)}">{escape(address)}</a>{escape(word[len(address) :])}'


def nothing(why: Any) -> Html:
    """What stands where there is nothing to show.

    Args:
        why: a sentence or two, and how to get it.
    """
    return html(Html('<p class="nothing">'), why, Html("</p>"))


def plot(
    key: str, figure: Mapping[str, Any], *, caption: Any, height: int = 280, kind: str = "plotly", narrow: bool = False
) -> Html:
    """A place for a plot, which the page's script draws when it comes into view, and the sentence below it.

    Args:
        key: unique in the page.
        figure: `data` and `layout` of plotly, or what the script makes them of.
        caption: what there is to see; read out in the plot's place.
        height: in pixels.
        kind: "plotly" or "sphere".
        narrow: whether it should not be as wide as the page.
    """
    frame = '<figure class="narrow">' if narrow else "<figure>"
    focus = ' tabindex="0"' if kind == "sphere" else ""
    return html(
        Html(f'{frame}<div class="plot" id="{key}" data-kind="{kind}" style="--height: {height}px" role="img"{focus} '),
        Html(f'aria-labelledby="{key}-caption"></div>\n<script type="application/json" id="{key}-data">'),
        Html(json_data(figure)),
        Html(f'</script>\n<figcaption id="{key}-caption">'),
        caption,
        Html("</figcaption></figure>"),
    )


def json_data(value: Any) -> str:
    r"""JSON that may stand within a script element: no `<` in it. Arrays are packed as plotly packs them.

    Args:
        value: plain values, and numpy arrays of one or two axes.

    Example:
        >>> json_data({"a": "</script>"})
        '{"a": "\\u003c/script>"}'
    """
    return json.dumps(value, default=_packed, allow_nan=False).replace("<", "\\u003c")


def _packed(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    array = np.asarray(value)
    array = array.astype("<f4") if array.dtype.kind == "f" else array.astype("<i4")
    entries = {
        "dtype": "f4" if array.dtype.kind == "f" else "i4",
        "bdata": base64.b64encode(array.tobytes()).decode("ascii"),
    }
    return entries if array.ndim == 1 else entries | {"shape": ", ".join(map(str, array.shape))}
