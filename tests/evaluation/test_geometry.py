"""The geometry of a model and of plain arrays: every number against its metric, what is left out, how it prints."""

import json
from dataclasses import fields, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from sklearn.exceptions import NotFittedError

import steradian as sr
from steradian import metrics
from steradian.errors import InputError
from steradian.evaluation import measure_vectors

FAST: dict[str, Any] = {"embedding_dim": 8, "width": 16, "heads": 2, "epochs": 15, "verbose": False}


def make_objects(rng: np.random.Generator, kinds: int = 3, objects: int = 60) -> sr.ObjectTable:
    """Objects of two modalities, each missing in a fifth of them."""
    labels = np.arange(objects) % kinds
    cells: dict[str, Any] = {"label": [f"kind {label}" for label in labels]}
    for m, name in enumerate("xy"):
        values = np.eye(4)[labels] + 0.4 * rng.normal(size=(objects, 4))
        cells[name] = [None if row % 5 == m else value for row, value in enumerate(values)]
    return sr.read_objects(cells, sr.Schema({name: sr.Vector(name) for name in "xy"}))


@pytest.fixture(scope="module")
def learnt() -> sr.SphereEmbedder:
    """A model of three classes and two modalities."""
    return sr.SphereEmbedder(**FAST).fit(make_objects(np.random.default_rng(0)))


def arrays(rng: np.random.Generator, *, objects: int = 60) -> dict[str, Any]:
    """All that `measure_vectors` takes: of four classes, the last without a center."""
    labels = np.array(["cup", "jar", "lamp", "pot"])[rng.integers(4, size=objects)]
    single = rng.normal(size=(objects, 2, 5)) + (labels == "cup")[:, None, None]
    return {
        "vectors": single.sum(axis=1),
        "labels": labels,
        "class_centers": rng.normal(size=(3, 5)),
        "classes": np.array(["cup", "jar", "lamp"]),
        "modality_vectors": single,
        "present": rng.random((objects, 2)) < 0.8,
    }


# -- Every number is that of its metric


def test_plain_arrays_give_the_numbers_of_the_metrics(rng: np.random.Generator) -> None:
    given = arrays(rng)
    vectors, labels, centers = given["vectors"], given["labels"], given["class_centers"]
    both = {"class_centers": centers, "classes": given["classes"]}
    angles = metrics.class_angles(vectors, labels)
    means = metrics.class_means(vectors, labels).means
    found = measure_vectors(**given)
    wanted = {
        "objects": 60,
        "classes": 4,
        "dim": 5,
        "nc1": metrics.within_class_variability(vectors, labels),
        "nc2_means": metrics.equiangularity(means, centered=True)[0],
        "nc2_means_farthest": metrics.equiangularity(means, centered=True)[1],
        "nc2_centers": metrics.equiangularity(centers)[0],
        "nc2_centers_farthest": metrics.equiangularity(centers)[1],
        "nc3": metrics.self_duality(vectors, labels, **both),
        "nc4": metrics.center_disagreement(vectors, labels, **both),
        "alignment": metrics.alignment(vectors, labels),
        "uniformity": metrics.uniformity(vectors),
        "energy": metrics.hyperspherical_energy(centers),
        "least_angle": metrics.least_center_angle(centers)[0],
        "least_angle_ratio": metrics.least_center_angle(centers)[1],
        "effective_rank": metrics.effective_rank(vectors),
        "concentration": np.median(metrics.concentration(vectors, labels)),
        "ami": metrics.clustering_ami(vectors, labels),
    }
    assert {name: getattr(found, name) for name in wanted} == pytest.approx(wanted)
    assert set(wanted) | {"angles", "gap", "notes"} == {field.name for field in fields(found)}
    assert found.gap == metrics.modality_gap(given["modality_vectors"], labels, present=given["present"])
    for field in fields(angles):
        np.testing.assert_array_equal(getattr(found.angles, field.name), getattr(angles, field.name))
    assert found.notes == ("NC3 and NC4 are of the 3 of 4 classes that have a class center.",)


def test_a_model_gives_the_numbers_of_its_vectors(learnt, rng: np.random.Generator) -> None:
    objects = make_objects(rng, kinds=4)
    single, present = np.full((60, 2, 8), np.nan), np.zeros((60, 2), dtype=bool)
    for place, (_, rows, vectors) in enumerate(learnt.transform_subsets(objects, [("x",), ("y",)])):
        single[rows, place], present[rows, place] = vectors, True
    wanted = measure_vectors(
        learnt.transform(objects),
        objects.labels,
        class_centers=learnt.fitted_.classifier.class_centers.detach().numpy(),
        classes=learnt.classes_,
        modality_vectors=single,
        present=present,
        random_state=3,
    )
    found = sr.measure_geometry(learnt, objects, random_state=3)
    assert present.sum() == objects.present.sum() == 96
    assert found.to_dict() == wanted.to_dict()
    assert found.notes == ("NC3 and NC4 are of the 3 of 4 classes that have a class center.",)


def test_training_makes_the_classes_tighter() -> None:
    objects = make_objects(np.random.default_rng(0))
    models = (sr.SphereEmbedder(**(FAST | {"epochs": epochs}), closed_form=False) for epochs in (1, FAST["epochs"]))
    early, late = (sr.measure_geometry(model.fit(objects), objects) for model in models)
    assert early.nc1 > late.nc1
    assert early.alignment > late.alignment
    assert early.angles.decidability < late.angles.decidability
    assert early.concentration < late.concentration


def test_objects_without_anything_are_left_out(learnt, rng: np.random.Generator) -> None:
    objects = make_objects(rng).only("x")
    found = sr.measure_geometry(learnt, objects)
    assert found.objects == objects.present.any(axis=1).sum() == 48
    assert found.gap is None
    left = sr.measure_geometry(learnt, objects[np.flatnonzero(objects.present.any(axis=1))])
    assert found.to_dict() == left.to_dict()


def test_one_modality_has_no_gap_and_sub_centers_are_one_a_class(rng: np.random.Generator) -> None:
    points, labels = rng.normal(size=(40, 3)) + np.repeat([[-2, 0, 0], [2, 0, 0]], 20, axis=0), np.repeat([0, 1], 20)
    model = sr.SphereEmbedder(**FAST, subcenters=2).fit(points, labels)
    objects = sr.read_objects({"x": list(points), "label": labels}, model.schema_)
    found = sr.measure_geometry(model, objects)
    centers = model.fitted_.classifier.class_centers.detach().numpy()
    assert centers.shape == (2, 2, 8)
    assert found.gap is None
    assert found.notes == ("There are no two modalities with vectors of their own: no gap is measured.",)
    assert found.least_angle == pytest.approx(metrics.least_center_angle(metrics.single_centers(centers))[0])
    means = metrics.class_means(model.transform(objects), labels).means
    nearest_mean = np.linalg.norm(model.transform(objects)[:, None] - means, axis=2).argmin(axis=1)
    assert found.nc4 == np.mean(model.predict(objects) != nearest_mean)


# -- What is not there


def test_without_centers_and_modalities(rng: np.random.Generator) -> None:
    given = arrays(rng)
    found = measure_vectors(given["vectors"], given["labels"])
    of_centers = ("nc2_centers", "nc2_centers_farthest", "nc3", "nc4", "energy", "least_angle", "least_angle_ratio")
    assert [getattr(found, name) for name in of_centers] == [None] * 7
    assert found.nc1 == measure_vectors(**given).nc1
    assert found.gap is None
    assert found.notes == (
        "There are no class centers: NC3, NC4 and the other numbers of centers are not measured.",
        "There are no two modalities with vectors of their own: no gap is measured.",
    )


def test_classes_are_the_labels_in_order_unless_given(rng: np.random.Generator) -> None:
    given = arrays(rng)
    given["class_centers"] = rng.normal(size=(4, 5))
    found = measure_vectors(**(given | {"classes": None}))
    named = measure_vectors(**(given | {"classes": ["cup", "jar", "lamp", "pot"]}))
    other = measure_vectors(**(given | {"classes": ["pot", "jar", "lamp", "cup"]}))
    assert found.nc3 == named.nc3 != other.nc3
    assert found.notes == ()


def test_only_unknown_classes(rng: np.random.Generator) -> None:
    given = arrays(rng) | {"classes": np.array(["a", "b", "c"])}
    found = measure_vectors(**given)
    assert (found.nc3, found.nc4) == (None, None)
    assert found.least_angle is not None
    assert found.notes == ("No class has a class center: NC3 and NC4 are not measured.",)


def test_one_class_and_classes_of_one_object(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(5, 3))
    one = measure_vectors(vectors, ["cup"] * 5)
    assert (one.nc1, one.nc2_means, one.ami) == (None, None, None)
    assert one.alignment > 0
    assert one.concentration > 0
    assert "There is one class: nothing is measured between classes." in one.notes
    alone = measure_vectors(vectors, list("abcde"))
    assert (alone.nc1, alone.alignment, alone.concentration) == (None, None, None)
    assert alone.nc2_means > 0
    assert "No class has two objects: nothing is measured within classes." in alone.notes
    pair = measure_vectors(vectors[:3], list("aab"))
    assert pair.concentration == metrics.concentration(vectors[:2], list("aa"))[0]
    single, same = measure_vectors(vectors[:1], ["a"]), measure_vectors(np.ones((4, 2)), list("aabb"))
    for found in (one, alone, pair, single, same):
        json.dumps(found.to_dict(), allow_nan=False)
        assert "nan" not in repr(found)


def test_present_is_all_unless_given(rng: np.random.Generator) -> None:
    given = arrays(rng)
    everything = measure_vectors(**(given | {"present": np.ones((60, 2), dtype=bool)}))
    assert measure_vectors(**(given | {"present": None})).gap == everything.gap
    assert everything.gap != measure_vectors(**given).gap


def test_a_modality_of_few_objects_has_no_classifier(rng: np.random.Generator) -> None:
    given = arrays(rng)
    given["present"][9:, 1] = False
    found = measure_vectors(**given)
    assert found.gap is not None and found.gap.overall > 0
    assert "A modality has too few objects for the classifier of modalities." in found.notes
    assert "modality told by a linear classifier                     -  0.500 (chance)" in str(found).splitlines()
    assert found.to_dict()["gap"]["told_apart"] is None


def test_what_is_too_much_is_drawn_and_told(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steradian.evaluation.geometry._MOST_CENTERS", 2)
    found = measure_vectors(**arrays(rng))
    assert "NC2 and what else compares class centers is of 2 classes that were drawn." in found.notes
    # Two centers have one cosine, and it has no spread.
    assert found.nc2_centers == pytest.approx(0.0, abs=1e-7)
    assert measure_vectors(**arrays(rng)).nc2_centers_farthest > 0
    many = rng.normal(size=(1500, 3))
    drawn, again, other = (
        measure_vectors(many, np.arange(1500) % 2, random_state=random_state) for random_state in (0, 0, 1)
    )
    assert drawn.to_dict() == again.to_dict() != other.to_dict()
    assert drawn.angles.within_pairs == drawn.angles.between_pairs == metrics.MAX_PAIRS
    assert "Of the pairs of objects, 500,000 of a kind were drawn." in drawn.notes


# -- As a value


def test_it_prints_on_80_columns(rng: np.random.Generator) -> None:
    found = replace(measure_vectors(**arrays(rng)), concentration=1.1e9, objects=9_999_999, classes=100_000, dim=1024)
    lines = str(found).splitlines()
    assert lines[0] == "Geometry: 9,999,999 objects of 100,000 classes, vectors of 1,024 numbers"
    assert max(map(len, lines)) <= 80
    assert f"NC1: scatter within classes against between     {found.nc1:>10.3f}  0" in lines
    assert "concentration kappa, median of the classes         1.1e+09  large" in lines
    assert f"modality told by a linear classifier            {found.gap.told_apart:>10.3f}  0.500 (chance)" in lines
    assert lines[-1] == found.notes[0]
    assert "NC1: scatter within classes against between              -  0" in str(replace(found, nc1=None)).splitlines()


def test_it_draws_the_histograms() -> None:
    angles = np.radians([0, 10, 92.5, 102.5])
    found = measure_vectors(np.stack([np.cos(angles), np.sin(angles)], axis=1), [0, 0, 1, 1])
    axis, within, between = str(found).splitlines()[23:26]
    assert axis == f"radians 0{' ' * 57}pi"
    # 10 degrees are in the fourth bin of 3; 82.5, 92.5 twice and 102.5 in the 28th, 31st and 35th.
    assert (within.index("█"), within.split()) == (8 + 3, ["within", "█"])
    assert [between[8 + place] for place in (27, 30, 34)] == ["▄", "█", "▄"]
    assert len(between.split()) == 4
    # What is rare still shows.
    rare = replace(found.angles, within=np.array([0.004, 0.996, 0.0]), between=np.zeros(3))
    assert str(replace(found, angles=rare)).splitlines()[24:26] == ["within  ▁█", "between"]


def test_on_a_terminal_it_is_a_table_of_the_same_cells(rng: np.random.Generator) -> None:
    found = measure_vectors(**arrays(rng))
    console = Console(width=80, file=StringIO(), color_system=None, force_terminal=True)
    console.print(found)
    shown = [line.split() for line in console.file.getvalue().splitlines()]  # type: ignore[attr-defined]
    assert all(line.split() in shown for line in repr(found).splitlines())


def test_it_is_written_as_json(rng: np.random.Generator, tmp_path: Path) -> None:
    found = measure_vectors(**arrays(rng))
    found = replace(found, energy=np.inf)
    found.save(tmp_path / "new" / "geometry.json")
    read = json.loads((tmp_path / "new" / "geometry.json").read_text(encoding="utf-8"))
    assert read == found.to_dict()
    assert read["energy"] is None
    assert read["angles"]["within"] == found.angles.within.tolist()
    assert read["gap"]["chance"] == 0.5
    assert read["notes"] == list(found.notes)


# -- What is refused


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"vectors": np.full((60, 5), np.nan)}, "vectors, row 0"),
        ({"labels": ["a"]}, "labels: want 60 classes"),
        ({"class_centers": np.ones((3, 4))}, r"class_centers: want centers of 3 classes, each 5 wide"),
        ({"class_centers": np.full((3, 5), np.inf)}, "class_centers, row 0"),
        ({"classes": ["cup", "cup", "jar"]}, "classes, row 1: want each class once"),
        ({"classes": None}, "class_centers: want centers of 4 classes"),
        ({"modality_vectors": np.ones((60, 5))}, "modality_gap: want vectors"),
        ({"modality_vectors": None}, "modality_vectors: want modality_vectors, which `present` is about, got None"),
        ({"present": np.ones(60, dtype=bool)}, "bool of shape"),
        ({"modality_vectors": np.ones((3, 2, 5)), "present": None}, "labels: want 3 classes, one an object, got 60"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(rng: np.random.Generator, changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        measure_vectors(**(arrays(rng) | changes))


def test_tables_that_cannot_be_measured_are_refused(learnt, rng: np.random.Generator) -> None:
    objects = make_objects(rng)
    with pytest.raises(InputError, match=r"measure_geometry\(...\), objects, read_objects.*: want a path, a dict"):
        sr.measure_geometry(learnt, np.eye(4))
    with pytest.raises(InputError, match=r"measure_geometry\(...\), objects: want at least 2 objects, got 1"):
        sr.measure_geometry(learnt, objects[:1])
    bare = replace(objects, present=objects.present & (np.arange(60) == 7)[:, None])
    with pytest.raises(InputError, match="want at least 2 objects that have any modality, got 1"):
        sr.measure_geometry(learnt, bare)
    with pytest.raises(InputError, match="labels"):
        sr.measure_geometry(learnt, objects.with_labels(np.arange(60)))
    with pytest.raises(NotFittedError):
        sr.measure_geometry(sr.SphereEmbedder(), objects)
