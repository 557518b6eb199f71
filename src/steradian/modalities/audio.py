"""Sounds: paths, bytes of a file or (samples, rate), brought to one rate and kept as frames of log-mel power."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from steradian.data.modality import Columns, FittedModality, Items, Modality, ReadValues, Values, is_missing, shown
from steradian.data.prefetch import prefetched
from steradian.data.ragged import Ragged
from steradian.data.sets import ItemCells
from steradian.errors import ConfigError, InputError
from steradian.misspelt import telling_of_misspelt
from steradian.modalities.files import refuse_plain_text
from steradian.modalities.log_mel import BANDS, log_mel
from steradian.modalities.pretrained import encoder_name, fit_pretrained
from steradian.modalities.pretrained_items import Pooling
from steradian.modalities.sound_features import SoundFeatures
from steradian.modalities.waveform import RATES, Sound, decode_sound

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Audio", "FittedAudio"]

SAMPLE = 500
"""Training sounds, spread evenly over the table, from which means and standard deviations are learnt."""
LEAST_SPREAD = 0.25
"""Smallest standard deviation of a band, as a share of that of all bands: an empty band's noise stays small."""


@telling_of_misspelt
@dataclass(frozen=True)
class Audio(Modality):
    """A column of sounds: paths, bytes of sound files, or pairs (samples, rate); a list is a set of several sounds.

    Samples are integers or floats of any scale, [samples] or [samples, channels]. Channels are averaged, and the
    sound is resampled. Its loudness is taken out, since that says more of the microphone's distance than of what is
    heard. A sound longer than 10 s becomes a set of windows, cut evenly, at most 8 and then spread evenly. Empty text
    counts as missing. Reading files needs the extra "audio".

    Args:
        column: the column to read.
        rate: samples a second to which every sound is brought, 8,000 to 200,000; nothing above rate / 2 hertz counts.
        encoder: a folder or the name of a pretrained encoder on the hub, which has a rate of its own; None: our own.
        trainable: whether training changes a pretrained encoder; if not, it runs once for each distinct sound.
        pooling: "mean" or "cls": what of a pretrained encoder's output counts.

    Raises:
        ConfigError: a rate out of this range, or options of an encoder that cannot be.

    Examples:
        >>> Audio("clip").columns
        ('clip',)
    """

    column: str
    rate: int = 16_000
    encoder: str | None = None
    trainable: bool = False
    pooling: Pooling = "mean"

    holds_paths = True

    def __post_init__(self) -> None:
        if not isinstance(self.rate, int) or not 8_000 <= self.rate <= 200_000:
            raise ConfigError(
                want="an integer of samples a second from 8000 to 200000",
                got=repr(self.rate),
                where=f"Audio({self.column!r}, rate=...)",
                fix="16000, the default, suits speech; 32000 or 44100 music and the sounds of nature.",
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

    def read(self, columns: Columns) -> ReadValues:
        """Check the kinds of value; `sound` is an object array [objects]. Files are decoded later.

        Raises:
            InputError: a value that is no sound.
        """
        column = columns[self.column]
        sounds = np.empty(len(column), dtype=object)
        for row, cell in enumerate(column):
            if isinstance(cell, (list, tuple)) and not _is_pair(cell):
                items = [self._sound(item, row) for item in cell]
                sounds[row] = [item for item in items if item is not None] or None
            else:
                sounds[row] = self._sound(cell, row)
        return ReadValues({"sound": sounds}, np.array([sound is not None for sound in sounds], dtype=bool))

    def probe(self, item: Any) -> None:
        """Decode one item and let go of it; see `Modality.probe`."""
        sound = self._sound(item, 0)
        if sound is not None:
            decode_sound(sound, self.rate, where=_place(0, self.column))

    def _sound(self, item: Any, row: int) -> "str | Path | bytes | Sound | None":
        if is_missing(item) or (isinstance(item, str) and not item.strip()):
            return None
        refuse_plain_text(item, kind="sound", where=_place(row, self.column))
        if isinstance(item, (str, Path, bytes)):
            return item
        if isinstance(item, bytearray):
            return bytes(item)
        if not _is_pair(item):
            raise self._no_sound(shown(item), row)
        try:
            samples = np.asarray(item[0])
        except (TypeError, ValueError) as error:
            raise self._no_sound("samples that are no array of numbers", row) from error
        if samples.dtype.kind not in "fiu" or samples.ndim not in (1, 2) or not samples.size:
            raise self._no_sound(f"samples of shape {samples.shape} and type {samples.dtype}", row)
        if samples.ndim == 2 and samples.shape[1] > max(samples.shape[0], 8):
            raise self._no_sound(f"samples of shape {samples.shape}, which looks like [channels, samples]", row)
        if not RATES[0] <= item[1] <= RATES[1]:
            raise self._no_sound(f"a rate of {item[1]}", row)
        return Sound(samples, round(item[1]))

    def _no_sound(self, got: str, row: int) -> InputError:
        return InputError(
            want="a path, bytes of a sound file, or (samples, rate) with samples [samples] or [samples, channels]",
            got=got,
            where=_place(row, self.column),
            fix="Convert it, such as (array, 16000) for an array of 16,000 samples a second, or put None where the "
            "sound is missing.",
        )

    def fit(self, values: Values) -> FittedModality:
        """Learn each band's mean and standard deviation over the frames of up to 500 sounds, or fetch the encoder."""
        if self.encoder is not None:
            return fit_pretrained(self, "audio", values)
        sounds = ItemCells.of(values["sound"]).items
        chosen = sounds[np.unique(np.linspace(0, len(sounds) - 1, SAMPLE).astype(np.int64))]
        windows = [window for sound in _frames(self._readable, chosen, self.rate) for window in sound]
        # Where none can be read, `prepare` says so with the row, which is not known here.
        frames = np.concatenate(windows or [np.zeros((1, BANDS))]).astype(np.float64)
        std = np.maximum(frames.std(axis=0), LEAST_SPREAD * frames.std())
        std = np.where(std > 0, std, 1.0)
        return FittedAudio(self.column, self.rate, frames.mean(axis=0).astype(np.float32), std.astype(np.float32))

    def _readable(self, sound: Any) -> list[np.ndarray]:
        """The windows of a sound; none if it cannot be read."""
        try:
            return decode_sound(sound, self.rate, where=_place(0, self.column))
        except InputError:
            return []


@dataclass(frozen=True)
class FittedAudio(FittedModality):
    """Means and standard deviations of the training rows' log-mel power.

    Args:
        column: for messages.
        rate: samples a second to which sounds are brought.
        mean: float32 [bands].
        std: float32 [bands].
    """

    column: str
    rate: int
    mean: np.ndarray
    std: np.ndarray

    def prepare(self, values: Values, rows: np.ndarray) -> Items:
        """Turn each distinct sound into frames once; see `FittedModality.prepare`.

        Raises:
            InputError: a sound that cannot be read, with its row.
        """
        cells = ItemCells.of(values["sound"])
        numbers: dict[Any, int] = {}
        which = np.array([numbers.setdefault(_key(sound), len(numbers)) for sound in cells.items], dtype=np.int64)
        # Numbers were given in the order of first places, which is the order np.unique returns them in.
        first = np.unique(which, return_index=True)[1]
        inputs = zip(cells.items[first], cells.rows(rows)[first], strict=True)
        sounds = list(_frames(self._decode, inputs, self.rate))
        windows = [window for sound in sounds for window in sound] or [np.zeros((0, BANDS), np.float16)]
        # The numbers of the windows of each item, and then of each row.
        counts = np.array([len(sound) for sound in sounds], dtype=np.int64)
        taken = Ragged.from_lengths(np.arange(counts.sum()), counts).take(which)
        sizes = np.bincount(cells.rows(np.arange(len(rows))), taken.lengths, len(rows)).astype(np.int64)
        items = SoundItems(Ragged.from_rows(windows), taken.flat)
        return ItemCells(taken.flat, None if (sizes == 1).all() else sizes).grouped(items)

    def feature_inputs(self, items: Items, rows: np.ndarray) -> list[np.ndarray]:
        """Frames float32 [frames, bands] of each window."""
        sounds = cast(SoundItems, items)
        return [frames.astype(np.float32) for frames in sounds.frames.take(sounds.which[rows]).rows()]

    def feature_map(self, inputs: list[np.ndarray], *, most: int, novel: bool) -> SoundFeatures:
        """Whitened patches, random convolutions and statistics of the frames."""
        return SoundFeatures.fit(inputs, most=most)

    def tokenizer(self, width: int, dropout: float) -> "nn.Module":
        """A convolutional stem; a token for every 40 ms."""
        from steradian.modalities.log_mel_tokenizer import LogMelTokenizer

        return LogMelTokenizer(self.mean, self.std, rate=self.rate, width=width, dropout=dropout)

    def _decode(self, sound_and_row: tuple[Any, int]) -> list[np.ndarray]:
        sound, row = sound_and_row
        return decode_sound(sound, self.rate, where=_place(row, self.column))


@dataclass(frozen=True)
class SoundItems:
    """Windows of distinct sounds, and which of them the items are.

    Args:
        frames: float16, ragged [frames, bands].
        which: int64 [items].
    """

    frames: Ragged
    which: np.ndarray

    def __call__(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """`frames` float16 [frames of all items, bands], `lengths` int64 [items]."""
        taken = self.frames.take(self.which[rows])
        return {"frames": taken.flat, "lengths": taken.lengths}


def _place(row: int, column: str) -> str:
    return f"row {row} (counted from 0), column {column!r}"


def _is_pair(cell: Any) -> bool:
    """Whether a cell is (samples, rate): a number is no sound, so a list that ends in one is no list of sounds."""
    return (
        isinstance(cell, (list, tuple))
        and len(cell) == 2
        and isinstance(cell[1], (int, float, np.integer, np.floating))
        and not isinstance(cell[0], (str, bytes, int, float))
        and hasattr(cell[0], "__len__")
    )


def _key(sound: Any) -> Any:
    """The same for sounds that are surely the same."""
    return (id(sound.samples), sound.rate) if isinstance(sound, Sound) else sound


def _frames(decode: Callable[[Any], list[np.ndarray]], inputs: Iterable[Any], rate: int) -> Iterator[list[np.ndarray]]:
    """The windows of each sound as float16 [frames, bands]."""
    threads = os.cpu_count() or 1
    return prefetched(lambda given: log_mel(decode(given), rate), inputs, ahead=4 * threads, threads=threads)
