"""Pictures: paths, bytes, PIL images or arrays, kept as pixels of one size."""

import os
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Pillow

from steradian.data.columns import to_objects
from steradian.data.modality import (
    Columns,
    FittedModality,
    Items,
    Modality,
    ReadValues,
    Values,
    is_missing,
    shown,
)
from steradian.data.prefetch import prefetched
from steradian.data.sets import ItemCells
from steradian.data.shown import Shown
from steradian.errors import ConfigError, InputError
from steradian.misspelt import telling_of_misspelt
from steradian.modalities.files import refuse_plain_text
from steradian.modalities.image_features import PatchDictionary
from steradian.modalities.pictures import STRIDE, is_picture_array, open_picture
from steradian.modalities.pretrained import encoder_name, fit_pretrained
from steradian.modalities.pretrained_items import Pooling

if TYPE_CHECKING:
    from torch import nn

__all__ = ["FittedImage", "Image"]


@telling_of_misspelt
@dataclass(frozen=True)
class Image(Modality):
    """A column of pictures: paths, encoded bytes, PIL images, or arrays [height, width] or [height, width, 1, 3 or 4].

    A list, or an array [pictures, height, width, 1, 3 or 4], is a set of several pictures: their order does not
    matter, and what stands in it twice counts once. Any mode Pillow reads is brought to RGB and turned upright as its
    EXIF says; transparent parts become white; the first frame of an animation counts. Arrays of floats are read as
    0..1, others as 0..255; pictures of 12 and 16 bits as `open_picture` says. Empty text counts as missing.

    Args:
        column: the column to read.
        size: pixels a side to which every picture is resized, a multiple of 8.
        encoder: a folder or the name of a pretrained encoder on the hub, which has a size of its own; None: our own.
        trainable: whether training changes a pretrained encoder; if not, it runs once for each distinct picture.
        pooling: "mean" or "cls": what of a pretrained encoder's output counts.

    Raises:
        ConfigError: a size that is no multiple of 8, or options of an encoder that cannot be.

    Examples:
        >>> Image("photo").columns
        ('photo',)
    """

    column: str
    size: int = 48
    encoder: str | None = None
    trainable: bool = False
    pooling: Pooling = "mean"

    holds_paths = True
    holds_lists = True
    query_option = "image"
    is_picture = True

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or self.size < STRIDE or self.size % STRIDE:
            raise ConfigError(
                want=f"a size that is a positive multiple of {STRIDE}",
                got=repr(self.size),
                where=f"Image({self.column!r}, size=...)",
                fix="48 is the default; 64 or 96 for fine detail.",
            )
        object.__setattr__(self, "encoder", encoder_name(self))

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        """The one column it reads."""
        return (self.column,)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """All of them."""
        return self.columns

    def shown(self, values: Mapping[str, Any], cells: Mapping[str, Any]) -> Shown:
        """Its picture, or the first of several."""
        picture = values["picture"]
        pictures = tuple(picture) if isinstance(picture, list) else (picture,)
        return Shown("cannot be read any more", pictures=pictures)

    def read(self, columns: Columns) -> ReadValues:
        """Check the kinds of value; `picture` is an object array [objects], where several are a list.

        Pictures are decoded later.

        Raises:
            InputError: a value that is no picture.
        """
        column = columns[self.column]
        pictures = np.empty(len(column), dtype=object)
        for row, cell in enumerate(column):
            several = isinstance(cell, (list, tuple)) or (isinstance(cell, np.ndarray) and cell.ndim == 4)
            items = [self._picture(item, row) for item in (cell if several else [cell])]
            distinct = list({_content(item): item for item in items if item is not None}.values())
            pictures[row] = distinct if len(distinct) > 1 else distinct[0] if distinct else None
        return ReadValues({"picture": pictures}, np.array([picture is not None for picture in pictures], dtype=bool))

    def probe(self, item: Any) -> None:
        """Decode one picture, or an array of several, and let go of it; see `Modality.probe`."""
        pictures = self.read({self.column: to_objects([item])}).values["picture"]
        for picture in ItemCells.of(pictures).items:
            if picture is not None:
                open_picture(picture, where=_place(0, self.column), enough=self.size)

    def _picture(self, item: Any, row: int) -> Any:
        if is_missing(item) or (isinstance(item, str) and not item.strip()):
            return None
        if isinstance(item, bytearray):
            return bytes(item)
        refuse_plain_text(item, kind="picture", where=_place(row, self.column))
        if not isinstance(item, (str, Path, bytes, Pillow.Image, np.ndarray)):
            raise self._no_picture(shown(item), row)
        if isinstance(item, np.ndarray) and not is_picture_array(item):
            raise self._no_picture(f"an array of shape {item.shape} and type {item.dtype}", row)
        return item

    def _no_picture(self, got: str, row: int) -> InputError:
        return InputError(
            want="a path, bytes, a PIL image or an array [height, width, 3], or a list of these",
            got=got,
            where=_place(row, self.column),
            fix="Convert it, or put None where the picture is missing.",
        )

    def fit(self, values: Values) -> FittedModality:
        """Nothing is learnt from the pixels; the column and size are kept, or the encoder is fetched."""
        if self.encoder is not None:
            return fit_pretrained(self, "image", values)
        return FittedImage(self.column, self.size)


@dataclass(frozen=True)
class FittedImage(FittedModality):
    """How pictures are brought to pixels.

    Args:
        column: for messages.
        size: pixels a side.
    """

    column: str
    size: int

    def prepare(self, values: Values, rows: np.ndarray) -> Items:
        """Decode each distinct picture once, to uint8; see `FittedModality.prepare`.

        Raises:
            InputError: a picture that cannot be read, with the first row that shows it.
        """
        cells = ItemCells.of(values["picture"])
        item_rows = cells.rows(rows)
        numbers: dict[Any, int] = {}
        which = np.array([numbers.setdefault(_key(item), len(numbers)) for item in cells.items], dtype=np.int64)
        pixels = np.empty((len(numbers), self.size, self.size, 3), dtype=np.uint8)
        # Numbers were given in the order of first places, which is the order np.unique returns them in.
        firsts = np.unique(which, return_index=True)[1].tolist()
        # Pillow decodes and resizes without Python's lock; errors come in the order of rows.
        cores = os.cpu_count() or 1
        decoded = prefetched(
            lambda i: self._decoded(cells.items[i], item_rows[i]), firsts, ahead=4 * cores, threads=cores
        )
        for number, picture in enumerate(decoded):
            pixels[number] = picture
        return cells.grouped(PictureItems(pixels, which))

    def feature_inputs(self, items: Items, rows: np.ndarray) -> np.ndarray:
        """Pixels uint8 [rows, size, size, 3]."""
        return items(rows)["pixels"]

    def feature_map(self, inputs: np.ndarray, *, most: int, novel: bool) -> PatchDictionary:
        """Which patches stand where, and small pixels."""
        return PatchDictionary.fit(inputs)

    def tokenizer(self, width: int, dropout: float) -> "nn.Module":
        """A convolutional stem; a token a patch."""
        from steradian.modalities.image_tokenizer import ImageTokenizer

        return ImageTokenizer(self.size, width)

    def _decoded(self, value: Any, row: int) -> np.ndarray:
        picture = open_picture(value, where=_place(row, self.column), enough=self.size)
        return np.asarray(picture.resize((self.size, self.size), Pillow.Resampling.BILINEAR, reducing_gap=2.0))


@dataclass(frozen=True)
class PictureItems:
    """Distinct pictures and which of them each item shows.

    Args:
        pixels: uint8 [pictures, size, size, 3].
        which: int64 [items].
    """

    pixels: np.ndarray
    which: np.ndarray

    def __call__(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """`pixels` uint8 [items, size, size, 3]."""
        return {"pixels": self.pixels.take(self.which[rows], axis=0)}


def _key(item: Any) -> Hashable:
    """The same for pictures that are surely the same."""
    if isinstance(item, np.ndarray):
        return item.shape, item.dtype.str, blake2b(item.tobytes()).digest()
    return item if isinstance(item, (str, Path, bytes)) else id(item)


def _content(item: Any) -> Hashable:
    """What two items of a list share only if they are the same picture."""
    if isinstance(item, np.ndarray):
        return item.shape, item.dtype.str, item.tobytes()
    return item if isinstance(item, (str, Path, bytes)) else id(item)


def _place(row: int, column: str) -> str:
    return f"row {row} (counted from 0), column {column!r}"
