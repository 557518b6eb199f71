"""Audits of a small trained model: trouble put in by hand is found, and bad input refused."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.audit import Audit
from steradian.metrics import pair_angles
from steradian.model import fuse_subset


def with_wrong_labels(objects: sr.ObjectTable, rows: np.ndarray) -> sr.ObjectTable:
    labels = objects.labels.copy()
    kinds = np.unique(labels)
    labels[rows] = kinds[(np.searchsorted(kinds, labels[rows]) + 1 + rows % 4) % 5]
    return objects.with_labels(labels)


@pytest.fixture
def wrong(rng: np.random.Generator) -> np.ndarray:
    return np.sort(rng.choice(300, size=18, replace=False))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "highest"), [("model", 0.75), ("network_alone", 0.5)])
def test_wrong_labels_are_listed_and_right_ones_hardly(
    name: str, highest: float, request: pytest.FixtureRequest, make_objects, wrong: np.ndarray
) -> None:
    model = request.getfixturevalue(name)
    objects = make_objects(1, 300)
    found = model.audit(with_wrong_labels(objects, wrong), duplicates=False)
    listed = found.of_kind("label")
    rows = [finding.row for finding in listed]
    assert np.isin(rows, wrong).mean() > 0.9
    assert np.isin(wrong, rows).mean() > 0.6
    assert found.noise == pytest.approx(0.06, abs=0.025)
    for finding in listed:
        assert finding.id == objects.ids[finding.row]
        assert finding.label != finding.other
        assert finding.other == model.predict(objects[finding.row])[0]
        assert finding.angle > finding.other_angle
        # What is guaranteed is a bound on the mean, below; one label may be more likely right than wrong.
        assert 0 <= finding.score <= highest
    assert [finding.score for finding in listed] == sorted(finding.score for finding in listed)
    assert [finding.rank for finding in listed] == list(range(1, len(listed) + 1))
    assert np.mean([finding.score for finding in listed]) <= 0.05


def test_a_clean_table_has_no_wrong_labels_though_the_model_errs(model, make_objects) -> None:
    # One modality each, so that some are hard.
    objects = make_objects(2, 600, missing=1.0)
    assert (model.predict(objects) != objects.labels).sum() > 5
    assert len(model.audit(objects, duplicates=False).of_kind("label")) <= 1


def test_angles_are_those_to_the_class_centers(model, make_objects, wrong: np.ndarray) -> None:
    objects = with_wrong_labels(make_objects(1, 300), wrong)
    finding = model.audit(objects, duplicates=False).of_kind("label")[0]
    vectors = np.concatenate(
        [model.transform(objects[finding.row]), model.fitted_.classifier.class_centers.detach().numpy()]
    )
    places = 1 + np.searchsorted(model.classes_, [finding.label, finding.other])
    angles = pair_angles(vectors, np.array([0, 0]), places)
    assert [finding.angle, finding.other_angle] == pytest.approx(angles, abs=1e-3)


def test_more_false_alarms_list_more(model, make_objects, wrong: np.ndarray) -> None:
    objects = with_wrong_labels(make_objects(1, 300), wrong)
    few, many = (model.audit(objects, duplicates=False, false_alarms=share) for share in (0.01, 0.3))
    few_rows, many_rows = ([finding.row for finding in found.of_kind("label")] for found in (few, many))
    assert many_rows[: len(few_rows)] == few_rows
    assert len(many_rows) > len(few_rows)


def test_an_object_that_looks_like_nothing_is_an_outlier(model, make_objects) -> None:
    objects = make_objects(3, 200, missing=0.0)
    values = {name: {key: array.copy() for key, array in parts.items()} for name, parts in objects.values.items()}
    for name in values:
        values[name]["values"][11] = 0.4
    odd = replace(objects, values=values)
    odd = odd.with_labels(np.where(np.arange(200) == 11, model.predict(odd), odd.labels))
    found = model.audit(odd, duplicates=False).of_kind("outlier")
    assert found[0].row == 11
    assert len(found) < 14
    assert all(finding.score > 3.5 for finding in found)
    assert all(finding.label == odd.labels[finding.row] != finding.other for finding in found)


def test_copies_in_the_other_table_and_under_another_label_are_found(model, make_objects) -> None:
    objects, train = make_objects(4, 120, missing=0.0), make_objects(0)
    both = {name: [*train.columns[name], *objects.columns[name][[5, 90]]] for name in ("photo", "title")}
    ids, labels = [*train.ids, "t1", "t2"], [*train.labels, objects.labels[5], "lamp"]
    against = sr.read_objects({**both, "label": labels, "id": ids}, train.schema)
    found = model.audit(objects, against=against).of_kind("duplicate")
    assert [(finding.row, finding.other, finding.other_row, finding.across) for finding in found] == [
        (90, "t2", 201, True),
        (5, "t1", 200, True),
    ]
    assert found[0].other_label == "lamp" != found[0].label
    assert "Reads the same as 't2' of the other table in photo + title" in found[0].sentence
    assert "both 'bowl'" in found[1].sentence
    assert found[0].other_angle > 0.05
    twice = {name: [*cells, cells[7], cells[8]] for name, cells in objects.columns.items()}
    twice["id"][-2:], twice["label"][-2:] = ["c1", "c2"], ["lamp", objects.labels[8]]
    assert objects.labels[7] != "lamp"
    within = model.audit(sr.read_objects(twice, objects.schema))
    assert [(finding.row, finding.other, finding.across) for finding in within.of_kind("duplicate")] == [
        (7, "c1", False)
    ]
    assert "1 pair within the table is a near-duplicate of one label." in within.notes


def test_classes_that_are_one_are_told(make_objects, rng: np.random.Generator) -> None:
    objects = make_objects(0)
    labels = objects.labels.copy()
    labels[(labels == "cup") & (rng.random(200) < 0.5)] = "mug"
    fast = {"embedding_dim": 8, "width": 16, "heads": 2, "epochs": 15, "verbose": False}
    model = sr.SphereEmbedder(**fast).fit(objects.with_labels(labels))
    other = make_objects(5)
    labels = other.labels.copy()
    labels[(labels == "cup") & (rng.random(200) < 0.5)] = "mug"
    gravest = model.audit(other.with_labels(labels), duplicates=False).of_kind("classes")[0]
    assert {gravest.label, gravest.other} == {"cup", "mug"}
    assert gravest.score > 0.25
    assert gravest.row is gravest.id is gravest.other_angle is None


def test_objects_of_unknown_classes_are_counted_and_not_judged(model, make_objects) -> None:
    objects = make_objects(6)
    labels = objects.labels.copy()
    labels[:4] = ["vase", "urn", "vase", "urn"]
    found = model.audit(objects.with_labels(labels), duplicates=False)
    assert found.notes[0].startswith("4 objects of 2 classes that the model does not know")
    assert not {finding.row for finding in found} & {0, 1, 2, 3}
    assert (found.objects, found.classes, found.judged) == (200, 7, 196)


@pytest.mark.parametrize("name", ["network_alone", "several_centers", "free"])
def test_every_kind_of_model_can_audit(request, make_objects, wrong: np.ndarray, name: str) -> None:
    model = request.getfixturevalue(name)
    objects = with_wrong_labels(make_objects(1, 300), wrong)
    found = model.audit(objects, against=make_objects(0))
    listed = [finding.row for finding in found.of_kind("label")]
    assert np.isin(listed, wrong).mean() > 0.8
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == found.to_dict()


def test_batches_and_order_have_no_influence(model, make_objects, wrong: np.ndarray) -> None:
    objects = with_wrong_labels(make_objects(1, 300), wrong)

    def ids(found: Audit) -> list[tuple[str, ...]]:
        # Of two twins the one that comes first is named first.
        return sorted(
            (each.kind, *sorted([str(each.id), str(each.other)]))
            if each.kind == "duplicate"
            else (each.kind, str(each.id))
            for each in found
        )

    whole = model.audit(objects)
    assert ids(model.audit(objects, batch_size=7)) == ids(whole) == ids(model.audit(objects[::-1]))


def test_a_table_that_the_model_knows_by_heart_is_told(model, make_objects) -> None:
    objects = make_objects(7)
    learnt = model.audit(objects[model.predict(objects) == objects.labels], duplicates=False)
    assert "Every object is nearest to its own class." in learnt.notes[-1]
    assert not any("by heart" in note for note in model.audit(objects, duplicates=False).notes)


def test_labels_and_ids_of_any_kind_print_and_save(make_objects, tmp_path) -> None:
    objects = make_objects(0)
    names = np.array(["<script>alert(1)</script>", "[bold]\x1b[31m", "a\nb", "漢字" * 30, "pan"])
    odd = objects.with_labels(names[np.unique(objects.labels, return_inverse=True)[1]])
    fast = {"embedding_dim": 8, "width": 16, "heads": 2, "epochs": 8, "verbose": False}
    model = sr.SphereEmbedder(**fast).fit(odd)
    labels = odd.labels.copy()
    labels[:20:2] = names[(np.searchsorted(np.unique(objects.labels), objects.labels[:20:2]) + 1) % 5]
    found = model.audit(odd.with_labels(labels), false_alarms=0.5, confusion=0.01)
    assert found.of_kind("label")
    assert "\x1b" not in str(found) + "".join(finding.sentence for finding in found)
    assert not any("\n" in finding.sentence for finding in found)
    found.save(tmp_path / "audit.json")
    assert json.loads((tmp_path / "audit.json").read_text(encoding="utf-8")) == found.to_dict()


def test_whole_numbers_as_labels_stay_numbers(rng: np.random.Generator) -> None:
    points, labels = rng.normal(size=(60, 3)) + np.repeat([[-2], [2]], 30, axis=0), np.repeat([10, 20], 30)
    model = sr.SphereEmbedder(embedding_dim=4, width=8, heads=2, epochs=10, verbose=False).fit(points, labels)
    labels[:2] = 20
    objects = sr.read_objects({"x": points, "label": labels}, sr.Schema({"x": sr.Vector("x")}))
    found = model.audit(objects, false_alarms=0.3).of_kind("label")
    assert [(finding.row, finding.id, finding.label, finding.other) for finding in found[:2]] in (
        [(0, 0, 20, 10), (1, 1, 20, 10)],
        [(1, 1, 20, 10), (0, 0, 20, 10)],
    )
    assert type(found[0].label) is int


def test_whole_vectors_of_the_other_table_are_not_made(model, make_objects, monkeypatch: pytest.MonkeyPatch) -> None:
    fused: list[int] = []

    def counted(*arguments: Any) -> Any:
        fused.append(len(arguments[1].present))
        return fuse_subset(*arguments)

    monkeypatch.setattr("steradian.fitted_model.fuse_subset", counted)
    model.audit(make_objects(1, 30), against=make_objects(0))
    assert sum(fused) == 30


# -- What is refused


def test_tables_that_cannot_be_audited_are_refused(model, make_objects) -> None:
    objects = make_objects(1, 20)
    other = sr.read_objects(
        {"photo": np.ones((3, 2)), "label": ["a", "b", "a"]}, sr.Schema({"photo": sr.Vector("photo")})
    )
    cells = {name: objects.columns[name] for name in ("photo", "title", "id")}
    unlabelled = sr.read_objects(cells, objects.schema, labelled=False)
    cases = [
        ("0 objects", {"objects": objects[:0]}),
        ("labels in column 'label'", {"objects": unlabelled}),
        ("labels of 2 classes or more.*only cup", {"objects": objects[objects.labels == "cup"]}),
        ("none of them, but vase", {"objects": objects.with_labels(["vase", "urn"] * 10)}),
        ("labels that are text", {"objects": objects.with_labels([1, 2] * 10)}),
        ("the modality 'title'", {"objects": other}),
        ("the table against.*the modality 'title'", {"against": other}),
        ("the very same table", {"against": objects}),
        ("an empty one", {"against": objects[:0]}),
        ("batch_size=0", {"batch_size": 0}),
        ("1 object without", {"objects": objects.only("title")[[int(np.argmin(objects.present[:, 1]))]]}),
    ]
    for message, changed in cases:
        with pytest.raises(sr.InputError, match=message):
            model.audit(**({"objects": objects} | changed))


@pytest.mark.parametrize("share", ["false_alarms", "confusion"])
@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, float("nan")])
def test_shares_that_are_none_are_refused(model, make_objects, share: str, value: float) -> None:
    with pytest.raises(sr.ConfigError, match=share):
        model.audit(make_objects(1, 20), **{share: value})
