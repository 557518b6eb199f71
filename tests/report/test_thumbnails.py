"""Pictures within a page: bit for bit, or small."""

import base64
import io
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from steradian.errors import InputError
from steradian.report.thumbnails import SIDE, picture_address, thumbnail


def opened(address: str) -> Any:
    assert address.startswith("data:image/")
    return Pillow.open(io.BytesIO(base64.b64decode(address.partition(",")[2])))


def test_an_address_holds_the_picture_bit_for_bit(rng: np.random.Generator) -> None:
    picture = rng.integers(0, 256, (7, 5, 3), dtype=np.uint8)
    assert np.array_equal(np.asarray(opened(picture_address(picture))), picture)


def test_thumbnails_keep_the_shape_and_are_small() -> None:
    address, few = thumbnail(np.zeros((400, 800, 3), np.uint8))
    assert opened(address).size == (SIDE, SIDE // 2)
    assert not few and len(address) < 1000


def test_very_small_pictures_are_shown_as_squares() -> None:
    address, few = thumbnail(np.zeros((8, 8)))
    assert opened(address).size == (8, 8)
    assert few


def test_what_cannot_be_read_says_so() -> None:
    with pytest.raises(InputError, match="a picture of the report"):
        thumbnail("no such file.png")
