"""Wrong labels put into public sets: which of them an audit lists, and how many right ones with them.

A share of the labels of one part of a set is exchanged for others, drawn evenly, so that the truth is known. Four
cases: a held-out part with the labels it came with; the same part with wrong labels; the part that the model itself was
trained on, wrong labels and all; and that part again, each third of it seen by a model trained on the other two.
"""

import os
import sys
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import steradian as sr
from benchmarks.shared_sets import read_set

OURS, PLAIN = "audit", "logistic regression"
FOLDS = 3
HELD_OUT = 0.4
"""The share of a set that is held out: a small part would hold too few wrong labels to count."""


@dataclass(frozen=True)
class Listed:
    """What a method makes of a table with known wrong labels.

    Args:
        set: its name.
        case: which part, seen by what.
        method: ours, or the plain one.
        seed: of the split, the wrong labels and the training.
        wrong: how many labels are.
        listed: how many objects the method lists.
        found: how many of the wrong ones are among them.
        average_precision: of the ranking of all objects; NaN without wrong labels.
        noise: the share of wrong labels as estimated; NaN where the method gives none.
        seconds: without training.
    """

    set: str
    case: str
    method: str
    seed: int
    wrong: int
    listed: int
    found: int
    average_precision: float
    noise: float
    seconds: float

    def __str__(self) -> str:
        precision = f"{self.found / self.listed:9.3f}" if self.listed else f"{'-':>9}"
        recall = f"{self.found / self.wrong:6.3f}" if self.wrong else f"{'-':>6}"
        counts = f"{self.wrong:5} {self.listed:6} {self.found:5}"
        return (
            f"{self.set:12} {self.case:22} {self.method:20} {self.seed:4} {counts} {precision} {recall} "
            f"{self.average_precision:6.3f} {self.noise:6.3f} {self.seconds:6.2f}"
        )


def run(names: Sequence[str], folder: Path | None, *, seeds: int = 2, share: float = 0.05, **options: Any) -> None:
    """Print a row for each set, seed, case and method.

    Args:
        names: sets, by file name without .npz.
        folder: where they lie; None takes the variable STERADIAN_DATA.
        seeds: of the split, the wrong labels and the training: 0, 1, ...
        share: of the labels that become wrong.
        options: of `SphereEmbedder`.
    """
    folder = folder or Path(os.environ.get("STERADIAN_DATA", "."))
    print(
        f"{'set':12} {'case':22} {'method':20} {'seed':>4} {'wrong':>5} {'listed':>6} {'found':>5} {'precision':>9} "
        f"{'recall':>6} {'AP':>6} {'noise':>6} {'s':>6}",
        flush=True,
    )
    for name in names:
        path = folder / f"{name}.npz"
        if not path.is_file():
            sys.exit(f"{path} is not there: point --data or STERADIAN_DATA at the folder of the data sets")
        objects, _ = read_set(path)
        for seed in range(seeds):
            for row in measure(name, objects, seed=seed, share=share, **options):
                print(row, flush=True)


def measure(name: str, objects: sr.ObjectTable, *, seed: int, share: float, **options: Any) -> Iterator[Listed]:
    """The rows of one set and seed.

    Args:
        name: of the set.
        objects: all of it.
        seed: of the split, the wrong labels and the training.
        share: of the labels that become wrong.
        options: of `SphereEmbedder`.
    """
    train, held_out = objects.split(test_size=HELD_OUT, random_state=seed)
    model = _fit(train, seed, options)
    noisy, wrong = exchange_labels(held_out, share, seed=seed)
    for case, table, truth in (
        ("held out, as it came", held_out, np.zeros(len(held_out), dtype=bool)),
        ("held out", noisy, wrong),
    ):
        whole = [(model, table, np.arange(len(table)))]
        yield from _rows(name, case, seed, truth, {OURS: _audited(whole, len(table)), PLAIN: _plain(train, table)})
    noisy, wrong = exchange_labels(train, share, seed=seed)
    whole = [(_fit(noisy, seed, options), noisy, np.arange(len(noisy)))]
    judged = {OURS: _audited(whole, len(noisy)), PLAIN: _plain(None, noisy)}
    yield from _rows(name, "training part", seed, wrong, judged)
    folds = KFold(FOLDS, shuffle=True, random_state=seed).split(noisy.labels)
    unseen = ((_fit(noisy[rest], seed, options), noisy[rows], rows) for rest, rows in folds)
    yield from _rows(name, "training part, unseen", seed, wrong, {OURS: _audited(unseen, len(noisy))})


def exchange_labels(objects: sr.ObjectTable, share: float, *, seed: int) -> tuple[sr.ObjectTable, np.ndarray]:
    """The same objects, some with another object's class as label, and which these are: bool [objects].

    Args:
        objects: labelled ones.
        share: of them.
        seed: of the draw.
    """
    rng = np.random.default_rng(seed)
    classes, numbers = np.unique(objects.labels, return_inverse=True)
    wrong = np.zeros(len(objects), dtype=bool)
    wrong[rng.choice(len(objects), size=max(1, round(share * len(objects))), replace=False)] = True
    numbers[wrong] = (numbers[wrong] + rng.integers(1, len(classes), size=wrong.sum())) % len(classes)
    return objects.with_labels(classes[numbers]), wrong


@dataclass(frozen=True)
class Judged:
    """What a method says of a table.

    Args:
        doubts: how much each label is doubted [objects].
        listed: bool [objects].
        noise: the estimated share of wrong labels; NaN for none.
        seconds: without training.
    """

    doubts: np.ndarray
    listed: np.ndarray
    noise: float
    seconds: float


def _audited(parts: Iterable[tuple[sr.SphereEmbedder, sr.ObjectTable, np.ndarray]], objects: int) -> Judged:
    """What audits say of all objects: of each part by the model that goes with it, at the rows it has among them."""
    doubts, listed, noise, seconds = np.zeros(objects), np.zeros(objects, dtype=bool), 0.0, 0.0
    for model, table, rows in parts:
        begun = time.perf_counter()
        found = model.audit(table, duplicates=False)
        seconds += time.perf_counter() - begun
        noise += found.noise * len(rows) / objects
        listed[rows[[finding.row for finding in found.of_kind("label")]]] = True
        # All that are nearer to another class, for the ranking; where no label is thought wrong, the rank alone tells.
        for finding in model.audit(table, duplicates=False, false_alarms=0.9999).of_kind("label"):
            doubts[rows[finding.row]] = 2 - finding.score - 1e-6 * finding.rank
    return Judged(doubts, listed, noise, seconds)


def _plain(train: sr.ObjectTable | None, table: sr.ObjectTable) -> Judged:
    """Logistic regression on standardised columns, fitted on another table or, without one, on the other folds.

    Labels are doubted by the probability of their class, and listed by confident learning's rule: another class has
    the largest probability of those that are as probable as they are on average for the objects that bear them.
    Source: Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels", JAIR 2021.
    """
    begun = time.perf_counter()
    classes = np.unique(table.labels if train is None else train.labels)
    numbers = np.searchsorted(classes, table.labels)
    fitted = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
    with warnings.catch_warnings():
        # A class may be in one fold alone, and the solver stops where it stops.
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        if train is None:
            folds = KFold(5, shuffle=True, random_state=0)
            probabilities = cross_val_predict(fitted, _columns(table), numbers, cv=folds, method="predict_proba")
        else:
            probabilities = fitted.fit(_columns(train), train.labels).predict_proba(_columns(table))
    own = probabilities[np.arange(len(numbers)), numbers]
    usual = np.bincount(numbers, weights=own, minlength=len(classes)) / np.maximum(np.bincount(numbers), 1)
    confident = np.where(probabilities >= usual, probabilities, -1.0)
    listed = (confident.max(axis=1) > 0) & (confident.argmax(axis=1) != numbers)
    return Judged(1 - own, listed, float("nan"), time.perf_counter() - begun)


def _columns(table: sr.ObjectTable) -> np.ndarray:
    return np.concatenate([values["values"] for values in table.values.values()], axis=1)


def _fit(table: sr.ObjectTable, seed: int, options: Mapping[str, Any]) -> sr.SphereEmbedder:
    return sr.SphereEmbedder(**{"verbose": False, "random_state": seed, **options}).fit(table)


def _rows(name: str, case: str, seed: int, wrong: np.ndarray, judged: Mapping[str, Judged]) -> Iterator[Listed]:
    for method, said in judged.items():
        precision = float(average_precision_score(wrong, said.doubts)) if wrong.any() else float("nan")
        yield Listed(
            set=name,
            case=case,
            method=method,
            seed=seed,
            wrong=int(wrong.sum()),
            listed=int(said.listed.sum()),
            found=int((said.listed & wrong).sum()),
            average_precision=precision,
            noise=said.noise,
            seconds=said.seconds,
        )
