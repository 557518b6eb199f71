"""What a search result shows of an object: its picture made small, and its other cells as text."""

from functools import lru_cache
from typing import Any

import numpy as np

from steradian.data import ObjectTable
from steradian.data.modality import is_missing
from steradian.errors import InputError
from steradian.report.markup import plain
from steradian.report.thumbnails import thumbnail
from steradian.search import Index, StoreIndex

__all__ = ["Gallery"]

_LONGEST = 200
"""Characters of a cell that are shown."""
_ASKED = 1000
"""Ids that a store is asked for at a time."""
_KEPT = 4096
"""Objects whose small pictures are kept: some 12 MB."""


class Gallery:
    """The objects of an index as people see them.

    Args:
        objects: the table that the index was made of.
        index: whose ids it has.

    Raises:
        InputError: the table has none of the index's ids.

    Examples:
        >>> import numpy as np
        >>> import steradian as sr
        >>> table = {"title": ["red cup", "jar"], "label": ["cup", "jar"]}
        >>> objects = sr.read_objects(table, sr.Schema({"title": sr.Text("title")}))
        >>> Gallery(objects, Index.from_vectors(np.eye(2))).shown(0)
        {'cells': {'title': 'red cup'}, 'picture': None, 'pixelated': False}
    """

    def __init__(self, objects: ObjectTable, index: Index | StoreIndex) -> None:
        self._objects = objects
        self._rows = {name: row for row, name in enumerate(objects.ids.tolist())}
        if not _has_any(index, [*self._rows]):
            raise InputError(
                want="the table that the index was made of",
                got="one with other ids",
                where="the gallery",
                fix="Make the index of it again: steradian embed MODEL TABLE --out INDEX.",
            )
        modalities = objects.schema.modalities
        self._pictures = [name for name, modality in modalities.items() if modality.is_picture]
        files = {column for modality in modalities.values() if modality.holds_paths for column in modality.columns}
        self._columns = [column for column in objects.schema.columns if column not in files]
        self.shown = lru_cache(_KEPT)(self._shown)

    def _shown(self, name: Any) -> dict[str, Any] | None:
        """Cells as text and the first picture that can be read, of an object by its id; None where it is not there."""
        row = self._rows.get(name)
        if row is None:
            return None
        cells = {column: _text(self._objects.columns[column][row]) for column in self._columns}
        picture, pixelated = self._picture(row)
        shown = {column: text for column, text in cells.items() if text}
        return {"cells": shown, "picture": picture, "pixelated": pixelated}

    def _picture(self, row: int) -> tuple[str | None, bool]:
        for name in self._pictures:
            cell = self._objects.values[name]["picture"][row]
            for item in cell if isinstance(cell, list) else [cell]:
                try:
                    return (None, False) if item is None else thumbnail(item)
                except InputError:
                    continue
        return None, False


def _has_any(index: Index | StoreIndex, ids: list[Any]) -> bool:
    if isinstance(index, Index):
        return not set(ids).isdisjoint(index.ids.tolist())
    return any(index.known(ids[start : start + _ASKED]) for start in range(0, len(ids), _ASKED))


def _text(cell: Any) -> str:
    """A cell in one line; nothing for what is missing, and for vectors and series."""
    if is_missing(cell) or isinstance(cell, (np.ndarray, bytes)):
        return ""
    if isinstance(cell, (float, np.floating)):
        return f"{cell:g}"
    return plain(", ".join(map(str, cell)) if isinstance(cell, list) else cell)[:_LONGEST]
