"""A small model of all kinds of column, its index and gallery, and a client that speaks to the application itself."""

import base64
import io
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

import steradian as sr

pytest.importorskip("fastapi")
pytest.importorskip("python_multipart")
from fastapi import FastAPI
from starlette.testclient import TestClient

from steradian.serve import FittedServedModel, Gallery, make_app

KINDS = {"cup": (200, 40, 40), "jar": (40, 200, 40), "<b>pot": (40, 40, 200)}


def make_picture(kind: str, random_state: int = 0, side: int = 24, **options: Any) -> bytes:
    noise = np.random.default_rng(random_state).normal(scale=15, size=(side, side, 3))
    file = io.BytesIO()
    Pillow.fromarray(np.clip(np.array(KINDS[kind]) + noise, 0, 255).astype(np.uint8)).save(file, "PNG", **options)
    return file.getvalue()


def make_table(random_state: int, objects: int = 45) -> sr.ObjectTable:
    rng = np.random.default_rng(random_state)
    kinds = np.arange(objects) % 3
    names = list(np.array([*KINDS])[kinds])
    table = {
        "title": [f"{name} {rng.integers(4)}" for name in names],
        "my photo": [make_picture(name, rng.integers(99)) for name in names],
        "price": kinds * 4 + rng.normal(size=objects),
        "shade": rng.choice(["dark", "light"], size=objects),
        "view": list(np.eye(3)[kinds] + 0.3 * rng.normal(size=(objects, 3))),
        "kind": names,
        "code": [f"s{row}" for row in range(objects)],
    }
    modalities = {
        "title": sr.Text("title"),
        "photo": sr.Image("my photo", size=16),
        "specs": sr.Tabular(numeric=["price"], categorical=["shade"]),
        "view": sr.Vector("view"),
    }
    return sr.read_objects(table, sr.Schema(modalities, label="kind", id="code"))


@pytest.fixture(scope="session")
def picture() -> Callable[..., bytes]:
    return make_picture


@pytest.fixture(scope="session")
def photo() -> str:
    """A picture of a cup in base64."""
    return base64.b64encode(make_picture("cup")).decode()


@pytest.fixture(scope="session")
def objects() -> sr.ObjectTable:
    return make_table(0)


@pytest.fixture(scope="session")
def model(objects: sr.ObjectTable) -> sr.SphereEmbedder:
    model = sr.SphereEmbedder(embedding_dim=8, epochs=0, verbose=False).fit(objects)
    model.calibrate(make_table(1, 90), coverage=0.9, subsets=[])
    return model


@pytest.fixture(scope="session")
def index(model: sr.SphereEmbedder, objects: sr.ObjectTable) -> sr.Index:
    return sr.Index.build(model, objects)


@pytest.fixture(scope="session")
def application(model: sr.SphereEmbedder, objects: sr.ObjectTable, index: sr.Index) -> Callable[..., FastAPI]:
    """Makes the application with other options."""

    def make(**options: Any) -> FastAPI:
        return make_app(FittedServedModel(model), index=index, gallery=Gallery(objects, index), **options)

    return make


@pytest.fixture(scope="session")
def client(application: Callable[..., FastAPI]) -> Iterator[TestClient]:
    with TestClient(application(title="Pots & pans"), raise_server_exceptions=False) as client:
        yield client
