"""Trainings made up, so that reports and pictures of them need none."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from steradian.evaluation import measure_vectors

MakeRecord = Callable[..., dict[str, Any]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Benchmarks are no part of the package: their tests run with the slow ones."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker("slow")


@pytest.fixture
def make_record() -> MakeRecord:
    """A tested training in the form of `claims.jsonl`."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 6)
    single = rng.normal(size=(18, 2, 4)) + 3 * np.eye(4)[labels][:, None]
    geometry = measure_vectors(single.sum(axis=1), labels, modality_vectors=single).to_dict()

    def make(
        method: str, scores: Sequence[float], *, name: str = "made", seed: int = 0, trial: int = 0, **changed: Any
    ) -> dict[str, Any]:
        steps = [10 * place for place in range(len(scores))]
        return {
            **{"set": name, "method": method, "trial": trial, "seed": seed, "tested": True},
            **{"options": {} if trial == 0 else {"learning_rate": 0.01}, "wall": 1.0},
            **{"steps": steps, "seconds": [0.5 + step / 10 for step in steps], "scores": list(scores)},
            **{"accuracy": scores[-1], "map_at_r": scores[-1] / 2, "linear_probe": 0.9, "geometry": geometry},
            **changed,
        }

    return make


@pytest.fixture
def _same_threads() -> Iterator[None]:
    """As many threads after a test as before: a measurement takes one."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
