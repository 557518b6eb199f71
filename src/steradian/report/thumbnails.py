"""Pictures as data addresses, so that a page carries them within itself."""

import base64
import io
from typing import Any

import numpy as np
from PIL import Image as Pillow

from steradian.modalities.pictures import open_picture

__all__ = ["SIDE", "picture_address", "thumbnail"]

SIDE = 96
"""Pixels of a thumbnail's longer side at most; it is shown at 88."""
_PIXELATED = 40


def picture_address(picture: np.ndarray) -> str:
    """The picture bit for bit, as a PNG.

    Args:
        picture: uint8 [height, width, 3].

    Examples:
        >>> picture_address(np.zeros((2, 2, 3), np.uint8))[:22]
        'data:image/png;base64,'
    """
    return _address(Pillow.fromarray(picture), "PNG", optimize=True)


def thumbnail(value: Any) -> tuple[str, bool]:
    """A picture made small, and whether it has so few pixels that they should be seen as squares.

    Args:
        value: what a cell of an `Image` modality holds: a path, bytes, a PIL image or an array.

    Raises:
        InputError: it cannot be read.

    Examples:
        >>> thumbnail(np.zeros((8, 8), np.uint8))[1]
        True
    """
    picture = open_picture(value, where="a picture of the report", enough=SIDE)
    few = max(picture.size) <= _PIXELATED
    picture.thumbnail((SIDE, SIDE))
    return (_address(picture, "PNG", optimize=True) if few else _address(picture, "WEBP", quality=82, method=4)), few


def _address(picture: Pillow.Image, kind: str, **options: Any) -> str:
    encoded = io.BytesIO()
    picture.save(encoded, kind, **options)
    return f"data:image/{kind.lower()};base64," + base64.b64encode(encoded.getvalue()).decode("ascii")
