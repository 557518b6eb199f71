"""From a picture as a user gives it, a path, bytes, a PIL image or an array, to one upright RGB picture."""

import io
import math
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, UnidentifiedImageError
from PIL import Image as Pillow

from steradian.data.regular_files import read_regular
from steradian.errors import InputError
from steradian.modalities.files import LARGEST_PICTURE, file_mistake

__all__ = ["STRIDE", "count_pixels", "is_picture_array", "open_picture"]

# Pillow warns of damaged EXIF; such pictures are read all the same. Its warning of very many pixels is of another kind.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

STRIDE = 8
"""Pixels a side of a patch that becomes a token: three convolutions of stride 2."""
MOST_PIXELS = 100_000_000
"""Of a picture that is decoded; a JPEG is made smaller while it is decoded."""
GREY_LEVELS = 255, 4095, 65535
"""Integers of more than 8 bits are read as from 0 to the least of these that none of a picture passes."""
OPENING = threading.Lock()
PLAIN_FORMATS = "PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"
"""What a stranger's picture may be: decoders that much is thrown at."""

UPRIGHT = {
    2: Pillow.Transpose.FLIP_LEFT_RIGHT,
    3: Pillow.Transpose.ROTATE_180,
    4: Pillow.Transpose.FLIP_TOP_BOTTOM,
    5: Pillow.Transpose.TRANSPOSE,
    6: Pillow.Transpose.ROTATE_270,
    7: Pillow.Transpose.TRANSVERSE,
    8: Pillow.Transpose.ROTATE_90,
}
"""What turns a picture upright, by the orientation that a camera writes into its EXIF."""


def open_picture(value: Any, *, where: str, enough: int | None = None) -> Pillow.Image:
    """The picture in RGB, upright, on white where it is transparent; of an animation the first frame.

    Grey of more than 8 bits is read as 0..255, 0..4095 or 0..65535, the least of these ranges that holds the picture's
    values, or as the 12 bits that a TIFF says it has.

    Args:
        value: the path of a file of at most 256 MiB, encoded bytes, a PIL image, or an array for which
            `is_picture_array` holds.
        where: row and column, for messages.
        enough: pixels a side that are wanted; a large JPEG is then decoded no larger than needed, which is faster.
            None: all there are.

    Raises:
        InputError: it cannot be read, or has more than 100 million pixels as it is decoded.

    Examples:
        >>> open_picture(np.zeros((2, 3)), where="row 0").size
        (3, 2)
    """
    try:
        return _on_white(_opened(value, enough))
    # Nothing less: decoders raise what they like on damaged files.
    except Exception as error:
        got, fix = _mistake(value, error)
        raise InputError("a picture that can be read", got, where, fix) from error


def count_pixels(data: bytes, *, where: str) -> int:
    """The pixels that a stranger's picture claims to have, by its header alone.

    Args:
        data: of a PNG, JPEG, WebP, GIF, BMP or TIFF.
        where: row and column, for messages.

    Raises:
        InputError: it is none of these.

    Examples:
        >>> file = io.BytesIO()
        >>> Pillow.new("L", (30, 20)).save(file, "PNG")
        >>> count_pixels(file.getvalue(), where="row 0")
        600
    """
    try:
        with OPENING, warnings.catch_warnings():
            warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
            with Pillow.open(io.BytesIO(data), formats=PLAIN_FORMATS) as picture:
                return math.prod(picture.size)
    # Nothing less: decoders raise what they like on damaged files.
    except Exception as error:
        got, fix = _mistake(data, error)
        raise InputError(f"a picture: {', '.join(PLAIN_FORMATS)}", got, where, fix) from error


def is_picture_array(array: np.ndarray) -> bool:
    """Whether an array is one picture [height, width] or [height, width, 1, 3 or 4] by its shape and type.

    Args:
        array: of any shape.
    """
    shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    return shaped and array.dtype.kind in "fiub" and min(array.shape) > 0


def _opened(value: Any, enough: int | None) -> Pillow.Image:
    if isinstance(value, np.ndarray):
        return _from_array(value)
    if isinstance(value, Pillow.Image):
        return _upright(value)
    # Pillow would leave the files of animations open.
    data = read_regular(value, most=LARGEST_PICTURE) if isinstance(value, (str, Path)) else value
    # Filters of warnings are those of the whole process, so one thread at a time looks at a picture's beginning.
    with OPENING, warnings.catch_warnings():
        warnings.simplefilter("ignore", Pillow.DecompressionBombWarning)
        picture = Pillow.open(io.BytesIO(data))
    if enough is not None:
        # Four times what is wanted, so that the later resizing decides what is seen.
        picture.draft(None, (4 * enough, 4 * enough))
    return _upright(picture)


def _upright(picture: Pillow.Image) -> Pillow.Image:
    if math.prod(picture.size) > MOST_PIXELS:
        raise ValueError(f"{math.prod(picture.size):,} pixels, more than {MOST_PIXELS:,}")
    picture.load()
    if not all(picture.size):
        raise ValueError("no pixel")
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
        turn = UPRIGHT.get(orientation)  # type: ignore[arg-type]
    # Damaged EXIF raises anything, and is no reason to refuse the picture.
    except Exception:
        turn = None
    return picture if turn is None else picture.transpose(turn)


def _on_white(picture: Pillow.Image) -> Pillow.Image:
    if picture.mode.startswith("I"):
        # Pillow would clip all that is above 255.
        return Pillow.fromarray(_in_8_bits(picture)).convert("RGB")
    if picture.mode == "F":
        return _from_array(np.asarray(picture)).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    return Pillow.alpha_composite(Pillow.new("RGBA", picture.size, "white"), picture).convert("RGB")


def _in_8_bits(picture: Pillow.Image) -> np.ndarray:
    """The grey of a picture of integers, uint8 [height, width]."""
    values = np.asarray(picture).astype(np.int64)
    (bits, *_) = getattr(picture, "tag_v2", {}).get(ExifTags.Base.BitsPerSample, (None,))
    levels = [4095] if bits == 12 else GREY_LEVELS
    highest = next((level for level in levels if values.max() <= level), None)
    if highest is None or values.min() < 0:
        raise ValueError(f"grey from {values.min()} to {values.max()}, which is not within 0..{levels[-1]}")
    return (values * (255 / highest)).round().astype(np.uint8)


def _from_array(array: np.ndarray) -> Pillow.Image:
    highest = 1 if array.dtype.kind in "fb" else 255
    # NaN compares false, so it is refused with everything else outside the range.
    if not (array.min() >= 0 and array.max() <= highest):
        raise ValueError(f"values outside 0..{highest}" + (" or NaN" if array.dtype.kind == "f" else ""))
    scaled = (array.astype(np.float64) * (255 / highest)).round().astype(np.uint8)
    return Pillow.fromarray(scaled[..., 0] if array.shape[2:] == (1,) else scaled)


def _mistake(value: Any, error: Exception) -> tuple[str, str]:
    """What is wrong with a picture that cannot be opened, and how to fix it."""
    if isinstance(error, UnidentifiedImageError):
        error = ValueError("bytes that are no picture Pillow can read")
    got, fix = file_mistake(value, error, kind="picture")
    if "grey from" in got:
        fix = "Bring it to 8 or 16 bits, or put None where the picture is missing."
    if isinstance(value, np.ndarray):
        fix = "Bring floats to 0..1 and integers to 0..255, or put None where the picture is missing."
    return got, fix
