"""Networks beside a closed form: what each leaves out, how they are chosen, and what becomes of the whole model."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import steradian as sr
from steradian.config import ModelConfig, TrainingConfig
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.data.modality import FeatureMap
from steradian.modalities.vector import FittedVector
from steradian.model import TwoPartEncoder, embed
from steradian.training import Derived, Progress, TrainingResult, train_networks
from steradian.training.fit_closed_form import ClosedFormFit, fit_closed_form
from steradian.training.train_networks import Part, fixed_centers, parts_to_leave_out

CPU = torch.device("cpu")
SMALL = ModelConfig(embedding_dim=8, width=16, heads=2, dropout=0.0, input_dropout=0.0)
OPTIONS: dict[str, Any] = {"embedding_dim": 8, "width": 8, "heads": 2, "verbose": False}
MakeTable = Callable[..., sr.ObjectTable]


class WithoutFeatures(FittedVector):
    """A vector of which the closed form has no features."""

    def feature_map(self, inputs: Any, *, most: int, novel: bool) -> FeatureMap | None:
        return None


class Fitted:
    """A table with its closed form."""

    def __init__(self, table: sr.ObjectTable, *, new_classes: bool = False, without: str | None = None) -> None:
        self.table, self.new_classes, self.labels = table, new_classes, table.labels.astype(np.int64)
        modalities: dict[str, Any] = dict(Preprocessor.fit(table).modalities)
        if without is not None:
            modalities[without] = WithoutFeatures(modalities[without].mean, modalities[without].std)
        self.preprocessor = Preprocessor(modalities)
        self.prepared: PreparedObjects = self.preprocessor.prepare(table, self.labels)
        self.found: ClosedFormFit = fit_closed_form(
            self.preprocessor,
            lambda rows: (self.prepared, rows),
            self.labels,
            present=table.present,
            embedding_dim=SMALL.dim,
            new_classes=new_classes,
            random_state=0,
        )

    def parts(self, *, random_state: int = 0) -> list[Part]:
        return parts_to_leave_out(
            self.preprocessor,
            self.prepared,
            self.found,
            self.labels,
            np.arange(self.labels.max() + 1),
            new_classes=self.new_classes,
            random_state=random_state,
        )

    def train(
        self, parts: list[Part], *, epochs: int, random_state: int = 0, log_file: Path | None = None
    ) -> tuple[TwoPartEncoder, TrainingResult]:
        torch.manual_seed(random_state)
        encoder, result, self.seen = train_networks.train_networks(
            parts,
            train_networks.NetworkOptions(
                self.preprocessor,
                self.prepared,
                self.found,
                model=SMALL,
                config=TrainingConfig(batch_size=16, learning_rate=1e-2, random_state=random_state),
                derived=Derived(scale=10.0, margin=0.1, epochs=epochs, reasons=("because",)),
                device=CPU,
                progress=Progress(None),
            ),
            new_classes=self.new_classes,
            log_file=log_file,
        )
        return encoder, result

    def vectors(self, encoder: TwoPartEncoder, table: sr.ObjectTable) -> np.ndarray:
        prepared = Preprocessor(self.preprocessor.modalities, self.found.closed_form).prepare(table)
        return embed(encoder, prepared, np.arange(len(table)), batch_size=64)


def hidden_table(count: int, *, random_state: int) -> sr.ObjectTable:
    """Three classes that x tells apart at once; y is noise."""
    rng, centers = np.random.default_rng(random_state), 3 * np.eye(4)
    labels = np.arange(count) % 3
    x = centers[labels] + 0.5 * rng.normal(size=(count, 4))
    table = {"x": list(x), "y": list(rng.normal(size=(count, 4))), "label": labels}
    return sr.read_objects(table, sr.Schema({"x": sr.Vector("x"), "y": sr.Vector("y")}))


# -- What is left out --------------------------------------------------------------------------------------------------


def test_each_object_of_a_small_table_is_left_out_once(make_table: MakeTable) -> None:
    fitted = Fitted(make_table(np.arange(46) % 3))
    parts = fitted.parts()
    assert len(parts) == train_networks.MEMBERS == 3
    np.testing.assert_array_equal(np.sort(np.concatenate([part.out for part in parts])), np.arange(46))
    for part in parts:
        np.testing.assert_array_equal(np.sort(np.concatenate([part.fit, part.out])), np.arange(46))
        np.testing.assert_array_equal(part.labels, fitted.labels[part.out])
        # Its share of every class, give or take one object.
        counts = np.bincount(part.labels, minlength=3)
        assert (np.abs(counts - np.bincount(fitted.labels) / 3) <= 1).all()
        assert part.objects is fitted.prepared


def test_whole_classes_are_left_out_together(make_table: MakeTable) -> None:
    fitted = Fitted(make_table(np.arange(50) % 10), new_classes=True)
    parts = fitted.parts()
    left_out = [set(part.labels) for part in parts]
    assert sorted(label for labels in left_out for label in labels) == list(range(10))
    for part, labels in zip(parts, left_out, strict=True):
        assert not labels & set(fitted.labels[part.fit])
        assert len(part.out) == 5 * len(labels)


def test_of_a_large_table_a_tenth_is_left_out_by_one(make_table: MakeTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_networks, "SMALL", 60)
    (part,) = Fitted(make_table(np.arange(60) % 3)).parts()
    assert np.bincount(part.labels).tolist() == [2, 2, 2] and len(part.fit) == 54
    (part,) = Fitted(make_table(np.arange(60) % 10), new_classes=True).parts()
    assert len(set(part.labels)) == 1 and len(part.out) == 6


def test_the_closed_form_beside_a_network_has_left_them_out_too(make_table: MakeTable) -> None:
    fitted = Fitted(make_table(np.arange(45) % 3))
    items = fitted.preprocessor.modalities, fitted.prepared.items, fitted.prepared.present
    whole = fitted.found.closed_form.vectors(*items)
    for part in fitted.parts():
        expected = fitted.found.solve(part.fit).vectors(*items, rows=part.out)
        np.testing.assert_array_equal(part.closed, expected)
        assert not np.allclose(part.closed, whole[part.out], atol=1e-3)
        assert not part.closed[~fitted.prepared.present[part.out]].any()


def test_the_draw_is_the_seeds(make_table: MakeTable) -> None:
    fitted = Fitted(make_table(np.arange(45) % 3))
    first, again, other = (fitted.parts(random_state=random_state)[0].out.tolist() for random_state in (0, 0, 1))
    assert first == again != other


def test_what_would_leave_nothing_to_learn_or_to_score_is_no_part(make_table: MakeTable) -> None:
    one_each = Fitted(make_table(np.arange(10)), new_classes=True)
    assert one_each.parts() == []
    # Two classes, of which one would be left to learn from.
    pair = Fitted(make_table(np.arange(20) % 2), new_classes=True)
    assert pair.parts() == []


# -- What is chosen ----------------------------------------------------------------------------------------------------


def test_centers_are_fixed(rng: np.random.Generator) -> None:
    centers = rng.normal(size=(3, 8)).astype(np.float32)
    centers /= np.linalg.norm(centers, axis=1, keepdims=True)
    classifier = fixed_centers(centers, CPU)
    np.testing.assert_allclose(classifier.class_centers.numpy(), centers, atol=1e-6)
    assert not any(parameter.requires_grad for parameter in classifier.parameters())


def test_networks_that_learn_what_the_closed_form_cannot_see_are_kept(tmp_path: Path) -> None:
    fitted, test = Fitted(hidden_table(60, random_state=0), without="x"), hidden_table(60, random_state=1)
    encoder, result = fitted.train(fitted.parts(), epochs=12, log_file=tmp_path / "log.jsonl")
    assert result.choice is not None and not result.interrupted
    assert len(encoder.networks) == result.choice["networks"] == 3
    assert float(encoder.share) == result.choice["share"] in train_networks.SHARES
    assert encoder.featured.tolist() == [False, True]
    assert result.choice["both"] < 0.7 * result.choice["closed_form"]
    assert result.steps == 3 * 12 * 3
    assert len((tmp_path / "log.jsonl").read_text().splitlines()) == len(result.history)
    assert not encoder.training

    def accuracy(encoder: TwoPartEncoder) -> float:
        found = (fitted.vectors(encoder, test) @ fitted.found.centers.T).argmax(axis=1)
        return float((found == test.labels).mean())

    alone = TwoPartEncoder(
        ("x", "y"), (), embedding_dim=SMALL.dim, share=0.0, learned_gates=False, featured=(False, True)
    )
    assert accuracy(encoder) > 0.9 > 0.6 > accuracy(alone)


def test_networks_of_noise_are_left_out() -> None:
    # Everything is said by the features; one step of training says nothing.
    fitted = Fitted(hidden_table(90, random_state=0))
    encoder, result = fitted.train(fitted.parts(), epochs=1)
    assert result.choice is not None
    assert (len(encoder.networks), float(encoder.share), encoder.fusion.learned) == (0, 0.0, False)
    assert result.choice["networks"] == 0 and result.choice["both"] == result.choice["closed_form"]


def test_validation_objects_of_classes_of_one_object_leave_nothing_to_choose(make_table: MakeTable) -> None:
    fitted = Fitted(make_table(np.arange(40) % 8), new_classes=True)
    held_out = fitted.preprocessor.prepare(make_table(np.arange(10)))
    closed = fitted.found.closed_form.vectors(fitted.preprocessor.modalities, held_out.items, held_out.present)
    part = Part(np.arange(40), np.arange(10), closed, held_out, np.arange(10), np.arange(10))
    encoder, result = fitted.train([part], epochs=1)
    assert len(encoder.networks) == 0
    assert result.choice is not None and result.choice["closed_form"] == 0


def test_left_out_classes_are_scored_by_finding_them_again(make_table: MakeTable) -> None:
    fitted = Fitted(make_table(np.arange(60) % 10), new_classes=True)
    _, result = fitted.train(fitted.parts(), epochs=1)
    assert result.choice is not None and "MAP@R" in result.choice["score"]
    assert 0 <= result.choice["closed_form"] <= result.choice["both"] <= 1


def test_the_same_seed_gives_the_same_model() -> None:
    fitted, test = Fitted(hidden_table(45, random_state=0), without="x"), hidden_table(20, random_state=1)
    first, again, other = (
        fitted.train(fitted.parts(), epochs=5, random_state=random_state) for random_state in (0, 0, 1)
    )
    assert first[1].choice == again[1].choice
    assert [record["loss"] for record in first[1].history] == [record["loss"] for record in again[1].history]
    np.testing.assert_array_equal(fitted.vectors(first[0], test), fitted.vectors(again[0], test))
    assert [record["loss"] for record in first[1].history] != [record["loss"] for record in other[1].history]


# -- The whole model ---------------------------------------------------------------------------------------------------


@pytest.fixture
def _networks_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever left-out objects say, the networks stay, with their gates."""
    chosen = train_networks._chosen

    def keep(*arguments: Any, **options: Any) -> Any:
        _, base = chosen(*arguments, **options)
        return train_networks._Candidate(0.5, True, base.scores), base

    monkeypatch.setattr(train_networks, "_chosen", keep)


def assert_same_after_loading(model: sr.SphereEmbedder, objects: sr.ObjectTable, folder: Path) -> sr.SphereEmbedder:
    model.save(folder)
    loaded = sr.SphereEmbedder.load(folder)
    np.testing.assert_array_equal(loaded.transform(objects), model.transform(objects))
    np.testing.assert_array_equal(loaded.predict(objects), model.predict(objects))
    for name in model.schema_.modalities:
        alone = objects.only(name)
        alone = alone[alone.present.any(axis=1)]
        np.testing.assert_array_equal(loaded.transform(alone), model.transform(alone))
    return loaded


@pytest.mark.usefixtures("_networks_kept")
def test_a_model_with_networks_is_the_same_after_loading(make_table: MakeTable, tmp_path: Path) -> None:
    model = sr.SphereEmbedder(epochs=2, **OPTIONS).fit(make_table(np.arange(45) % 3))
    loaded = assert_same_after_loading(model, make_table(np.arange(30) % 3, random_state=1), tmp_path)
    assert len(loaded.fitted_.encoder.networks) == len(model.fitted_.encoder.networks) == 3
    assert float(loaded.fitted_.encoder.share) == 0.5 and loaded.fitted_.encoder.fusion.learned
    assert loaded.training_.choice == model.training_.choice


@pytest.mark.usefixtures("_networks_kept")
def test_a_model_with_networks_promises_and_explains(make_table: MakeTable) -> None:
    objects = make_table(np.arange(45) % 3)
    model = sr.SphereEmbedder(epochs=2, **OPTIONS).fit(objects)
    certificates, attribution = model.certify(objects), model.explain(objects)
    np.testing.assert_allclose(attribution.contributions.sum(axis=1), attribution.cosines, atol=1e-5)
    for name in ("x", "y"):
        alone = objects.only(name)
        held = certificates.certified & alone.present.any(axis=1)
        np.testing.assert_array_equal(model.predict(alone[held]), certificates.predicted[held])


def test_no_epochs_are_the_closed_form_alone(make_table: MakeTable, tmp_path: Path) -> None:
    objects, test = make_table(np.arange(60) % 3), make_table(np.arange(30) % 3, random_state=1)
    model = sr.SphereEmbedder(epochs=0, **OPTIONS).fit(objects, save_to=tmp_path / "while")
    assert len(model.fitted_.encoder.networks) == 0 and model.training_.steps == 0
    vectors = model.transform(test)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    closed = model.fitted_.preprocessor.prepare(test).closed
    assert closed is not None
    sums = closed.sum(axis=1)
    np.testing.assert_allclose(vectors, sums / np.linalg.norm(sums, axis=1, keepdims=True), atol=1e-5)
    assert (model.predict(test) == test.labels).mean() > 0.9
    loaded = assert_same_after_loading(model, test, tmp_path / "model")
    np.testing.assert_array_equal(sr.SphereEmbedder.load(tmp_path / "while").transform(test), vectors)
    index = sr.Index.build(loaded, objects)
    found = index.search(test, k=1)
    assert (objects.labels[found.rows[:, 0]] == test.labels).mean() > 0.8


def test_one_object_a_class_is_the_closed_form_alone() -> None:
    rng = np.random.default_rng(0)
    table = {"x": list(rng.normal(size=(40, 6))), "label": [f"c{row:02}" for row in range(40)]}
    objects = sr.read_objects(table, sr.Schema({"x": sr.Vector("x")}))
    model = sr.SphereEmbedder(epochs=1, **(OPTIONS | {"embedding_dim": 64})).fit(objects)
    assert len(model.fitted_.encoder.networks) == 0
    assert (model.predict(objects) == objects.labels).all()


# -- Ctrl-C ------------------------------------------------------------------------------------------------------------


def test_ctrl_c_in_a_network_asks_left_out_objects_of_what_there_is(
    make_table: MakeTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = []

    def interrupt(self: Progress, step: int, *, loss: float) -> None:
        shown.append(step)
        if len(shown) == 11:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "advance", interrupt)
    objects = make_table(np.arange(45) % 3)
    model = sr.SphereEmbedder(epochs=4, batch_size=16, **OPTIONS).fit(objects, save_to=tmp_path)
    # 30 objects are 2 steps an epoch: the first network had all its 8 steps, the second 3, and there was no third.
    assert shown == [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3]
    assert model.training_.interrupted and model.training_.steps == 11
    assert (model.predict(objects) == objects.labels).mean() > 0.8
    np.testing.assert_array_equal(sr.SphereEmbedder.load(tmp_path).transform(objects), model.transform(objects))


@pytest.mark.parametrize("where", ["build_encoder", "encode_objects", "_chosen"])
def test_ctrl_c_anywhere_else_leaves_the_closed_form(
    make_table: MakeTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def interrupt(*arguments: Any, **options: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(train_networks, where, interrupt)
    objects = make_table(np.arange(45) % 3)
    model = sr.SphereEmbedder(epochs=1, **OPTIONS).fit(objects, save_to=tmp_path)
    closed = sr.SphereEmbedder(epochs=0, **OPTIONS).fit(objects)
    assert model.training_.interrupted
    np.testing.assert_array_equal(model.transform(objects), closed.transform(objects))
    np.testing.assert_array_equal(sr.SphereEmbedder.load(tmp_path).transform(objects), closed.transform(objects))
