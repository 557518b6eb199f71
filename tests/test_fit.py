"""What `fit` does beyond training: what it tells, keeps and refuses."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

import steradian as sr
from steradian.training import Progress

SMALL = {"embedding_dim": 8, "width": 16, "heads": 2, "verbose": False}


@pytest.fixture(scope="module")
def objects() -> sr.ObjectTable:
    """48 objects of three classes, told apart by a title and a vector; each is missing for some."""
    rng, names = np.random.default_rng(0), ["red", "green", "blue"]
    labels = np.arange(48) % 3
    columns = {
        "title": [None if row % 6 == 0 else f"a {names[c]} thing" for row, c in enumerate(labels)],
        "photo": [None if row % 6 == 1 else rng.normal(size=4) + 3 * np.eye(4)[c] for row, c in enumerate(labels)],
        "label": [names[c] for c in labels],
    }
    return sr.read_objects(columns, sr.Schema({"title": sr.Text("title"), "photo": sr.Vector("photo")}))


def test_validation_on_classes_never_seen(objects) -> None:
    train, validation = objects.split(test_size=None, unseen_classes=1, random_state=0)
    model = sr.SphereEmbedder(epochs=5, **SMALL).fit(train, validation=validation)
    assert len(model.classes_) == 2
    assert 0 <= model.training_.choice["both"] <= 1
    assert model.training_.choice["score"] == "MAP@R of left-out classes"


def test_ctrl_c_leaves_the_best_model_so_far_fitted_and_saved(objects, tmp_path, monkeypatch) -> None:
    shown = []

    def interrupt(self, step, *, loss):
        shown.append(step)
        if step == 8:
            raise KeyboardInterrupt

    monkeypatch.setattr(Progress, "advance", interrupt)
    log = tmp_path / "log.jsonl"
    model = sr.SphereEmbedder(epochs=50, validation_fraction=0.2, **SMALL)
    model.fit(objects, save_to=tmp_path / "model", log_file=log)
    assert model.training_.interrupted and shown[-1] == 8
    loaded = sr.SphereEmbedder.load(tmp_path / "model")
    np.testing.assert_allclose(loaded.transform(objects), model.transform(objects), atol=1e-6)
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert records == model.training_.history and records


def test_what_was_saved_before_stays_until_the_new_model_is_whole(objects, tmp_path, monkeypatch) -> None:
    options = SMALL | {"closed_form": False, "validation_fraction": 0.2}
    old = sr.SphereEmbedder(epochs=2, **options).fit(objects, save_to=tmp_path)
    assert not (tmp_path / "unfinished").exists()
    advance, steps = Progress.advance, []

    def fail(self, step, *, loss):
        steps.append(step)
        if len(steps) == 40:
            raise OSError("the disk is gone")
        advance(self, step, loss=loss)

    monkeypatch.setattr(Progress, "advance", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        sr.SphereEmbedder(epochs=60, random_state=1, **options).fit(objects, save_to=tmp_path)
    np.testing.assert_array_equal(sr.SphereEmbedder.load(tmp_path).transform(objects), old.transform(objects))
    with pytest.warns(UserWarning, match="saved while its training went on"):
        partial = sr.SphereEmbedder.load(tmp_path / "unfinished")
    assert not partial.training_.ended and partial.score(objects) > 0.3
    monkeypatch.setattr(Progress, "advance", advance)
    new = sr.SphereEmbedder(epochs=3, random_state=1, **options).fit(objects, save_to=tmp_path)
    assert not (tmp_path / "unfinished").exists()
    np.testing.assert_array_equal(sr.SphereEmbedder.load(tmp_path).transform(objects), new.transform(objects))


def test_fits_in_threads_are_those_one_after_another(objects) -> None:
    def fitted(random_state: int) -> np.ndarray:
        model = sr.SphereEmbedder(epochs=2, random_state=random_state, **(SMALL | {"closed_form": False})).fit(objects)
        return model.transform(objects)

    expected = [fitted(random_state) for random_state in range(4)]
    torch.manual_seed(7)
    state = torch.random.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(fitted, range(4)))
    assert torch.equal(torch.random.get_rng_state(), state)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_is_derived_is_printed_with_its_reason(objects, capsys) -> None:
    sr.SphereEmbedder(epochs=1, **(SMALL | {"verbose": True})).fit(objects)
    printed = capsys.readouterr().out
    for line in ("closed form of 48 objects", "scale 8.0: for 3 classes", "margin 0.200 rad", "bytes"):
        assert line in printed
    assert max(len(line) for line in printed.splitlines()) <= 80


def test_a_fit_that_fails_leaves_no_half_of_a_model(objects) -> None:
    model = sr.SphereEmbedder(epochs=1, **SMALL).fit(objects)
    before = model.fitted_
    # What is refused leaves the older model whole; what fails while it trains leaves none.
    with pytest.raises(sr.InputError):
        model.fit(objects[objects.labels == "red"])
    assert model.fitted_ is before
    with pytest.MonkeyPatch.context() as patch, pytest.raises(RuntimeError, match="while it trains"):
        patch.setattr("steradian.embedder.fit_model", _fails)
        model.fit(objects)
    with pytest.raises(NotFittedError):
        model.predict(objects)


def _fails(*args: object, **options: object) -> None:
    raise RuntimeError("while it trains")


def test_one_class_only(objects) -> None:
    with pytest.raises(sr.InputError, match="at least 2 classes"):
        sr.SphereEmbedder(**SMALL).fit(objects[objects.labels == "red"])


def test_fitting_without_labels() -> None:
    unlabelled = sr.read_objects({"title": ["a", "b"]}, sr.Schema({"title": sr.Text("title")}), labelled=False)
    with pytest.raises(sr.InputError, match="label"):
        sr.SphereEmbedder(**SMALL).fit(unlabelled)


def test_validation_objects_must_have_something(objects) -> None:
    with pytest.raises(sr.InputError, match="none in"):
        sr.SphereEmbedder(**SMALL).fit(objects, validation=objects.only("photo"))
    with pytest.raises(sr.InputError, match=r"fit\(validation=...\), valid.csv: want a table's file"):
        sr.SphereEmbedder(**SMALL).fit(objects, validation="valid.csv")


def test_fitting_what_was_not_read() -> None:
    for source in ("table.csv", {"title": ["a"]}):
        with pytest.raises(sr.InputError, match="Read the table first"):
            sr.SphereEmbedder(**SMALL).fit(source)


def test_options_that_cannot_be_are_told_together(objects) -> None:
    with pytest.raises(sr.ConfigError, match=r"width at least 1; heads at least 1"):
        sr.SphereEmbedder(width=0, heads=0).fit(objects)
    with pytest.raises(sr.ConfigError, match="device"):
        sr.SphereEmbedder(device="abacus").fit(objects)


def test_validation_objects_that_are_learnt_from_are_told_and_not_left_out() -> None:
    rng, kinds = np.random.default_rng(0), np.arange(60) % 3
    table = {"x": np.eye(3)[kinds] + 0.1 * rng.normal(size=(60, 3)), "kind": kinds}
    objects = sr.read_objects(table, sr.Schema({"x": sr.Vector("x")}, label="kind"))
    model = sr.SphereEmbedder(embedding_dim=8, epochs=0, verbose=False)
    with pytest.warns(sr.SteradianWarning, match=r"fit\(validation=\.\.\.\): 40 of the 40 objects seem to be") as told:
        model.fit(objects, validation=objects[:40])
    assert told[0].filename == __file__
    with pytest.raises(sr.InputError, match=r"validation=\.\.\. of training objects"):
        model.calibrate()
    model.fit(objects[:40], validation=objects[40:]).calibrate(coverage=0.5)


@pytest.mark.parametrize("options", [{"epochs": 0}, {"epochs": 2}, {"epochs": 2, "closed_form": False}], ids=str)
def test_a_callers_modes_change_no_fit(options: dict[str, Any], tmp_path: Path) -> None:
    rng, kinds = np.random.default_rng(0), np.arange(30) % 3
    points = np.eye(3)[kinds] + 0.1 * rng.normal(size=(30, 3))
    small = {"embedding_dim": 8, "width": 8, "heads": 2, "verbose": False, **options}
    expected = sr.SphereEmbedder(**small).fit(points, kinds).transform(points)
    with torch.no_grad():
        np.testing.assert_array_equal(sr.SphereEmbedder(**small).fit(points, kinds).transform(points), expected)
    torch.set_default_dtype(torch.float64)
    try:
        model = sr.SphereEmbedder(**small).fit(points, kinds)
        model.save(tmp_path)
        for each in (model, sr.SphereEmbedder.load(tmp_path)):
            np.testing.assert_array_equal(each.transform(points), expected)
    finally:
        torch.set_default_dtype(torch.float32)


def test_the_steps_that_are_told_are_those_of_each_network(capsys: pytest.CaptureFixture[str]) -> None:
    rng, kinds = np.random.default_rng(0), np.arange(96) % 3
    points = np.eye(3)[kinds] + 0.1 * rng.normal(size=(96, 3))
    sr.SphereEmbedder(embedding_dim=8, width=8, heads=2, epochs=3).fit(points, kinds)
    told = capsys.readouterr().out
    assert "3 epochs of 64 objects: 3 steps" in told and "kept the weights of step 3 of 3" in told


# -- Weights


def test_equal_weights_change_no_bit_and_an_object_of_none_is_as_if_it_were_not_there(objects) -> None:
    options: dict[str, Any] = {**SMALL, "epochs": 0}
    plain = sr.SphereEmbedder(**options).fit(objects)
    assert sr.SphereEmbedder(**options).fit(objects, sample_weight=[3] * 48).fingerprint == plain.fingerprint
    kept = np.arange(48) % 5 > 0
    few = sr.SphereEmbedder(**options).fit(objects, sample_weight=kept)
    assert few.fingerprint == sr.SphereEmbedder(**options).fit(objects[kept]).fingerprint != plain.fingerprint


def test_networks_learn_by_weights_and_objectives_that_cannot_refuse_them(objects) -> None:
    heavy = 1 + np.arange(48) % 4
    options: dict[str, Any] = {**SMALL, "closed_form": False, "epochs": 1, "validation_fraction": 0.2}
    found = {
        sr.SphereEmbedder(**options).fit(objects, sample_weight=weights).fingerprint
        for weights in (None, heavy, heavy[::-1])
    }
    assert len(found) == 3
    with pytest.raises(sr.errors.ConfigError, match="sample_weight or class_weight, which it cannot take"):
        sr.SphereEmbedder(**options, objective="clip").fit(objects, sample_weight=heavy)
    with pytest.raises(sr.errors.ConfigError, match="which it cannot take"):
        sr.SphereEmbedder(**options, objective="gmc", class_weight={"red": 3}).fit(objects)


def test_a_rare_class_is_found_more_often_where_classes_are_balanced() -> None:
    rng, labels = np.random.default_rng(0), np.repeat([0, 1], [180, 20])
    points, others = (rng.normal(size=(200, 2)) + 1.2 * labels[:, None] for _ in range(2))
    rare = labels == 1
    plain, balanced, named = (
        sr.SphereEmbedder(4, epochs=0, class_weight=weights, verbose=False).fit(points, labels).predict(others)[rare]
        for weights in (None, "balanced", {1: 9})
    )
    assert plain.mean() + 0.2 < balanced.mean()
    np.testing.assert_array_equal(balanced, named)
