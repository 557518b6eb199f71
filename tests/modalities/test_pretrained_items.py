"""Items reach an encoder as its own processor makes them, and are known by their raw bytes alone."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from steradian.errors import InputError
from steradian.modalities.pretrained_items import ItemReader, Kind, item_digest
from steradian.modalities.tensors import to_tensors
from steradian.modalities.waveform import Sound

NAMES = {"text": "bert", "image": "vit", "audio": "ast"}


def reader(encoders: Path, kind: Kind) -> ItemReader:
    auto = {
        "text": transformers.AutoTokenizer,
        "image": transformers.AutoImageProcessor,
        "audio": transformers.AutoFeatureExtractor,
    }[kind]
    return ItemReader(auto.from_pretrained(encoders / NAMES[kind], model_max_length=24), kind, "own")


def digest(item: Any, kind: Kind) -> bytes:
    return item_digest(item, kind=kind, row=0, columns="own")


def tensors(items: ItemReader, raw: list[Any], **options: bool) -> dict[str, torch.Tensor]:
    inputs = items.inputs(items.arrays(raw, np.arange(len(raw)), **options))
    return to_tensors(inputs)


def picture(rng: np.random.Generator, height: int = 21, width: int = 30) -> np.ndarray:
    return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)


def wav(samples: np.ndarray, rate: int = 16_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="FLOAT")
    return file.getvalue()


def test_texts_become_the_tokens_of_their_tokenizer(encoders: Path) -> None:
    items = reader(encoders, "text")
    texts = ["red shoe", "b", "x y " * 5000, "été 東京 🐙", "\ud800", "  "]
    found = tensors(items, texts)
    assert found.keys() == {"inputs", "lengths"}
    assert found["inputs"].shape == (6, 24)
    for row, text in enumerate([*texts[:4], "?", *texts[5:]]):
        expected = items.processor(text, truncation=True, max_length=24)["input_ids"]
        length = int(found["lengths"][row])
        assert found["inputs"][row, :length].tolist() == expected


def test_a_text_without_any_token_is_one_of_padding(encoders: Path) -> None:
    items = reader(encoders, "text")
    # Many tokenizers add no tokens at the ends, and of blanks they make nothing.
    items.processor.backend_tokenizer.post_processor = None
    plain = transformers.PreTrainedTokenizerFast(
        tokenizer_object=items.processor.backend_tokenizer, model_max_length=24
    )
    found = tensors(ItemReader(plain, "text", "own"), ["\u200d"])
    assert found["inputs"].tolist() == [[0]] and found["lengths"].tolist() == [1]


@pytest.mark.parametrize("compact", [False, True])
def test_pictures_become_the_pixels_of_their_processor(encoders: Path, rng: np.random.Generator, compact: bool) -> None:
    items = reader(encoders, "image")
    pictures = [picture(rng), picture(rng, 16, 16), Pillow.new("L", (9, 40), 77), picture(rng, 1, 1)]
    arrays = items.arrays(pictures, np.arange(4), compact=compact)
    assert {array.dtype for (array,) in arrays} == {np.dtype(np.uint8 if compact else np.float32)}
    found = torch.from_numpy(items.inputs(arrays)["inputs"])
    whole = [picture if isinstance(picture, Pillow.Image) else Pillow.fromarray(picture) for picture in pictures]
    expected = items.processor(images=[one.convert("RGB") for one in whole[:3]], return_tensors="pt")["pixel_values"]
    assert torch.equal(found[:3], expected)
    # Of one pixel, its colour.
    colours = torch.from_numpy(pictures[3].reshape(3, 1, 1)) / 127.5 - 1
    torch.testing.assert_close(found[3], colours.expand(3, 16, 16).float(), atol=1e-6, rtol=0)


def test_three_rows_of_pixels_are_not_three_channels(encoders: Path, rng: np.random.Generator) -> None:
    items = reader(encoders, "image")
    low = picture(rng, 3, 30)
    high = np.repeat(np.repeat(low, 16, axis=0), 16, axis=1)
    found = tensors(items, [low, high])["inputs"]
    assert (found[0] - found[1]).abs().mean() < 0.1


def test_a_processor_that_cannot_be_split_keeps_whole_pixels(encoders: Path, rng: np.random.Generator) -> None:
    """MobileViT's turns RGB to BGR each time it is called."""
    items = ItemReader(transformers.MobileViTImageProcessorPil(size={"shortest_edge": 16}), "image", "own")
    pictures = [picture(rng, 40, 40)]
    assert items.arrays(pictures, np.arange(1), compact=True)[0][0].dtype == np.float32
    assert torch.equal(tensors(items, pictures, compact=True)["inputs"], tensors(items, pictures)["inputs"])


def test_sounds_become_the_frames_of_their_extractor(encoders: Path, rng: np.random.Generator) -> None:
    items = reader(encoders, "audio")
    samples = rng.normal(size=6_000).astype(np.float32)
    samples = (samples - samples.mean()) / np.abs(samples).max()
    found = tensors(items, [wav(samples), Sound(samples[:, None], 16_000)])
    expected = items.processor(samples, sampling_rate=16_000, return_tensors="pt")["input_values"][0]
    torch.testing.assert_close(found["inputs"][0], expected, atol=1e-2, rtol=1e-3)
    torch.testing.assert_close(found["inputs"][1], expected, atol=1e-2, rtol=1e-3)
    assert found["lengths"].tolist() == [40, 40] and found["windows"].tolist() == [1, 1]


def test_long_sounds_have_windows_and_very_short_ones_enough_samples(encoders: Path, rng: np.random.Generator) -> None:
    waves = ItemReader(transformers.Wav2Vec2FeatureExtractor(), "audio", "own")
    raw = [Sound(rng.normal(size=(length, 1)), 16_000) for length in (400_000, 1, 4_000)]
    found = tensors(waves, raw)
    assert found["windows"].tolist() == [3, 1, 1]
    assert found["lengths"].tolist() == [133_333, 133_333, 133_334, 1_600, 4_000]
    assert found["inputs"].isfinite().all()
    assert tensors(reader(encoders, "audio"), raw)["inputs"].shape == (5, 40, 16)


@pytest.mark.parametrize("kind", NAMES)
def test_no_item_is_no_row(encoders: Path, kind: Kind) -> None:
    assert len(tensors(reader(encoders, kind), [])["inputs"]) == 0


@given(st.lists(st.text(), min_size=1, unique=True))
def test_texts_have_digests_of_their_own(texts: list[str]) -> None:
    digests = [digest(text, "text") for text in texts]
    assert len(set(digests)) == len(texts) and {len(one) for one in digests} == {32}


def test_files_are_known_by_their_bytes_wherever_they_are(tmp_path: Path, rng: np.random.Generator) -> None:
    for kind, content in (("audio", wav(rng.normal(size=100))), ("image", b"any bytes")):
        for name in ("one", "two"):
            (tmp_path / name).write_bytes(content)
        same = [content, bytearray(content), tmp_path / "one", str(tmp_path / "two")]
        assert len({digest(item, kind) for item in same}) == 1  # type: ignore[arg-type]
        (tmp_path / "one").write_bytes(content + b"!")
        assert digest(tmp_path / "one", kind) != digest(content, kind)  # type: ignore[arg-type]


def test_pictures_and_samples_are_known_by_what_they_hold(rng: np.random.Generator) -> None:
    pixels = picture(rng)
    other = pixels.copy()
    other[0, 0, 0] ^= 1
    same = [pixels, pixels.copy(), Pillow.fromarray(pixels), Pillow.fromarray(pixels).convert("RGBA")]
    assert len({digest(item, "image") for item in same}) == 1
    others = [other, pixels.swapaxes(0, 1).copy(), pixels.reshape(30, 21, 3)]
    assert len({digest(item, "image") for item in [pixels, *others]}) == 4
    samples = rng.normal(size=(8, 2))
    sounds = [Sound(samples, 8_000), Sound(samples, 16_000), Sound(samples.reshape(16, 1), 8_000)]
    sounds += [Sound(samples.astype(np.float32), 8_000), Sound(-samples, 8_000)]
    assert len({digest(sound, "audio") for sound in sounds}) == len(sounds)
    assert digest(Sound(samples.copy(), 8_000), "audio") == digest(sounds[0], "audio")


@pytest.mark.parametrize("kind", ["image", "audio"])
@pytest.mark.parametrize("path", ["nowhere.bin", "no\0file"])
def test_an_unreadable_item_is_named(encoders: Path, kind: Kind, path: str) -> None:
    with pytest.raises(InputError, match=r"row 7 \(counted from 0\), column 'own': want a"):
        item_digest(path, kind=kind, row=7, columns="own")
    with pytest.raises(InputError, match=r"row 7 \(counted from 0\), column 'own': want a"):
        reader(encoders, kind).arrays([path], np.array([7]))
    with pytest.raises(InputError, match=r"row 7 \(counted from 0\), column 'own': want a"):
        reader(encoders, kind).arrays([b"nonsense"], np.array([7]))


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["image", "audio"])
def test_only_regular_files_get_a_digest(kind: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), Path("/proc/self/maps")):
        with pytest.raises(InputError, match=r"want a (picture|sound) that can be read"):
            item_digest(path, kind=kind, row=7, columns="own")
