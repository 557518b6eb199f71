"""A small trained model of two modalities and five classes, and tables for it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steradian as sr

MakeObjects = Callable[..., sr.ObjectTable]
KINDS = np.array(["bowl", "cup", "jar", "lamp", "pan"])


def make_table(random_state: int, objects: int = 200, *, missing: float = 0.2) -> sr.ObjectTable:
    """Objects whose photo and title tell the kind; in some of them one of the two is missing."""
    rng = np.random.default_rng(random_state)
    kinds = np.arange(objects) % len(KINDS)
    lost = np.where(rng.random(objects) < missing, rng.integers(2, size=objects), -1)
    cells: dict[str, Any] = {"label": KINDS[kinds], "id": [f"s{random_state}-{row}" for row in range(objects)]}
    for m, name in enumerate(("photo", "title")):
        values = np.eye(6)[kinds] + (0.2 + 0.1 * m) * rng.normal(size=(objects, 6))
        cells[name] = [None if lost[row] == m else values[row] for row in range(objects)]
    return sr.read_objects(cells, sr.Schema({name: sr.Vector(name) for name in ("photo", "title")}, id="id"))


@pytest.fixture(scope="session")
def make_objects() -> MakeObjects:
    return make_table


def fit(**options: Any) -> sr.SphereEmbedder:
    fast = {"embedding_dim": 8, "width": 16, "heads": 2, "epochs": 15, "verbose": False}
    return sr.SphereEmbedder(**(fast | options)).fit(make_table(0))


@pytest.fixture(scope="session")
def model() -> sr.SphereEmbedder:
    return fit()


@pytest.fixture(scope="session")
def several_centers() -> sr.SphereEmbedder:
    return fit(subcenters=3)


@pytest.fixture(scope="session")
def network_alone() -> sr.SphereEmbedder:
    return fit(closed_form=False)


@pytest.fixture(scope="session")
def free() -> sr.SphereEmbedder:
    return fit(fusion="free", epochs=3)
