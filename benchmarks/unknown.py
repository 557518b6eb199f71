"""Objects of unknown classes told by their angle, beside the largest softmax of a plain cross entropy."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from scipy.special import softmax
from sklearn.datasets import load_digits

import steradian as sr
from benchmarks.shared_sets import read_set
from steradian.data.batch import PreparedObjects
from steradian.demo.emoji import emoji_columns, load_emoji, query_and_gallery, split_emoji, training_objects
from steradian.demo.job import SCHEMA as EMOJI_SCHEMA
from steradian.metrics import auroc, false_positive_rate_at, oscr
from steradian.model import SphereEncoder, SphericalClassifier, class_cosines
from steradian.training.build_objective import build_objective
from steradian.training.imprint import imprint_class_means
from steradian.training.objectives.cross_entropy import LinearHead

__all__ = ["QUICK_SET", "SETS", "open_digits", "run"]

SETS = ("emoji", "pie_faces", "leaves100", "handwritten")
QUICK_SET = "sklearn-digits"
"""The halves of scikit-learn's 8 x 8 digits as two modalities: needs nothing that is not installed."""

_LINE = "{:15} {:42} {:>6} {:>6} {:>6} {:>9}"


@dataclass(frozen=True)
class OpenSet:
    """A split of a set.

    Args:
        train: objects of known classes.
        known: other objects of these classes.
        unknown: objects of other classes.
        options: of `SphereEmbedder`.
    """

    train: sr.ObjectTable
    known: sr.ObjectTable
    unknown: sr.ObjectTable
    options: dict[str, Any]


def run(names: Sequence[str], folder: Path | None, *, seeds: int) -> dict[tuple[str, str], np.ndarray]:
    """Print AUROC, FPR95, OSCR and accuracy on known objects in percent, means over seeds.

    Args:
        names: of `SETS`; all by default.
        folder: of the shared sets; None takes the variable STERADIAN_DATA.
        seeds: splits and trainings of each set.

    Returns:
        The shares of each seed by set and method [seeds, measures].
    """
    folder = folder or Path(os.environ.get("STERADIAN_DATA", "."))
    print(_LINE.format("set", "known or unknown by", "AUROC", "FPR95", "OSCR", "accuracy"), flush=True)
    found: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for name in names or SETS:
        for seed in range(seeds):
            for method, scores in measure(load_open_set(name, folder, seed=seed), seed=seed).items():
                found.setdefault((name, method), []).append(scores)
        for (of, method), scores in found.items():
            if of == name:
                cells = (f"{100 * score:.1f}" for score in np.mean(scores, axis=0))
                print(_LINE.format(name, method, *cells), flush=True)
    return {key: np.array(scores) for key, scores in found.items()}


def measure(part: OpenSet, *, seed: int) -> dict[str, tuple[float, ...]]:
    """AUROC, FPR95, OSCR and accuracy by method.

    Args:
        part: what to train and to measure on.
        seed: of the trainings.
    """
    # The last state of a training is measured, since the head of the plain cross entropy is kept for that one only.
    # Networks alone: the objectives are compared, not what a closed form knows already.
    options = {"random_state": seed, "verbose": False, "validation_fraction": 0.0, "closed_form": False, **part.options}
    ours = sr.SphereEmbedder(**options).fit(part.train)
    cosines = [class_cosines(ours.fitted_.classifier, ours.transform(table)) for table in (part.known, part.unknown)]
    right = ours.classes_[cosines[0].argmax(axis=1)] == part.known.labels
    plain, (weights, bias) = _plain(part.train, options)
    vectors = [plain.transform(table) for table in (part.known, part.unknown)]
    logits = [rows * rows.shape[1] ** 0.5 @ weights.T + bias for rows in vectors]
    plain_cosines = [class_cosines(plain.fitted_.classifier, rows) for rows in vectors]
    plain_right = plain.classes_[logits[0].argmax(axis=1)] == part.known.labels
    means_right = plain.classes_[plain_cosines[0].argmax(axis=1)] == part.known.labels
    scores = {
        "angle to the nearest center": (cosines, right),
        "its largest softmax": ([softmax(ours.scale_ * part, axis=1) for part in cosines], right),
        "plain cross entropy, largest softmax": ([softmax(part, axis=1) for part in logits], plain_right),
        "plain cross entropy, largest logit": (logits, plain_right),
        "plain cross entropy, angle to class mean": (plain_cosines, means_right),
    }
    return {
        method: _scores(*(np.asarray(table).max(axis=1) for table in tables), right=hits)
        for method, (tables, hits) in scores.items()
    }


def load_open_set(name: str, folder: Path, *, seed: int) -> OpenSet:
    """A set's split by seed: a quarter of its classes is unknown, of the others a fifth of the objects is tested.

    Args:
        name: one of `SETS`; of emoji the demo's test emoji, and of the others a seventh of the objects.
        folder: of the shared data sets; emoji come from the extra [demo].
        seed: of the split.
    """
    if name == "emoji":
        split = split_emoji(load_emoji(), random_state=seed)
        objects = sr.read_objects(emoji_columns(training_objects(split.train, random_state=seed)), EMOJI_SCHEMA)
        queries, _ = query_and_gallery(split.test, random_state=seed)
        train, known = objects.split(test_size=1 / 7, random_state=seed)
        unknown = sr.read_objects(emoji_columns(queries), EMOJI_SCHEMA)
        whole = known.present.all(axis=1)
        return OpenSet(train, known[whole], unknown, {"batch_size": 128, "epochs": 14})
    objects = open_digits() if name == QUICK_SET else read_set(folder / f"{name}.npz")[0]
    classes = np.random.default_rng(seed).permutation(np.unique(objects.labels))
    unknown = np.isin(objects.labels, classes[: len(classes) // 4])
    train, known = objects[~unknown].split(test_size=0.2, random_state=seed)
    return OpenSet(train, known, objects[unknown], {"epochs": 10} if name == QUICK_SET else {})


def _plain(train: sr.ObjectTable, options: dict[str, Any]) -> tuple[sr.SphereEmbedder, tuple[np.ndarray, np.ndarray]]:
    """A model of the plain cross entropy, and its head's weights [classes, dim] and bias [classes]."""
    heads: list[LinearHead] = []
    weights: list[np.ndarray] = []

    def build(*arguments: Any, **further: Any) -> Any:
        objective = build_objective(*arguments, **further)
        heads.append(objective.head)
        return objective

    def imprint(encoder: SphereEncoder, classifier: SphericalClassifier, objects: PreparedObjects) -> None:
        weights.append(classifier.weight.detach().numpy().copy())
        imprint_class_means(encoder, classifier, objects)

    # After training, class means take the place of the head's weights: keep them before.
    learner, training = (import_module(f"steradian.training.{name}") for name in ("learner", "train"))
    kept_head = mock.patch.object(learner, "build_objective", build)
    kept_weights = mock.patch.object(training, "imprint_class_means", imprint)
    with kept_head, kept_weights:
        model = sr.SphereEmbedder(**options, objective="cross_entropy").fit(train)
    return model, (weights[-1], heads[0].bias.detach().numpy())


def _scores(known: np.ndarray, unknown: np.ndarray, *, right: np.ndarray) -> tuple[float, ...]:
    return (
        auroc(known, unknown),
        false_positive_rate_at(known, unknown),
        oscr(known, right, unknown),
        float(right.mean()),
    )


def open_digits() -> sr.ObjectTable:
    """The halves of 600 of scikit-learn's digits as two modalities."""
    digits = load_digits()
    upper, lower = np.split(digits.data[:600], 2, axis=1)
    schema = sr.Schema({"upper": sr.Vector("upper"), "lower": sr.Vector("lower")})
    return sr.read_objects({"upper": upper, "lower": lower, "label": digits.target[:600]}, schema)
