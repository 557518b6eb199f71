"""How an object is shown: its pictures, its texts, some of its numbers, and what it lacks."""

from typing import Any

from steradian.data import ObjectTable
from steradian.errors import InputError
from steradian.report.markup import write_html
from steradian.report.thumbnails import thumbnail

__all__ = ["object_card"]

TEXT = 140
"""Characters of a text that are shown."""


def object_card(objects: ObjectTable, row: int, *, label: bool = True) -> str:
    """One object: its id and label, and of each modality what there is to see.

    Args:
        objects: its table.
        row: of the table, counted from 0.
        label: whether to show the label.
    """
    # A table of one object: no cell of another is copied.
    one = objects[row]
    pictures: list[dict[str, Any]] = []
    texts: list[tuple[str, bool]] = []
    unseen: list[str] = []
    lacking: list[str] = []
    found = {
        key: modality.shown(
            {name: array[0] for name, array in one.values[key].items()},
            {column: one.columns[column][0] for column in modality.columns if column in one.columns},
        )
        for (key, modality), has in zip(one.schema.modalities.items(), one.present[0], strict=True)
        if has
    }
    told = any(shown.pictures or shown.text is not None for shown in found.values())
    for key, modality in one.schema.modalities.items():
        if key not in found:
            (unseen if modality.is_picture else lacking).append(key)
            continue
        shown = found[key]
        picture = _picture(key, one, shown.pictures)
        if picture is not None:
            pictures.append(picture)
        elif shown.text is not None:
            texts.append((shown.text, False))
        else:
            words = shown.brief if told and shown.brief is not None else shown.words
            texts.append((f"{key}: {words}", True))
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


def _picture(key: str, one: ObjectTable, several: tuple[Any, ...]) -> dict[str, Any] | None:
    """The first picture; None where there is none, or it cannot be read any more."""
    if not several:
        return None
    try:
        address, few = thumbnail(several[0])
    except InputError:
        return None
    more = "" if len(several) == 1 else f", the first of {len(several)}"
    return {"alt": f"{key} of {one.labels[0] if one.has_labels else one.ids[0]}{more}", "address": address, "few": few}
