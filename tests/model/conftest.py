"""Small encoders and a small table of all kinds of modality."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from steradian.config import ModelConfig
from steradian.data import ObjectTable, Schema, read_objects
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.data.modality import Tokens
from steradian.modalities import Image, Series, Tabular, Text, Vector
from steradian.model import Fusion, ModalityEncoder, SphereEncoder, build_encoder

WIDTH, DIM, FEATURES, TOKENS = 16, 12, 5, 3


class CountingTokenizer(nn.Module):
    """Three tokens an item, and how many items it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(FEATURES, TOKENS * WIDTH)
        self.seen = 0

    def forward(self, values: Tensor) -> Tokens:
        self.seen += len(values)
        return Tokens(self.project(values).unflatten(1, (TOKENS, WIDTH)))


@pytest.fixture
def modality_encoder() -> Callable[[], ModalityEncoder]:
    """Makes level-1 encoders of 5 features."""
    return lambda: ModalityEncoder(CountingTokenizer(), width=WIDTH, embedding_dim=DIM, depth=1, heads=4, dropout=0.1)


@pytest.fixture
def make_encoder(modality_encoder: Callable[[], ModalityEncoder]) -> Callable[..., SphereEncoder]:
    """Makes encoders of some modalities of 5 features, in evaluation mode, with gates that differ."""

    def make(*names: str, kind: str = "certified") -> SphereEncoder:
        fusion = Fusion(modalities=len(names), width=WIDTH, embedding_dim=DIM, kind=kind)
        if kind != "free":
            nn.init.normal_(fusion.gates.weight)
        return SphereEncoder({name: modality_encoder() for name in names}, fusion).eval()

    return make


@pytest.fixture
def objects(rng: np.random.Generator) -> ObjectTable:
    """23 objects of five modalities, each missing in about a third of them; lengths of all kinds differ."""
    count = 23
    words = ["red", "blue", "octopus", "ærø", "東京", "rather-long-words-that-go-on", "a"]
    present = rng.random((count, 5)) < 0.65
    present[~present.any(axis=1), 1] = True
    cells = {
        "picture": [rng.integers(0, 255, size=(9, 7, 3), dtype=np.uint8) for _ in range(count)],
        "title": [" ".join(rng.choice(words, size=rng.integers(1, 9))) for _ in range(count)],
        "price": rng.normal(size=count).tolist(),
        "omics": [rng.normal(size=4) for _ in range(count)],
        "motion": [rng.normal(size=(steps, 2)) for steps in rng.integers(1, 90, size=count)],
    }
    table = {
        name: [cell if has else None for cell, has in zip(column, present[:, m], strict=True)]
        for m, (name, column) in enumerate(cells.items())
    }
    schema = Schema(
        {
            "picture": Image("picture", size=16),
            "title": Text("title"),
            "specs": Tabular(numeric=["price"]),
            "omics": Vector("omics"),
            "motion": Series("motion"),
        }
    )
    return read_objects(table, schema, labelled=False)


@pytest.fixture
def preprocessor(objects: ObjectTable) -> Preprocessor:
    return Preprocessor.fit(objects)


@pytest.fixture
def prepared(preprocessor: Preprocessor, objects: ObjectTable) -> PreparedObjects:
    return preprocessor.prepare(objects)


@pytest.fixture(params=["certified", "context", "free"])
def encoder(preprocessor: Preprocessor, request: pytest.FixtureRequest) -> SphereEncoder:
    """An encoder of the table's five modalities, in evaluation mode, with gates that differ."""
    torch.manual_seed(1)
    config = ModelConfig(embedding_dim=DIM, width=WIDTH, dropout=0.1, input_dropout=0.2, fusion=request.param)
    encoder = build_encoder(preprocessor.modalities, config).eval()
    if request.param != "free":
        nn.init.normal_(encoder.fusion.gates.weight)
    return encoder
