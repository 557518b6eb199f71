"""Words take exactly the columns they are given; tables are tested where they print."""

import unicodedata
from io import StringIO

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from steradian.text_table import fit_text, rich_table


def terminal_columns(text: str) -> int:
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.category(character) in ("Mn", "Me") for character in text)


@given(st.text(), st.integers(1, 40))
def test_text_takes_exactly_its_width(text: str, width: int) -> None:
    fitted = fit_text(text, width)
    assert terminal_columns(fitted) == width
    assert fitted.isprintable()
    assert fitted.startswith(text) or "…" in fitted or not text.isprintable()


def test_cells_are_no_markup_and_numbers_are_not_cut() -> None:
    table = rich_table("A [b]title", [["name", "count"], ["[red]x[/red]" * 9, "1,234"]], text={"name"}, notes=["[i]"])
    console = Console(width=30, file=StringIO(), color_system=None, force_terminal=True)
    with console.capture() as capture:
        console.print(table)
    lines = [line.rstrip() for line in capture.get().splitlines()]
    assert lines[0] == "A [b]title" and lines[-1] == "[i]"
    (cells,) = [line for line in lines if "1,234" in line]
    assert cells.startswith("[red]x[/red]") and "…" in cells and cells.endswith(" 1,234")
