"""Vectors, series and sounds as rows of one length, for models that know nothing else."""

import numpy as np

import steradian as sr
from benchmarks.spoken_digits import RATE
from steradian.modalities.log_mel import log_mel
from steradian.modalities.waveform import decode_sound

__all__ = ["plain_features", "summary"]

QUARTILES = 0.25, 0.5, 0.75


def plain_features(objects: sr.ObjectTable) -> dict[str, np.ndarray]:
    """Each modality as numbers, float64 [objects, features], NaN where it is missing.

    Vectors stay as they are; of a series, and of a sound's log-mel frames, the `summary` counts.

    Args:
        objects: of vectors, series and sounds.
    """
    features = {}
    for place, (name, modality) in enumerate(objects.schema.modalities.items()):
        there, values = objects.present[:, place], objects.values[name]
        match modality:
            case sr.Series():
                rows = np.array([summary(series) for series in values["series"][there]])
            case sr.Audio():
                rows = np.array([summary(_frames(sound)) for sound in values["sound"][there]])
            case _:
                rows = values["values"][there]
        features[name] = np.full((len(objects), rows.shape[1]), np.nan)
        features[name][there] = rows
    return features


def summary(series: np.ndarray) -> np.ndarray:
    """Mean, deviation, minimum, maximum and quartiles of each channel and of its differences [14 x channels].

    Args:
        series: [steps, channels], at least two steps.
    """
    parts = []
    for steps in (series.astype(np.float64), np.diff(series.astype(np.float64), axis=0)):
        parts += [steps.mean(axis=0), steps.std(axis=0), steps.min(axis=0), steps.max(axis=0)]
        parts += list(np.quantile(steps, QUARTILES, axis=0))
    return np.concatenate(parts)


def _frames(sound: bytes) -> np.ndarray:
    return np.concatenate(log_mel(decode_sound(sound, RATE, where="a recording"), RATE))
