"""Sounds as samples: files, bytes and (samples, rate), cut into windows, of one channel and one rate."""

import io
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from steradian.data.regular_files import open_regular
from steradian.errors import InputError, MissingExtraError
from steradian.modalities.files import LARGEST_SOUND, file_mistake

__all__ = ["RATES", "Sound", "count_samples", "decode_sound"]

WINDOW, MAX_WINDOWS = 10.0, 8
"""Seconds of a window at most, and windows of a sound at most: beyond 80 s its windows are spread over it evenly."""
BLOCK = 64
"""Samples that are resampled by one product at least."""
RATES = 1_000, 1_000_000
"""Samples a second of what is plausibly a sound; the header of a damaged file may say anything."""
SILENCE = 1e-6
"""Largest distance from its mean, as a share of the largest sample, below which a sound is a constant with rounding."""


@dataclass(frozen=True)
class Sound:
    """Samples and how many of them make a second.

    Args:
        samples: of any real type and scale, [samples] or [samples, channels].
        rate: in 1 / s.
    """

    samples: np.ndarray
    rate: int


def decode_sound(value: str | Path | bytes | Sound, rate: int, *, where: str) -> list[np.ndarray]:
    """The windows of a sound, float32 [samples], channels averaged, without offset, resampled.

    A sound of up to 10 s is one window, a longer one is cut evenly; of one beyond 80 s, eight windows of 10 s are
    read, spread evenly, so that its length costs neither time nor memory. What there is of a file cut short counts,
    as far as its format can be read so.

    Args:
        value: a path, the bytes of a file, or samples.
        rate: samples a second of what is returned.
        where: row and column, for messages.

    Raises:
        InputError: it cannot be read, has no sample, or one that is not finite.
        MissingExtraError: it must be decoded and soundfile is not installed.

    Examples:
        >>> second = Sound(np.sin(np.arange(8_000.0)), 8_000)
        >>> [len(window) for window in decode_sound(second, 16_000, where="row 0")]
        [16000]
    """
    try:
        pieces, before = _pieces(value, where)
        return [_resampled(piece, before, rate) for piece in _mono(pieces)]
    except MissingExtraError:
        raise
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        got, fix = _mistake(value, error)
        raise InputError("a sound that can be read", got, where, fix) from error


def count_samples(data: bytes, *, where: str) -> int:
    """The samples, times the channels, that decoding a stranger's sound would hold, by its header.

    Args:
        data: the bytes of a file.
        where: row and column, for messages.

    Raises:
        InputError: it cannot be read.
        MissingExtraError: soundfile is not installed.
    """
    soundfile = _soundfile(where)
    try:
        with soundfile.SoundFile(_Bytes(data)) as file:
            return int(file.channels) * sum(end - start for start, end in _spans(file.frames, file.samplerate))
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        got, fix = _mistake(data, error)
        raise InputError("a sound that can be read", got, where, fix) from error


def _soundfile(where: str) -> Any:
    try:
        import soundfile  # type: ignore[import-untyped]
    except (ImportError, OSError) as error:
        # An OSError says that the C library, which some platforms' wheels lack, is not installed.
        raise MissingExtraError("audio", "soundfile", where) from error
    return soundfile


def _pieces(value: str | Path | bytes | Sound, where: str) -> tuple[list[np.ndarray], int]:
    """The windows of a sound as they are [samples, channels], and its rate."""
    if isinstance(value, Sound):
        samples = value.samples.reshape(len(value.samples), -1)
        return [samples[start:end] for start, end in _spans(len(samples), value.rate)], value.rate
    soundfile = _soundfile(where)
    if not isinstance(value, bytes):
        # The C library would not say that there is no such file, and would wait for a pipe.
        open_regular(value, most=LARGEST_SOUND).close()
    pieces = []
    with soundfile.SoundFile(_Bytes(value) if isinstance(value, bytes) else str(value)) as file:
        if not RATES[0] <= file.samplerate <= RATES[1]:
            raise ValueError(f"a rate of {file.samplerate} samples a second")
        for start, end in _spans(file.frames, file.samplerate):
            file.seek(start)
            pieces.append(file.read(end - start, dtype="float32", always_2d=True))
        return pieces, file.samplerate


class _Bytes(io.BytesIO):
    """Bytes as a file that stays where it is when a damaged header leads before its beginning.

    The C library sees that and gives up; an exception within its call would end in a traceback on the terminal.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


def _spans(samples: int, rate: int) -> list[tuple[int, int]]:
    """Where the windows of a sound of so many samples start and end."""
    count = max(1, -(-samples // round(WINDOW * rate)))
    if count <= MAX_WINDOWS:
        return list(pairwise(samples * i // count for i in range(count + 1)))
    starts = [(samples - round(WINDOW * rate)) * i // (MAX_WINDOWS - 1) for i in range(MAX_WINDOWS)]
    return [(start, start + round(WINDOW * rate)) for start in starts]


def _mono(pieces: list[np.ndarray]) -> list[np.ndarray]:
    """The mean of the channels, without the windows' common offset, float32 [samples] within -2..2."""
    # A file whose header claims too much gives empty windows.
    pieces = [piece for piece in pieces if len(piece)]
    if not pieces:
        raise ValueError("no sample")
    if not all(np.isfinite(piece).all() for piece in pieces):
        raise ValueError("samples that are NaN or infinite")
    wide = [piece.astype(np.float64) for piece in pieces]
    top = max(float(np.abs(piece).max()) for piece in wide) or 1.0
    mono = [(piece / top).mean(axis=1) for piece in wide]
    offset = np.concatenate(mono).mean()
    mono = [piece - offset for piece in mono]
    if max(float(np.abs(piece).max()) for piece in mono) < SILENCE:
        mono = [np.zeros_like(piece) for piece in mono]
    return [piece.astype(np.float32) for piece in mono]


def _resampled(samples: np.ndarray, before: int, after: int) -> np.ndarray:
    """Samples at another rate, float32: what scipy.signal.resample_poly makes of them."""
    # Exact for the rates in use; rates of large primes are met to 0.1% (2 cents), with a filter that stays short.
    ratio = Fraction(after, before).limit_denominator(1000)
    if ratio == 1:
        return samples
    stretch, reach, matrix = _resampling(ratio)
    count = -(-len(samples) * ratio.numerator // ratio.denominator)
    blocks = -(-count // matrix.shape[1])
    padded = np.pad(samples, (reach, blocks * stretch + len(matrix)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, len(matrix))[: blocks * stretch : stretch]
    resampled: np.ndarray = (seen @ matrix).reshape(-1)[:count]
    return resampled


@lru_cache(maxsize=8)
def _resampling(ratio: Fraction) -> tuple[int, int, np.ndarray]:
    """A block of new samples is linear in a stretch of old ones.

    Returns:
        Old samples from one block to the next; how many more it sees before its first; the matrix float32 [old samples
        that a block sees, new samples of a block].
    """
    # Several rounds of a short ratio make a block, so that the product is worth its call.
    up, down = ratio.numerator, ratio.denominator
    rounds = -(-BLOCK // up)
    half = 10 * max(up, down)
    low_pass = np.sinc(np.arange(-half, half + 1) / max(up, down)) * np.kaiser(2 * half + 1, 5.0)
    low_pass *= up / low_pass.sum()
    reach = half // up
    old = np.arange(-reach, ((rounds * up - 1) * down + half) // up + 1)
    places = down * np.arange(rounds * up) - up * old[:, None] + half
    inside = (places >= 0) & (places < len(low_pass))
    return rounds * down, reach, np.where(inside, low_pass[places.clip(0, len(low_pass) - 1)], 0).astype(np.float32)


def _mistake(value: str | Path | bytes | Sound, error: Exception) -> tuple[str, str]:
    """What is wrong with a sound that cannot be read, and how to fix it."""
    if isinstance(error, RuntimeError):
        said = getattr(error, "error_string", str(error)).rstrip(".")
        error = ValueError(f"bytes that soundfile cannot read ({said})")
    return file_mistake(value, error, kind="sound")
