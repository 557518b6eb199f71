"""Sound as frames of log-mel power."""

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["BANDS", "band_edges", "log_mel", "mel_filters"]

BANDS = 64
"""Mel bands of a frame."""
WINDOW, HOP = 0.025, 0.010
"""Seconds of a frame, and seconds from one frame to the next: shorter than a phone, longer than most voices' period."""
LOWEST = 50.0
"""Hertz at which the lowest band begins: rumble lies below, voices above."""
FLOOR = 1e-5
"""Power added to every band, as a share of the sound's mean: what lies 50 dB below the mean counts as silence."""


def band_edges(rate: int) -> np.ndarray:
    """Hertz float64 [bands + 2], evenly spaced in mel; a band begins at one, is highest at the next, ends at the third.

    Args:
        rate: samples a second.

    Examples:
        >>> band_edges(16_000)[[0, -1]].round().tolist()
        [50.0, 8000.0]
    """
    lowest, highest = (2595.0 * math.log10(1.0 + hertz / 700.0) for hertz in (LOWEST, rate / 2))
    edges: np.ndarray = 700.0 * (10.0 ** (np.linspace(lowest, highest, BANDS + 2) / 2595.0) - 1.0)
    return edges


def mel_filters(rate: int) -> np.ndarray:
    """What each frequency of a frame's spectrum adds to each band: triangles of height 1, float32 [bands, frequencies].

    Args:
        rate: samples a second.

    Examples:
        >>> mel_filters(16_000).shape
        (64, 257)
    """
    size = _fft_size(rate)
    hertz = np.arange(size // 2 + 1) * (rate / size)
    begin, top, end = (band_edges(rate)[start : BANDS + start, None] for start in range(3))
    filters: np.ndarray = np.minimum((hertz - begin) / (top - begin), (end - hertz) / (end - top)).clip(min=0.0)
    return filters.astype(np.float32)


def log_mel(windows: Sequence[np.ndarray], rate: int) -> list[np.ndarray]:
    """The windows of one sound as log power, float16 [frames, bands] each, in units of the sound's mean power.

    Loudness tells more of distance and recording than of what is heard. Taking the mean out of the power, not of its
    logarithm, makes silence around the sound count for little; one number for all bands, frames and windows keeps the
    sound's color and its louder and softer parts, and so a steady hum is still told from another.

    Args:
        windows: float32 [samples] each, at least one sample.
        rate: samples a second.

    Examples:
        >>> beep = np.sin(np.arange(1600, dtype=np.float32))
        >>> log_mel([beep], 16_000)[0].shape
        (11, 64)
    """
    filters = mel_filters(rate).T
    powers = [_spectra(window, rate) @ filters for window in windows]
    mean = float(np.concatenate(powers).mean(dtype=np.float64)) if powers else 0.0
    scale = np.float32(1.0 / mean if mean > 0 else 1.0)
    return [np.log(power * scale + np.float32(FLOOR)).astype(np.float16) for power in powers]


def _spectra(samples: np.ndarray, rate: int) -> np.ndarray:
    """The power of each frequency of each frame float32 [frames, frequencies]; a frame's middle is a hop's start."""
    length, hop = round(WINDOW * rate), round(HOP * rate)
    padded = np.pad(samples, (length - length // 2, length))
    frames = np.lib.stride_tricks.sliding_window_view(padded, length)[: len(samples) + 1 : hop]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi / length * np.arange(length))
    spectra = np.fft.rfft(frames * hann.astype(np.float32), _fft_size(rate))
    power: np.ndarray = np.square(spectra.real) + np.square(spectra.imag)
    return power.astype(np.float32, copy=False)


def _fft_size(rate: int) -> int:
    """The least power of 2 that holds a frame."""
    return 1 << (round(WINDOW * rate) - 1).bit_length()
