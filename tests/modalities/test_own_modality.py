"""A modality that someone defines outside the package: one class each goes all the way, without a change within."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import Tensor, nn

import steradian as sr
from steradian.data.modality import (
    FeatureMap,
    FittedModality,
    IndexedArrays,
    Items,
    Modality,
    ReadValues,
    Tokens,
    Values,
)

BASES = "ACGT"


@dataclass(frozen=True)
class Strand(Modality):
    """Text of the letters A, C, G and T, by how often each stands in it."""

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def read(self, columns: Any) -> ReadValues:
        cells = columns[self.column]
        present = np.array([isinstance(cell, str) for cell in cells])
        shares = np.zeros((len(cells), 4), dtype=np.float32)
        for row in np.flatnonzero(present):
            shares[row] = [cells[row].count(base) / max(1, len(cells[row])) for base in BASES]
        return ReadValues({"shares": shares}, present)

    def fit(self, values: Values) -> "FittedStrand":
        return FittedStrand(values["shares"].mean(axis=0))


@dataclass(frozen=True)
class FittedStrand(FittedModality):
    """The mean shares of the training rows."""

    mean: np.ndarray

    def prepare(self, values: Values, rows: np.ndarray) -> Items:
        return IndexedArrays({"shares": values["shares"] - self.mean})

    def tokenizer(self, width: int, dropout: float) -> nn.Module:
        return OneToken(width)

    def feature_inputs(self, items: Items, rows: np.ndarray) -> np.ndarray:
        return items(rows)["shares"]

    def feature_map(self, inputs: np.ndarray, *, most: int, novel: bool) -> FeatureMap:
        return Shares(1.0 / float(inputs.std()))


@dataclass(frozen=True)
class Shares(FeatureMap):
    """The shares, brought to a spread of 1."""

    factor: float

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        return np.asarray(inputs * np.float32(self.factor))


class OneToken(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layer = nn.Linear(4, width)

    def forward(self, shares: Tensor) -> Tokens:
        return Tokens(self.layer(shares)[:, None])


def make_table(count: int, seed: int) -> dict[str, Sequence[Any]]:
    rng, kinds = np.random.default_rng(seed), np.arange(count) % 3
    strands = ["".join(rng.choice(list(BASES), size=40, p=np.roll([0.55, 0.15, 0.15, 0.15], kind))) for kind in kinds]
    weights = kinds + rng.normal(size=count)
    return {
        "strand": [None if row % 7 == 0 else strand for row, strand in enumerate(strands)],
        "weight": list(weights),
        "label": np.array(["yeast", "mouse", "plant"])[kinds],
    }


SCHEMA = sr.Schema({"strand": Strand("strand"), "weight": sr.Tabular(numeric=["weight"])})


@pytest.mark.parametrize("options", [{"epochs": 0}, {"closed_form": False, "epochs": 20}], ids=str)
def test_it_goes_from_fit_to_report(tmp_path: Path, options: dict[str, Any]) -> None:
    train, test = (sr.read_objects(make_table(*given), SCHEMA) for given in ((90, 0), (60, 1)))
    model = sr.SphereEmbedder(embedding_dim=8, width=16, heads=2, verbose=False, **options).fit(train)
    has = test[test.present[:, 0]]
    assert model.score(has) > 0.85
    assert (model.predict_vectors(model.transform(has, modalities=["strand"])) == has.labels).mean() > 0.8

    model.save(tmp_path / "model")
    loaded = sr.SphereEmbedder.load(tmp_path / "model")
    assert loaded.schema_ == SCHEMA
    np.testing.assert_array_equal(loaded.transform(test), model.transform(test))

    evaluation = sr.evaluate(loaded, test, gallery=train, verbose=False)
    assert {row.subset for row in evaluation.scores} == {("strand", "weight"), ("strand",), ("weight",)}
    page = sr.write_report(evaluation, tmp_path / "report.html").read_text()
    assert "Strand" in page and "strand" in page
    assert loaded.explain(has).contributions.shape == (len(has), 2)
    assert loaded.audit(has, against=train).objects == len(has)


def test_a_schema_file_names_it(tmp_path: Path) -> None:
    assert sr.Schema.from_dict(SCHEMA.to_dict()) == SCHEMA
