"""What a column may be, by its name and its cells."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np

from steradian.data.modality import is_missing

__all__ = ["GuessedColumn", "guess_column"]

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff")
SOUNDS = (".wav", ".flac", ".ogg", ".mp3", ".aiff")
PICTURE_BYTES = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"II*\x00", b"MM\x00*")
SOUND_BYTES = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"FORM")

LABELS = ("label", "labels", "class", "target", "y")
"""Names of columns that hold the class."""
MAYBE_LABELS = (
    "category",
    "kind",
    "type",
    "species",
    "diagnosis",
    "subtype",
    "finding",
    "product",
    "brand",
    "activity",
)
GROUPS = (
    *("patient", "subject", "person", "user", "speaker", "author", "artist", "shop", "store", "site", "source"),
    *("session", "device", "batch", "fold", "group", "language"),
)
"""Names of what objects share that are not to stand on both sides of a split."""
SPLITS = ("train", "split", "is_train", "test", "is_test")
ID_NAME = re.compile(r"(.*_)?(id|ids|sku|key|uuid|guid|index|nr|number|ean|isbn|asin)", re.IGNORECASE)

MOST_CATEGORIES = 50
"""Different texts of a category at most; of more, new ones are to be expected, which Text reads by their letters."""
LONGEST_CATEGORY = 40
MOSTLY = 0.7
"""Share of cells with a number in a column of numbers at least; the others may say "on request"."""
FEW = 3
"""Different texts that are categories however few rows there are."""
NUMBER_AS_WRITTEN = re.compile(r"[-+]?[$€£¥]? ?[-+]?\d+([.,' ]\d+)*( ?[$€£¥%]| [A-Za-zµ]{1,3})?")
"""Such as "2,008", "$36.2" or "36 kg"."""
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")


@dataclass(frozen=True)
class GuessedColumn:
    """A column and what it may be.

    Args:
        name: of the column.
        kind: the name of a modality's class, "numeric" or "categorical" of `Tabular`, "id", "group", or "nothing".
        why: what speaks for it.
        missing: the share of rows that lack it, from 0 to 1.
        as_label: how well it would do as label, from 0, not at all.
    """

    name: str
    kind: str
    why: str
    missing: float
    as_label: float = 0.0

    def __str__(self) -> str:
        return self.why + (f", {100 * self.missing:.1f}% missing" if self.missing else "")


def guess_column(name: str, column: np.ndarray) -> GuessedColumn:
    """What a column may be.

    Args:
        name: of the column.
        column: an entry a row, as `to_column` gives it.

    Examples:
        >>> print(guess_column("price", np.array([1.5, np.nan])))
        numbers, 50.0% missing
    """
    if column.ndim > 1:
        gone = (
            np.isnan(column.reshape(len(column), -1)).all(axis=1) if column.dtype.kind == "f" else np.zeros(len(column))
        )
    else:
        gone = np.array([is_missing(cell) or (isinstance(cell, str) and not cell.strip()) for cell in column])
    known = column[~gone.astype(bool)]
    if not len(known):
        return GuessedColumn(name, "nothing", "no cell holds anything", float(gone.mean()))
    kind, why = _kind(name, known)
    fitness = _as_label(name, known) if not gone.any() and kind in ("Text", "numeric", "categorical", "group") else 0.0
    return GuessedColumn(name, kind, why, float(gone.mean()), fitness)


def _kind(name: str, known: np.ndarray) -> tuple[str, str]:
    if name.lower() in SPLITS:
        return "nothing", "its name is that of a split"
    if known.ndim > 1:
        return {2: ("Vector", f"vectors of {known.shape[1]} numbers"), 3: ("Series", "series of one length")}.get(
            known.ndim, ("Image", "arrays of pixels")
        )
    if known.dtype.kind in "mM":
        return "numeric", "dates or durations"
    if known.dtype.kind in "biuf":
        return _of_numbers(name, known)
    cells = known.tolist()
    if all(isinstance(cell, str) for cell in cells):
        return _of_texts(name, cells)
    return _of_objects(name, cells)


def _of_numbers(name: str, known: np.ndarray) -> tuple[str, str]:
    if known.dtype.kind == "b":
        return "categorical", "booleans"
    different = len(np.unique(known))
    whole = known.dtype.kind in "iu" or bool((known == np.round(known)).all())
    if whole and ID_NAME.fullmatch(name):
        return ("id", "different in every row") if different == len(known) else ("group", f"{different:,} numbers")
    if whole and name.lower() in GROUPS:
        return "group", f"{different:,} numbers"
    return "numeric", "whole numbers" if whole else "numbers"


def _of_texts(name: str, cells: Sequence[str]) -> tuple[str, str]:
    for endings, kind, what in ((PICTURES, "Image", "pictures"), (SOUNDS, "Audio", "sounds")):
        if all(cell.lower().endswith(endings) for cell in cells):
            return kind, f"names of {what}"
    if all(ISO_DATE.fullmatch(cell.strip()) for cell in cells):
        return "numeric", "dates as text"
    kind, why = _of_words(name, cells)
    written = [cell.strip() for cell in cells]
    numbers = [cell for cell in written if NUMBER_AS_WRITTEN.fullmatch(cell)]
    # Digits alone are text where a zero leads, as in postal codes.
    told = next((cell for cell in numbers if not cell.isdigit()), None)
    if told is None or len(numbers) < MOSTLY * len(written) or ID_NAME.fullmatch(name):
        return kind, why
    rest = "" if len(numbers) == len(written) else ", and leave the other cells empty"
    # Prices differ in every row as ids do.
    kind, why = ("Text", f"{len(set(cells)):,} different texts") if kind == "id" else (kind, why)
    return kind, f"{why}; if {told!r} is a number, write all as plain numbers{rest}"


def _of_words(name: str, cells: Sequence[str]) -> tuple[str, str]:
    """What texts may be that name no files and no dates."""
    different = len(set(cells))
    one_word = all(len(cell.split()) == 1 for cell in cells)
    if different == len(cells) and one_word and (ID_NAME.fullmatch(name) or all(map(_has_digit, cells))):
        return "id", "one word, different in every row"
    if ID_NAME.fullmatch(name) or name.lower() in GROUPS:
        return "group", f"{different:,} different texts"
    few = different < len(cells) and different <= min(MOST_CATEGORIES, max(FEW, len(cells) / 2))
    if few and max(map(len, cells)) <= LONGEST_CATEGORY:
        return "categorical", f"{different:,} different texts"
    return "Text", f"{different:,} different texts"


def _has_digit(cell: str) -> bool:
    return any(character.isdigit() for character in cell)


def _of_objects(name: str, cells: Sequence[Any]) -> tuple[str, str]:
    """What cells that are neither all numbers nor all text may be."""
    first = cells[0]
    if isinstance(first, bytes):
        sound = first.startswith(SOUND_BYTES) and first[8:12] != b"WEBP"
        if sound or first.startswith(PICTURE_BYTES) or first[8:12] == b"WEBP":
            return ("Audio", "bytes of sounds") if sound else ("Image", "bytes of pictures")
        return "nothing", "bytes of an unknown kind"
    if hasattr(first, "mode") and hasattr(first, "getpixel"):
        return "Image", "pictures"
    if isinstance(first, tuple) and len(first) == 2 and np.ndim(first[1]) == 0:
        return "Audio", "samples and their rate"
    if isinstance(first, np.ndarray):
        lengths = {cell.shape[:1] for cell in cells if isinstance(cell, np.ndarray)}
        if first.ndim > 1:
            return ("Image", "arrays of pixels") if first.ndim == 3 else ("Series", "arrays of steps and channels")
        return ("Series", "lists of numbers of several lengths") if len(lengths) > 1 else ("Vector", "lists of numbers")
    if isinstance(first, (list, tuple)):
        items = [item for cell in cells if isinstance(cell, (list, tuple)) for item in cell if not is_missing(item)]
        if items and all(isinstance(item, str) for item in items):
            kind, why = _of_texts("", items)
            return (kind if kind in ("Image", "Audio") else "Text"), f"lists: {why}"
        if items and not all(isinstance(item, (int, float)) for item in items):
            kind, why = _of_objects(name, items)
            return kind, f"lists: {why}"
        return "Series", "lists of numbers"
    if isinstance(first, (date, datetime)):
        return "numeric", "dates"
    if all(isinstance(cell, (str, int, float, np.number)) for cell in cells):
        return _of_texts(name, [str(cell) for cell in cells])
    return "nothing", f"cells of the kind {type(first).__name__}; of structs, name the fields: '{name}.field'"


def _as_label(name: str, known: np.ndarray) -> float:
    """How well names of classes stand in a column without gaps, from 0."""
    if known.dtype.kind == "f" and not (known == np.round(known)).all():
        return 0.0
    if known.dtype == object and not all(isinstance(cell, (str, int)) for cell in known):
        return 0.0
    _, sizes = np.unique(known.astype(np.str_), return_counts=True)
    repeated = float(sizes[sizes > 1].sum() / len(known))
    if len(sizes) < 2 or repeated < 0.5:
        return 0.0
    lowered = name.lower()
    by_name = 3.0 if lowered in LABELS else 2.0 if lowered in MAYBE_LABELS else -2.0 if lowered in GROUPS else 0.0
    # Numbers are seldom classes, unless there are few of them.
    few = known.dtype.kind in "OUb" or len(sizes) <= 20
    return max(0.0, by_name + (repeated if few or by_name > 0 else 0.0))
