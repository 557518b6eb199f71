"""Writers that are killed at any instant: what was there is there afterwards, whole."""

import os
import random
import signal
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

import steradian as sr
from steradian.errors import SavedModelError

__all__ = ["run"]

LONGEST = 0.03
"""Seconds after which a writer is killed at the latest: some ten writings."""


def run(kills: int) -> Counter[str]:
    """Kill writers of a model, an index, a report and scores so many times; print what was lost of each.

    Args:
        kills: in all.
    """
    lost: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        writers = _writers(Path(folder))
        for kill in range(kills):
            name, (write, is_whole) = list(writers.items())[kill % len(writers)]
            write(0)
            _killed(write, after=random.Random(kill).uniform(0, LONGEST))
            lost[name] += not is_whole()
        for name in writers:
            print(f"{name:10} {len(range(list(writers).index(name), kills, len(writers))):5} kills {lost[name]:5} lost")
    return lost


def _killed(write: Callable[[int], None], *, after: float) -> None:
    """A process that writes one state after the other, ended as by a power cut."""
    with warnings.catch_warnings():
        # Newer Pythons warn of threads, which the child does not use.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        number = 0
        while True:
            write(number := number + 1)
    time.sleep(after)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def _writers(folder: Path) -> dict[str, tuple[Callable[[int], None], Callable[[], bool]]]:
    """By what is written: how to write one of two states, and whether one of them is there."""
    points, kinds = np.random.default_rng(0).normal(size=(60, 4)), np.arange(60) % 3
    points += 3 * np.eye(4)[kinds]
    models = [sr.SphereEmbedder(embedding_dim=8, epochs=0, verbose=False).fit(points[n:], kinds[n:]) for n in (0, 6)]
    vectors = [model.transform(points) for model in models]
    indexes = [sr.Index.build(model, points) for model in models]
    objects = sr.read_objects({"x": points, "kind": kinds}, sr.Schema({"x": sr.Vector("x")}, label="kind"))
    model = sr.SphereEmbedder(embedding_dim=8, epochs=0, verbose=False).fit(objects)
    scores = [sr.evaluate(model, objects[part:], floor="none", verbose=False) for part in (0, 6)]

    def model_is_whole() -> bool:
        try:
            found = sr.SphereEmbedder.load(folder / "model").transform(points)
        except SavedModelError:
            return False
        return any(np.array_equal(found, each) for each in vectors)

    def index_is_whole() -> bool:
        try:
            found = sr.Index.load(folder / "index").vectors
        except SavedModelError:
            return False
        return any(np.array_equal(found, each.vectors) for each in indexes)

    def scores_are_whole() -> bool:
        return (folder / "scores.json").read_text().rstrip().endswith("}")

    return {
        "model": (lambda number: models[number % 2].save(folder / "model"), model_is_whole),
        "index": (lambda number: indexes[number % 2].save(folder / "index"), index_is_whole),
        "scores": (lambda number: scores[number % 2].save(folder / "scores.json"), scores_are_whole),
    }
