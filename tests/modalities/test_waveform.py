"""Sounds of every depth, rate and length as samples, and those that cannot be read."""

import io
import math
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from steradian.errors import InputError, MissingExtraError
from steradian.modalities.waveform import Sound, count_samples, decode_sound

RATE = 16_000
WHERE = "row 12 (counted from 0), column 'clip'"


def tone(hertz: float, samples: int, rate: int = RATE) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(samples) / rate)


def encoded(samples: np.ndarray, rate: int = RATE, *, kind: str = "WAV", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def decoded(value: Any, rate: int = RATE) -> list[np.ndarray]:
    return decode_sound(value, rate, where=WHERE)


# -- Samples -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
def test_every_depth_gives_the_same_samples(subtype: str) -> None:
    samples = tone(440, 3200)
    (found,) = decoded(encoded(samples, subtype=subtype))
    assert found.dtype == np.float32
    np.testing.assert_allclose(
        found, samples / samples.max(), atol=0.05 if subtype in {"PCM_U8", "ULAW", "ALAW"} else 1e-3
    )


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF", "CAF", "W64"])
def test_every_container_gives_the_same_sound(kind: str) -> None:
    if kind not in soundfile.available_formats():
        pytest.skip(f"this libsndfile has no {kind}")
    (found,) = decoded(encoded(tone(440, 8000), kind=kind))
    assert len(found) == 8000
    spectrum = np.abs(np.fft.rfft(found))
    assert spectrum.argmax() == 220


def test_whole_numbers_may_have_an_offset_and_any_scale() -> None:
    samples = tone(440, 3200)
    expected = samples / samples.max()
    for form in (
        np.round(128 + 100 * samples).astype(np.uint8),
        np.round(2**60 * samples).astype(np.int64),
        (1e-3 * samples).astype(np.float16),
        1e300 * samples + 1e300,
        1e-300 * samples,
    ):
        (found,) = decoded(Sound(form, RATE))
        assert np.corrcoef(found, expected)[0, 1] > 0.999
        assert abs(found.mean()) < 1e-6


def test_channels_are_averaged() -> None:
    left, right = tone(300, 1600), tone(500, 1600)
    (found,) = decoded(Sound(np.stack([left, right], axis=1), RATE))
    (expected,) = decoded(Sound((left + right) / 2, RATE))
    assert np.corrcoef(found, expected)[0, 1] > 0.9999
    (nothing,) = decoded(Sound(np.stack([left, -left], axis=1), RATE))
    assert not nothing.any()


@pytest.mark.parametrize("samples", [np.zeros(500), np.full(500, 0.3), np.full(500, -7), np.ones((1, 2)), np.zeros(1)])
def test_what_does_not_move_is_silence(samples: np.ndarray) -> None:
    (found,) = decoded(Sound(samples, RATE))
    assert len(found) == len(samples)
    assert not found.any()


def test_clipped_sound_is_a_sound() -> None:
    (found,) = decoded(encoded(np.clip(4 * tone(440, 1600), -1, 1)))
    assert np.abs(found).max() == pytest.approx(1, abs=0.01)


# -- Rates -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [1_000, 8_000, 11_025, 22_050, 44_100, 48_000, 96_000, 192_000, 44_101, 999_983])
@pytest.mark.parametrize("after", [8_000, 16_000, 44_100])
def test_a_tone_keeps_its_pitch_and_length_at_every_rate(before: int, after: int) -> None:
    (found,) = decoded(Sound(tone(250, before, before), before), after)
    assert len(found) == pytest.approx(after, rel=1e-3)
    expected = tone(250, len(found), after)
    inner = slice(len(found) // 10, len(found) // 2)
    assert np.corrcoef(found[inner], expected[inner])[0, 1] > 0.98


def test_what_the_lower_rate_cannot_hold_is_filtered_out() -> None:
    samples = tone(500, 48_000, 48_000) + tone(11_000, 48_000, 48_000)
    (found,) = decoded(Sound(samples, 48_000), 16_000)
    spectrum = np.abs(np.fft.rfft(found[1000:15_000]))
    assert spectrum.argmax() == pytest.approx(500 * 14_000 / 16_000, abs=1)
    assert spectrum[3000:].max() < 0.01 * spectrum.max()


# -- Windows -----------------------------------------------------------------------------------------------------------


@given(seconds=st.floats(0.001, 200), rate=st.sampled_from([1_000, 1_013, 8_000]))
def test_windows_cover_a_sound_evenly(seconds: float, rate: int) -> None:
    samples = max(1, round(seconds * rate))
    ramp = np.arange(samples, dtype=np.float64)
    windows = decoded(Sound(ramp, rate), rate)
    starts = [round(float(window[0] * (samples - 1) + ramp.mean())) for window in windows]
    ends = [start + len(window) for start, window in zip(starts, windows, strict=True)]
    assert starts[0] == 0
    assert ends[-1] == samples
    assert len(windows) == min(8, math.ceil(samples / (10 * rate)))
    lengths = [len(window) for window in windows]
    assert max(lengths) <= 10 * rate
    assert max(lengths) - min(lengths) <= 1
    gaps = np.subtract(starts[1:], ends[:-1])
    assert (gaps >= 0).all()
    assert gaps.max(initial=0) - gaps.min(initial=2**40) <= 1
    assert len(windows) == 8 or not gaps.any()


def test_a_very_long_file_is_read_in_places_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "long.wav"
    samples = np.arange(300 * 1000) % 1000 / 1000
    path.write_bytes(encoded(samples, 1000))
    read: list[int] = []
    real = soundfile.SoundFile.read
    monkeypatch.setattr(
        soundfile.SoundFile, "read", lambda file, frames, **given: read.append(frames) or real(file, frames, **given)
    )
    for found, expected in zip(decoded(path, 1000), decoded(Sound(samples, 1000), 1000), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-3)
    assert read == [10_000] * 8


def test_windows_share_one_scale_and_offset() -> None:
    samples = np.concatenate([tone(100, 10_000, 1000), 0.1 * tone(100, 10_000, 1000)]) + 3.0
    loud, soft = decoded(Sound(samples, 1000), 1000)
    np.testing.assert_allclose(soft, 0.1 * loud, atol=1e-6)


# -- Sounds that cannot be read ----------------------------------------------------------------------------------------


def refused(value: Any, got: str = "") -> None:
    with pytest.raises(InputError, match=rf"^row 12 \(counted from 0\), column 'clip': want a sound .*{got}"):
        decoded(value)


@pytest.mark.parametrize("data", [b"no sound", b"RIFF\0\0\0\0WAVE", bytes(1000), b"fLaC" + bytes(100)])
def test_bytes_that_are_no_sound_are_refused(data: bytes) -> None:
    refused(data, r"bytes that soundfile cannot read \(.*\). Replace")


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "AIFF", "OGG"])
def test_a_file_cut_short_is_read_as_far_as_it_goes_or_refused(kind: str) -> None:
    whole = encoded(tone(440, 32_000), kind=kind)
    for share in (0.01, 0.3, 0.9):
        try:
            (found,) = decoded(whole[: int(share * len(whole))])
        except InputError:
            assert kind in {"FLAC", "OGG"}
        else:
            assert kind in {"WAV", "AIFF"}
            assert 0.8 * share < len(found) / 32_000 <= share


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "AIFF"])
def test_damaged_files_are_read_or_refused_and_nothing_else(kind: str, rng: np.random.Generator) -> None:
    whole = encoded(tone(440, 2000), kind=kind, subtype="FLOAT" if kind == "WAV" else None)
    refusals = 0
    for _ in range(60):
        damaged = bytearray(whole)
        for place in rng.integers(0, 100, size=rng.integers(1, 8)):
            damaged[place] = rng.integers(0, 256)
        try:
            windows = decoded(bytes(damaged))
        except InputError:
            refusals += 1
        else:
            assert windows and all(np.isfinite(window).all() and len(window) for window in windows)
    assert refusals > 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_finite_are_refused(value: float) -> None:
    samples = tone(440, 800)
    samples[5] = value
    refused(Sound(samples, RATE), "samples that are NaN or infinite. Replace the sound")
    refused(encoded(samples, subtype="FLOAT"), "samples that are NaN or infinite")
    refused(Sound(np.stack([tone(440, 800), samples], axis=1), RATE), "NaN or infinite")


def test_a_sound_of_no_sample_and_a_rate_of_nonsense_are_refused() -> None:
    refused(encoded(np.zeros(0)), "no sample")
    for rate in (0, 999, 2**31 - 1):
        data = bytearray(encoded(tone(440, 800)))
        data[24:28] = rate.to_bytes(4, "little")
        refused(bytes(data), "" if rate == 0 else f"a rate of {rate} samples a second")


def test_a_file_that_is_not_there_or_is_no_sound_is_refused(tmp_path: Path) -> None:
    refused(str(tmp_path / "nowhere.wav"), "got no such file: '.*nowhere.wav'. Check the path; relative ones start at")
    refused(tmp_path, "got the folder")
    refused("a\0b", "null")
    refused(b"", "got no bytes. Replace")
    (tmp_path / "note.wav").write_text("a note")
    refused(tmp_path / "note.wav", r"bytes that soundfile cannot read \(.*\) in the file '.*note.wav'")
    (tmp_path / "bare.raw").write_bytes(bytes(100))
    refused(tmp_path / "bare.raw", "samplerate must be specified in the file")


@pytest.mark.parametrize("url", ["https://example.org/a.wav", "data:audio/wav;base64," + "A" * 5000])
def test_urls_are_not_fetched(url: str) -> None:
    refused(url, f"got the URL '{url[:40]}.*: download the sounds")


def test_without_soundfile_the_extra_is_named_and_samples_do_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingExtraError, match=r"row 12 .*pip install 'steradian\[audio\]'"):
        decoded(b"bytes")
    assert len(decoded(Sound(tone(440, 800), RATE))[0]) == 800


@pytest.mark.timeout(20)
def test_only_regular_files_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.wav")
    for path, got in [
        ("pipe.wav", "a pipe, not a file"),
        ("/dev/zero", "a device, not a file"),
        ("/proc/self/maps", "an empty file"),
    ]:
        with pytest.raises(InputError, match=f"want a sound that can be read, got {got}"):
            decode_sound(path, 16_000, where="row 0")


def test_a_strangers_sound_is_counted_as_it_would_be_decoded() -> None:
    for samples, channels, expected in ((500, 1, 500), (500, 3, 1500), (100_000, 1, 80_000)):
        file = io.BytesIO()
        soundfile.write(file, np.zeros((samples, channels)), 1_000, format="WAV")
        assert count_samples(file.getvalue(), where="row 0") == expected
    for data in (b"", b"RIFF", b"no sound"):
        with pytest.raises(InputError, match="row 0: want a sound that can be read"):
            count_samples(data, where="row 0")
