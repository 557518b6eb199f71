"""The templates of all pages: what is put into them is escaped and cleaned, so that no text of the data is markup."""

import base64
import unicodedata
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
from jinja2 import Environment, FunctionLoader, StrictUndefined
from jinja2.utils import htmlsafe_json_dumps

__all__ = ["PARTS", "Section", "asset", "json_data", "name", "plain", "plot_name", "section", "write_html"]

_PLACEHOLDER = "\N{REPLACEMENT CHARACTER}"
_TURNING = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)], _PLACEHOLDER)


class Section(NamedTuple):
    """A part of the report: what its address ends with, its heading, a sentence on how to read it, the rest as HTML."""

    name: str
    title: str
    lead: str
    body: str


def plain(text: Any) -> str:
    r"""Text without what a page cannot show: control characters, halves of surrogate pairs, turns of direction.

    Args:
        text: any value; its `str` counts.

    Examples:
        >>> plain("a\x00b\nc")
        'a�b c'
    """
    return "".join(map(_shown, str(text).translate(_TURNING)))


def _shown(character: str) -> str:
    if character.isspace():
        return " "
    return _PLACEHOLDER if unicodedata.category(character) in {"Cc", "Cs"} else character


def _cut(text: Any, width: int) -> str:
    words = plain(text)
    return words if len(words) <= width else words[: width - 1] + "…"


def plot_name(text: Any, width: int = 24) -> str:
    """A name for a plot. Plotly takes some HTML in texts for markup and decodes entities, so it is escaped once.

    Args:
        text: any value.
        width: characters at most.

    Examples:
        >>> plot_name("a<b")
        'a&lt;b'
    """
    return escape(_cut(text, width), quote=False)


def json_data(value: Any) -> str:
    r"""JSON that may stand within a script element: no `<` in it. Arrays are packed as plotly packs them.

    Args:
        value: plain values, and numpy arrays of one or two axes.

    Examples:
        >>> print(json_data({"a": "<b"}))
        {"a": "\u003cb"}
    """
    return htmlsafe_json_dumps(value, default=_packed, allow_nan=False)


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


def time_words(seconds: float) -> str:
    """A duration as people write it.

    Args:
        seconds: 0 or more.

    Examples:
        >>> [time_words(seconds) for seconds in (0.21, 9.96, 75, 3600, 7_400)]
        ['0.2 s', '10 s', '1 min 15 s', '1 h', '2 h 3 min']
    """
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return " ".join([*([f"{minutes} min"] if minutes else []), *([f"{rest} s"] if rest or not minutes else [])])
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h" + (f" {minutes} min" if minutes else "")


def asset(name: str) -> str:
    """The text of a template, style sheet or script of the package.

    Args:
        name: of the file, from the folder of the package on.

    Examples:
        >>> "prefers-color-scheme: dark" in asset("report/page.css")
        True
    """
    return files("steradian").joinpath(name).read_text(encoding="utf-8")


_PAGES = Environment(
    loader=FunctionLoader(asset),
    autoescape=True,
    undefined=StrictUndefined,
    # Whatever is no HTML yet is cleaned where it is put in, so that no template can forget it.
    finalize=lambda value: value if hasattr(value, "__html__") else plain(value),
    trim_blocks=True,
    lstrip_blocks=True,
)
_PAGES.filters |= {"cut": _cut, "json": json_data, "plain": plain}
_SHARED = vars(_PAGES.get_template("report/templates/parts.html").module)
PARTS = {part: macro for part, macro in _SHARED.items() if callable(macro)}
"""What all templates share, by name: see there. Each gives HTML."""
_PAGES.globals |= PARTS
name = PARTS["name"]


def write_html(template: str, **values: Any) -> str:
    """A template filled with values: HTML, which other templates take as it is.

    Args:
        template: its name, from the folder of the package on.
        values: what it names.
    """
    return _PAGES.get_template(template).make_module(values).__html__()


def section(name: str, **values: Any) -> Section:
    """A section of the report from the template that is named as it is, which sets `title`, `lead` and `body`.

    Args:
        name: of the section.
        values: what the template names.
    """
    made = vars(_PAGES.get_template(f"report/templates/{name}.html").make_module(values))
    return Section(name, made["title"], made["lead"], made["body"])
