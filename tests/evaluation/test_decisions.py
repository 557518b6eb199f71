"""Every number of a model's decisions against the model's own answers on tables cut to the subset."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import steradian as sr
from steradian import metrics
from steradian.errors import InputError
from steradian.evaluation import Decisions, decisions, measure_decisions
from steradian.model import inference

KNOWN = ["cup", "jar", "lamp"]
NUMBERS = ("ece", "auroc", "fpr95", "oscr", "pair_auroc", "pair_eer", "pair_tar")
CALIBRATED = ("accepted_known", "accepted_unknown", "precision")


def make_objects(kinds: list[str], objects: int, *, random_state: int) -> sr.ObjectTable:
    """Objects of two modalities; each is missing in a fifth of them, and none in both."""
    rng = np.random.default_rng(random_state)
    labels = np.array(kinds)[np.arange(objects) % len(kinds)]
    places = np.array([["cup", "jar", "lamp", "pan", "pot"].index(label) for label in labels])
    cells: dict[str, Any] = {"kind": labels}
    for m, name in enumerate("xy"):
        values = np.eye(5)[places] + 0.5 * rng.normal(size=(objects, 5))
        cells[name] = [None if row % 5 == m else value for row, value in enumerate(values)]
    return sr.read_objects(cells, sr.Schema({name: sr.Vector(name) for name in "xy"}, label="kind"))


@pytest.fixture(scope="module")
def learnt() -> sr.SphereEmbedder:
    options: dict[str, Any] = {"embedding_dim": 8, "width": 16, "heads": 2, "epochs": 15, "verbose": False}
    return sr.SphereEmbedder(**options).fit(make_objects(KNOWN, 90, random_state=0))


@pytest.fixture(scope="module")
def calibrated(learnt: sr.SphereEmbedder) -> sr.SphereEmbedder:
    again = sr.SphereEmbedder(**learnt.get_params())
    again.__dict__ |= learnt.__dict__
    again.calibrate(make_objects(KNOWN, 120, random_state=1), coverage=0.8)
    return again


@pytest.fixture(scope="module")
def objects() -> sr.ObjectTable:
    """Of three known classes and two unknown ones."""
    return make_objects([*KNOWN, "pan", "pot"], 100, random_state=2)


@pytest.fixture(scope="module")
def found(calibrated: sr.SphereEmbedder, objects: sr.ObjectTable) -> Decisions:
    return measure_decisions(calibrated, objects, verbose=False)


def each_cut(objects: sr.ObjectTable) -> Iterator[tuple[Any, sr.ObjectTable]]:
    """Each subset with the objects that have any of it, cut to it."""
    for subset in [("x", "y"), "x", "y"]:
        cut = objects.only(subset)
        yield subset, cut[cut.present.any(axis=1)]


# -- Every number is what the model answers


def test_how_sure_is_that_of_the_probabilities_and_answers_it_gives(calibrated, objects, found) -> None:
    scales = set()
    for subset, cut in each_cut(objects):
        row, known = found[subset], np.isin(cut.labels, KNOWN)
        assert (row.known, row.unknown, row.without_subset) == (known.sum(), (~known).sum(), 100 - len(cut))
        probabilities = calibrated.predict_proba(cut)
        right = calibrated.predict(cut) == cut.labels
        error = metrics.expected_calibration_error(probabilities.max(axis=1)[known], right[known])
        assert row.ece == pytest.approx(error, abs=1e-6)
        accepted = calibrated.predict(cut, reject=True) != "unknown"
        assert row.accepted_known == pytest.approx(accepted[known].mean())
        assert row.accepted_unknown == pytest.approx(accepted[~known].mean())
        assert row.precision == pytest.approx(right[accepted].mean())
        assert 0 < row.accepted_unknown < row.accepted_known < 1
        scales |= set(calibrated.calibration_.scales(cut.present).tolist())
    assert len(scales) == 3


def test_known_and_unknown_are_told_apart_by_the_cosine_to_the_nearest_center(calibrated, objects, found) -> None:
    for subset, cut in each_cut(objects):
        cosines, known = calibrated.decision_function(cut).max(axis=1), np.isin(cut.labels, KNOWN)
        right = calibrated.predict(cut)[known] == cut.labels[known]
        assert found[subset].auroc == pytest.approx(metrics.auroc(cosines[known], cosines[~known]), abs=1e-9)
        assert found[subset].fpr95 == metrics.false_positive_rate_at(cosines[known], cosines[~known])
        assert found[subset].oscr == pytest.approx(metrics.oscr(cosines[known], right, cosines[~known]), abs=1e-9)


def test_pairs_are_of_all_classes_and_both_seen_through_the_subset(calibrated, objects, found) -> None:
    for subset, cut in each_cut(objects):
        vectors = calibrated.transform(cut)
        cosines: dict[bool, list[float]] = {True: [], False: []}
        for one, other in combinations(range(len(cut)), 2):
            cosines[bool(cut.labels[one] == cut.labels[other])].append(float(vectors[one] @ vectors[other]))
        same, different = np.array(cosines[True]), np.array(cosines[False])
        row = found[subset]
        assert row.pairs == len(cut) * (len(cut) - 1) // 2
        # Sums of products in another order may swap two pairs.
        assert row.pair_auroc == pytest.approx(metrics.auroc(same, different), abs=1e-3)
        assert row.pair_eer == pytest.approx(metrics.equal_error_rate(same, different), abs=3e-3)
        assert row.pair_tar == pytest.approx(metrics.true_accept_rate(same, different), abs=3e-3)


def test_more_pairs_than_the_bound_are_drawn(learnt, objects, found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "MOST_PAIRS", 900)
    some, again, other = (
        measure_decisions(learnt, objects, subsets=["x"], random_state=random_state, verbose=False)
        for random_state in (1, 1, 2)
    )
    assert some.whole.pairs == 1800
    assert some.to_dict() == again.to_dict()
    assert some.whole.pair_auroc != other.whole.pair_auroc
    assert some.whole.auroc == other.whole.auroc
    assert some.whole.intervals["auroc"] != other.whole.intervals["auroc"]
    assert some.whole.pair_auroc == pytest.approx(found.whole.pair_auroc, abs=0.03)
    assert "Of a kind with more pairs than 900, as many were drawn." in some.notes


def test_the_blocks_change_nothing(calibrated, objects, found, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inference, "MAX_COSINES", 20)
    monkeypatch.setattr(decisions, "_PAIRS_A_CHUNK", 7)
    again = measure_decisions(calibrated, objects, verbose=False)
    for row, former in zip(again, found, strict=True):
        for name in (*NUMBERS, *CALIBRATED):
            assert getattr(row, name) == pytest.approx(getattr(former, name), abs=3e-3)


# -- Intervals


def test_every_number_of_every_subset_has_an_interval_by_class(found) -> None:
    for row in found:
        assert set(row.intervals) == {*NUMBERS, *CALIBRATED}
        for name, (low, high) in row.intervals.items():
            assert 0 <= low <= high <= 1
            # Resampling adds error to the calibration error, and only to that.
            assert name == "ece" or low - 0.02 <= getattr(row, name) <= high + 0.02, name


def test_the_intervals_of_single_objects_draw_known_and_unknown_classes_apart(calibrated, objects, found) -> None:
    cosines, known = calibrated.decision_function(objects).max(axis=1), np.isin(objects.labels, KNOWN)
    scores = metrics.SortedScores(cosines[known], cosines[~known])
    groups = objects.labels[known], objects.labels[~known]
    ends = metrics.class_interval(lambda *weights: scores.curve(*weights).auroc, *groups)
    assert found.whole.intervals["auroc"] == pytest.approx(tuple(ends), abs=1e-9)


# -- Where something is missing


def test_a_calibration_changes_the_scale_and_so_the_calibration_error(objects) -> None:
    options: dict[str, Any] = {"embedding_dim": 8, "width": 16, "heads": 2, "epochs": 15, "verbose": False}
    model = sr.SphereEmbedder(closed_form=False, **options).fit(make_objects(KNOWN, 90, random_state=0))
    before = measure_decisions(model, objects, verbose=False).whole.ece
    model.calibrate(make_objects(KNOWN, 120, random_state=1), coverage=0.8)
    assert before != pytest.approx(measure_decisions(model, objects, verbose=False).whole.ece, abs=1e-3)


def test_without_a_calibration_nothing_is_refused(learnt, calibrated, objects, found) -> None:
    plain = measure_decisions(learnt, objects, verbose=False)
    assert not plain.calibrated
    assert found.calibrated
    assert plain.notes[0].startswith("Not calibrated: nothing is refused")
    assert not any("Not calibrated" in note for note in found.notes)
    for row, former in zip(plain, found, strict=True):
        assert [getattr(row, name) for name in CALIBRATED] == [None] * 3
        assert set(row.intervals) == set(NUMBERS)
        assert row.auroc == former.auroc
    known = np.isin(objects.labels, KNOWN)
    probabilities, right = learnt.predict_proba(objects[known]), learnt.predict(objects[known]) == objects.labels[known]
    assert plain.whole.ece == pytest.approx(
        metrics.expected_calibration_error(probabilities.max(axis=1), right), abs=1e-6
    )


def test_without_unknown_classes_there_is_no_block_of_them_and_a_note(calibrated, objects) -> None:
    known = measure_decisions(calibrated, objects[np.isin(objects.labels, KNOWN)], verbose=False)
    assert (known.known_classes, known.unknown_classes) == (3, 0)
    assert known.whole.auroc is known.whole.oscr is known.whole.accepted_unknown is None
    assert known.whole.precision is not None
    assert "The model knows all classes of the objects: of unknown classes nothing is measured." in known.notes
    assert repr(known).splitlines()[0] == "Decisions: 60 objects of 3 known classes"
    assert "FPR95" not in repr(known)


def test_with_unknown_classes_alone_only_pairs_are_measured(calibrated, objects) -> None:
    unknown = measure_decisions(calibrated, objects[~np.isin(objects.labels, KNOWN)], verbose=False)
    assert (unknown.known_classes, unknown.unknown_classes, unknown.whole.known) == (0, 2, 0)
    assert unknown.whole.ece is unknown.whole.auroc is None
    assert unknown.whole.precision == 0.0
    assert unknown.whole.pair_auroc > 0.5
    assert "The model knows no class of the objects: all that it accepts is wrong." in unknown.notes


def test_one_unknown_class_has_no_interval(calibrated, objects) -> None:
    one = measure_decisions(calibrated, objects[objects.labels != "pot"], verbose=False).whole
    assert one.auroc is not None
    assert set(one.intervals) == {"ece", "accepted_known", "pair_auroc", "pair_eer", "pair_tar"}


def test_one_class_or_two_objects_have_no_pairs_to_compare(calibrated, objects) -> None:
    one = measure_decisions(calibrated, objects[objects.labels == "cup"], verbose=False).whole
    assert one.pairs == 190
    assert one.pair_auroc is one.pair_eer is one.pair_tar is None
    assert one.ece is not None
    assert one.intervals == {}
    two = measure_decisions(calibrated, objects[:2], verbose=False).whole
    assert (two.pairs, two.pair_auroc) == (1, None)


def test_a_subset_that_no_object_has_is_empty(calibrated, objects) -> None:
    found = measure_decisions(calibrated, objects.only("x"), verbose=False)
    empty = found["y"]
    assert (empty.known, empty.unknown, empty.without_subset, empty.pairs) == (0, 0, 100, 0)
    assert all(getattr(empty, name) is None for name in (*NUMBERS, *CALIBRATED))
    assert "Objects without the subset are left out: up to 100." in found.notes


def test_a_calibration_that_accepts_nothing_has_no_precision(calibrated, objects) -> None:
    strict = sr.SphereEmbedder(**calibrated.get_params())
    strict.__dict__ |= calibrated.__dict__
    points = tuple(replace(point, threshold=-1.0) for point in calibrated.calibration_.points)
    strict.fitted_ = replace(calibrated.fitted_, calibration=replace(calibrated.calibration_, points=points))
    whole = measure_decisions(strict, objects, verbose=False).whole
    assert (whole.accepted_known, whole.accepted_unknown, whole.precision) == (0.0, 0.0, None)


# -- What is refused


def test_what_cannot_be_measured_is_refused(learnt, objects) -> None:
    with pytest.raises(InputError, match=r"measure_decisions\(\.\.\.\), objects: want a label in every row"):
        measure_decisions(learnt, {name: objects.columns[name] for name in "xy"}, verbose=False)
    with pytest.raises(InputError, match=r"measure_decisions\(\.\.\.\), objects: want at least 2 objects, got 1"):
        measure_decisions(learnt, objects[:1], verbose=False)
    with pytest.raises(InputError, match="labels that are text"):
        measure_decisions(learnt, objects.with_labels(np.arange(100)), verbose=False)
    with pytest.raises(InputError, match="want modalities of x, y, got 'z'"):
        measure_decisions(learnt, objects, subsets=["z"], verbose=False)
    other = sr.read_objects(
        {"z": [[1.0], [2.0]], "kind": ["cup", "jar"]}, sr.Schema({"z": sr.Vector("z")}, label="kind")
    )
    with pytest.raises(InputError, match="the table"):
        measure_decisions(learnt, other, verbose=False)
    with pytest.raises(NotFittedError):
        measure_decisions(sr.SphereEmbedder(), objects)


def test_thresholds_of_other_classes_are_told(calibrated, objects) -> None:
    changed = deepcopy(calibrated)
    stale = "Classes were added or removed since the calibration: calibrate again."
    assert stale not in measure_decisions(changed, objects, subsets=["x"], verbose=False).notes
    changed.remove_classes(KNOWN[0])
    assert stale in measure_decisions(changed, objects, subsets=["x"], verbose=False).notes
