"""A model of two vector modalities, calibration objects with gaps, and objects of a class it never saw."""

import numpy as np
import pytest

import steradian as sr

SCHEMA = sr.Schema({"photo": sr.Vector("photo"), "title": sr.Vector("title")})


def make_objects(count: int, *, random_state: int, classes: int = 3, missing: float = 0.0) -> sr.ObjectTable:
    """Points around a corner a class; class number 3 and beyond are at corners of their own."""
    rng = np.random.default_rng(random_state)
    labels = np.arange(count) % classes
    names = np.array(["cup", "jar", "lamp", "vase", "wok"])
    columns: dict[str, list] = {"label": names[labels].tolist(), "photo": [], "title": []}
    for label in labels:
        lacks = rng.random(2) < missing
        lacks[rng.integers(2)] = False
        for name, lack in zip(("photo", "title"), lacks, strict=True):
            columns[name].append(None if lack else 2 * np.eye(5)[label] + rng.normal(size=5))
    return sr.read_objects(columns, SCHEMA)


@pytest.fixture(scope="package")
def model() -> sr.SphereEmbedder:
    return sr.SphereEmbedder(embedding_dim=8, width=16, heads=2, epochs=15, verbose=False).fit(
        make_objects(90, random_state=0)
    )


@pytest.fixture(scope="package")
def held_out() -> sr.ObjectTable:
    return make_objects(240, random_state=1, missing=0.3)


@pytest.fixture(scope="package")
def with_strangers() -> sr.ObjectTable:
    return make_objects(400, random_state=2, classes=5)
