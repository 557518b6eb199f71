"""Every form in which a picture may come, pictures that cannot be read, and the tokens."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor

from steradian.data.columns import to_objects
from steradian.errors import ConfigError, InputError
from steradian.modalities import Image, image

SIZE = 16


def pixels_of(*pictures: Any, size: int = SIZE, rows: Any = None) -> np.ndarray:
    """uint8 [pictures, size, size, 3] of pictures as a user gives them."""
    modality = Image("photo", size=size)
    read = modality.read({"photo": to_objects(pictures)})
    assert read.present.all()
    items = modality.fit(read.values).prepare(read.values, np.arange(len(pictures)) if rows is None else rows)
    return items(np.arange(len(pictures)))["pixels"].numpy()


def encoded(picture: Pillow.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, format=kind, **options)
    return file.getvalue()


def plain(color: Any, mode: str = "RGB", size: tuple[int, int] = (SIZE, SIZE)) -> Pillow.Image:
    return Pillow.new(mode, size, color)


@pytest.fixture
def array(rng: np.random.Generator) -> np.ndarray:
    """A picture of the size that is wanted, so that no resizing blurs it."""
    return rng.integers(0, 256, size=(SIZE, SIZE, 3), dtype=np.uint8)


# -- Reading -----------------------------------------------------------------------------------------------------------


def test_every_form_gives_the_same_pixels(array: np.ndarray, tmp_path: Path) -> None:
    picture = Pillow.fromarray(array)
    data = encoded(picture, "PNG")
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    opaque = np.dstack([array, np.full((SIZE, SIZE), 255, dtype=np.uint8)])
    forms = [
        *(
            array,
            array.astype(np.int64),
            array.astype(np.uint16),
            array / 255,
            (array / 255).astype(np.float32),
            opaque,
        ),
        *(picture, picture.convert("RGBA"), data, bytearray(data), path, str(path)),
    ]
    pixels = pixels_of(*forms)
    assert pixels.dtype == np.uint8
    for form, found in zip(forms, pixels, strict=True):
        assert np.array_equal(found, array), type(form)


def test_grey_arrays(array: np.ndarray) -> None:
    grey = array[..., 0]
    black_and_white = grey > 127
    found = pixels_of(grey, grey[..., None], grey / 255, black_and_white)
    expected = [grey, grey, grey, np.where(black_and_white, 255, 0)]
    assert np.array_equal(found, np.stack([np.dstack([each] * 3) for each in expected]))


def test_a_column_that_is_one_array(array: np.ndarray) -> None:
    column = np.stack([array, array[::-1]])
    read = Image("photo", size=SIZE).read({"photo": column})
    assert read.present.tolist() == [True, True]
    items = Image("photo", size=SIZE).fit(read.values).prepare(read.values, np.arange(2))
    assert np.array_equal(items(np.array([0, 1]))["pixels"].numpy(), column)


def test_missing_pictures() -> None:
    column = to_objects([None, plain("red"), float("nan"), np.nan, "", " \n"])
    assert Image("photo").read({"photo": column}).present.tolist() == [False, True, *[False] * 4]


@pytest.mark.parametrize(
    ("cell", "got"),
    [
        (3, "int 3"),
        (np.float64(7.87), r"float 7\.87"),
        ([[1, 2]], "list"),
        ({"a": 1}, "dict"),
        (np.zeros(5), r"an array of shape \(5,\)"),
        (np.zeros((4, 4, 2)), r"an array of shape \(4, 4, 2\)"),
        (np.zeros((1, 4, 4, 3)), r"an array of shape \(1, 4, 4, 3\)"),
        (np.zeros((0, 4)), r"an array of shape \(0, 4\)"),
        (np.zeros((4, 4), dtype=complex), "complex"),
        (np.array([["a"]]), "<U1"),
    ],
)
def test_what_is_no_picture_is_refused_with_its_row_and_column(cell: Any, got: str) -> None:
    with pytest.raises(InputError, match=rf"^row 1 \(counted from 0\), column 'photo': want a path.*{got}"):
        Image("photo").read({"photo": to_objects([None, cell, plain("red")])})


@pytest.mark.parametrize("size", [0, -8, 7, 12, 48.0, "48", None, True])
def test_a_size_that_cannot_be_cut_into_patches_is_refused(size: Any) -> None:
    with pytest.raises(ConfigError, match="multiple of 8"):
        Image("photo", size=size)


# -- Decoding ----------------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (333, 217)])
def test_every_shape_is_brought_to_the_size(size: tuple[int, int]) -> None:
    pixels = pixels_of(plain((10, 200, 30), size=size), np.full((*size, 3), [10, 200, 30], dtype=np.uint8), size=24)
    assert pixels.shape == (2, 24, 24, 3)
    assert (pixels == [10, 200, 30]).all()


def test_up_stays_up_and_left_stays_left() -> None:
    picture = np.zeros((40, 80, 3), dtype=np.uint8)
    picture[:20, :40] = 255
    (pixels,) = pixels_of(picture)
    assert pixels[2, 2].tolist() == [255] * 3
    assert [pixels[2, 13].max(), pixels[13, 2].max(), pixels[13, 13].max()] == [0, 0, 0]


@pytest.mark.parametrize("as_path", [True, False])
def test_each_distinct_picture_is_decoded_once(as_path: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").write_bytes(encoded(plain("red"), "PNG"))
    (tmp_path / "b.png").write_bytes(encoded(plain("blue"), "PNG"))
    first, second = (str(tmp_path / "a.png"), str(tmp_path / "b.png")) if as_path else (plain("red"), plain("blue"))
    opened = []
    real = image._open
    monkeypatch.setattr(image, "_open", lambda value: opened.append(value) or real(value))
    modality = Image("photo", size=SIZE)
    values = modality.read({"photo": to_objects([first, second, first, first, second])}).values
    items = modality.fit(values).prepare(values, np.arange(5))
    assert opened == [first, second]
    colors = items(np.array([4, 3, 2, 1, 0]))["pixels"][:, 0, 0].tolist()
    assert colors == [[0, 0, 255], [255, 0, 0], [255, 0, 0], [0, 0, 255], [255, 0, 0]]


def test_a_broken_picture_is_told_with_the_first_row_that_shows_it() -> None:
    good, broken = encoded(plain("red"), "PNG"), b"broken"
    with pytest.raises(InputError, match=r"^row 8 \(counted from 0\)"):
        pixels_of(good, broken, good, broken, rows=np.array([3, 8, 9, 20]))


def test_arrays_of_one_shape_are_not_taken_for_one_another(array: np.ndarray) -> None:
    views = [array, array[::-1], array.copy() // 2]
    assert np.array_equal(pixels_of(*views), np.stack(views))


# -- Pictures that cannot be read --------------------------------------------------------------------------------------


def refused(picture: Any, got: str = "") -> None:
    with pytest.raises(InputError, match=rf"^row 12 \(counted from 0\), column 'photo': want a picture .*{got}"):
        pixels_of(plain("red"), picture, rows=np.array([7, 12]))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_a_picture_cut_short_is_refused(kind: str, array: np.ndarray) -> None:
    data = encoded(Pillow.fromarray(np.tile(array, (4, 4, 1))), kind)
    for share in (0.1, 0.5, 0.8):
        refused(data[: int(share * len(data))])


@pytest.mark.parametrize("data", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", bytes(1000)])
def test_bytes_that_are_no_picture_are_refused(data: bytes) -> None:
    refused(data, "got bytes that are no picture Pillow can read. Replace")


def test_a_file_that_is_not_there_or_is_no_picture_is_refused(tmp_path: Path) -> None:
    refused(str(tmp_path / "nowhere.png"), "got no such file: '.*nowhere.png'. Check the path; relative ones start at")
    refused(tmp_path, "Error")
    refused("a\0b", "Error")
    for text in ("a note", ""):
        (tmp_path / "note.png").write_text(text)
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


# -- Tokens ------------------------------------------------------------------------------------------------------------


def tokenizer_and_pixels(array: np.ndarray, *, width: int = 12) -> tuple[Any, Tensor]:
    pictures = [array, array[::-1], array[:, ::-1]]
    return Image("photo", size=SIZE).fit({}).tokenizer(width, 0.2), torch.from_numpy(pixels_of(*pictures))


def input_of_stem(tokenizer: Any, pixels: Tensor) -> Tensor:
    seen: list[Tensor] = []
    handle = tokenizer.stem.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    tokenizer(pixels=pixels)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize(("size", "width", "patches"), [(8, 4, 1), (16, 12, 4), (48, 64, 36)])
def test_there_is_a_token_a_patch(size: int, width: int, patches: int) -> None:
    tokenizer = Image("photo", size=size).fit({}).tokenizer(width, 0.2)
    tokens = tokenizer(pixels=torch.zeros(2, size, size, 3, dtype=torch.uint8))
    assert tokens.values.shape == (2, patches, width)
    assert tokens.mask is None


def test_pixels_run_from_minus_1_to_1_with_channels_first(array: np.ndarray) -> None:
    tokenizer, pixels = tokenizer_and_pixels(array)
    picture = input_of_stem(tokenizer.eval(), pixels)
    expected = torch.from_numpy(array.astype(np.float32)).permute(2, 0, 1) * 2 / 255 - 1
    torch.testing.assert_close(picture[0], expected, rtol=0, atol=1e-6)


def test_pictures_change_in_training_only_and_each_by_its_own_draw(array: np.ndarray) -> None:
    tokenizer, pixels = tokenizer_and_pixels(array)
    tokenizer.eval()
    assert torch.equal(input_of_stem(tokenizer, pixels), input_of_stem(tokenizer, pixels))
    tokenizer.train()
    same = pixels[:1].expand(64, -1, -1, -1)
    changed = input_of_stem(tokenizer, same)
    assert len(torch.unique(changed.flatten(1), dim=0)) == 64
    assert not torch.equal(changed, input_of_stem(tokenizer, same))


def test_places_are_not_rounded_under_autocast(array: np.ndarray) -> None:
    tokenizer, pixels = tokenizer_and_pixels(array)
    torch.manual_seed(0)
    expected = input_of_stem(tokenizer, pixels)
    torch.manual_seed(0)
    with torch.autocast("cpu", torch.bfloat16):
        found = input_of_stem(tokenizer, pixels)
    assert found.dtype == torch.float32
    assert torch.equal(found, expected)


def in_training(picture: np.ndarray) -> Tensor:
    """What 500 draws make of a picture [64, 64, 3] of -1..1: float [500, 3, 64, 64]."""
    pixels = torch.from_numpy(((picture + 1) * 127.5).round().astype(np.uint8))
    return input_of_stem(Image("photo", size=64).fit({}).tokenizer(4, 0.2), pixels.expand(500, -1, -1, -1))


def test_pictures_are_turned_by_at_most_a_fifth_of_a_radian() -> None:
    ramp = np.broadcast_to(np.linspace(-1, 1, 64)[None, :, None], (64, 64, 3))
    inner = in_training(ramp)[:, 0, 22:42, 22:42]
    across, down = (inner[..., -1] - inner[..., 0]).mean(dim=1), (inner[:, -1] - inner[:, 0]).mean(dim=1)
    angles = torch.atan2(down, across)
    assert angles.abs().max() <= 0.21
    assert angles.min() < -0.18
    assert angles.max() > 0.18


def test_pictures_are_moved_by_at_most_a_tenth_of_their_side() -> None:
    halves = np.broadcast_to(np.where(np.arange(64) < 32, -1.0, 1.0)[None, :, None], (64, 64, 3))
    row = in_training(halves)[:, 0, 32]
    middle = (row.amin(dim=1) + row.amax(dim=1)) / 2
    border = (row < middle[:, None]).sum(dim=1)
    # Within a picture made smaller by a fifth, a tenth of the side is an eighth.
    assert border.min() >= 32 - 9
    assert border.max() <= 32 + 9
    assert border.min() <= 27
    assert border.max() >= 37


def test_colors_change_by_at_most_three_tenths_and_never_turn_into_others() -> None:
    grey = in_training(np.zeros((64, 64, 3)))
    assert (grey - grey[..., :1, :1]).abs().max() < 1e-4, "a plain picture stays plain"
    assert 0.25 < grey.abs().max() < 0.31
    red = in_training(np.broadcast_to([1.0, -1.0, -1.0], (64, 64, 3)))[..., 0, 0]
    lead = red[:, 0] - red[:, 1:].amax(dim=1)
    # 0.4 * (2 * 0.7 - 0.6) at the least, and 0.8 where nothing goes to grey.
    assert 0.3 < lead.min() < 0.8 < lead.max()


def test_the_place_of_a_patch_counts_and_other_pictures_do_not(array: np.ndarray) -> None:
    tokenizer, pixels = tokenizer_and_pixels(array)
    tokenizer.eval()
    whole = tokenizer(pixels=pixels).values
    for row in range(3):
        alone = tokenizer(pixels=pixels[row : row + 1]).values[0]
        torch.testing.assert_close(alone, whole[row], rtol=0, atol=1e-5)
    with torch.no_grad():
        before = tokenizer(pixels=pixels).values
        tokenizer.place += torch.arange(4.0)[:, None]
        moved = tokenizer(pixels=pixels).values - before
    torch.testing.assert_close(moved, torch.arange(4.0)[:, None].expand_as(moved), rtol=0, atol=1e-5)


def test_no_picture_at_all_and_gradients(array: np.ndarray) -> None:
    tokenizer, pixels = tokenizer_and_pixels(array)
    assert tokenizer(pixels=pixels[:0]).values.shape == (0, 4, 12)
    (tokenizer(pixels=pixels).values * torch.randn(3, 4, 12)).sum().backward()
    assert [name for name, p in tokenizer.named_parameters() if p.grad is None or not p.grad.any()] == []
    modality = Image("photo", size=SIZE)
    empty = modality.fit({}).prepare({"picture": to_objects([])}, np.arange(0))(np.arange(0))
    assert empty["pixels"].shape == (0, SIZE, SIZE, 3)
