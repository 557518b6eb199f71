"""The shared sets and their splits; accuracy with the library's defaults, beside plain models on the same splits."""

import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import steradian as sr
from benchmarks.plain_features import plain_features
from benchmarks.spoken_digits import TAKES, find_archive
from steradian.data.modality import Modality

PLAIN: dict[str, Callable[[int], ClassifierMixin]] = {
    "logistic regression": lambda seed: LogisticRegression(C=0.1, max_iter=500),
    "SVM": lambda seed: SVC(C=10),
    "random forest": lambda seed: RandomForestClassifier(500, random_state=seed),
    "MLP": lambda seed: MLPClassifier((256,), max_iter=60, alpha=1e-2, random_state=seed),
}
"""Models by seed, untuned, on the standardised columns of all modalities that the test has, side by side."""
FSDD = "fsdd"
"""The set of spoken digits."""
OURS = "defaults"
"""The row of `SphereEmbedder` with its defaults."""


@dataclass(frozen=True)
class Row:
    """A method on a set.

    Args:
        set: its name.
        method: a plain model's name, or options of ours.
        accuracies: in percent, one a split.
        balanced_errors: one a split.
        seconds: of a fit and a prediction, the mean.
    """

    set: str
    method: str
    accuracies: list[float]
    balanced_errors: list[float]
    seconds: float

    def __str__(self) -> str:
        accuracy = f"{np.mean(self.accuracies):7.2f} +-{np.std(self.accuracies):5.2f}"
        error = f"{np.mean(self.balanced_errors):8.4f} +-{np.std(self.balanced_errors):6.4f}"
        return f"{self.set:12} {self.method:30} {accuracy:>14} {error:>16} {self.seconds:5.1f}"


def run(names: Sequence[str], folder: Path | None, *, splits: int, options: Sequence[str], tune: bool) -> list[Row]:
    """Print a table: for each set and method, mean and spread over splits, and seconds a fit; its rows.

    Args:
        names: sets, as `open_set` takes them.
        folder: where they lie; None takes the variable STERADIAN_DATA.
        splits: as of `split_rows`.
        options: of `SphereEmbedder`, a row each, as "fusion=free" or "margin_kind=cosface,margin=0.1": of networks
            alone, unless "closed_form=true" is among them.
        tune: measure on a fifth of the training part instead of on the test part.
    """
    print(f"{'set':12} {'method':30} {'accuracy %':>14} {'balanced error':>16} {'s':>5}", flush=True)
    rows = []
    for name in names:
        parts = list(_parts(*open_set(name, folder), splits=splits, tune=tune))
        for method, fit in _methods(options):
            rows.append(_row(name, method, [fit(train, test, seed) for train, test, seed in parts]))
            print(rows[-1], flush=True)
    return rows


Result = tuple[np.ndarray, np.ndarray, float]
"""Labels, predictions and seconds."""


def _methods(options: Sequence[str]) -> Iterator[tuple[str, Callable[[sr.ObjectTable, sr.ObjectTable, int], Result]]]:
    for plain, make in PLAIN.items():
        yield plain, partial(_plain, make)
    for given in options or [OURS]:
        pairs = [] if given == OURS else [pair.split("=") for pair in f"closed_form=false,{given}".split(",")]
        yield given, partial(_steradian, {option: yaml.safe_load(value) for option, value in pairs})


def open_set(name: str, folder: Path | None) -> tuple[sr.ObjectTable, np.ndarray | None]:
    """A shared set by name, as `read_set` gives it.

    Args:
        name: of the file without .npz; "fsdd" for the recordings, which takes 0 to 4 test, or "fsdd_" and the name of
            the speaker who tests.
        folder: where the files lie; None takes the variable STERADIAN_DATA.
    """
    kind, _, speaker = name.partition("_")
    if kind == FSDD:
        recordings = find_archive(folder)
        official = recordings.speakers != speaker if speaker else recordings.takes >= TAKES
        if official.all():
            sys.exit(f"no speaker is named {speaker!r}: one of {', '.join(np.unique(recordings.speakers))}")
        return recordings.table(np.arange(len(official))), official
    path = (folder or Path(os.environ.get("STERADIAN_DATA", "."))) / f"{name}.npz"
    if not path.is_file():
        sys.exit(f"{path} is not there: point --data or STERADIAN_DATA at the folder of the data sets")
    return read_set(path)


def read_set(path: Path) -> tuple[sr.ObjectTable, np.ndarray | None]:
    """The objects of a set, and which of them its official split trains on, if it has one.

    Args:
        path: of an .npz file: modality_NAME are vectors, values_NAME the steps of all series and lengths_NAME their
            numbers.
    """
    columns: dict[str, Any] = {}
    modalities: dict[str, Modality] = {}
    with np.load(path) as arrays:
        for key in arrays:
            kind, _, name = key.partition("_")
            if kind == "modality":
                modalities[name], columns[name] = sr.Vector(name), arrays[key]
            elif kind == "values":
                ends = np.cumsum(arrays[f"lengths_{name}"])
                modalities[name], columns[name] = sr.Series(name), np.split(arrays[key], ends[:-1])
        columns["label"] = arrays["label"]
        official = arrays.get("train")
    return sr.read_objects(columns, sr.Schema(modalities)), official


def split_rows(
    labels: np.ndarray, official: np.ndarray | None, *, splits: int
) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
    """Rows to train on, rows to test on and the seed of each split: the official one by each seed, or random ones.

    Args:
        labels: of all objects.
        official: bool [objects], the training part; None draws stratified 80:20 splits.
        splits: seeds 0, 1, ...
    """
    for seed in range(splits):
        if official is None:
            train, test = train_test_split(np.arange(len(labels)), test_size=0.2, stratify=labels, random_state=seed)
        else:
            train, test = np.flatnonzero(official), np.flatnonzero(~official)
        yield train, test, seed


def _parts(
    objects: sr.ObjectTable, official: np.ndarray | None, *, splits: int, tune: bool
) -> Iterator[tuple[sr.ObjectTable, sr.ObjectTable, int]]:
    """Training objects, test objects and the seed of each split."""
    for *rows, seed in split_rows(objects.labels, official, splits=splits):
        train, test = objects[rows[0]], objects[rows[1]]
        if tune:
            kept = [name for m, name in enumerate(objects.schema.modalities) if test.present[:, m].any()]
            train, test = train.split(test_size=0.2, random_state=100 + seed)
            # What the test part lacks is lacking here too.
            test = test.only(kept)
        yield train, test, seed


def _plain(make: Callable[[int], ClassifierMixin], train: sr.ObjectTable, test: sr.ObjectTable, seed: int) -> Result:
    begun = time.perf_counter()
    names = [name for m, name in enumerate(train.schema.modalities) if test.present[:, m].any()]
    features = [plain_features(part) for part in (train, test)]
    inputs, outputs = (np.concatenate([part[name] for name in names], axis=1) for part in features)
    with warnings.catch_warnings():
        # The MLP stops at 60 epochs by intent.
        warnings.simplefilter("ignore", ConvergenceWarning)
        fitted = make_pipeline(StandardScaler(), make(seed)).fit(inputs, train.labels)
    return test.labels, fitted.predict(outputs), time.perf_counter() - begun


def _steradian(options: Mapping[str, Any], train: sr.ObjectTable, test: sr.ObjectTable, seed: int) -> Result:
    begun = time.perf_counter()
    model = sr.SphereEmbedder(**{"verbose": False, "random_state": seed, **options}).fit(train)
    return test.labels, model.predict(test), time.perf_counter() - begun


def _row(name: str, method: str, results: Sequence[Result]) -> Row:
    accuracies = [100 * float(np.mean(labels == predicted)) for labels, predicted, _ in results]
    errors = [1 - float(balanced_accuracy_score(labels, predicted)) for labels, predicted, _ in results]
    return Row(name, method, accuracies, errors, float(np.mean([seconds for _, _, seconds in results])))
