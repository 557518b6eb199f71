"""Every form in which pictures may come, alone and in lists, and the pixels they become."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as Pillow

from steradian.config import ModelConfig
from steradian.data.columns import to_objects
from steradian.errors import ConfigError, InputError
from steradian.modalities import Image, image
from steradian.modalities.tensors import to_tensors
from steradian.model.build import build_encoder

SIZE = 16


def pixels_of(*pictures: Any, size: int = SIZE, rows: Any = None) -> np.ndarray:
    """uint8 [pictures, size, size, 3] of pictures as a user gives them."""
    modality = Image("photo", size=size)
    read = modality.read({"photo": to_objects(pictures)})
    assert read.present.all()
    items = modality.fit(read.values).prepare(read.values, np.arange(len(pictures)) if rows is None else rows)
    return items(np.arange(len(pictures)))["pixels"]


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
    assert np.array_equal(items(np.array([0, 1]))["pixels"], column)


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
        ([[plain("red")]], "list"),
        ([plain("red"), [None]], "list"),
        ([np.zeros((2, 4, 4, 3))], r"an array of shape \(2, 4, 4, 3\)"),
        (np.zeros(5), r"an array of shape \(5,\)"),
        (np.zeros((4, 4, 2)), r"an array of shape \(4, 4, 2\)"),
        (np.zeros((1, 4, 4, 2)), r"an array of shape \(4, 4, 2\)"),
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
    real = image.open_picture
    monkeypatch.setattr(image, "open_picture", lambda value, **given: opened.append(value) or real(value, **given))
    modality = Image("photo", size=SIZE)
    values = modality.read({"photo": to_objects([first, second, first, first, second])}).values
    items = modality.fit(values).prepare(values, np.arange(5))
    assert sorted(map(id, opened)) == sorted(map(id, (first, second)))
    colors = items(np.array([4, 3, 2, 1, 0]))["pixels"][:, 0, 0].tolist()
    assert colors == [[0, 0, 255], [255, 0, 0], [255, 0, 0], [0, 0, 255], [255, 0, 0]]


def test_a_broken_picture_is_told_with_the_first_row_that_shows_it() -> None:
    good, broken = encoded(plain("red"), "PNG"), b"broken"
    with pytest.raises(InputError, match=r"^row 8 \(counted from 0\)"):
        pixels_of(good, broken, good, broken, rows=np.array([3, 8, 9, 20]))


def test_arrays_of_one_shape_are_not_taken_for_one_another(array: np.ndarray) -> None:
    views = [array, array[::-1], array.copy() // 2]
    assert np.array_equal(pixels_of(*views), np.stack(views))


def test_pictures_are_turned_upright_as_their_exif_says(tmp_path: Path) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    half = np.zeros((40, 80, 3), dtype=np.uint8)
    half[:, :40] = 255
    (tmp_path / "lying.jpg").write_bytes(encoded(Pillow.fromarray(half), "JPEG", quality=95, exif=exif))
    (pixels,) = pixels_of(tmp_path / "lying.jpg")
    assert (pixels[:6] > 250).all(), "what lay at the left stands at the top"
    assert (pixels[10:] < 5).all()


def test_a_large_jpeg_is_decoded_small_and_looks_the_same(rng: np.random.Generator) -> None:
    coarse = Pillow.fromarray(rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)).resize((1200, 900))
    small, whole = pixels_of(encoded(coarse, "JPEG", quality=95), coarse)
    assert int(np.abs(small.astype(int) - whole).max()) <= 16
    assert float(np.abs(small.astype(int) - whole).mean()) < 3


def test_a_broken_picture_among_many_is_told_by_its_first_row(array: np.ndarray) -> None:
    data = encoded(Pillow.fromarray(array), "PNG")
    pictures = [data + bytes([i]) for i in range(60)]
    pictures[17] = pictures[41] = b"broken"
    pictures[40] = b"worse"
    with pytest.raises(
        InputError, match=r"^row 117 \(counted from 0\), column 'photo': want a picture that can be read"
    ):
        pixels_of(*pictures, rows=np.arange(100, 160))


# -- Several pictures --------------------------------------------------------------------------------------------------


def vectors_of(cells: list[Any]) -> np.ndarray:
    """The level-1 vectors [rows, 8] of pictures, from weights that tell all of them apart."""
    modality = Image("photo", size=SIZE)
    read = modality.read({"photo": to_objects(cells)})
    assert read.present.all()
    fitted = modality.fit(read.values)
    torch.manual_seed(0)
    encoder = build_encoder({"photo": fitted}, ModelConfig(embedding_dim=8, width=8, heads=2)).eval()
    torch.nn.init.normal_(encoder.modalities[0].item_gates.weight)
    with torch.inference_mode():
        return encoder.modalities[0](
            to_tensors(fitted.prepare(read.values, np.arange(len(cells)))(np.arange(len(cells))))
        )[0].numpy()


@settings(max_examples=20)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=6), st.data())
def test_order_and_duplicates_do_not_matter(chosen: list[int], data: st.DataObject) -> None:
    pictures = [np.random.default_rng(i).integers(0, 256, (9, 9, 3), dtype=np.uint8) for i in range(5)]
    shuffled = data.draw(st.permutations(chosen + data.draw(st.lists(st.sampled_from(chosen), max_size=3))))
    one, other = vectors_of([[pictures[i] for i in chosen], tuple(pictures[i].copy() for i in shuffled)])
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_every_way_to_give_several_pictures(array: np.ndarray, tmp_path: Path) -> None:
    other = array[::-1].copy()
    (tmp_path / "a.png").write_bytes(encoded(Pillow.fromarray(array), "PNG"))
    cells = [
        [array, other],
        (other, array),
        np.stack([array, other]),
        [str(tmp_path / "a.png"), None, encoded(Pillow.fromarray(other), "PNG"), ""],
        [Pillow.fromarray(other), tmp_path / "a.png", float("nan")],
    ]
    vectors = vectors_of([*cells, array, [array], array[None]])
    np.testing.assert_allclose(vectors[:5], vectors[:1].repeat(5, axis=0), atol=1e-5)
    np.testing.assert_allclose(vectors[5:], vectors[5:6].repeat(3, axis=0), atol=1e-5)
    assert np.abs(vectors[0] - vectors[5]).max() > 1e-3


def test_grey_and_transparent_pictures_in_one_array(array: np.ndarray) -> None:
    grey = np.stack([array[..., :1], array[::-1, :, :1]])
    clear = np.concatenate([np.stack([array, array[::-1]]), np.zeros((2, SIZE, SIZE, 1), np.uint8)], axis=3)
    vectors = vectors_of([grey, [array[..., 0], array[::-1, :, 0]], clear, plain("white")])
    np.testing.assert_allclose(vectors[[0, 2]], vectors[[1, 3]], atol=1e-5)


def test_no_picture_at_all_is_missing() -> None:
    cells = [[], (), [None], [None, float("nan"), " "], np.zeros((0, 4, 4, 3), dtype=np.uint8), [plain("red"), None]]
    assert Image("photo").read({"photo": to_objects(cells)}).present.tolist() == [False] * 5 + [True]
    modality = Image("photo", size=SIZE)
    empty = modality.fit({}).prepare({"picture": to_objects([])}, np.arange(0))(np.arange(0))
    assert empty["pixels"].shape == (0, SIZE, SIZE, 3)


def test_a_broken_picture_in_a_list_is_told_with_its_row() -> None:
    with pytest.raises(InputError, match=r"^row 8 \(counted from 0\), column 'photo': want a picture that can be read"):
        pixels_of([plain("red"), plain("blue")], [plain("lime"), b"broken"], rows=np.array([3, 8]))


def test_trying_one_picture(array: np.ndarray) -> None:
    modality = Image("photo")
    for fine in (array, array[None], None, ""):
        modality.probe(fine)
    for broken in (b"broken", [[array]], 3):
        with pytest.raises(InputError):
            modality.probe(broken)
