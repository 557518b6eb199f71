"""Results that print as a table, are a data frame, and are saved as JSON."""

import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, ClassVar

from steradian.atomic_write import write_whole
from steradian.data.frames import import_pandas
from steradian.text_table import rich_table

if TYPE_CHECKING:
    from rich.console import RenderableType

__all__ = ["ResultTable"]

WIDTH = 80
_SUBSETS = {"subset", "first", "second"}


class ResultTable:
    """A result with rows: a title, a table of them and notes on 80 columns, and the same on a terminal.

    A subclass says in which entry of `to_dict` its rows stand (None: it is one row itself), how the cells of a printed
    line are laid out, and under which heads there are words; the other columns hold numbers.

    Examples:
        >>> class Prices(ResultTable, rows="prices", line="{:10} {:>6}", words={"subset"}):
        ...     def to_dict(self):
        ...         return {"prices": [{"subset": ["photo", "title"], "price": {"low": 3, "high": 7}}]}
        ...
        ...     def _title(self):
        ...         return "Prices: 1"
        ...
        ...     def _table(self):
        ...         return [["subset", "price"], ["photo", "3-7"]]
        >>> Prices()
        Prices: 1
        subset      price
        photo         3-7
        >>> Prices().to_pandas().to_dict("records")
        [{'subset': 'photo + title', 'price.low': 3, 'price.high': 7}]
    """

    _rows: ClassVar[str | None]
    _line: ClassVar[str]
    _words: ClassVar[Collection[str]]

    def __init_subclass__(
        cls, *, rows: str | None = None, line: str = "", words: Collection[str] = (), **options: Any
    ) -> None:
        super().__init_subclass__(**options)
        # A line that depends on the rows is a property of the subclass.
        cls._rows, cls._line, cls._words = rows, vars(cls).get("_line", line), words

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        raise NotImplementedError

    def to_pandas(self) -> Any:
        """The rows of the printed table, all of them, as a pandas DataFrame; needs pandas.

        What `to_dict` nests has columns such as "modalities.photo.gate"; a subset is the names of its modalities,
        joined by plus signs.

        Raises:
            MissingExtraError: pandas is not installed: `pip install 'steradian[pandas]'`.
        """
        entries = self.to_dict()
        rows = [entries] if self._rows is None else entries[self._rows]
        plain = [{key: _joined(cell) if key in _SUBSETS else cell for key, cell in row.items()} for row in rows]
        return import_pandas().json_normalize(plain)

    def save(self, path: str | Path) -> None:
        """Write `to_dict()` as JSON; at every moment the file is whole.

        Args:
            path: a file; its folder is made if it does not exist.
        """
        write_whole(Path(path), json.dumps(self.to_dict(), ensure_ascii=False, indent=1) + "\n")

    def _title(self) -> str:
        raise NotImplementedError

    def _table(self) -> Iterable[Sequence[str]]:
        """The heads of the columns, then the cells of each row."""
        raise NotImplementedError

    def _notes(self) -> Iterable[str]:
        return ()

    def __repr__(self) -> str:
        notes = (line for note in self._notes() for line in wrap(note, WIDTH))
        rows = (self._line.format(*cells).rstrip() for cells in self._table())
        return "\n".join([*wrap(self._title(), WIDTH), *rows, *notes])

    def __rich__(self) -> "RenderableType":
        return rich_table(self._title(), self._table(), text=self._words, notes=list(self._notes()))


def _joined(cell: Any) -> Any:
    return " + ".join(cell) if isinstance(cell, (list, tuple)) else cell
