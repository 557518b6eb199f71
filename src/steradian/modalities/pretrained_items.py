"""From raw texts, pictures and sounds to what a pretrained encoder takes, and the digest each is known by."""

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np

from steradian.data.prefetch import prefetched
from steradian.data.ragged import Ragged
from steradian.data.regular_files import open_regular
from steradian.modalities.files import LARGEST_PICTURE, LARGEST_SOUND
from steradian.modalities.pictures import open_picture
from steradian.modalities.waveform import Sound, decode_sound

__all__ = ["ItemReader", "Kind", "Pooling", "item_digest"]

Kind = Literal["text", "image", "audio"]
Pooling = Literal["mean", "cls"]

CHARACTERS_A_TOKEN = 64
"""Characters a token stands for at most on average; what can only lie behind the last token is not read."""

MIN_SECONDS = 0.1
"""Shorter sounds are filled up with silence: encoders need some 25 ms for their first frame."""


@dataclass(frozen=True)
class ItemReader:
    """Brings raw items to an encoder's input.

    Args:
        processor: the encoder's tokenizer, image processor or feature extractor.
        kind: "text", "image" or "audio".
        columns: the user's columns, for messages.
    """

    processor: Any
    kind: Kind
    columns: str

    def arrays(self, items: Iterable[Any], rows: np.ndarray, *, compact: bool = False) -> list[list[np.ndarray]]:
        """The arrays of each item: its token ids, its pixels, or samples or frames [steps, ...] of each of its windows.

        Args:
            items: texts, pictures or sounds.
            rows: the user's row of each [items], for messages.
            compact: pixels as uint8 where that loses nothing, a quarter of the memory.

        Raises:
            InputError: an item that cannot be read.
        """
        if self.kind == "text":
            return [[ids] for ids in self._token_ids(items)]
        threads = os.cpu_count() or 1
        pairs = zip(items, rows, strict=True)
        # The libraries that decode and resize run without Python's lock; errors come in the order of rows.
        return list(prefetched(lambda pair: self._decoded(*pair, compact), pairs, ahead=4 * threads, threads=threads))

    def inputs(self, arrays: Sequence[list[np.ndarray]]) -> dict[str, np.ndarray]:
        """What `PooledEncoder` takes, of what `arrays` gave."""
        flat = [array for item in arrays for array in item]
        if not flat:
            return {"inputs": np.zeros((0, 1), np.float32)}
        if self.kind == "image":
            return {"inputs": np.stack([self._finished(pixels) for pixels in flat])}
        rows = Ragged.from_rows(flat)
        padded, _ = rows.padded(int(rows.lengths.max()))
        inputs = {"inputs": padded, "lengths": rows.lengths}
        if self.kind == "audio":
            inputs["windows"] = np.array([len(item) for item in arrays])
        return inputs

    def _token_ids(self, texts: Iterable[str]) -> list[np.ndarray]:
        limit = self.processor.model_max_length
        # The library takes no lone surrogates.
        plain = [text[: limit * CHARACTERS_A_TOKEN].encode("utf-8", "replace").decode() for text in texts]
        tokens = self.processor(plain, truncation=True, max_length=limit)["input_ids"] if plain else []
        # A vocabulary may have no word for a text, and a tokenizer none for its ends.
        return [np.array(ids or [self.processor.pad_token_id or 0], dtype=np.int64) for ids in tokens]

    def _decoded(self, item: Any, row: int, compact: bool) -> list[np.ndarray]:
        where = f"row {row} (counted from 0), column {self.columns!r}"
        return [self._pixels(item, where, compact)] if self.kind == "image" else self._windows(item, where)

    def _pixels(self, value: Any, where: str, compact: bool) -> np.ndarray:
        # An array and its layout, since of a PIL image three pixels high the library mistakes the height for channels.
        picture = np.asarray(open_picture(value, where=where))
        whole = self._process(picture, input_data_format="channels_last")
        if compact:
            resized = self._process(picture, do_rescale=False, do_normalize=False, input_data_format="channels_last")
            if resized.dtype == np.uint8 and np.array_equal(self._finished(resized), whole):
                return resized
        return whole

    def _finished(self, pixels: np.ndarray) -> np.ndarray:
        if pixels.dtype != np.uint8:
            return pixels
        return self._process(pixels, do_resize=False, do_center_crop=False, input_data_format="channels_first")

    def _process(self, picture: np.ndarray, **options: Any) -> np.ndarray:
        return np.asarray(self.processor(images=[picture], return_tensors="np", **options)["pixel_values"][0])

    def _windows(self, value: Any, where: str) -> list[np.ndarray]:
        rate = self.processor.sampling_rate
        name, least = self.processor.model_input_names[0], int(MIN_SECONDS * rate)
        windows = []
        for samples in decode_sound(value, rate, where=where):
            filled = np.pad(samples, (0, max(0, least - len(samples))))
            entries = self.processor(filled, sampling_rate=rate, return_tensors="np")
            windows.append(np.asarray(entries[name][0], dtype=np.float32))
        return windows


def item_digest(item: Any, *, kind: Kind, row: int, columns: str) -> bytes:
    """The SHA-256 of an item's raw bytes: of the text, the file, or the pixels or samples.

    Args:
        item: a text, picture or sound.
        kind: which of these.
        row: the user's row, for messages.
        columns: the user's columns, for messages.

    Raises:
        InputError: a file that cannot be read.

    Examples:
        >>> item_digest("red shoe", kind="text", row=0, columns="title").hex()[:8]
        '6e4f1f24'
    """
    if kind == "text":
        return sha256(item.encode("utf-8", "surrogatepass")).digest()
    where = f"row {row} (counted from 0), column {columns!r}"
    if isinstance(item, (str, Path)):
        most = LARGEST_PICTURE if kind == "image" else LARGEST_SOUND
        with suppress(OSError, ValueError), open_regular(item, most=most) as file:
            return file_digest(file, "sha256").digest()
    if isinstance(item, (bytes, bytearray)):
        return sha256(item).digest()
    if isinstance(item, Sound):
        samples = np.ascontiguousarray(item.samples)
        return sha256(f"{samples.shape} {samples.dtype} {item.rate}".encode() + samples.tobytes()).digest()
    if kind == "audio":
        # A path that cannot be read: it fails in the same way, and says so.
        decode_sound(item, 16_000, where=where)
    pixels = np.asarray(open_picture(item, where=where))
    return sha256(str(pixels.shape).encode() + pixels.tobytes()).digest()
