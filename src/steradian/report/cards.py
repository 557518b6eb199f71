"""How an object is shown: its picture, its text, some of its numbers, and what it lacks."""

from typing import Any

import numpy as np

from steradian.data import ObjectTable
from steradian.data.modality import Modality, is_missing
from steradian.errors import InputError
from steradian.modalities import Image, Series, Tabular, Text, Vector
from steradian.report.markup import Html, html, name
from steradian.report.pictures import thumbnail

__all__ = ["object_card"]

TEXT, CELLS, NUMBERS = 140, 4, 3
"""Characters of a text, columns of a table and numbers of a vector that are shown."""


def object_card(objects: ObjectTable, row: int, *, label: bool = True) -> Html:
    """One object: its id and label, and of each modality what there is to see.

    Args:
        objects: its table.
        row: of the table, counted from 0.
        label: whether to show the label.
    """
    # A table of one object: no cell of another is copied.
    one = objects[row]
    seen, lacking = [], []
    # Beside a picture or a text, nobody reads numbers.
    told = {key for key, kind in one.schema.modalities.items() if isinstance(kind, (Image, Text))}
    brief = any(has and key in told for key, has in zip(one.schema.modalities, one.present[0], strict=True))
    for place, (key, modality) in enumerate(one.schema.modalities.items()):
        if one.present[0, place]:
            seen.append(_shown(key, modality, one, brief=brief))
        else:
            lacking.append(key)
    lines = [html(Html("<b>"), name(one.labels[0]), Html("</b>"))] if label and one.has_labels else []
    lines += [html(Html('<span class="soft">'), "object ", name(one.ids[0], 24), Html("</span>"))]
    lines += [html(Html('<span class="soft">'), "no ", name(key, 24), Html("</span>")) for key in lacking]
    # Pictures first: on a phone they stand at the left of all else.
    pictures = [part for part in seen if part.startswith("<img")]
    texts = [part for part in seen if not part.startswith("<img")]
    return html(
        Html('<div class="object">'), *pictures, Html("<div>"), *map(_paragraph, [*lines, *texts]), Html("</div></div>")
    )


def _paragraph(part: Html) -> Html:
    return html(Html("<p>"), part, Html("</p>"))


def _shown(key: str, modality: Modality, one: ObjectTable, *, brief: bool) -> Html:
    values = {column: array[0] for column, array in one.values[key].items()}
    if isinstance(modality, Image):
        return _picture(key, values["picture"], one)
    if isinstance(modality, Text):
        texts = values["text"] if isinstance(values["text"], list) else [values["text"]]
        return name(" · ".join(texts), TEXT)
    if isinstance(modality, Tabular):
        cells = {column: one.columns[column][0] for column in modality.columns}
        known = [f"{column} {_number(cell)}" for column, cell in cells.items() if not is_missing(cell)]
        return _soft(key, _some(known, CELLS))
    if isinstance(modality, Vector):
        return _soft(key, _vector(values["values"], brief=brief))
    if isinstance(modality, Series):
        steps, channels = values["series"].shape
        return _soft(key, f"series of {steps:,} steps" + (f", {channels} channels" if channels > 1 else ""))
    return _soft(key, type(modality).__name__.lower())


def _picture(key: str, value: Any, one: ObjectTable) -> Html:
    several = value if isinstance(value, list) else [value]
    try:
        address, few = thumbnail(several[0])
    except InputError:
        return _soft(key, "cannot be read any more")
    small = Html(' class="small"') if few else ""
    what = one.labels[0] if one.has_labels else one.ids[0]
    more = "" if len(several) == 1 else f", the first of {len(several)}"
    return html(
        Html('<img alt="'), f"{key} of {what}{more}", Html(f'" src="{address}"'), small, Html(' loading="lazy">')
    )


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


def _soft(key: str, words: str) -> Html:
    return html(Html('<span class="soft">'), name(f"{key}: {words}", TEXT), Html("</span>"))
