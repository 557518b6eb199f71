"""Columns, and results that print as tables, as data frames of pandas."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from steradian.errors import MissingExtraError

__all__ = ["FrameOfRows", "to_frame"]


def to_frame(columns: Mapping[str, np.ndarray], ids: np.ndarray | None = None, *, name: str | None = None) -> Any:
    """A pandas DataFrame.

    Args:
        columns: arrays by name, first axis rows; an entry of more than one number is an array in its cell.
        ids: the index [rows]; None counts the rows.
        name: of the index.

    Raises:
        MissingExtraError: pandas is not installed.

    Examples:
        >>> to_frame({"size": np.zeros((2, 3))}, np.array([7, 8]))["size"][8].tolist()
        [0.0, 0.0, 0.0]
    """
    pandas = _pandas()
    cells = {key: list(column) if column.ndim > 1 else column for key, column in columns.items()}
    return pandas.DataFrame(cells, index=None if ids is None else pandas.Index(ids, name=name))


_SUBSETS = {"subset", "first", "second"}


class FrameOfRows:
    """A result whose `to_dict` gives a list of rows: `class Audit(FrameOfRows, rows="findings")`.

    Examples:
        >>> class Prices(FrameOfRows, rows="prices"):
        ...     def to_dict(self):
        ...         return {"prices": [{"subset": ["photo", "title"], "price": {"low": 3, "high": 7}}]}
        >>> Prices().to_pandas().to_dict("records")
        [{'subset': 'photo + title', 'price.low': 3, 'price.high': 7}]
    """

    _rows: ClassVar[str | None]

    def __init_subclass__(cls, *, rows: str | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls._rows = rows

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
        return _pandas().json_normalize(plain)


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("pandas", "pandas", "to_pandas") from error
    return pandas


def _joined(cell: Any) -> Any:
    return " + ".join(cell) if isinstance(cell, (list, tuple)) else cell
