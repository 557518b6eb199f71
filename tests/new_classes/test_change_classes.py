"""Classes added to and removed from a model: what changes, what stays, and what is refused."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import steradian as sr
from steradian.new_classes import change_classes

MakeObjects = Callable[..., sr.ObjectTable]
OLD, NEW = ["cup", "jar", "mug", "pan"], ["bin", "long ladle", "zip"]


@pytest.fixture
def examples(make_objects: MakeObjects) -> sr.ObjectTable:
    return make_objects(5, tuple(NEW), each=7)


@pytest.fixture
def queries(make_objects: MakeObjects) -> sr.ObjectTable:
    return make_objects(6, (*OLD, *NEW), each=12)


def centers(model: sr.SphereEmbedder) -> np.ndarray:
    return model.fitted_.classifier.class_centers.detach().numpy()


def test_new_classes_stand_at_the_mean_directions_of_their_examples(
    fitted: dict[int, sr.SphereEmbedder], examples: sr.ObjectTable
) -> None:
    model = deepcopy(fitted[1])
    before, vectors = centers(model), model.transform(examples)
    added = model.add_classes(examples)
    assert model.classes_.tolist() == sorted([*OLD, *NEW])
    assert len(added) == 3 and added.num_classes == 7
    for name, center in zip(model.classes_, centers(model), strict=True):
        if name in OLD:
            expected = before[OLD.index(name)]
        else:
            mean = vectors[examples.labels == name].mean(axis=0)
            expected = mean / np.linalg.norm(mean)
        assert center == pytest.approx(expected, abs=1e-6)


def test_a_class_that_was_held_back_is_recognised(
    model: sr.SphereEmbedder, examples: sr.ObjectTable, queries: sr.ObjectTable
) -> None:
    model.add_classes(examples)
    right, new = model.predict(queries) == queries.labels, np.isin(queries.labels, NEW)
    # By chance 1 in 7.
    assert right[new].mean() > 0.6
    assert right[~new].mean() > 0.7


def test_vectors_stay_and_old_objects_change_to_new_classes_alone(
    model: sr.SphereEmbedder, examples: sr.ObjectTable, queries: sr.ObjectTable
) -> None:
    vectors, predicted = model.transform(queries), model.predict(queries)
    model.add_classes(examples)
    after = model.predict(queries)
    assert np.array_equal(model.transform(queries), vectors)
    changed = after != predicted
    assert changed.any() and np.isin(after[changed], NEW).all()


def test_at_once_is_one_after_another_in_any_order(
    model: sr.SphereEmbedder, examples: sr.ObjectTable, queries: sr.ObjectTable
) -> None:
    apart = deepcopy(model)
    model.add_classes(examples)
    for name in reversed(NEW):
        apart.add_classes(examples[examples.labels == name])
    assert apart.classes_.tolist() == model.classes_.tolist()
    assert centers(apart) == pytest.approx(centers(model), abs=1e-6)
    assert np.array_equal(apart.predict(queries), model.predict(queries))


def test_the_order_of_the_examples_changes_nothing(
    model: sr.SphereEmbedder, examples: sr.ObjectTable, rng: np.random.Generator
) -> None:
    other = deepcopy(model)
    one, two = model.add_classes(examples), other.add_classes(examples[rng.permutation(len(examples))])
    assert centers(other) == pytest.approx(centers(model), abs=1e-6)
    for first, second in zip(one.classes, two.classes, strict=True):
        assert (first.name, first.confused_with) == (second.name, second.confused_with)
        assert first.confusion == pytest.approx(second.confusion, abs=1e-5)


@pytest.mark.parametrize("name", ["bin", ["bin", "long ladle", "zip"], np.array(["zip"])])
def test_adding_and_removing_gives_the_model_back_bit_for_bit(
    model: sr.SphereEmbedder, examples: sr.ObjectTable, name: Any
) -> None:
    before, classes = model.fitted_.classifier.weight.detach().clone(), model.classes_
    fingerprint = model.fingerprint
    model.add_classes(examples[np.isin(examples.labels, name)])
    assert model.fingerprint == fingerprint
    model.remove_classes(name)
    assert torch.equal(model.fitted_.classifier.weight, before)
    assert model.classes_.dtype == classes.dtype and np.array_equal(model.classes_, classes)
    assert model.fingerprint == fingerprint


def test_a_removed_class_is_never_predicted_and_others_stay(model: sr.SphereEmbedder, queries: sr.ObjectTable) -> None:
    predicted = model.predict(queries)
    model.remove_classes("jar")
    after = model.predict(queries)
    assert model.classes_.tolist() == ["cup", "mug", "pan"]
    assert np.array_equal(after[predicted != "jar"], predicted[predicted != "jar"])
    assert "jar" in predicted and "jar" not in after


def test_a_saved_model_keeps_what_was_added_and_its_indexes(
    model: sr.SphereEmbedder, examples: sr.ObjectTable, queries: sr.ObjectTable, tmp_path: Path
) -> None:
    sr.Index.build(model, queries).save(tmp_path / "index")
    model.add_classes(examples)
    model.save(tmp_path / "model")
    loaded = sr.SphereEmbedder.load(tmp_path / "model", device="cpu")
    assert loaded.classes_.tolist() == model.classes_.tolist()
    assert np.array_equal(loaded.predict_proba(queries), model.predict_proba(queries))
    for asking in (model, loaded):
        index = sr.Index.load(tmp_path / "index", model=asking)
        assert index.search(queries[:3], k=1).rows[:, 0].tolist() == [0, 1, 2]
    # Of a loaded model the fingerprint is kept, not taken.
    loaded.remove_classes(["bin", "cup"])
    assert loaded.fingerprint == model.fingerprint
    loaded.save(tmp_path / "again")
    assert sr.SphereEmbedder.load(tmp_path / "again").classes_.tolist() == loaded.classes_.tolist()


def test_raw_columns_and_plain_arrays_will_do(model: sr.SphereEmbedder, examples: sr.ObjectTable) -> None:
    other = deepcopy(model)
    other.add_classes(examples)
    model.add_classes(examples.columns)
    assert np.array_equal(centers(other), centers(model))

    points = (
        np.array([[1, 1], [-1, -1], [1, -1], [-1, 1]])[np.repeat([0, 1, 2, 3], 4)] + np.linspace(0, 0.1, 16)[:, None]
    )
    plain = sr.SphereEmbedder(embedding_dim=8, epochs=4, verbose=False).fit(points[:8], np.repeat([7, 3], 4))
    plain.add_classes(points[8:], np.repeat([5, -1], 4))
    assert plain.classes_.tolist() == [-1, 3, 5, 7] and plain.classes_.dtype == np.int64
    assert plain.predict(points[8:]).tolist() == [5] * 4 + [-1] * 4


def test_an_example_with_one_modality_is_enough(model: sr.SphereEmbedder, examples: sr.ObjectTable) -> None:
    single = examples[examples.present[:, 0]].only(["a"])[:1]
    added = model.add_classes(single)
    assert model.predict(single).tolist() == single.labels.tolist()
    (entry,) = added.classes
    assert (entry.examples, entry.spread, entry.confusion, entry.confused_with) == (1, None, None, None)


def test_a_calibration_gives_the_scale_and_goes_with_the_classes(
    fitted: dict[int, sr.SphereEmbedder], examples: sr.ObjectTable, make_objects: MakeObjects
) -> None:
    model = deepcopy(fitted[1])
    plain = deepcopy(model).add_classes(examples)
    assert (plain.scale, plain.calibrated) == (model.scale_, False)
    model.calibrate(make_objects(8, tuple(OLD), each=20))
    before = model.calibration_
    added = model.add_classes(examples)
    assert (added.scale, added.calibrated) == (before.points[0].scale, True)
    assert added.scale != plain.scale and added.classes[0].confusion != plain.classes[0].confusion
    assert np.array_equal(model.calibration_.classes, model.classes_)
    assert np.array_equal(np.isnan(model.calibration_.kappas), np.isin(model.classes_, NEW))
    model.remove_classes(NEW)
    assert np.array_equal(model.calibration_.kappas, before.kappas)


def test_the_most_confused_class_comes_first_and_single_examples_last(
    model: sr.SphereEmbedder, examples: sr.ObjectTable
) -> None:
    first = np.flatnonzero(examples.labels == "bin")[:1]
    rows = np.concatenate([first, np.flatnonzero(examples.labels != "bin")])
    found = model.add_classes(examples[rows]).classes
    assert found[-1].name == "bin"
    confusions = [entry.confusion for entry in found[:-1]]
    assert None not in confusions and confusions == sorted(confusions, reverse=True)  # type: ignore[type-var]


def test_the_device_the_type_and_the_gradient_of_the_centers_stay(
    model: sr.SphereEmbedder, examples: sr.ObjectTable
) -> None:
    old = model.fitted_.classifier.weight
    old.requires_grad_(False)
    model.add_classes(examples)
    new = model.fitted_.classifier.weight
    assert (new.dtype, new.device, new.requires_grad) == (old.dtype, old.device, False)
    assert isinstance(new, torch.nn.Parameter) and new.shape[1:] == old.shape[1:]


@pytest.mark.parametrize("change", ["add", "remove"])
@pytest.mark.parametrize("step", ["_with_directions", "for_classes"])
def test_an_interruption_leaves_the_model_as_it_was(
    model: sr.SphereEmbedder, examples: sr.ObjectTable, monkeypatch: pytest.MonkeyPatch, change: str, step: str
) -> None:
    """The centers are made, and last of all what the model knows of them: nothing of it is in the model before."""

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    stopping: Any = SimpleNamespace(for_classes=interrupt, scales=lambda present: np.full(len(present), 10.0))
    model.fitted_ = replace(model.fitted_, calibration=stopping)
    if step == "_with_directions":
        monkeypatch.setattr(change_classes, step, interrupt)
    before = {name: id(value) for name, value in vars(model).items()}
    directions = centers(model).copy()
    with pytest.raises(KeyboardInterrupt):
        model.add_classes(examples) if change == "add" else model.remove_classes("cup")
    assert {name: id(value) for name, value in vars(model).items()} == before
    assert np.array_equal(centers(model), directions)


def test_a_class_that_exists_is_refused_by_name(model: sr.SphereEmbedder, make_objects: MakeObjects) -> None:
    before = model.classes_
    mixed = make_objects(7, ("bin", "jar", "cup"), each=2)
    with pytest.raises(sr.InputError, match=r"4 of 6, row \d.*'cup', 'jar', which the model has.*remove_classes"):
        model.add_classes(mixed)
    assert model.classes_ is before


def test_labels_of_another_kind_are_refused(model: sr.SphereEmbedder, examples: sr.ObjectTable) -> None:
    with pytest.raises(sr.InputError, match=r"want labels that are text.*got numbers"):
        model.add_classes(examples.with_labels(np.arange(len(examples)) % 3))
    for classes, labels in [([3, 7], [True, False]), ([True, False], [3, 7])]:
        points = np.eye(4)
        plain = sr.SphereEmbedder(embedding_dim=8, epochs=1, verbose=False).fit(points, np.repeat(classes, 2))
        with pytest.raises(sr.InputError, match="booleans"):
            plain.add_classes(points[:2], labels)


def test_examples_that_cannot_be_used_are_refused(model: sr.SphereEmbedder, examples: sr.ObjectTable) -> None:
    unlabelled = replace(examples, labels_or_none=None)
    for given, message in [
        (unlabelled, "want labels"),
        (examples[:0], "an empty table"),
        (examples.only(["a"]), "one of a, b, c|at least one modality"),
        (sr.read_objects({"x": ["s"], "label": ["t"]}, sr.Schema({"x": sr.Text("x")})), "the modality 'a'"),
    ]:
        with pytest.raises(sr.InputError, match=message):
            model.add_classes(given)
    assert model.classes_.tolist() == OLD


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("mag", "Did you mean 'mug'?"),
        (["cup", "vase"], r"got 'vase'.*There are 'cup', 'jar', 'mug', 'pan'"),
        ([1], r"got 1\. There are"),
        (["cup", "jar", "mug"], "at least 2 classes that stay, got 1 of 4"),
        (None, "names"),
        ({"cup"}, "names"),
    ],
)
def test_names_that_cannot_be_removed_are_refused(model: sr.SphereEmbedder, names: Any, message: str) -> None:
    with pytest.raises(sr.InputError, match=message):
        model.remove_classes(names)
    assert model.classes_.tolist() == OLD


def test_no_names_remove_nothing_and_numbers_are_not_truth_values(model: sr.SphereEmbedder) -> None:
    model.remove_classes([])
    assert model.classes_.tolist() == OLD
    plain = sr.SphereEmbedder(embedding_dim=8, epochs=1, verbose=False).fit(np.eye(6), [1, 1, 2, 2, 3, 3])
    with pytest.raises(sr.InputError, match="got True"):
        plain.remove_classes(True)
    plain.remove_classes(np.int64(1))
    assert plain.classes_.tolist() == [2, 3]


@pytest.mark.parametrize("new", [12345, 2**63 + 99])
def test_whole_numbers_of_64_bits_stay_exact(new: int) -> None:
    points = np.eye(3)[[0, 0, 1, 1]]
    huge = np.array([2**63 + 7000, 2**63 + 14000], dtype=np.uint64)
    model = sr.SphereEmbedder(embedding_dim=8, width=16, heads=2, epochs=2, verbose=False).fit(
        points, huge[[0, 0, 1, 1]]
    )
    model.add_classes(np.eye(3)[[2, 2]], [new, new])
    assert model.classes_.tolist() == sorted([*huge.tolist(), new])
    assert model.predict(np.eye(3)[[2]]).tolist() == [new]


def test_numbers_that_no_type_holds_together_are_refused() -> None:
    model = sr.SphereEmbedder(embedding_dim=8, width=16, heads=2, epochs=2, verbose=False)
    model.fit(np.eye(3)[[0, 0, 1, 1]], [-1, -1, 1, 1])
    with pytest.raises(sr.InputError, match=f"64 bits .* got -1 and {2**63 + 7}"):
        model.add_classes(np.eye(3)[[2, 2]], np.array([2**63 + 7] * 2, dtype=np.uint64))
    assert model.classes_.tolist() == [-1, 1]
