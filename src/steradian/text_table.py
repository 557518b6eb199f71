"""How results print: words on a fixed width, and tables on a terminal."""

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rich.table import Table

__all__ = ["fit_text", "rich_table"]


def fit_text(text: str, width: int) -> str:
    """The text on `width` columns of a terminal: padded, or cut with an ellipsis; wide characters count as two.

    Args:
        text: any; line breaks and other characters that do not print become spaces.
        width: terminal columns, at least 1.

    Examples:
        >>> fit_text("violet", 4), fit_text("red", 4)
        ('vio…', 'red ')
    """
    text = "".join(character if character.isprintable() else " " for character in text)
    ends = np.cumsum([_columns(character) for character in text])
    if len(text) and ends[-1] > width:
        text = text[: np.searchsorted(ends, width - 1, side="right")] + "…"
    return text + " " * (width - sum(map(_columns, text)))


def rich_table(title: str, rows: Iterable[Sequence[str]], *, text: Collection[str], notes: Sequence[str]) -> "Table":
    """A table for a terminal; what stands in its cells is never read as markup.

    Args:
        title: the line above.
        rows: the heads of the columns, then the cells of each row; none for a table without columns.
        text: the heads of columns that hold words; the others hold numbers, aligned on the right.
        notes: the lines below.
    """
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", caption_justify="left", box=SIMPLE_HEAD)
    table.caption = Text("\n".join(notes)) if notes else None
    table.show_edge, table.pad_edge, table.collapse_padding = False, False, True
    lines = [[cell.strip() for cell in row] for row in rows]
    for head in lines[0] if lines else ():
        # On a narrow terminal words are cut before numbers.
        table.add_column(head, justify="left" if head in text else "right", no_wrap=head not in text, min_width=6)
    for cells in lines[1:]:
        table.add_row(*(Text(cell, no_wrap=True, overflow="ellipsis") for cell in cells))
    return table


def _columns(character: str) -> int:
    """How many terminal columns it takes: none for a combining mark, two for a wide character such as an emoji."""
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1
