"""The seven data sets of the claims, each as what one measurement needs, and two with whole classes left out."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import steradian as sr
from benchmarks.shared_sets import read_set
from benchmarks.spoken_digits import find_archive, paired
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.demo.emoji import emoji_columns, load_emoji, query_and_gallery, split_emoji, training_objects
from steradian.demo.job import SCHEMA as EMOJI_SCHEMA
from steradian.training.held_out import class_numbers

__all__ = ["QUICK_SET", "SETS", "UNSEEN", "ClaimSet", "Part", "load_claim_set"]

VIEWS = ("handwritten", "pie_faces", "scene15", "leaves100", "bdgp")
UNSEEN = "-unseen"
"""Behind the name of a set: a quarter of its classes is tested and no other is trained on or validated with."""
SETS = (*VIEWS, "digits", "emoji", f"pie_faces{UNSEEN}", f"leaves100{UNSEEN}")
QUICK_SET = "sklearn-digits"
"""The halves of scikit-learn's 8 x 8 digits as two modalities: needs nothing that is not installed."""
EMOJI_OBJECTS = 6
"""Training objects an emoji, of the demo's 14: the protocol's few steps would not see more."""


@dataclass(frozen=True)
class Part:
    """Objects to measure on.

    Args:
        queries: prepared, with class numbers.
        gallery: where to look them up: "means", the class means of the training objects; "others", the other queries;
            or prepared objects.
    """

    queries: PreparedObjects
    gallery: PreparedObjects | str


@dataclass(frozen=True)
class ClaimSet:
    """One split of one data set, prepared.

    Args:
        name: of the set.
        preprocessor: fitted on `fit`'s objects.
        fit: to train on.
        validation: for tuning and for the curve over training.
        test: for the last measurement.
        num_classes: of `fit`.
        batch_size: objects a step.
        steps: of a training.
    """

    name: str
    preprocessor: Preprocessor
    fit: PreparedObjects
    validation: Part
    test: Part
    num_classes: int
    batch_size: int
    steps: int


def load_claim_set(name: str, folder: Path, *, seed: int) -> ClaimSet:
    """A set's split by seed: a fifth of the objects is the test, a fifth of the others the validation.

    Args:
        name: one of `SETS`.
        folder: of the shared data sets; emoji come from the extra [demo].
        seed: of all splits.
    """
    if name == "emoji":
        return _emoji(seed)
    if name == QUICK_SET:
        return _known(name, *_halves(seed), seed=seed, steps=30)
    if name == "digits":
        train, test = paired(find_archive(folder), seed)
        # Five pictures a recording, as `benchmarks digits --paired` has them, are more than a curve needs.
        test = test[np.arange(0, len(test), 3)]
        return _known(name, train, test, seed=seed, steps=200)
    objects, _ = read_set(folder / f"{name.removesuffix(UNSEEN)}.npz")
    if name.endswith(UNSEEN):
        return _unseen(name, objects, seed=seed)
    rows = train_test_split(np.arange(len(objects)), test_size=0.2, stratify=objects.labels, random_state=seed)
    return _known(name, *(objects[part] for part in rows), seed=seed, steps=200)


def _halves(seed: int) -> tuple[sr.ObjectTable, sr.ObjectTable]:
    """Training and test objects of the upper and the lower half of a digit."""
    digits = load_digits()
    upper, lower = np.split(digits.data[:600], 2, axis=1)
    schema = sr.Schema({"upper": sr.Vector("upper"), "lower": sr.Vector("lower")})
    objects = sr.read_objects({"upper": upper, "lower": lower, "label": digits.target[:600]}, schema)
    return objects.split(test_size=0.2, random_state=seed)


def _known(name: str, train: sr.ObjectTable, test: sr.ObjectTable, *, seed: int, steps: int) -> ClaimSet:
    fit, validation = train.split(test_size=0.2, random_state=100 + seed)
    prepare, classes = _preparation(fit)
    parts = [Part(prepare(part), "means") for part in (validation, test)]
    return ClaimSet(name, prepare.preprocessor, prepare(fit), *parts, len(classes), 64, steps)


def _unseen(name: str, objects: sr.ObjectTable, *, seed: int) -> ClaimSet:
    classes = np.random.default_rng(seed).permutation(np.unique(objects.labels))
    quarter = len(classes) // 4
    tested, validated = classes[:quarter], classes[quarter : 2 * quarter]
    held_out = np.isin(objects.labels, classes[: 2 * quarter])
    prepare, known = _preparation(objects[~held_out])
    fit = prepare(objects[~held_out])
    parts = [Part(prepare(objects[np.isin(objects.labels, part)]), "others") for part in (validated, tested)]
    return ClaimSet(name, prepare.preprocessor, fit, *parts, len(known), 64, 200)


def _emoji(seed: int) -> ClaimSet:
    split = split_emoji(load_emoji(), random_state=seed)
    objects = training_objects(split.train, rows_per_emoji=EMOJI_OBJECTS, random_state=seed)
    fit = sr.read_objects(emoji_columns(objects), EMOJI_SCHEMA)
    prepare, classes = _preparation(fit)
    parts = []
    for emoji in (split.valid, split.test):
        sides = [
            sr.read_objects(emoji_columns(side), EMOJI_SCHEMA) for side in query_and_gallery(emoji, random_state=seed)
        ]
        parts.append(Part(*(prepare(side) for side in sides)))
    return ClaimSet("emoji", prepare.preprocessor, prepare(fit), *parts, len(classes), 128, 300)


@dataclass(frozen=True)
class _Preparation:
    preprocessor: Preprocessor
    classes: np.ndarray

    def __call__(self, objects: sr.ObjectTable) -> PreparedObjects:
        return self.preprocessor.prepare(objects, class_numbers(objects.labels, self.classes))


def _preparation(fit: sr.ObjectTable) -> tuple[_Preparation, np.ndarray]:
    classes = np.unique(fit.labels)
    return _Preparation(Preprocessor.fit(fit), classes), classes
