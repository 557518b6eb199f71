"""How an object is shown: its picture, its text, some of its numbers, and what it lacks."""

from typing import Any

import numpy as np

from steradian.data import ObjectTable
from steradian.data.modality import Modality, is_missing
from steradian.errors import InputError
from steradian.modalities import Image, Series, Tabular, Text, Vector
from steradian.report.markup import write_html
from steradian.report.thumbnails import thumbnail

__all__ = ["object_card"]

TEXT, CELLS, NUMBERS = 140, 4, 3
"""Characters of a text, columns of a table and numbers of a vector that are shown."""


def object_card(objects: ObjectTable, row: int, *, label: bool = True) -> str:
    """One object: its id and label, and of each modality what there is to see.

    Args:
        objects: its table.
        row: of the table, counted from 0.
        label: whether to show the label.
    """
    # A table of one object: no cell of another is copied.
    one = objects[row]
    pictures, texts = [], []
    unseen: list[str] = []
    lacking: list[str] = []
    # Beside a picture or a text, nobody reads numbers.
    told = {key for key, kind in one.schema.modalities.items() if isinstance(kind, (Image, Text))}
    brief = any(has and key in told for key, has in zip(one.schema.modalities, one.present[0], strict=True))
    for (key, modality), has in zip(one.schema.modalities.items(), one.present[0], strict=True):
        if not has:
            (unseen if isinstance(modality, Image) else lacking).append(key)
        elif isinstance(modality, Image) and (picture := _picture(key, one)):
            pictures.append(picture)
        elif isinstance(modality, Text):
            text = one.values[key]["text"][0]
            texts.append((" · ".join(text) if isinstance(text, list) else text, False))
        else:
            texts.append((f"{key}: {_words(key, modality, one, brief=brief)}", True))
    return write_html(
        "report/templates/card.html",
        label=one.labels[0] if label and one.has_labels else None,
        id=one.ids[0],
        pictures=pictures,
        unseen=unseen,
        texts=texts,
        lacking=lacking,
        most=TEXT,
    )


def _words(key: str, modality: Modality, one: ObjectTable, *, brief: bool) -> str:
    """What there is to say of an object's modality that is neither a picture nor a text."""
    values = {column: array[0] for column, array in one.values[key].items()}
    if isinstance(modality, Image):
        return "cannot be read any more"
    if isinstance(modality, Tabular):
        cells = {column: one.columns[column][0] for column in modality.columns}
        return _some([f"{column} {_number(cell)}" for column, cell in cells.items() if not is_missing(cell)], CELLS)
    if isinstance(modality, Vector):
        return _vector(values["values"], brief=brief)
    if isinstance(modality, Series):
        steps, channels = values["series"].shape
        return f"series of {steps:,} steps" + (f", {channels} channels" if channels > 1 else "")
    return type(modality).__name__.lower()


def _picture(key: str, one: ObjectTable) -> dict[str, Any] | None:
    """An object's first picture; None where it cannot be read any more."""
    value = one.values[key]["picture"][0]
    several = value if isinstance(value, list) else [value]
    try:
        address, few = thumbnail(several[0])
    except InputError:
        return None
    more = "" if len(several) == 1 else f", the first of {len(several)}"
    return {"alt": f"{key} of {one.labels[0] if one.has_labels else one.ids[0]}{more}", "address": address, "few": few}


def _vector(values: np.ndarray, *, brief: bool) -> str:
    if values.ndim == 2:
        return f"{len(values):,} vectors of {values.shape[1]:,} numbers"
    if brief:
        return f"{len(values):,} numbers"
    return f"{len(values):,} numbers: {_some([_number(value) for value in values[: NUMBERS + 1]], NUMBERS)}"


def _some(parts: list[str], most: int) -> str:
    return ", ".join(parts[:most]) + (", …" if len(parts) > most else "")


def _number(value: Any) -> str:
    if not isinstance(value, (float, np.floating)):
        return str(value)
    number = float(value)
    return f"{number:.2g}" if abs(number) < 1 else f"{number:.4g}"
