"""Every mode and file that Pillow reads, and everything that is no picture."""

import importlib
import io
import os
import socket
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from steradian.errors import InputError
from steradian.modalities import pictures
from steradian.modalities.pictures import count_pixels, is_picture_array, open_picture

SIZE = 16
WHERE = "row 12 (counted from 0), column 'photo'"


def pixels_of(*pictures: Any) -> np.ndarray:
    """uint8 [pictures, height, width, 3] of pictures of one size."""
    return np.stack([np.asarray(open_picture(picture, where=WHERE)) for picture in pictures])


def encoded(picture: Pillow.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format=kind, **options)
    return file.getvalue()


def plain(color: Any, mode: str = "RGB", size: tuple[int, int] = (SIZE, SIZE)) -> Pillow.Image:
    return Pillow.new(mode, size, color)


@pytest.fixture
def array(rng: np.random.Generator) -> np.ndarray:
    """A picture of noise."""
    return rng.integers(0, 256, size=(SIZE, SIZE, 3), dtype=np.uint8)


# -- Modes and files ---------------------------------------------------------------------------------------------------


def test_what_is_transparent_becomes_white() -> None:
    pixels = pixels_of(
        plain((255, 0, 0, 0), "RGBA"), plain((255, 0, 0, 128), "RGBA"), plain((0, 0), "LA"), plain((0, 255), "LA")
    )
    assert (pixels == pixels[:, :1, :1]).all()
    assert pixels[:, 0, 0].tolist() == [[255, 255, 255], [255, 127, 127], [255, 255, 255], [0, 0, 0]]


def test_palettes_with_and_without_a_transparent_color() -> None:
    picture = Pillow.new("P", (SIZE, SIZE), 1)
    picture.putpalette([255, 255, 0, 0, 0, 255])
    opaque, clear = encoded(picture, "PNG"), encoded(picture, "PNG", transparency=1)
    assert pixels_of(picture, opaque, clear)[:, 0, 0].tolist() == [[0, 0, 255], [0, 0, 255], [255, 255, 255]]


@pytest.mark.parametrize(
    ("mode", "color", "expected"),
    [
        ("1", 1, [255, 255, 255]),
        ("L", 90, [90, 90, 90]),
        ("CMYK", (0, 255, 255, 0), [255, 0, 0]),
        ("YCbCr", (76, 85, 255), [254, 0, 0]),
        ("HSV", (0, 255, 255), [255, 0, 0]),
        ("I;16", 257 * 90, [90, 90, 90]),
        ("I;16", 65535, [255, 255, 255]),
        ("I", 257 * 90, [90, 90, 90]),
    ],
)
def test_every_mode_becomes_rgb(mode: str, color: Any, expected: list[int]) -> None:
    assert pixels_of(plain(color, mode))[0, 3, 3].tolist() == pytest.approx(expected, abs=1)


def test_files_of_16_bit_grey_and_of_cmyk(tmp_path: Path) -> None:
    grey, ink = plain(257 * 90, "I;16"), plain((0, 255, 255, 0), "CMYK")
    path = tmp_path / "grey.png"
    path.write_bytes(encoded(grey, "PNG"))
    pixels = pixels_of(path, encoded(grey, "TIFF"), encoded(ink, "JPEG", quality=95), encoded(ink, "TIFF"))
    for found, expected in zip(pixels, [[90] * 3, [90] * 3, [255, 0, 0], [255, 0, 0]], strict=True):
        assert found[8, 8].tolist() == pytest.approx(expected, abs=3)


def test_the_first_frame_of_an_animation_counts(tmp_path: Path) -> None:
    path = tmp_path / "moving.gif"
    plain("red").save(path, save_all=True, append_images=[plain("blue"), plain("lime")], duration=20)
    assert pixels_of(path, path.read_bytes())[:, 0, 0].tolist() == [[255, 0, 0]] * 2


# -- Pictures that cannot be read --------------------------------------------------------------------------------------


def refused(picture: Any, got: str = "") -> None:
    with pytest.raises(InputError, match=rf"^row 12 \(counted from 0\), column 'photo': want a picture .*{got}"):
        open_picture(picture, where=WHERE)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_a_picture_cut_short_is_refused(kind: str, array: np.ndarray) -> None:
    data = encoded(Pillow.fromarray(np.tile(array, (4, 4, 1))), kind)
    for share in (0.1, 0.5, 0.8):
        refused(data[: int(share * len(data))])


@pytest.mark.parametrize("data", [b"no picture", b"\x89PNG\r\n\x1a\n", bytes(1000)])
def test_bytes_that_are_no_picture_are_refused(data: bytes) -> None:
    refused(data, "got bytes that are no picture Pillow can read. Replace")


def test_a_file_that_is_not_there_or_is_no_picture_is_refused(tmp_path: Path) -> None:
    refused(str(tmp_path / "nowhere.png"), "got no such file: '.*nowhere.png'. Check the path; relative ones start at")
    refused(tmp_path, "got the folder")
    refused("a\0b", "null")
    refused(b"", "got no bytes. Replace")
    refused(plain("red", size=(0, 5)), "got no pixel. Replace")
    (tmp_path / "note.png").write_text("a note")
    refused(tmp_path / "note.png", "bytes that are no picture Pillow can read in the file '.*note.png'")


@pytest.mark.parametrize("url", ["https://example.org/a.png", "data:image/png;base64," + "A" * 5000])
def test_urls_are_not_fetched(url: str) -> None:
    refused(url, f"got the URL '{url[:40]}.*: download the pictures")


@pytest.mark.parametrize(
    ("array", "limit"),
    [
        (np.full((4, 4), 1.5), 1),
        (np.full((4, 4), -0.1), 1),
        (np.full((4, 4), np.nan), 1),
        (np.full((4, 4), np.inf), 1),
        (np.full((4, 4), 256), 255),
        (np.full((4, 4), -1), 255),
        (np.full((4, 4, 3), 65535, dtype=np.uint16), 255),
    ],
)
def test_an_array_out_of_range_is_refused(array: np.ndarray, limit: int) -> None:
    refused(array, rf"values outside 0\.\.{limit}")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP", "AVIF"])
def test_damaged_pictures_are_read_or_refused_and_nothing_else(kind: str, rng: np.random.Generator) -> None:
    Pillow.init()
    if kind not in Pillow.SAVE:
        pytest.skip(f"this Pillow writes no {kind}")
    whole = encoded(plain("red", size=(9, 9)), kind)
    refusals = 0
    for _ in range(150):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), size=rng.integers(1, 8)):
            damaged[place] = rng.integers(0, 256)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                pixels_of(damaged)
            except InputError:
                refusals += 1
    assert refusals > 0


# -- Cameras and layouts -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_orientation_is_turned_upright(kind: str, array: np.ndarray) -> None:
    upright = np.kron(array[:2, :3] // 128 * 255, np.ones((16, 16, 1), dtype=np.uint8))
    # What a camera held in each of the eight ways stores of one scene.
    stored = {
        **{1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1]},
        **{5: upright.swapaxes(0, 1), 6: np.rot90(upright), 7: np.rot90(upright, 2).swapaxes(0, 1)},
        8: np.rot90(upright, -1),
    }
    for orientation, pixels in stored.items():
        exif = Pillow.Exif()
        exif[0x0112] = orientation
        options = {"quality": 100} if kind in ("JPEG", "WEBP") else {}
        data = encoded(Pillow.fromarray(np.ascontiguousarray(pixels)), kind, exif=exif, **options)
        for form in (data, Pillow.open(io.BytesIO(data))):
            found = np.asarray(open_picture(form, where=WHERE)).astype(int)
            assert found.shape == upright.shape, orientation
            assert np.abs(found - upright).mean() < 20, orientation


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_is_none_changes_nothing(orientation: int, array: np.ndarray) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    assert np.array_equal(pixels_of(encoded(Pillow.fromarray(array), "PNG", exif=exif))[0], array)


def test_damaged_exif_is_no_reason_to_refuse_a_picture(array: np.ndarray, rng: np.random.Generator) -> None:
    exif = Pillow.Exif()
    exif[0x0112], exif[0x010E] = 6, "a scene"
    whole = exif.tobytes()
    for _ in range(100):
        damaged = bytearray(whole)
        for place in rng.integers(6, len(whole), size=3):
            damaged[place] = rng.integers(0, 256)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (found,) = pixels_of(encoded(Pillow.fromarray(array), "PNG", exif=bytes(damaged)))
        assert found.shape == array.shape


def test_pillows_warnings_of_pictures_that_are_read_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", SIZE**2 - 1)
    with warnings.catch_warnings(record=True) as shown:
        warnings.resetwarnings()
        # Its filter stands as in a program, where nothing else has set one.
        opened = importlib.reload(pictures).open_picture(encoded(plain("red"), "PNG"), where=WHERE)
    assert opened.size == (SIZE, SIZE)
    assert not shown


def test_floats_in_files_are_read_as_0_to_1() -> None:
    grey = Pillow.fromarray(np.full((SIZE, SIZE), 0.5, dtype=np.float32))
    assert (pixels_of(grey, encoded(grey, "TIFF")) == 128).all()
    refused(Pillow.fromarray(np.full((4, 4), 7.5, dtype=np.float32)), r"values outside 0\.\.1")


def test_animations_in_png_and_webp() -> None:
    frames = [plain("red"), plain("blue")]
    for kind in ("PNG", "WEBP"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=20, lossless=True)
        assert pixels_of(data)[0, 3, 3].tolist() == [255, 0, 0]


def test_enough_of_a_jpeg_is_still_four_times_what_is_wanted(rng: np.random.Generator) -> None:
    data = encoded(Pillow.fromarray(rng.integers(0, 256, (1000, 1600, 3), dtype=np.uint8)), "JPEG")
    sides = {enough: open_picture(data, where=WHERE, enough=enough).size for enough in (None, 16, 48, 400)}
    assert sides == {None: (1600, 1000), 16: (200, 125), 48: (400, 250), 400: (1600, 1000)}


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", 10)
    refused(encoded(plain("red"), "PNG"), r"could be decompression bomb DOS attack\. Replace")


@pytest.mark.parametrize(
    ("shape", "kind", "expected"),
    [
        *(((4, 5), "u1", True), ((4, 5, 1), "f4", True), ((4, 5, 3), "i8", True), ((4, 5, 4), "?", True)),
        *(((4, 5, 2), "u1", False), ((5,), "u1", False), ((2, 4, 5, 3), "u1", False), ((0, 5), "u1", False)),
        *(((4, 5), "c8", False), ((4, 5), "U1", False)),
    ],
)
def test_which_arrays_are_pictures(shape: tuple[int, ...], kind: str, expected: bool) -> None:
    assert is_picture_array(np.zeros(shape, dtype=kind)) is expected


# -- Grey of more than 8 bits ------------------------------------------------------------------------------------------

RAMP = np.arange(256, dtype=np.int64).reshape(SIZE, SIZE)


def files_of(array: np.ndarray, *kinds: str) -> list[Any]:
    picture = Pillow.fromarray(array)
    return [picture, *(encoded(picture, kind) for kind in kinds)]


@pytest.mark.parametrize(
    ("array", "kinds"),
    [
        (RAMP.astype(np.int32), ["TIFF"]),
        (RAMP.astype(np.uint16), ["TIFF", "PNG"]),
        ((RAMP * 4095 // 255).astype(np.uint16), ["TIFF", "PNG"]),
        ((RAMP * 4095 // 255).astype(np.int32), ["TIFF"]),
        ((RAMP * 257).astype(np.uint16), ["TIFF", "PNG"]),
        ((RAMP * 257).astype(np.int32), ["TIFF"]),
    ],
    ids=["8 in 32", "8 in 16", "12 in 16", "12 in 32", "16", "16 in 32"],
)
def test_whole_numbers_keep_their_grey(array: np.ndarray, kinds: list[str]) -> None:
    for found in pixels_of(*files_of(array, *kinds)):
        assert np.abs(found[..., 0].astype(int) - RAMP).max() <= 1


@pytest.mark.parametrize("largest", [4095, 900])
def test_a_tiff_of_12_bits_says_so(largest: int) -> None:
    values = RAMP * largest // 255
    packed = np.zeros((SIZE * SIZE // 2, 3), dtype=np.uint8)
    even, odd = values.ravel()[::2], values.ravel()[1::2]
    packed[:, 0], packed[:, 1], packed[:, 2] = even >> 4, (even & 15) << 4 | odd >> 8, odd & 255
    tags = {256: SIZE, 257: SIZE, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: SIZE, 279: packed.size}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    head = b"II*\0" + struct.pack("<I", 8 + packed.size)
    data = head + packed.tobytes() + struct.pack("<H", len(tags)) + entries + bytes(4)
    (found,) = pixels_of(data)
    assert np.abs(found[..., 0] - values * 255 / 4095).max() <= 1


@pytest.mark.parametrize("value", [-1, 65536, 2**31 - 1])
def test_whole_numbers_of_no_known_range_are_refused(value: int) -> None:
    array = RAMP.astype(np.int32)
    array[3, 3] = value
    for picture in files_of(array, "TIFF"):
        refused(picture, r"grey from .* which is not within 0\.\.65535. Bring it to 8 or 16 bits")


# -- What is not opened ------------------------------------------------------------------------------------------------


@pytest.mark.timeout(20)
def test_only_regular_files_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.png")
    with open("large.png", "wb") as file:
        file.truncate((1 << 28) + 1)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.png")
        for path, got in [
            ("pipe.png", "got a pipe, not a file: 'pipe.png'"),
            ("socket.png", "got a socket"),
            ("/dev/zero", "got a device, not a file"),
            ("/proc/self/maps", "got an empty file"),
            ("large.png", "got 268,435,457 bytes, more than 268,435,456"),
        ]:
            refused(path, got)


def test_a_picture_of_too_many_pixels_is_made_smaller_or_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_PIXELS", 10_000)
    large = plain("red", size=(400, 300))
    refused(encoded(large, "PNG"), "120,000 pixels, more than 10,000")
    refused(large, "120,000 pixels")
    assert open_picture(encoded(large, "JPEG"), where=WHERE, enough=16).size == (100, 75)
    refused(encoded(large, "JPEG"), "120,000 pixels")


def test_the_warning_of_very_many_pixels_is_shown_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pillow, "MAX_IMAGE_PIXELS", SIZE**2 - 1)
    data = encoded(plain("red"), "PNG")
    with warnings.catch_warnings(record=True) as shown:
        warnings.resetwarnings()
        importlib.reload(pictures).open_picture(data, where=WHERE)
        Pillow.open(io.BytesIO(data))
    assert [warning.category for warning in shown] == [Pillow.DecompressionBombWarning]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_strangers_picture_is_counted_by_its_header(kind: str) -> None:
    file = io.BytesIO()
    Pillow.new("RGB", (30, 20)).save(file, kind)
    assert count_pixels(file.getvalue(), where="row 0") == 600


def test_a_bomb_is_counted_and_rare_formats_are_refused() -> None:
    bomb, rare = io.BytesIO(), io.BytesIO()
    Pillow.new("1", (13_000, 9_000)).save(bomb, "PNG")
    assert count_pixels(bomb.getvalue(), where="row 0") == 117_000_000
    Pillow.new("RGB", (30, 20)).save(rare, "EPS")
    for data in (rare.getvalue(), b"", b"GIF89a"):
        with pytest.raises(InputError, match="row 0: want a picture: PNG, JPEG, WEBP, GIF, BMP, TIFF, got"):
            count_pixels(data, where="row 0")
