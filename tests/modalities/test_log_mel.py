"""Frames beside their definition."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steradian.modalities.log_mel import FLOOR, band_edges, log_mel, mel_filters

RATE = 16_000
SILENCE = math.log(FLOOR)


def noise(samples: int, random_state: int = 0) -> np.ndarray:
    return np.random.default_rng(random_state).normal(size=samples).astype(np.float32)


def tone(hertz: float, seconds: float, rate: int = RATE) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def slow_frames(samples: np.ndarray, rate: int) -> np.ndarray:
    """Log power [frames, bands] of one window, by the definitions alone."""
    length, hop = round(0.025 * rate), round(0.010 * rate)
    size = 1
    while size < length:
        size *= 2
    lowest, highest = 2595 * math.log10(1 + 50 / 700), 2595 * math.log10(1 + rate / 2 / 700)
    edges = [700 * (10 ** ((lowest + (highest - lowest) * i / 65) / 2595) - 1) for i in range(66)]
    powers = []
    for middle in range(0, len(samples) + 1, hop):
        frame = np.zeros(size)
        for i in range(length):
            place = middle - size // 2 + (size - length) // 2 + i
            if 0 <= place < len(samples):
                frame[(size - length) // 2 + i] = samples[place] * (0.5 - 0.5 * math.cos(2 * math.pi * i / length))
        phases = np.outer(np.arange(size // 2 + 1), np.arange(size)) * 2 * math.pi / size
        spectrum = (np.cos(phases) @ frame) ** 2 + (np.sin(phases) @ frame) ** 2
        bands = []
        for begin, top, end in zip(edges, edges[1:], edges[2:], strict=False):
            power = 0.0
            for i, part in enumerate(spectrum):
                hertz = i * rate / size
                if begin < hertz < end:
                    power += part * ((hertz - begin) / (top - begin) if hertz < top else (end - hertz) / (end - top))
            bands.append(power)
        powers.append(bands)
    return np.log(np.array(powers) / np.mean(powers) + 1e-5)


@pytest.mark.parametrize(("rate", "samples"), [(8_000, 333), (16_000, 1), (16_000, 500), (22_050, 700)])
def test_frames_are_what_their_definition_says(rate: int, samples: int) -> None:
    sound = noise(samples) * np.linspace(0.1, 1, samples, dtype=np.float32)
    (found,) = log_mel([sound], rate)
    assert found.dtype == np.float16
    np.testing.assert_allclose(found.astype(np.float64), slow_frames(sound, rate), atol=0.01)


@pytest.mark.parametrize("rate", [8_000, 11_025, 12_345, 16_000, 44_100, 48_000, 96_000, 200_000])
def test_every_band_hears_something_up_to_half_the_rate(rate: int) -> None:
    assert (mel_filters(rate).sum(axis=1) > 0.3).all()
    assert band_edges(rate)[-1] == pytest.approx(rate / 2)
    assert not mel_filters(rate)[:, 0].any(), "an offset is no sound"


@pytest.mark.parametrize("hertz", [200.0, 440.0, 1000.0, 3000.0, 7000.0])
def test_a_tone_is_heard_in_its_band(hertz: float) -> None:
    (frames,) = log_mel([tone(hertz, 0.2)], RATE)
    loudest = frames[5:15].argmax(axis=1)
    edges = band_edges(RATE)
    assert (edges[loudest] < hertz).all()
    assert (edges[loudest + 2] > hertz).all()


@settings(max_examples=20)
@given(st.floats(-3, 3), st.integers(1, 2000))
def test_loudness_has_no_influence(power: float, samples: int) -> None:
    sound = noise(samples)
    (plain,), (scaled,) = log_mel([sound], RATE), log_mel([sound * np.float32(10**power)], RATE)
    np.testing.assert_allclose(scaled, plain, atol=0.02)


def test_silence_is_silence() -> None:
    (frames,) = log_mel([np.zeros(1600, np.float32)], RATE)
    assert (frames == np.float16(SILENCE)).all()
    assert log_mel([], RATE) == []


def test_windows_of_a_sound_keep_their_loudness_to_each_other() -> None:
    loud, soft = log_mel([noise(8000), 0.1 * noise(8000)], RATE)
    difference = (loud.astype(np.float64) - soft).mean()
    assert difference == pytest.approx(math.log(100), abs=0.01)
    whole = np.exp(np.concatenate([loud, soft]).astype(np.float64)).mean()
    assert whole == pytest.approx(1, abs=0.01)
