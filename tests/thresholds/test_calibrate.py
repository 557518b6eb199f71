"""Calibrating a model: scales, thresholds, concentrations, and what is refused."""

from typing import Any

import numpy as np
import pytest
from scipy.special import softmax

import steradian as sr
from steradian.calibration.pair_points import PairFitter
from steradian.calibration.threshold_rules import ACCEPT_ALL, coverage_angle
from steradian.metrics import concentration, fit_scale
from steradian.model import class_cosines

from .conftest import make_objects


def test_each_subset_is_fitted_on_the_objects_that_have_it(model, held_out) -> None:
    found = model.calibrate(held_out, coverage=0.9)
    assert [point.subset for point in found.points] == [("photo", "title"), ("photo",), ("title",)]
    for point in found.points:
        has = held_out.present[:, model.schema_.mask(point.subset)].all(axis=1)
        assert point.objects == has.sum()
        vectors = model.transform(held_out[has], modalities=point.subset)
        cosines = vectors @ model.fitted_.classifier.class_centers.detach().numpy().T
        angles = np.arccos(np.clip(cosines.max(axis=1), -1, 1))
        assert point.threshold == pytest.approx(coverage_angle(angles, coverage=0.9), abs=1e-3)
        assert point.accepted >= 0.9


def test_the_scale_of_probabilities_is_fitted_to_what_an_object_has(model, held_out) -> None:
    found = model.calibrate(held_out)
    for point in found.points:
        has = held_out[(held_out.present == model.schema_.mask(point.subset)).all(axis=1)]
        cosines = class_cosines(model.fitted_.classifier, model.transform(has))
        np.testing.assert_allclose(model.predict_proba(has), softmax(point.scale * cosines, axis=1), rtol=1e-4)
    whole = held_out[held_out.present.all(axis=1)]
    cosines = class_cosines(model.fitted_.classifier, model.transform(whole))
    assert found.points[0].scale == fit_scale(cosines, np.searchsorted(model.classes_, whole.labels))
    assert found.points[0].scale > found.points[1].scale


def test_concentrations_are_of_the_classes_whole_objects(model, held_out) -> None:
    found = model.calibrate(held_out)
    vectors = model.transform(held_out)
    for place, name in enumerate(model.classes_):
        own = held_out.labels == name
        assert found.kappas[place] == pytest.approx(concentration(vectors[own], held_out.labels[own])[0])
        assert found.kappa_objects[place] == own.sum()
    one = np.flatnonzero(held_out.labels == "cup")[:1]
    others = np.flatnonzero(held_out.labels != "cup")
    found = model.calibrate(held_out[np.sort(np.concatenate([one, others]))])
    assert np.isnan(found.kappas[0]) and found.kappa_objects[0] == 1


def test_strangers_are_told_and_each_promise_is_kept_on_others(model, with_strangers) -> None:
    fresh = make_objects(400, random_state=3, classes=5)
    known = np.isin(fresh.labels, model.classes_)
    model.calibrate(with_strangers, coverage=0.9)
    answers = model.predict(fresh, reject=True)
    # Three times the spread of a share that 240 objects calibrated and 240 others are measured on.
    assert np.mean(answers[known] != "unknown") == pytest.approx(0.9, abs=3 * np.sqrt(2 * 0.9 * 0.1 / 240))
    model.calibrate(with_strangers, false_accept=0.1)
    answers = model.predict(fresh, reject=True)
    assert np.mean(answers[~known] != "unknown") == pytest.approx(0.1, abs=3 * np.sqrt(2 * 0.9 * 0.1 / 160))
    model.calibrate(with_strangers, precision=0.8)
    answers = model.predict(fresh, reject=True)
    accepted = answers != "unknown"
    assert accepted.any() and np.mean(answers[accepted] == fresh.labels[accepted]) >= 0.75


def test_rejecting_only_replaces_answers(model, held_out) -> None:
    model.calibrate(held_out, coverage=0.5)
    plain, answers = model.predict(held_out), model.predict(held_out, reject=True)
    assert 0.4 < np.mean(answers == "unknown") < 0.6
    np.testing.assert_array_equal(answers[answers != "unknown"], plain[answers != "unknown"])


def test_it_is_saved_with_the_model_and_forgotten_by_another_fit(model, held_out, tmp_path) -> None:
    before = model.calibrate(held_out)
    model.save(tmp_path)
    loaded = sr.SphereEmbedder.load(tmp_path)
    assert repr(loaded.calibration_) == repr(before) and loaded.calibration_.pairs == before.pairs
    np.testing.assert_array_equal(loaded.predict(held_out, reject=True), model.predict(held_out, reject=True))
    loaded.set_params(epochs=1).fit(make_objects(30, random_state=0))
    with pytest.raises(sr.InputError, match=r"Call model\.calibrate"):
        loaded.predict(held_out, reject=True)


def test_named_subsets_are_fitted_beside_the_whole_and_each_modality_alone() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 2
    columns = {name: list(rng.normal(size=(120, 3)) + 2 * labels[:, None]) for name in ("photo", "title", "price")}
    schema = sr.Schema({name: sr.Vector(name) for name in columns})
    objects = sr.read_objects(columns | {"label": labels.tolist()}, schema)
    small = sr.SphereEmbedder(embedding_dim=8, width=16, heads=2, epochs=5, verbose=False).fit(objects[:60])
    found = small.calibrate(objects[60:], subsets=[("title", "photo")])
    every = ("photo", "title", "price")
    assert [point.subset for point in found.points] == [every, ("photo", "title"), ("photo",), ("title",), ("price",)]
    assert len(found.pairs) == 15
    # Photo and price have no point of their own: the first of the largest within them is photo's.
    present = np.array([[True, False, True]])
    assert found.thresholds(present).tolist() == [found.points[2].threshold]


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"coverage": 0.5}, {"precision": 0.55}, {"false_accept": 0.5}])
def test_an_object_is_judged_alike_in_a_table_of_any_size(options: dict[str, float]) -> None:
    """Half of the objects have one and the same photo, so that the threshold is the very angle of all of them."""
    rng = np.random.default_rng(0)
    labels = np.arange(200) % 2
    photo = rng.normal(size=(200, 24)) + labels[:, None]
    photo[50:150] = photo[0]
    objects = sr.read_objects({"photo": list(photo), "label": labels}, sr.Schema({"photo": sr.Vector("photo")}))
    strange = objects.with_labels(np.where(np.arange(200) % 4 < 2, labels, 5 + labels))
    small = sr.SphereEmbedder(embedding_dim=24, width=16, heads=2, epochs=3, verbose=False).fit(objects)
    small.calibrate(strange, **options)
    together = small.predict(objects, reject=True)
    for size in (1, 2, 3, 7, 64):
        parts = [small.predict(objects[start : start + size], reject=True) for start in range(0, 200, size)]
        assert np.concatenate(parts).tolist() == together.tolist()


def test_too_few_objects_of_a_subset_accept_all_or_leave_it_out(model) -> None:
    def calibrate(whole: int, titles: int) -> dict[tuple[str, ...], float]:
        objects = make_objects(whole, random_state=4)
        columns = {name: [*objects.columns[name], *[None] * titles] for name in ("photo", "title")}
        columns["title"][whole:] = list(np.tile(np.eye(5)[:2], (titles // 2, 1)))
        labels = [*objects.labels, *["cup", "jar"] * (titles // 2)]
        found = model.calibrate(sr.read_objects(columns | {"label": labels}, model.schema_))
        return {point.subset: point.threshold for point in found.points}

    few = calibrate(16, 4)
    assert few["photo", "title"] == few["photo",] == ACCEPT_ALL > few["title",]
    assert ("photo",) not in calibrate(4, 20)


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        (np.arange(0, 240, 3), {}, r"want objects of at least 2 of the model's classes, got 1 among 80"),
        (np.arange(3), {}, r"want at least 19 objects of known classes, as coverage=0\.95 needs, got 3"),
        (np.arange(40), {"precision": 0.95}, r"want at least 77 objects .* as precision=0\.95 needs, got 40"),
        (np.arange(240), {"false_accept": 0.05}, r"want at least 19 objects of classes the model does not know.*got 0"),
        (np.arange(240), {"coverage": 95}, r"coverage: want a share, more than 0 and less than 1"),
        (np.arange(240), {"pair_false_accept": 0}, r"pair_false_accept: want a share, more than 0"),
        (np.arange(240), {"subsets": ["smell"]}, r"subsets, 'smell': want modalities of photo, title"),
        (np.arange(0), {}, r"at least 2 of the model's classes, got 0 among 0"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(model, held_out, rows, options: dict[str, Any], says: str) -> None:
    with pytest.raises(sr.InputError, match=says):
        model.calibrate(held_out[rows], **options)


def test_one_promise_at_a_time(model, held_out) -> None:
    with pytest.raises(sr.ConfigError, match="one of coverage, false_accept and precision, got coverage and precision"):
        model.calibrate(held_out, coverage=0.9, precision=0.9)


def test_what_is_no_table_or_has_no_labels_is_refused(model) -> None:
    with pytest.raises(
        sr.InputError, match=r"calibrate\(objects\): want a label in every row, in the column '\w+', got the columns"
    ):
        model.calibrate({"photo": [[1.0] * 5]})
    unlabelled = sr.read_objects({"photo": [[1.0] * 5], "title": [None]}, model.schema_, labelled=False)
    with pytest.raises(sr.InputError, match="label"):
        model.calibrate(unlabelled)


def test_a_failed_calibration_keeps_the_one_before(model, held_out) -> None:
    before = model.calibrate(held_out)
    with pytest.raises(sr.InputError):
        model.calibrate(held_out[:3])
    assert model.calibration_ is before


def test_training_objects_are_told() -> None:
    train, fresh = make_objects(40, random_state=0), make_objects(40, random_state=1)
    model = sr.SphereEmbedder(embedding_dim=8, epochs=0, verbose=False).fit(train)
    model.calibrate(fresh, coverage=0.8)
    for known in (train, train[np.arange(0, 40, 2)], make_objects(40, random_state=0), model.encode(train)):
        with pytest.warns(sr.SteradianWarning, match=r"calibrate\(objects\): .* seem to be training objects") as told:
            model.calibrate(known, coverage=0.8)
        assert told[0].filename == __file__


def test_pairs_of_one_class_bound_the_angle_unless_whole_classes_were_left_out(model, held_out, monkeypatch) -> None:
    asked = []

    def fitter(*arguments: Any, enough: float | None, **options: Any) -> PairFitter:
        asked.append(enough)
        return PairFitter(*arguments, enough=enough, **options)

    monkeypatch.setattr("steradian.thresholds.calibrate.PairFitter", fitter)
    model.calibrate(held_out, coverage=0.8)
    model.calibrate(held_out, precision=0.5)
    model.calibrate()
    products = make_objects(90, random_state=0)
    products = products.with_labels(np.arange(90) // 3)
    sr.SphereEmbedder(8, epochs=0, verbose=False).fit(products).calibrate()
    assert asked == [0.8, 0.95, 0.95, None]
