"""A page that shows queries and their nearest neighbors as pictures and names."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from steradian.report.markup import write_html
from steradian.report.thumbnails import picture_address

__all__ = ["PageNeighbor", "PageObject", "PageRow", "PageSection", "neighbors_page"]


class PageObject(NamedTuple):
    """What is shown of an object: its class, a picture, uint8 [height, width, 3], and a text in any script, or None."""

    label: str
    picture: np.ndarray | None = None
    text: str | None = None


class PageNeighbor(NamedTuple):
    """What was found for a query, its angle to it in radians, and whether it is of the query's class."""

    found: PageObject
    angle: float
    right: bool


class PageRow(NamedTuple):
    """A query and its neighbors, nearest first."""

    query: PageObject
    neighbors: Sequence[PageNeighbor]


class PageSection(NamedTuple):
    """Rows of one kind of query, below a heading and a sentence."""

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

    Examples:
        >>> import numpy as np
        >>> red = PageObject("red", np.full((4, 4, 3), [255, 0, 0], np.uint8), "rouge")
        >>> row = PageRow(red, [PageNeighbor(PageObject("red", text="rosso"), angle=0.3, right=True)])
        >>> page = neighbors_page("Colours", "All of them.", sections=[PageSection("Red", "", [row])], credits=[])
        >>> "rosso" in page, page.count("<img")
        (True, 1)
    """
    values = {"title": title, "lead": lead, "sections": sections, "credits": credits, "address": picture_address}
    return str(write_html("demo/templates/neighbors_page.html", **values))
