"""Accuracy of classes added from a few examples, beside training again with these examples and with all objects."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import train_test_split

import steradian as sr
from benchmarks.shared_sets import read_set

__all__ = ["Row", "measure", "run"]

RETRAINED = "trained with all"
"""The row that the others are compared with."""
_LINE = "{:12} {:20} {:>7} {:>7} {:>7} {:>7} {:>9}"


@dataclass(frozen=True)
class Row:
    """A way to come by the new classes, on a set; lists have an entry a split, shares from 0 to 1.

    Args:
        set: its name.
        method: `RETRAINED`, or how many examples a class were added, or trained with.
        all: accuracy on the whole test part.
        new: on the test objects of the classes that were held back.
        old: on the others.
        expected: the mean confusion that `add_classes` reports; empty where nothing was added.
    """

    set: str
    method: str
    all: list[float]
    new: list[float]
    old: list[float]
    expected: list[float]

    def cells(self, reference: "Row") -> list[str]:
        """What is printed: means in percent, and the ratio of the mean accuracies to those of another row.

        Args:
            reference: that row.
        """
        numbers = [100 * float(np.mean(values)) for values in (self.all, self.new, self.old)]
        ratio = 100 * float(np.mean(self.all) / np.mean(reference.all))
        expected = f"{100 * np.mean(self.expected):.1f}" if self.expected else "-"
        return [self.set, self.method, *(f"{number:.1f}" for number in (*numbers, ratio)), expected]


def run(
    names: Sequence[str],
    folder: Path | None,
    *,
    splits: int,
    held_back: int = 8,
    examples: Sequence[int] = (1, 5, 10),
    options: Mapping[str, Any] | None = None,
    json_file: Path | None = None,
) -> list[Row]:
    """Print for each set the accuracies in percent and their ratio to training with all objects; the rows.

    Args:
        names: sets, by file name without .npz.
        folder: where they lie; None takes the variable STERADIAN_DATA.
        splits: random stratified 80:20 splits, seeds 0, 1, ...; each also draws the classes held back.
        held_back: how many classes the first model is not trained on.
        examples: how many training objects of each are then added; all, where there are fewer.
        options: of every model.
        json_file: for every split's numbers.
    """
    folder = folder or Path(os.environ.get("STERADIAN_DATA", "."))
    print(_LINE.format("set", "method", "all", "new", "old", "ratio", "expected"), flush=True)
    rows: list[Row] = []
    for name in names:
        path = folder / f"{name}.npz"
        if not path.is_file():
            sys.exit(f"{path} is not there: point --data or STERADIAN_DATA at the folder of the data sets")
        objects, _ = read_set(path)
        found = measure(name, objects, splits=splits, held_back=held_back, examples=examples, options=options or {})
        for row in found:
            print(_LINE.format(*row.cells(found[0])), flush=True)
        rows += found
    if json_file is not None:
        json_file.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
    return rows


def measure(
    name: str,
    objects: sr.ObjectTable,
    *,
    splits: int,
    held_back: int,
    examples: Sequence[int],
    options: Mapping[str, Any],
) -> list[Row]:
    """The rows of a set, that of `RETRAINED` first.

    Args:
        name: of the set.
        objects: all of its objects.
        splits: as of `run`.
        held_back: how many classes the first model is not trained on.
        examples: how many training objects of each are then added.
        options: of every model.
    """
    methods = [RETRAINED, *(f"{count} added" for count in examples), *(f"trained with {count}" for count in examples)]
    rows = {method: Row(name, method, [], [], [], []) for method in methods}
    for seed in range(splits):
        parts = train_test_split(np.arange(len(objects)), test_size=0.2, stratify=objects.labels, random_state=seed)
        train, test = (objects[part] for part in parts)
        rng = np.random.default_rng(seed)
        new = rng.choice(np.unique(train.labels), held_back, replace=False)
        order = rng.permutation(len(train))
        known = ~np.isin(train.labels, new)
        _score(rows[RETRAINED], _fit(train, seed, options), test, new)
        first = _fit(train[known], seed, options)
        for count in examples:
            chosen = np.concatenate([order[train.labels[order] == label][:count] for label in new])
            added = first.add_classes(train[chosen])
            confusions = [entry.confusion for entry in added.classes if entry.confusion is not None]
            _score(rows[f"{count} added"], first, test, new, expected=confusions)
            first.remove_classes(new)
            again = _fit(train[np.concatenate([np.flatnonzero(known), chosen])], seed, options)
            _score(rows[f"trained with {count}"], again, test, new)
    return list(rows.values())


def _fit(objects: sr.ObjectTable, seed: int, options: Mapping[str, Any]) -> sr.SphereEmbedder:
    return sr.SphereEmbedder(**{"verbose": False, "random_state": seed, **options}).fit(objects)


def _score(
    row: Row, model: sr.SphereEmbedder, test: sr.ObjectTable, new: np.ndarray, *, expected: Sequence[float] = ()
) -> None:
    right, held = model.predict(test) == test.labels, np.isin(test.labels, new)
    row.all.append(float(right.mean()))
    row.new.append(float(right[held].mean()))
    row.old.append(float(right[~held].mean()))
    row.expected.extend([float(np.mean(expected))] if expected else [])
