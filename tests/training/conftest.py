"""Toy objects of two vector modalities, and small encoders for them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from steradian.config import ModelConfig, TrainingConfig
from steradian.data import ObjectTable, Schema, read_objects
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.modalities import Vector
from steradian.model import SphereEncoder, SphericalClassifier, TensorBatch, build_encoder
from steradian.training import Derived

SMALL = ModelConfig(embedding_dim=8, width=8, heads=2, dropout=0.1, input_dropout=0.1)


@dataclass(frozen=True)
class Toy:
    """Two modalities that tell three classes apart, each missing in some rows."""

    table: ObjectTable
    preprocessor: Preprocessor

    def prepared(self) -> PreparedObjects:
        return self.preprocessor.prepare(self.table, self.table.labels.astype(np.int64))

    def build(self, *, random_state: int = 0, classes: int = 3) -> tuple[SphereEncoder, SphericalClassifier]:
        torch.manual_seed(random_state)
        return build_encoder(self.preprocessor.modalities, SMALL), SphericalClassifier(classes, SMALL.embedding_dim)

    def single_modality(self) -> tuple[SphereEncoder, SphericalClassifier, TensorBatch]:
        """The first modality alone, as a model in evaluation mode, its centers, and a batch of objects that have it."""
        encoder, classifier = self.build()
        whole = TensorBatch.of(self.prepared().batch(np.arange(20)))
        has = whole.present[:, 0]
        alone = SphereEncoder({"x": encoder.modalities[0]}, encoder.fusion).eval()
        alone.fusion.kinds_of_modality.data = alone.fusion.kinds_of_modality.data[:1]
        return alone, classifier, TensorBatch({"x": whole.items["x"]}, has[has][:, None], whole.labels[has])


def table_of(labels: np.ndarray, *, random_state: int = 0) -> ObjectTable:
    rng = np.random.default_rng(random_state)
    centers = np.random.default_rng(99).normal(size=(2, 10, 4))
    cells = {
        name: [
            row if rng.random() < 0.8 else None for row in centers[m, labels] + 0.7 * rng.normal(size=(len(labels), 4))
        ]
        for m, name in enumerate("xy")
    }
    bare = [row for row in range(len(labels)) if cells["x"][row] is cells["y"][row] is None]
    for row in bare:
        cells["x"][row] = centers[0, labels[row]]
    return read_objects({**cells, "label": labels}, Schema({"x": Vector("x"), "y": Vector("y")}))


@pytest.fixture
def make_table() -> Callable[..., ObjectTable]:
    """Makes tables of class numbers below 10."""
    return table_of


@pytest.fixture
def toy() -> Toy:
    """45 objects of 3 classes."""
    table = table_of(np.arange(45) % 3)
    return Toy(table, Preprocessor.fit(table))


@pytest.fixture
def config() -> TrainingConfig:
    return TrainingConfig(batch_size=16, learning_rate=3e-3, center_learning_rate=1e-2)


@pytest.fixture
def derived() -> Derived:
    """8 epochs, which are 24 steps of the toy."""
    return Derived(scale=10.0, margin=0.2, epochs=8, reasons=("because",))
