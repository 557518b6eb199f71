"""Spoken digits (FSDD) from raw wav files, alone and paired with written ones, with the library's defaults."""

import os
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import steradian as sr
from steradian.modalities.log_mel import log_mel
from steradian.modalities.waveform import decode_sound

ARCHIVE = "fsdd_recordings.tar.gz"
RATE = 8_000
"""Of the recordings; the plain models see log-mel frames of it, ours resamples to its default."""
FRAMES = 16
"""Frames to which the plain models' inputs are resized, since they need rows of one length."""
TAKES = 5
"""The official test part is takes 0 to 4 of each speaker and digit."""
PAIRS = 5
"""Test objects of each test recording, each with another picture: 300 recordings alone would tell 0.3 % at best."""


@dataclass(frozen=True)
class Recordings:
    """What the archive holds, in the order of its file names.

    Args:
        sounds: bytes of wav files.
        digits: labels [recordings].
        speakers: names [recordings].
        takes: int64 [recordings].
    """

    sounds: list[bytes]
    digits: np.ndarray
    speakers: np.ndarray
    takes: np.ndarray

    def table(self, rows: np.ndarray) -> sr.ObjectTable:
        """Objects of one modality, the sound."""
        columns = {"sound": [self.sounds[row] for row in rows], "label": self.digits[rows]}
        return sr.read_objects(columns, sr.Schema({"sound": sr.Audio("sound")}))


@dataclass(frozen=True)
class Split:
    """Rows to train and to test on."""

    name: str
    train: np.ndarray
    test: np.ndarray


def run(folder: Path | None, *, splits: Sequence[str] = (), seeds: int = 1, tune: bool = False) -> None:
    """Print a table of accuracy in percent: the official split, each speaker unseen, and the mean over speakers.

    Args:
        folder: where the archive lies; None takes the variable STERADIAN_DATA.
        splits: "official" and names of speakers; all by default.
        seeds: ours is fitted with seeds 0, 1, ... and the mean is shown.
        tune: test on takes 5 to 9 instead of 0 to 4, and on the next speaker instead of the unseen one, who is left out
            altogether: nothing of the test parts is seen.
    """
    recordings = find_archive(folder)
    inputs = resized_log_mel(recordings.sounds)
    methods: dict[str, Callable[[Split], float]] = {
        "logistic": lambda split: _plain(LogisticRegression(C=0.1, max_iter=500), inputs, recordings, split),
        "SVM": lambda split: _plain(SVC(C=10), inputs, recordings, split),
        "steradian": lambda split: _steradian(recordings, split, seeds=seeds),
    }
    print(f"{'test on':20}{'rows':>7}" + "".join(f"{name:>15}" for name in methods) + f"{'s a fit':>8}", flush=True)
    unseen = []
    for split in _splits(recordings, tune=tune):
        if splits and split.name not in splits:
            continue
        accuracies = []
        for name, measure in methods.items():
            _say(f"{split.name}: {name} ...")
            begun = time.perf_counter()
            accuracies.append(100 * measure(split))
            seconds = time.perf_counter() - begun
        _say("")
        _show(split.name, len(split.test), accuracies, seconds / seeds)
        unseen += [accuracies] if split.name != "official" else []
    if unseen:
        _show("mean over speakers", len(unseen), np.mean(unseen, axis=0), None)


def run_pairs(folder: Path | None, *, seeds: int) -> None:
    """Print accuracy in percent where an object is a spoken and a written digit, of which one may be missing.

    The written ones are scikit-learn's 8 x 8 pictures, 80:20 by seed; a recording of the official split is paired with
    random pictures of its digit.

    Args:
        folder: where the archive lies; None takes the variable STERADIAN_DATA.
        seeds: of the pairs, of the pictures' split and of training.
    """
    recordings = find_archive(folder)
    rows: dict[str, list[float]] = {}
    for seed in range(seeds):
        train, test = paired(recordings, seed)
        both = sr.SphereEmbedder(verbose=False, random_state=seed).fit(train)
        absent = np.random.default_rng(seed).permutation(len(test)) < len(test) // 2
        scores = {"both present": both.score(test)}
        for name in test.schema.modalities:
            single = sr.Schema({name: test.schema.modalities[name]})
            alone = sr.SphereEmbedder(verbose=False, random_state=seed).fit(sr.read_objects(train, single))
            scores[f"{name} only, trained on it alone"] = alone.score(sr.read_objects(test, single))
            scores[f"{name} only, trained on both"] = both.score(test.only(name))
            (other,) = set(test.schema.modalities) - {name}
            right = [both.predict(test[~absent]) == test.labels[~absent]]
            right += [both.predict(test[absent].only(other)) == test.labels[absent]]
            scores[f"{name} missing for half"] = float(np.concatenate(right).mean())
        for name, score in scores.items():
            rows.setdefault(name, []).append(100 * score)
    print(f"{len(train)} training and {len(test)} test objects, {seeds} seeds")
    for name, found in rows.items():
        print(f"{name:36} {np.mean(found):6.2f} +- {np.std(found):4.2f}", flush=True)


def paired(recordings: Recordings, seed: int) -> tuple[sr.ObjectTable, sr.ObjectTable]:
    """Training and test objects of a sound and a picture."""
    digits = load_digits()
    pictures, labels = digits.images / 16.0, digits.target.astype(str)
    sides = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=seed)
    official = next(_splits(recordings, tune=False))
    rng = np.random.default_rng(seed)
    schema = sr.Schema({"spoken": sr.Audio("spoken"), "written": sr.Image("written")})
    tables = []
    for rows, side in zip((official.train, np.repeat(official.test, PAIRS)), sides, strict=True):
        spoken = recordings.digits[rows]
        drawn = [rng.choice(side[labels[side] == digit]) for digit in spoken]
        columns = {"spoken": [recordings.sounds[row] for row in rows], "written": list(pictures[drawn])}
        tables.append(sr.read_objects({**columns, "label": spoken}, schema))
    train, test = tables
    return train, test


def find_archive(folder: Path | None) -> Recordings:
    """The recordings of a folder's archive.

    Args:
        folder: where it lies; None takes the variable STERADIAN_DATA.
    """
    path = (folder or Path(os.environ.get("STERADIAN_DATA", "."))) / ARCHIVE
    if not path.is_file():
        sys.exit(f"{path} is not there: point --data or STERADIAN_DATA at the folder of the data sets")
    return read_archive(path)


def read_archive(path: Path) -> Recordings:
    """The recordings, read in memory.

    Args:
        path: a tar file of wav files named digit_speaker_take.wav.
    """
    with tarfile.open(path) as archive:
        # In the archive's own order: each step back would unpack it from its start again.
        members = (member for member in archive if member.name.endswith(".wav"))
        sounds = {member.name: file.read() for member in members if (file := archive.extractfile(member))}
    names = sorted(sounds)
    digits, speakers, takes = zip(*(Path(name).stem.split("_") for name in names), strict=True)
    return Recordings(
        [sounds[name] for name in names], np.array(digits), np.array(speakers), np.array(takes, dtype=np.int64)
    )


def resized_log_mel(sounds: Sequence[bytes]) -> np.ndarray:
    """Log-mel frames of each sound at 16 places spread evenly over it, float32 [sounds, frames * bands].

    Args:
        sounds: bytes of wav files.
    """
    rows = []
    for number, sound in enumerate(sounds):
        (frames,) = log_mel(decode_sound(sound, RATE, where=f"recording {number}"), RATE)
        places = np.linspace(0, len(frames) - 1, FRAMES)
        before = np.floor(places).astype(int)
        share = (places - before)[:, None]
        rows.append((1 - share) * frames[before] + share * frames[np.minimum(before + 1, len(frames) - 1)])
    return np.stack(rows).reshape(len(sounds), -1).astype(np.float32)


def _splits(recordings: Recordings, *, tune: bool) -> Iterator[Split]:
    takes, speakers = recordings.takes, recordings.speakers
    official = (takes >= TAKES) & (takes < 2 * TAKES) if tune else takes < TAKES
    yield Split("official", np.flatnonzero(~official & (takes >= TAKES)), np.flatnonzero(official))
    names = np.unique(speakers)
    for unseen, following in zip(names, np.roll(names, -1), strict=True):
        tested = following if tune else unseen
        train = (speakers != unseen) & (speakers != tested)
        yield Split(str(tested), np.flatnonzero(train), np.flatnonzero(speakers == tested))


def _plain(model: ClassifierMixin, inputs: np.ndarray, recordings: Recordings, split: Split) -> float:
    fitted = make_pipeline(StandardScaler(), model).fit(inputs[split.train], recordings.digits[split.train])
    return float(fitted.score(inputs[split.test], recordings.digits[split.test]))


def _steradian(recordings: Recordings, split: Split, *, seeds: int) -> float:
    train, test = recordings.table(split.train), recordings.table(split.test)
    models = (sr.SphereEmbedder(verbose=False, random_state=seed).fit(train) for seed in range(seeds))
    return float(np.mean([model.score(test) for model in models]))


def _show(name: str, rows: int, accuracies: Sequence[float] | np.ndarray, seconds: float | None) -> None:
    shown = "".join(f"{accuracy:15.2f}" for accuracy in accuracies)
    print(f"{name:20}{rows:7}{shown}" + ("" if seconds is None else f"{seconds:8.0f}"), flush=True)


def _say(what: str) -> None:
    """What is being done, on a terminal."""
    if sys.stderr.isatty():
        print(f"\r{what:60}\r", end="", file=sys.stderr, flush=True)
