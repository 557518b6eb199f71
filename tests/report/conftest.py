"""A small model, and tables whose every text is hostile."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.evaluation import Evaluation
from steradian.report.measurements import Measurements, measure

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "</script><b>bold",
    "שלום \u202eolleh",
    "nul \x00 half \ud800",
)
"""Labels; as a text of an object each is repeated."""


def make_table(random_state: int, objects: int = 60, *, labels: tuple[Any, ...] = HOSTILE) -> sr.ObjectTable:
    """Objects of four modalities, each missing in some; their texts are hostile and their ids too."""
    rng = np.random.default_rng(random_state)
    kinds = np.arange(objects) % len(labels)
    pictures: list[Any] = [
        np.full((12, 12, 3), 40 * kind, np.uint8) + rng.integers(0, 60, (12, 12, 3), dtype=np.uint8) for kind in kinds
    ]
    texts = [HOSTILE[kind % len(HOSTILE)] + " " + "abcdefgh"[row % 8] for row, kind in enumerate(kinds)]
    vectors = np.eye(len(labels))[kinds] + 0.4 * rng.normal(size=(objects, len(labels)))
    columns = {
        "picture": [None if row % 7 == 3 else picture for row, picture in enumerate(pictures)],
        "<i>text": [None if row % 3 == 1 else text for row, text in enumerate(texts)],
        "vector": vectors,
        "price": kinds + rng.normal(size=objects),
        "motion": [rng.normal(size=(4 + row % 3, 2)) + kind for row, kind in enumerate(kinds)],
        "label": [labels[kind] for kind in kinds],
        "id": [f"<u>{random_state}-{row}" for row in range(objects)],
    }
    modalities = {
        "picture": sr.Image("picture", size=16),
        "<i>text": sr.Text("<i>text"),
        "vector": sr.Vector("vector"),
        "specs": sr.Tabular(numeric=["price"]),
        "motion": sr.Series("motion"),
    }
    return sr.read_objects(columns, sr.Schema(modalities, id="id"))


def fit(table: sr.ObjectTable, **options: Any) -> sr.SphereEmbedder:
    usual = {"embedding_dim": 8, "width": 16, "heads": 2, "epochs": 3, "verbose": False}
    return sr.SphereEmbedder(**(usual | options)).fit(table)


def evaluated(model: sr.SphereEmbedder, objects: sr.ObjectTable, gallery: sr.ObjectTable | None) -> Evaluation:
    subsets = ["picture", "<i>text"] if "picture" in model.schema_.modalities else None
    return sr.evaluate(model, objects, gallery=gallery, subsets=subsets, verbose=False)


@pytest.fixture(scope="session")
def table() -> Callable[..., sr.ObjectTable]:
    return make_table


@pytest.fixture(scope="session")
def hostile() -> tuple[str, ...]:
    return HOSTILE


@pytest.fixture(scope="session")
def model() -> sr.SphereEmbedder:
    return fit(make_table(0))


@pytest.fixture(scope="session")
def evaluation(model: sr.SphereEmbedder) -> Evaluation:
    return evaluated(model, make_table(1, 30), make_table(0))


@pytest.fixture(scope="session")
def findings(evaluation: Evaluation) -> Measurements:
    return measure(evaluation, baseline=None, robustness=None, audit=None, random_state=0)


@pytest.fixture(scope="session")
def plain_table() -> Callable[..., sr.ObjectTable]:
    """One vector modality, for what needs no pictures."""

    def make(random_state: int, labels: Any, noise: float = 0.2) -> sr.ObjectTable:
        names, kinds = np.unique(labels, return_inverse=True)
        rng = np.random.default_rng(random_state)
        vectors = np.eye(max(4, len(names)))[kinds] + noise * rng.normal(size=(len(kinds), max(4, len(names))))
        return sr.read_objects({"vector": vectors, "label": list(labels)}, sr.Schema({"vector": sr.Vector("vector")}))

    return make


@pytest.fixture(scope="session")
def plain_findings(plain_table: Callable[..., sr.ObjectTable]) -> Callable[..., Measurements]:
    """Findings of a one-modality model: of labels to train on, labels to evaluate, and options."""

    def make(trained: Any, seen: Any, *, gallery: Any = None, noise: float = 0.2, **options: Any) -> Measurements:
        model = fit(plain_table(0, trained), **options)
        inside = None if gallery is None else plain_table(2, gallery)
        scores = evaluated(model, plain_table(1, seen, noise), inside)
        return measure(scores, baseline=None, robustness=None, audit=None, random_state=0)

    return make
