"""A page that shows queries and their nearest neighbors as pictures and names."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

from steradian.report.assets import asset
from steradian.report.markup import linked
from steradian.report.pictures import picture_address

__all__ = ["PageNeighbor", "PageObject", "PageRow", "PageSection", "neighbors_page"]


@dataclass(frozen=True)
class PageObject:
    """What is shown of an object.

    Args:
        label: its class.
        picture: uint8 [height, width, 3], or None.
        text: its text in any script, or None.
    """

    label: str
    picture: np.ndarray | None = None
    text: str | None = None


@dataclass(frozen=True)
class PageNeighbor:
    """A neighbor of a query.

    Args:
        found: the gallery's object.
        angle: between query and neighbor, in radians.
        right: whether it is of the query's class.
    """

    found: PageObject
    angle: float
    right: bool


@dataclass(frozen=True)
class PageRow:
    """A query and its neighbors.

    Args:
        query: what was looked for.
        neighbors: what was found, nearest first.
    """

    query: PageObject
    neighbors: Sequence[PageNeighbor]


@dataclass(frozen=True)
class PageSection:
    """Rows of one kind of query.

    Args:
        title: its heading.
        lead: a sentence below it.
        rows: the queries.
    """

    title: str
    lead: str
    rows: Sequence[PageRow]


def neighbors_page(title: str, lead: str, *, sections: Sequence[PageSection], credits: Sequence[str]) -> str:
    """One HTML document with everything in it: pictures as data, no script, nothing loaded from elsewhere.

    Args:
        title: the page's heading.
        lead: a paragraph below it.
        sections: what is shown.
        credits: lines at the foot; addresses in them become links.

    Example:
        >>> import numpy as np
        >>> red = PageObject("red", np.full((4, 4, 3), [255, 0, 0], np.uint8), "rouge")
        >>> row = PageRow(red, [PageNeighbor(PageObject("red", text="rosso"), angle=0.3, right=True)])
        >>> page = neighbors_page("Colours", "All of them.", sections=[PageSection("Red", "", [row])], credits=[])
        >>> "rosso" in page, page.count("<img")
        (True, 1)
    """
    body = "\n".join(map(_section, sections))
    foot = "\n".join(f"<p>{linked(line)}</p>" for line in credits)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title>
<style>{asset("page.css")}{STYLE}</style>
</head>
<body>
<header><h1>{escape(title)}</h1>
<p>{escape(lead)}</p></header>
<main>
{body}
</main>
<footer>
{foot}
</footer>
</body>
</html>
"""


def _section(section: PageSection) -> str:
    rows = "\n".join(map(_row, section.rows))
    return f"<section><h2>{escape(section.title)}</h2>\n<p>{escape(section.lead)}</p>\n{rows}\n</section>"


def _row(row: PageRow) -> str:
    neighbors = "\n".join(map(_neighbor, row.neighbors))
    return f'<article>\n<div class="query">{_card(row.query)}</div>\n<ol>\n{neighbors}\n</ol>\n</article>'


def _neighbor(neighbor: PageNeighbor) -> str:
    kind, mark = ("right", "✓ right") if neighbor.right else ("wrong", "✗ wrong")
    line = f'<p class="angle"><span>{neighbor.angle:.2f} rad</span> <b>{mark}</b></p>'
    return f'<li class="{kind}">{_card(neighbor.found)}{line}</li>'


def _card(shown: PageObject) -> str:
    picture = '<div class="none">no picture</div>'
    if shown.picture is not None:
        picture = f'<img alt="{escape(shown.label)}" src="{picture_address(shown.picture)}">'
    # Browsers find out by themselves whether a name runs from right to left.
    text = "<i>no name</i>" if shown.text is None else f"<bdi>{escape(shown.text)}</bdi>"
    return f'{picture}<p class="text">{text}</p><p class="label">{escape(shown.label)}</p>'


POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
article { display: grid; grid-template-columns: 8rem 1fr; gap: .75rem; padding: .75rem 0;
  border-top: 1px solid var(--line); }
ol { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: repeat(6, 1fr); gap: .5rem; }
.query, li { min-width: 0; padding: .5rem; border-radius: .5rem; background: var(--card); text-align: center; }
.query { background: none; text-align: left; }
li { border: 2px solid var(--line); }
li.right { border-color: var(--right); }
img, .none { width: 4.5rem; height: 4.5rem; border-radius: .4rem; }
img { background: #fff; }
li img { width: 100%; max-width: 4.5rem; height: auto; }
.none { display: inline-grid; place-content: center; border: 1px dashed var(--line); color: var(--soft);
  font-size: .75rem; }
li .none { width: 100%; max-width: 4.5rem; height: auto; aspect-ratio: 1; }
p.text, p.label, p.angle { margin: .2rem 0 0; font-size: .8rem; line-height: 1.25; overflow-wrap: anywhere; }
.label, .angle, i { color: var(--soft); }
.angle { font-variant-numeric: tabular-nums; }
.angle > * { white-space: nowrap; }
.right b { color: var(--right); }
.wrong b { font-weight: 400; }
@media (max-width: 44rem) {
  article { grid-template-columns: 1fr; }
  .query { display: grid; grid-template-columns: 4.5rem 1fr; column-gap: .75rem; padding: 0; }
  .query img, .query .none { grid-row: span 2; }
  .query .text { align-self: end; font-size: 1rem; }
  ol { grid-template-columns: repeat(3, 1fr); }
}
"""
