"""Sub-centers, margins, moving centers and rival objectives through the front door: fit, predict, save and load."""

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import steradian as sr
from steradian.data.batch import Preprocessor
from steradian.model import SphericalClassifier
from steradian.training import OBJECTIVES

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
    assert model.fitted_.classifier.weight.shape == shape
    assert model.score(values, labels) > 0.95
    vectors, cosines, probabilities = (
        model.transform(values),
        model.decision_function(values),
        model.predict_proba(values),
    )
    centers = model.fitted_.classifier.class_centers.detach().numpy().reshape(4, subcenters, 8)
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
        ({"margin_kind": "arc"}, "margin_kind: want one of arcface, cosface"),
        ({"margin_kind": "magface"}, "margin_kind: want one of arcface, cosface"),
        ({"center_optimizer": "sgd"}, "center_optimizer one of adamw, rowwise"),
        ({"subcenters": 0}, "subcenters at least 1"),
        ({"subcenters": 1.5}, "subcenters an integer"),
        ({"label_smoothing": 1.0}, r"label_smoothing in \[0, 1\)"),
        ({"subset_policy": "never"}, "subset_policy one of both, half, observed"),
        ({"margin_gradient": "none"}, "margin_gradient one of exact, detached"),
        ({"objective": "SupCon"}, "objective: want one of angular, normalised_cross_entropy"),
        ({"positives": "object"}, "want positives left out with objective='angular'"),
        (
            {"objective": "supcon", "margin": 0.3},
            "margin left out with objective='supcon'",
        ),
        ({"objective": "clip"}, "2 training objects that have two modalities, got 0 of 96"),
        ({"objective": "supcon", "positives": "object"}, 'two modalities, got 0 of 96.*positives="class"'),
        ({"objective": "gmc", "subcenters": 3}, r"one center a class, got subcenters=3\. Leave subcenters out"),
    ],
)
def test_options_that_cannot_be_are_refused(points: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(sr.ConfigError, match=words):
        sr.SphereEmbedder(**SMALL, **options).fit(*points)


def test_centers_of_another_number_are_no_model_of_this_configuration(points: Any, tmp_path: Path) -> None:
    model = sr.SphereEmbedder(**(SMALL | {"epochs": 1})).fit(*points)
    torch.manual_seed(0)
    model.fitted_ = replace(model.fitted_, classifier=SphericalClassifier(4, 8, subcenters=2))
    model.save(tmp_path)
    with pytest.raises(sr.SavedModelError, match="weights that it describes"):
        sr.SphereEmbedder.load(tmp_path)


def test_the_loss_alone_is_a_public_name() -> None:
    torch.manual_seed(0)
    loss = sr.AngularMarginLoss(10, 64)
    loss(torch.randn(32, 64), torch.arange(32) % 10).backward()
    assert loss.classifier.weight.grad is not None


# -- Rival objectives

KINDS = list(OBJECTIVES)
WITHOUT_LABELS = [kind for kind in KINDS if "positives" in OBJECTIVES[kind].options]
BETWEEN = [kind for kind in WITHOUT_LABELS if kind not in ("supcon", "triplet")]
WITH_CENTERS = [kind for kind in KINDS if OBJECTIVES[kind].learns_centers]
CASES = [(kind, "class") for kind in KINDS] + [(kind, "object") for kind in WITHOUT_LABELS]


@pytest.fixture(scope="module")
def pairs(points: Any) -> sr.ObjectTable:
    """The same with a second modality, each missing here and there."""
    values, labels = points
    rng = np.random.default_rng(1)
    other = values @ rng.normal(size=(6, 5)) + 0.4 * rng.normal(size=(96, 5))
    cells = {
        "x": [None if row % 9 == 4 else value for row, value in enumerate(values)],
        "y": [None if row % 9 == 7 else value for row, value in enumerate(other)],
        "label": labels,
    }
    return sr.read_objects(cells, sr.Schema({"x": sr.Vector("x"), "y": sr.Vector("y")}))


@pytest.mark.parametrize(("kind", "positives"), CASES, ids=[f"{kind}-{of}" for kind, of in CASES])
def test_every_objective_predicts_is_saved_while_it_trains_and_loaded(
    pairs: sr.ObjectTable, tmp_path: Path, kind: str, positives: str
) -> None:
    options = SMALL | {"objective": kind, "positives": positives, "validation_fraction": 0.2, "epochs": 3}
    model = sr.SphereEmbedder(**options)
    assert clone(model).get_params() == model.get_params()
    assert {name: model.get_params()[name] for name in options} == options
    model.fit(pairs)
    assert set(model.predict(pairs)) <= set(model.classes_)
    np.testing.assert_allclose(np.linalg.norm(model.transform(pairs), axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(model.predict_proba(pairs).sum(axis=1), 1, atol=1e-6)

    saved = clone(model).fit(pairs, save_to=tmp_path)
    loaded = sr.SphereEmbedder.load(tmp_path)
    assert {name: loaded.get_params()[name] for name in options if name != "verbose"} == {
        n: v for n, v in options.items() if n != "verbose"
    }
    for name in ("transform", "predict", "predict_proba", "decision_function"):
        found = getattr(model, name)(pairs)
        np.testing.assert_array_equal(getattr(saved, name)(pairs), found)
        np.testing.assert_array_equal(getattr(loaded, name)(pairs), found)
    assert model.fingerprint == saved.fingerprint == loaded.fingerprint


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in BETWEEN])
def test_these_learn_from_one_modality_too(points: Any, kind: str) -> None:
    values, labels = points
    assert sr.SphereEmbedder(**SMALL, objective=kind).fit(values, labels).score(values, labels) > 0.5


@pytest.mark.parametrize("kind", ["clip", "anchor_clip", "symile", "gram"])
def test_what_cannot_be_paired_is_refused_before_anything_is_prepared(
    points: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("this should not have been reached")

    for name in ("fit", "prepare"):
        monkeypatch.setattr(Preprocessor, name, never)
    model = sr.SphereEmbedder(**SMALL, objective=kind)
    with pytest.raises(
        sr.ConfigError, match=f'objective=.{kind}.: want .* got 0 of 96.*objective="angular" or "supcon"'
    ):
        model.fit(*points)
    assert not hasattr(model, "classes_")


def test_a_model_saved_while_training_has_class_means_for_centers(pairs: sr.ObjectTable, tmp_path: Path) -> None:
    """Saved before the end, a softmax layer's weights would be centers that mean nothing."""
    found: list[float] = []

    class Watched(sr.SphereEmbedder):
        def save(self, folder: Any) -> None:
            super().save(folder)
            training = self.fitted_.encoder.training
            self.fitted_.encoder.eval()
            vectors, labels = self.transform(pairs), pairs.labels
            means = np.stack([vectors[labels == name].mean(axis=0) for name in self.classes_])
            means /= np.linalg.norm(means, axis=1, keepdims=True)
            centers = self.fitted_.classifier.class_centers.detach().numpy()
            found.append(float((means * centers).sum(axis=1).min()))
            self.fitted_.encoder.train(training)

    options = SMALL | {"objective": "cross_entropy", "epochs": 4, "validation_fraction": 0.0}
    names = list(sr.SphereEmbedder().get_params())
    Watched._get_param_names = classmethod(lambda cls: names)  # type: ignore[method-assign]
    Watched(**options).fit(pairs, save_to=tmp_path)
    assert len(found) == 5 and min(found) > 0.9999


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_vectors_come_in_the_container_that_is_asked_for(points: Any, kind: str) -> None:
    values, labels = points
    table = {"x": values, "kind": labels}
    objects = sr.read_objects(table, sr.Schema({"x": sr.Vector("x")}, label="kind"))
    model = sr.SphereEmbedder(embedding_dim=8, epochs=0, verbose=False).fit(objects)
    plain = model.transform(objects)
    asked = clone(model).set_output(transform=kind).fit(objects)
    assert model.get_feature_names_out().tolist() == [f"sphereembedder{number}" for number in range(8)]
    for found in (asked.transform(objects), asked.fit_transform(objects)):
        assert type(found).__module__.split(".")[0] == kind
        assert list(found.columns) == model.get_feature_names_out().tolist()
        np.testing.assert_array_equal(found.to_numpy(), plain)
    # What asks for vectors within is not disturbed by it.
    for name in ("predict", "predict_proba", "decision_function"):
        np.testing.assert_array_equal(getattr(asked, name)(objects), getattr(model, name)(objects))
    np.testing.assert_array_equal(
        sr.Index.build(asked, objects).search(objects, k=2).rows,
        sr.Index.build(model, objects).search(objects, k=2).rows,
    )
    quiet: Any = {"gallery": objects[:40], "floor": "none", "verbose": False}
    assert repr(sr.evaluate(asked, objects[40:], **quiet)) == repr(sr.evaluate(model, objects[40:], **quiet))
    with pytest.raises(NotFittedError):
        clone(model).get_feature_names_out()


def test_a_row_of_a_frame_keeps_its_name(points: Any) -> None:
    values, labels = points
    frame = pd.DataFrame(values, index=[f"row {number}" for number in range(96)], columns=list("abcdef"))
    model = sr.SphereEmbedder(embedding_dim=8, epochs=0, verbose=False).set_output(transform="pandas")
    assert model.fit(frame, labels).transform(frame).index.tolist() == frame.index.tolist()


@pytest.mark.parametrize("options", [{"epochs": 0}, {"epochs": 1, "closed_form": False, "fusion": "context"}])
def test_a_callers_autocast_moves_no_vector(points: Any, options: dict[str, Any]) -> None:
    values, labels = points
    objects = sr.read_objects({"x": values, "kind": labels}, sr.Schema({"x": sr.Vector("x")}, label="kind"))
    model = sr.SphereEmbedder(**(SMALL | options)).fit(objects)
    vectors, cosines, shares = model.transform(objects), model.decision_function(objects), model.explain(objects)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(model.transform(objects), vectors)
        np.testing.assert_array_equal(model.encode(objects).fused(np.array([True]))[1], vectors)
        np.testing.assert_array_equal(model.decision_function(objects), cosines)
        np.testing.assert_array_equal(model.explain(objects).contributions, shares.contributions)
        np.testing.assert_array_equal(clone(model).fit(objects).transform(objects), vectors)


def test_a_misspelt_option_is_told_and_the_others_stay_arguments() -> None:
    for kind in (TypeError, sr.ConfigError):
        with pytest.raises(kind, match=r"SphereEmbedder\(...\): .*got 'embeding_dim'. Did you mean 'embedding_dim'\?"):
            sr.SphereEmbedder(embeding_dim=3)
    with pytest.raises(TypeError, match=r"got .q.\. help"):
        sr.SphereEmbedder(q=3)
    with pytest.raises(TypeError, match="positional"):
        sr.SphereEmbedder(3, True)
    model = sr.SphereEmbedder(3, epochs=0)
    assert clone(model).set_params(width=8).get_params() == model.get_params() | {"width": 8}
    assert [*inspect.signature(sr.SphereEmbedder).parameters] == sorted(model.get_params(), key=[*vars(model)].index)
