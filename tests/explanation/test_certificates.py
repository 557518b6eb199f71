"""What a trained model guarantees of its subsets, each of them embedded."""

import json
import unicodedata
from dataclasses import replace
from io import StringIO
from itertools import combinations

import numpy as np
import pytest
from rich.console import Console

import steradian as sr
from steradian.explanation import Certificates, certify
from steradian.model import class_cosines


def subset_cosines(model: sr.SphereEmbedder, objects: sr.ObjectTable) -> np.ndarray:
    """Of every subset of the modalities the cosines [subsets, objects, classes]; NaN where an object has none of it."""
    names = tuple(model.schema_.modalities)
    subsets = [chosen for size in range(1, len(names) + 1) for chosen in combinations(names, size)]
    cosines = np.full((len(subsets), len(objects), len(model.classes_)), np.nan)
    for number, (_, rows, vectors) in enumerate(model.transform_subsets(objects, subsets)):
        cosines[number, rows] = class_cosines(model.fitted_.classifier, vectors)
    return cosines


def test_no_subset_breaks_a_promise(model, make_objects) -> None:
    objects = make_objects(1, 150)
    found = model.certify(objects, all_classes=True)
    cosines = subset_cosines(model, objects)
    own = np.searchsorted(model.classes_, found.predicted)
    leads = np.nanmin(cosines[:, np.arange(150), own, None] - cosines, axis=0)
    held = found.all_leads > 0
    assert held.sum() > 50
    assert (leads >= found.all_leads)[held].all()
    assert 10 < found.certified.sum() < 150
    # What is not guaranteed is broken in some objects, so that the guarantee says something.
    assert (leads < 0)[found.all_leads < 0].sum() > 20
    kept = (np.nanargmax(np.where(np.isnan(cosines), -2, cosines), axis=2) == own) | np.isnan(cosines[..., 0])
    assert kept[:, found.certified].all()
    assert not kept[:, ~found.certified].all()


def test_the_class_is_the_one_that_is_predicted(model, make_objects) -> None:
    objects = make_objects(2)
    found = model.certify(objects)
    np.testing.assert_array_equal(found.predicted, model.predict(objects))
    np.testing.assert_array_equal(found.ids, objects.ids)
    assert (found.predicted != found.runners_up).all()
    assert found.share == found.certified.mean()
    np.testing.assert_array_equal(found.certified, found.below == 2)


def test_one_modality_leads_by_what_its_vector_leads(certified, make_objects) -> None:
    objects = make_objects(3).only("b")
    objects = objects[objects.present.any(axis=1)]
    found = certified.certify(objects)
    cosines = np.sort(certified.decision_function(objects), axis=1)
    np.testing.assert_allclose(found.leads, cosines[:, -1] - cosines[:, -2], atol=2e-4)
    assert (found.leads < cosines[:, -1] - cosines[:, -2]).all()


def test_the_context_costs_promises(context, make_objects) -> None:
    objects = make_objects(4)
    with_it = context.certify(objects)
    fusion = context.fitted_.encoder.fusion
    limit, fusion.context_limit = fusion.context_limit, 0.0
    try:
        without = context.certify(objects)
    finally:
        fusion.context_limit = limit
    assert with_it.share < without.share


def test_batches_and_order_have_no_influence(model, make_objects) -> None:
    objects = make_objects(5, 40)
    whole = model.certify(objects, all_classes=True)
    for batch_size in (1, 7):
        found = model.certify(objects, batch_size=batch_size, all_classes=True)
        np.testing.assert_allclose(found.leads, whole.leads, atol=1e-5)
        np.testing.assert_allclose(found.all_leads, whole.all_leads, atol=1e-5)
    turned = model.certify(objects[::-1])
    np.testing.assert_allclose(turned.leads[::-1], whole.leads, atol=1e-5)


def test_a_saved_model_promises_the_same(model, make_objects, tmp_path) -> None:
    model.save(tmp_path)
    objects = make_objects(6, 30)
    loaded = sr.SphereEmbedder.load(tmp_path)
    assert loaded.certify(objects).to_dict() == model.certify(objects).to_dict()


def test_an_array_of_one_modality(rng: np.random.Generator) -> None:
    points, labels = rng.normal(size=(20, 3)) + np.repeat([[-2], [2]], 10, axis=0), np.repeat([0, 1], 10)
    model = sr.SphereEmbedder(embedding_dim=4, width=8, heads=2, epochs=5, verbose=False).fit(points, labels)
    assert model.certify(points).predicted.tolist() == model.predict(points).tolist()


# -- As a value


CLASSES = np.array(["cup", "jar", "lamp"])
LEADS = np.array([[np.nan, 0.3129, 0.5], [0.2, np.nan, -0.0201], [0.1, 0.2, np.nan]])


def some() -> Certificates:
    return Certificates(
        ids=np.array(["s1", "s2", "s3"]),
        predicted=CLASSES,
        leads=np.nanmin(LEADS, axis=1),
        runners_up=CLASSES[[1, 2, 0]],
        below=np.array([2, 1, 2]),
        classes=CLASSES,
        all_leads=LEADS,
    )


def terminal_columns(line: str) -> int:
    return len(line) + sum(unicodedata.east_asian_width(character) in "WF" for character in line)


def test_it_prints_on_80_columns() -> None:
    found = some()
    assert str(found).splitlines() == [
        "Certificates: 3 objects, 2 (66.7%) certified",
        "object            predicted           runner-up             lead   classes below",
        "s1                cup                 jar                  0.312             2/2",
        "s2                jar                 lamp                -0.021             1/2",
        "s3                lamp                cup                  0.100             2/2",
        "A lead above 0 holds in every subset of what the object has; any other",
        "guarantees nothing.",
    ]
    wide = replace(found, ids=np.array(["漢字" * 20] * 3), predicted=np.array(["a\nb" * 30] * 3))
    wide = replace(wide, below=np.array([1_999_999] * 3), classes=np.arange(2_000_000), all_leads=None)[
        np.arange(20) % 3
    ]
    lines = str(wide).splitlines()
    assert len(lines) == 2 + 10 + 3
    assert lines[-3] == "... 10 of 20 objects shown"
    assert max(map(terminal_columns, lines)) <= 80
    assert str(found[0]).splitlines()[0] == "Certificates: 1 object, 1 (100.0%) certified"


def test_on_a_terminal_it_is_a_table_of_the_same_cells() -> None:
    console = Console(width=80, file=StringIO(), color_system=None, force_terminal=True)
    console.print(some())
    shown = [line.split() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert all(line.split() in shown for line in repr(some()).splitlines()[:-2])


def test_objects_are_chosen() -> None:
    found = some()[1:]
    assert len(found) == 2
    assert found.ids.tolist() == ["s2", "s3"]
    assert found.certified.tolist() == [False, True]
    assert found.leads_of(0) == {"lamp": -0.0201, "cup": 0.2}
    assert some()[-1].predicted.tolist() == ["lamp"]


def test_the_leads_over_all_classes_are_only_there_if_asked_for(certified, make_objects) -> None:
    found = certified.certify(make_objects(7, 10))
    assert found.all_leads is None
    with pytest.raises(sr.InputError, match="all_classes=True"):
        found.leads_of(0)
    assert "leads" not in found.to_dict()["objects"][0]


def test_it_is_plain_json() -> None:
    entries = some().to_dict()
    assert json.loads(json.dumps(entries, allow_nan=False)) == entries
    assert entries["share"] == pytest.approx(2 / 3)
    assert entries["classes"] == 3
    assert entries["objects"][1] == {
        "id": "s2",
        "predicted": "jar",
        "lead": -0.0201,
        "runner_up": "lamp",
        "below": 1,
        "certified": False,
        "leads": [["lamp", -0.0201], ["cup", 0.2]],
    }


def test_it_is_the_method(certified, make_objects) -> None:
    objects = make_objects(8, 10)
    assert certify(certified.encode(objects)).to_dict() == certified.certify(objects).to_dict()
