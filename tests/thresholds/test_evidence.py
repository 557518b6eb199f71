"""What a calibration rests on: a held-out table, left-out objects, or classes that were left out as a whole."""

from dataclasses import replace

import numpy as np
import pytest

import steradian as sr
from steradian.thresholds.evidence import HeldOut, LeftOutClasses, LeftOutObjects, left_out_of

from .conftest import make_objects

SEARCHED = sr.Schema({"near": sr.Vector("near"), "far": sr.Vector("far")})


def products(classes: int = 60, *, each: int = 3, noise: float = 0.4, random_state: int = 0) -> sr.ObjectTable:
    """Few objects of many classes, as products that are to be found again."""
    rng = np.random.default_rng(random_state)
    labels = np.repeat(np.arange(classes), each)
    places = rng.normal(size=(classes, 12))[labels]
    columns = {name: places + noise * rng.normal(size=places.shape) for name in ("near", "far")}
    return sr.read_objects(columns | {"label": labels + 1000 * random_state}, SEARCHED)


@pytest.fixture(scope="module")
def searching() -> sr.SphereEmbedder:
    return sr.SphereEmbedder(epochs=0, verbose=False).fit(products())


def test_without_a_table_coverage_is_about_what_was_asked(model) -> None:
    fresh = make_objects(600, random_state=9)
    found = model.calibrate(coverage=0.8)
    assert found.left_out and [point.subset for point in found.points] == [("photo", "title"), ("photo",), ("title",)]
    assert found.points[0].objects == 90
    # 90 objects calibrate: a share of 0.8 spreads by 0.042; three times that, and what a third more data changes.
    assert np.mean(model.predict(fresh, reject=True) != "unknown") == pytest.approx(0.8, abs=0.15)


def test_without_a_table_nothing_is_guaranteed(model) -> None:
    assert "about 90.0%" in repr(model.calibrate(coverage=0.9))
    assert "no guarantee" in repr(model.calibration_)
    assert model.calibrate(precision=0.5).guarantee == "about 50.0% of what is accepted is right"


def test_left_out_objects_are_measured_like_a_held_out_table(model, held_out) -> None:
    table, kept = HeldOut(model.fitted_, held_out), LeftOutObjects(model.fitted_, model.fitted_.left_out)
    for evidence in (table, kept):
        ((rows, vectors),) = evidence.subsets([evidence.present])
        own, cosines = evidence.nearest(rows, vectors)
        every, numbers = evidence.cosines(rows, vectors)
        np.testing.assert_allclose(cosines, every.max(axis=1), atol=1e-6)
        np.testing.assert_array_equal(own, every.argmax(axis=1) == numbers)
        assert evidence.centers == 3 and evidence.known.all()


def test_left_out_classes_are_found_at_the_mean_of_their_other_objects(searching) -> None:
    evidence = left_out_of(searching.fitted_)
    assert isinstance(evidence, LeftOutClasses)
    ((rows, vectors),) = evidence.subsets([evidence.present])
    cosines, own = evidence.cosines(rows, vectors)
    parts = searching.fitted_.left_out.numbers
    for row in (0, 50, 179):
        others = (evidence.labels == evidence.labels[row]) & (np.arange(len(rows)) != row)
        center = vectors[others].sum(axis=0)
        assert cosines[row, own[row]] == pytest.approx(vectors[row] @ center / np.linalg.norm(center), abs=1e-5)
        # Classes that this fit has learnt from say nothing of how far new ones lie.
        names = np.unique(evidence.labels)
        elsewhere = [name not in evidence.labels[parts == parts[row]] for name in names]
        assert (cosines[row, elsewhere] == -1).all()


def test_a_class_of_one_object_is_unknown_to_the_classes_left_out() -> None:
    table = products()
    # Of every third class one object alone stays.
    lonely = (table.labels % 3 == 0) & (np.arange(len(table)) % 3 > 0)
    model = sr.SphereEmbedder(epochs=0, verbose=False).fit(table[~lonely])
    evidence = left_out_of(model.fitted_)
    assert isinstance(evidence, LeftOutClasses)
    np.testing.assert_array_equal(evidence.known, evidence.labels % 3 > 0)
    found = model.calibrate(false_accept=0.2)
    assert found.points[0].unknown == (~evidence.known).sum()


def test_pairs_of_new_classes_keep_the_rate_about(searching) -> None:
    searching.calibrate(pair_false_accept=0.05)
    others = products(random_state=1)
    first, second = others[::3], others[1::3]
    same = searching.verify(first, second).same.mean()
    apart = [searching.verify(first[k:], second[:-k]).same.mean() for k in range(1, 30)]
    assert same > 0.8 and np.mean(apart) < 0.1


def test_classes_that_come_and_go_are_known_or_not(model) -> None:
    table = make_objects(90, random_state=0)
    small = sr.SphereEmbedder(embedding_dim=8, epochs=0, verbose=False).fit(table)
    small.remove_classes(["lamp"])
    found = small.calibrate(false_accept=0.3)
    assert found.points[0].unknown == np.sum(table.labels == "lamp")


def test_a_model_that_left_nothing_out_asks_for_a_table(model, tmp_path) -> None:
    alone = sr.SphereEmbedder(embedding_dim=8, epochs=1, closed_form=False, verbose=False).fit(
        make_objects(90, random_state=0)
    )
    model.save(tmp_path / "model")
    for other in (alone, sr.SphereEmbedder.load(tmp_path / "model")):
        with pytest.raises(sr.InputError, match=r"calibrate\(held_out\)"):
            other.calibrate()


def test_the_one_cause_of_nothing_left_out_is_told(searching) -> None:
    fitted = replace(searching.fitted_, left_out=None)
    open_form = replace(fitted.preprocessor, closed_form=None)
    causes = {
        "was loaded: left-out objects are not saved": replace(fitted, trained=None),
        "was trained without a closed form": replace(fitted, preprocessor=open_form),
        "was stopped before": replace(fitted, training=replace(fitted.training, interrupted=True)),
        "a table of 5,000 objects or more": replace(fitted, trained=np.zeros(5000, dtype=np.int64)),
        "on too few objects, or with validation": fitted,
    }
    for cause, model in causes.items():
        with pytest.raises(sr.InputError, match=f"no table, and a model that.* {cause}"):
            left_out_of(model)
