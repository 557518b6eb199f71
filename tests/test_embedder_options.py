"""Sub-centers, kinds of margin and moving centers through the front door: fit, predict, save and load."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import steradian as sr
from steradian.model import SphericalClassifier

SMALL: dict[str, Any] = {"embedding_dim": 8, "width": 16, "heads": 2, "epochs": 30, "verbose": False}


@pytest.fixture(scope="module")
def points() -> tuple[np.ndarray, np.ndarray]:
    """Four classes, each of two parts that lie apart."""
    rng = np.random.default_rng(0)
    labels = np.arange(96) % 4
    means = 3 * rng.normal(size=(4, 2, 6))
    values = means[labels, rng.integers(2, size=96)] + 0.4 * rng.normal(size=(96, 6))
    return values, np.array(["ant", "bee", "cat", "dog"])[labels]


@pytest.mark.parametrize("subcenters", [1, 3])
@pytest.mark.parametrize("options", [{}, {"center_optimizer": "rowwise", "class_share": 0.5}], ids=["adamw", "rowwise"])
def test_it_predicts_is_saved_and_loaded(points: Any, tmp_path: Path, options: dict[str, Any], subcenters: int) -> None:
    values, labels = points
    model = sr.SphereEmbedder(subcenters=subcenters, **options, **SMALL).fit(values, labels)
    shape = (4, 8) if subcenters == 1 else (4, subcenters, 8)
    assert model.classifier_.directions.shape == shape
    assert model.score(values, labels) > 0.95
    vectors, cosines, probabilities = (
        model.transform(values),
        model.decision_function(values),
        model.predict_proba(values),
    )
    centers = model.classifier_.class_centers.detach().numpy().reshape(4, subcenters, 8)
    np.testing.assert_allclose(cosines, np.einsum("nd,ckd->nck", vectors, centers).max(axis=2), atol=1e-6)
    np.testing.assert_array_equal(model.predict(values), model.classes_[cosines.argmax(axis=1)])
    powers = np.exp(model.scale_ * (cosines.astype(np.float64) - 1))
    np.testing.assert_allclose(probabilities, powers / powers.sum(axis=1, keepdims=True), atol=1e-9)

    model.save(tmp_path)
    loaded = sr.SphereEmbedder.load(tmp_path)
    for name in ("transform", "predict", "predict_proba", "decision_function"):
        np.testing.assert_array_equal(getattr(loaded, name)(values), getattr(model, name)(values))
    assert loaded.get_params()["subcenters"] == subcenters
    assert loaded.fingerprint == model.fingerprint
    assert all(loaded.get_params()[name] == value for name, value in options.items())


@pytest.mark.parametrize("kind", ["cosface", "sphereface", "normface", "curricularface", "elasticface"])
def test_every_kind_of_margin_learns(points: Any, kind: str) -> None:
    values, labels = points
    options = {**SMALL, "margin_kind": kind, "margin_gradient": "detached", "label_smoothing": 0.05}
    assert sr.SphereEmbedder(**options).fit(values, labels).score(values, labels) > 0.95


def test_two_classes_of_sub_centers_give_one_number_an_object(points: Any) -> None:
    values, labels = points
    few = labels < "cat"
    model = sr.SphereEmbedder(subcenters=2, **SMALL).fit(values[few], labels[few])
    decisions = model.decision_function(values[few])
    assert decisions.shape == (few.sum(),)
    np.testing.assert_array_equal(model.classes_[(decisions > 0).astype(int)], model.predict(values[few]))


def test_memory_is_told_before_training(points: Any, capsys: pytest.CaptureFixture[str]) -> None:
    sr.SphereEmbedder(**(SMALL | {"epochs": 1, "verbose": True})).fit(*points)
    lines = capsys.readouterr().out.splitlines()
    told = [number for number, line in enumerate(lines) if line.startswith(("class centers ", "softmax in "))]
    assert len(told) == 2 and told[1] == told[0] + 1
    kept = next(number for number, line in enumerate(lines) if line.startswith("kept the weights"))
    assert told[1] < kept
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"class_share": 0.5}, 'class_share below 1 only with center_optimizer="rowwise"'),
        ({"margin_kind": "arc"}, "margin_kind one of arcface, cosface"),
        ({"margin_kind": "magface"}, "margin_kind one of arcface, cosface"),
        ({"center_optimizer": "sgd"}, "center_optimizer one of adamw, rowwise"),
        ({"subcenters": 0}, "subcenters at least 1"),
        ({"subcenters": 1.5}, "subcenters a whole number"),
        ({"label_smoothing": 1.0}, r"label_smoothing in \[0, 1\)"),
        ({"subset_policy": "never"}, "subset_policy one of both, half, observed"),
        ({"margin_gradient": "none"}, "margin_gradient one of exact, detached"),
    ],
)
def test_options_that_cannot_be_are_refused(points: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(sr.ConfigError, match=words):
        sr.SphereEmbedder(**SMALL, **options).fit(*points)


def test_centers_of_another_number_are_no_model_of_this_configuration(points: Any, tmp_path: Path) -> None:
    model = sr.SphereEmbedder(**(SMALL | {"epochs": 1})).fit(*points)
    torch.manual_seed(0)
    model.classifier_ = SphericalClassifier(4, 8, subcenters=2)
    model.save(tmp_path)
    with pytest.raises(sr.SavedModelError, match="weights that it describes"):
        sr.SphereEmbedder.load(tmp_path)


def test_the_loss_alone_is_a_public_name() -> None:
    torch.manual_seed(0)
    loss = sr.AngularMarginLoss(10, 64)
    loss(torch.randn(32, 64), torch.arange(32) % 10).backward()
    assert loss.classifier.directions.grad is not None
