"""Pictures: paths, bytes, PIL images or arrays, cut into patches by a small convolutional stem."""

import io
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as Pillow
from PIL import UnidentifiedImageError
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.data.modality import (
    Columns,
    FittedModality,
    Items,
    Modality,
    ReadValues,
    Tokens,
    Values,
    is_missing,
    is_url,
    shown,
)
from steradian.errors import ConfigError, InputError

__all__ = ["FittedImage", "Image"]

STRIDE = 8
"""Pixels a side of a patch: three convolutions of stride 2."""


@dataclass(frozen=True)
class Image(Modality):
    """A column of pictures: paths, encoded bytes, PIL images, or arrays [height, width] or [height, width, 3 or 4].

    Any mode Pillow reads is brought to RGB; transparent parts become white; the first frame of an animation
    counts. Arrays of floats are read as 0..1, others as 0..255. Empty text counts as missing.

    Args:
        column: the column to read.
        size: pixels a side to which every picture is resized, a multiple of 8.

    Raises:
        ConfigError: a size that is no multiple of 8.

    Example:
        >>> Image("photo").columns
        ('photo',)
    """

    column: str
    size: int = 48

    holds_paths = True

    def __post_init__(self) -> None:
        if not isinstance(self.size, int) or self.size < STRIDE or self.size % STRIDE:
            raise ConfigError(
                want=f"a size that is a positive multiple of {STRIDE}",
                got=repr(self.size),
                where=f"Image({self.column!r}, size=...)",
                fix="48 is the default; 64 or 96 for fine detail.",
            )

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        """The one column it reads."""
        return (self.column,)

    @property
    def text_columns(self) -> tuple[str, ...]:
        """All of them."""
        return self.columns

    def read(self, columns: Columns) -> ReadValues:
        """Check the kinds of value; `picture` is an object array [objects]. Pictures are decoded later.

        Raises:
            InputError: a value that is no picture.
        """
        column = columns[self.column]
        pictures = np.empty(len(column), dtype=object)
        for row, value in enumerate(column):
            if is_missing(value) or (isinstance(value, str) and not value.strip()):
                continue
            if not isinstance(value, (str, Path, bytes, bytearray, Pillow.Image, np.ndarray)):
                raise self._no_picture(shown(value), row)
            if isinstance(value, np.ndarray) and not _is_picture(value):
                raise self._no_picture(f"an array of shape {value.shape} and type {value.dtype}", row)
            pictures[row] = value
        return ReadValues({"picture": pictures}, np.array([value is not None for value in pictures]))

    def _no_picture(self, got: str, row: int) -> InputError:
        return InputError(
            want="a path, bytes, a PIL image or an array [height, width, 3]",
            got=got,
            where=f"row {row} (counted from 0), column {self.column!r}",
            fix="Convert it, or put None where the picture is missing.",
        )

    def fit(self, values: Values) -> "FittedImage":
        """Nothing is learnt from the pixels; the column and size are kept."""
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
            InputError: a picture that cannot be read, with its row.
        """
        pictures = values["picture"]
        numbers: dict[Any, int] = {}
        which = np.zeros(len(rows), dtype=np.int64)
        for i, picture in enumerate(pictures):
            key = picture if isinstance(picture, (str, Path, bytes)) else id(picture)
            which[i] = numbers.setdefault(key, len(numbers))
        pixels = np.empty((len(numbers), self.size, self.size, 3), dtype=np.uint8)
        # Numbers were given in the order of first places, which is the order np.unique returns them in.
        for number, i in enumerate(np.unique(which, return_index=True)[1]):
            pixels[number] = self._decode(pictures[i], int(rows[i]))
        return PictureItems(torch.from_numpy(pixels), which)

    def tokenizer(self, width: int, dropout: float) -> nn.Module:
        """A convolutional stem; a token a patch."""
        return ImageTokenizer(self.size, width)

    def _decode(self, value: Any, row: int) -> np.ndarray:
        try:
            picture = _open(value).convert("RGBA")
            flat = Pillow.alpha_composite(Pillow.new("RGBA", picture.size, "white"), picture).convert("RGB")
            return np.asarray(flat.resize((self.size, self.size), Pillow.Resampling.BILINEAR, reducing_gap=2.0))
        except (OSError, ValueError, SyntaxError, RuntimeError, Pillow.DecompressionBombError) as error:
            got, fix = _mistake(value, error)
            where = f"row {row} (counted from 0), column {self.column!r}"
            raise InputError("a picture that can be read", got, where, fix) from error


@dataclass(frozen=True)
class PictureItems:
    """Distinct pictures and which of them each row shows.

    Args:
        pixels: uint8 [pictures, size, size, 3].
        which: int64 [objects].
    """

    pixels: Tensor
    which: np.ndarray

    def __call__(self, rows: np.ndarray) -> dict[str, Tensor]:
        """`pixels` uint8 [items, size, size, 3]."""
        return {"pixels": self.pixels[torch.from_numpy(self.which[rows])]}


class ImageTokenizer(nn.Module):
    """Three convolutions of stride 2, then a token for each of the remaining places.

    Convolutions before the transformer make small ones easier to train (Xiao et al. 2021, arXiv 2106.14881).
    In training the picture is moved and scaled a little, so that the patch borders carry no meaning.

    Args:
        size: pixels a side.
        width: length of a token.
    """

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        channels = [3, max(width // 4, 8), max(width // 2, 8), width]
        layers: list[nn.Module] = []
        for before, after in pairwise(channels):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(1, after), nn.GELU()]
        self.stem = nn.Sequential(*layers)
        self.place = nn.Parameter(torch.randn((size // STRIDE) ** 2, width) * 0.02)

    def forward(self, pixels: Tensor) -> Tokens:
        """Tokens [items, patches, width] of pixels uint8 [items, size, size, 3]."""
        picture = pixels.permute(0, 3, 1, 2).float() / 127.5 - 1.0
        if self.training and len(picture):
            # Places in the picture must not be rounded to bfloat16.
            with torch.autocast(picture.device.type, enabled=False):
                picture = _jitter(picture)
        return Tokens(self.stem(picture).flatten(2).mT + self.place)


def _jitter(picture: Tensor) -> Tensor:
    """Each picture [items, 3, size, size] turned, scaled, moved and recoloured by its own draw.

    By up to 0.2 radians, 20% of its scale, 10% of its side, 30% of each channel's contrast and brightness, and up to
    60% of the way to grey: what a change of camera or artist does, and no more, so that the class stays.
    """
    draw = torch.rand(len(picture), 4, device=picture.device) * 2 - 1
    scale, angle = 1 + 0.2 * draw[:, 0], 0.2 * draw[:, 1]
    matrix = picture.new_zeros(len(picture), 2, 3)
    matrix[:, 0, 0] = matrix[:, 1, 1] = scale * angle.cos()
    matrix[:, 1, 0] = scale * angle.sin()
    matrix[:, 0, 1] = -matrix[:, 1, 0]
    matrix[:, :, 2] = 0.2 * draw[:, 2:]
    grid = F.affine_grid(matrix, list(picture.shape), align_corners=False)
    moved = F.grid_sample(picture, grid, padding_mode="border", align_corners=False)
    contrast, brightness = 0.3 * (torch.rand(2, len(picture), 3, 1, 1, device=picture.device) * 2 - 1)
    recoloured = moved * (1 + contrast) + brightness
    grey = 0.6 * torch.rand(len(picture), 1, 1, 1, device=picture.device)
    return torch.lerp(recoloured, recoloured.mean(dim=1, keepdim=True).expand_as(recoloured), grey)


def _is_picture(array: np.ndarray) -> bool:
    shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    return shaped and array.dtype.kind in "fiub" and min(array.shape) > 0


def _open(value: Any) -> Pillow.Image:
    if isinstance(value, np.ndarray):
        return _from_array(value)
    if isinstance(value, (str, Path)):
        # Pillow would leave the files of animations open.
        value = Path(value).read_bytes()
    picture = value if isinstance(value, Pillow.Image) else Pillow.open(io.BytesIO(value))
    if picture.mode.startswith("I"):
        # Pillow would clip 16-bit grey to 255; scaling keeps the picture.
        return Pillow.fromarray((np.asarray(picture, dtype=np.float64) / 257.0).clip(0, 255).astype(np.uint8))
    return picture


def _mistake(value: Any, error: Exception) -> tuple[str, str]:
    """What is wrong with a picture that cannot be opened, and how to mend it."""
    if is_url(value):
        return f"the URL {value!r:.80}", "URLs are not fetched: download the pictures and give their paths."
    file = f" in the file {str(value)!r}" if isinstance(value, (str, Path)) else ""
    if isinstance(error, FileNotFoundError):
        place = "the folder of the table's file, or at the working directory if it has none"
        return f"no such file: {str(value)!r}", f"Check the path; relative ones start at {place}."
    got = " ".join(f"{type(error).__name__}: {error}".split())
    if isinstance(error, UnidentifiedImageError):
        got = f"bytes that are no picture Pillow can read{file}"
    return got, "Replace the picture, or put None where it is missing."


def _from_array(array: np.ndarray) -> Pillow.Image:
    highest = 1 if array.dtype.kind in "fb" else 255
    # NaN compares false, so it is refused with everything else outside the range.
    if not (array.min() >= 0 and array.max() <= highest):
        raise ValueError(f"values outside 0..{highest}")
    scaled = (array.astype(np.float64) * (255 / highest)).round().astype(np.uint8)
    return Pillow.fromarray(scaled[..., 0] if array.shape[2:] == (1,) else scaled)
