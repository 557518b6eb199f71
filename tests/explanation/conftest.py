"""Small trained models of up to six modalities with gates that differ, and tables for them."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import steradian as sr
from steradian.model import TwoPartEncoder, build_encoder

FAST: dict[str, Any] = {"embedding_dim": 8, "width": 16, "heads": 2, "epochs": 12, "verbose": False}
NAMES = tuple("abcdef")


def make_table(random_state: int, objects: int = 90, names: tuple[str, ...] = NAMES) -> sr.ObjectTable:
    """Three classes that the modalities tell apart more or less; each is missing in a third of the objects."""
    rng = np.random.default_rng(random_state)
    kinds = np.arange(objects) % 3
    present = rng.random((objects, len(names))) < 0.67
    present[np.arange(objects), rng.integers(len(names), size=objects)] = True
    cells: dict[str, Any] = {"label": [f"kind {kind}" for kind in kinds], "id": [f"s{row}" for row in range(objects)]}
    for m, name in enumerate(names):
        values = np.eye(4)[kinds] + (0.1 + 0.12 * m) * rng.normal(size=(objects, 4))
        cells[name] = [value if has else None for value, has in zip(values, present[:, m], strict=True)]
    return sr.read_objects(cells, sr.Schema({name: sr.Vector(name) for name in names}, id="id"))


def fit(fusion: str, names: tuple[str, ...] = NAMES, **options: Any) -> sr.SphereEmbedder:
    """A network alone whose gates and context then get weights that make them differ as much as they can."""
    alone = {"closed_form": False}
    model = sr.SphereEmbedder(**(FAST | alone | options), fusion=fusion).fit(make_table(0, names=names))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        if fusion != "free":
            nn.init.normal_(model.fitted_.encoder.fusion.gates.weight, std=0.7)
        if fusion == "context":
            nn.init.normal_(model.fitted_.encoder.fusion.context.weight, std=3.0)
    return model


@pytest.fixture(scope="session")
def make_objects() -> Callable[..., sr.ObjectTable]:
    return make_table


@pytest.fixture(scope="session")
def certified() -> sr.SphereEmbedder:
    return fit("certified")


@pytest.fixture(scope="session")
def context() -> sr.SphereEmbedder:
    return fit("context", context_limit=0.15)


@pytest.fixture(scope="session")
def several_centers() -> sr.SphereEmbedder:
    return fit("certified", subcenters=2)


@pytest.fixture(scope="session")
def closed_form() -> sr.SphereEmbedder:
    """A closed form without a network, whose gates are lengths."""
    return sr.SphereEmbedder(**(FAST | {"epochs": 0})).fit(make_table(0))


@pytest.fixture(scope="session")
def two_parts(closed_form: sr.SphereEmbedder) -> sr.SphereEmbedder:
    """Two networks beside a closed form, each with vectors and gates of its own."""
    model = deepcopy(closed_form)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        networks = [build_encoder(model.fitted_.preprocessor.modalities, model.fitted_.model_config) for _ in range(2)]
        for network in networks:
            nn.init.normal_(network.fusion.gates.weight, std=0.7)
    encoder = TwoPartEncoder(
        tuple(model.schema_.modalities),
        networks,
        embedding_dim=8,
        share=0.5,
        learned_gates=True,
        featured=[True] * len(NAMES),
    ).eval()
    model.fitted_ = replace(model.fitted_, encoder=encoder)
    return model


@pytest.fixture(scope="session")
def free() -> sr.SphereEmbedder:
    return fit("free", epochs=1)


@pytest.fixture(params=["certified", "context", "several_centers", "closed_form", "two_parts"])
def model(request: pytest.FixtureRequest) -> sr.SphereEmbedder:
    """Each kind of model that can be explained."""
    found: sr.SphereEmbedder = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="session")
def wide() -> sr.SphereEmbedder:
    """A model of ten modalities."""
    return fit("certified", names=tuple("abcdefghij"), epochs=1)
