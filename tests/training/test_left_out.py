"""Objects that fits have left out: what is kept of them, and through which model they are seen."""

import numpy as np
import pytest

import steradian as sr
from steradian.training import left_out
from steradian.training.left_out import LeftOut


def points(count: int, *, classes: int = 4, random_state: int = 0) -> sr.ObjectTable:
    """Points around a corner a class, in two modalities of which one is now and then missing."""
    rng = np.random.default_rng(random_state)
    labels = np.arange(count) % classes
    near = 2 * np.eye(classes)[labels] + rng.normal(size=(count, classes))
    far = [None if rng.random() < 0.3 else row for row in near + rng.normal(size=near.shape)]
    columns = {"near": near, "far": far, "label": labels}
    return sr.read_objects(columns, sr.Schema({"near": sr.Vector("near"), "far": sr.Vector("far")}))


def fitted(table: sr.ObjectTable, *, epochs: int = 0, **options: object) -> LeftOut:
    small = {"embedding_dim": 8, "width": 8, "heads": 2, "verbose": False}
    model = sr.SphereEmbedder(**small, epochs=epochs).fit(table, **options)
    found: LeftOut = model.fitted_.left_out
    return found


@pytest.mark.parametrize("epochs", [0, 1])
def test_every_object_is_seen_once_by_a_fit_without_it(epochs) -> None:
    table = points(60)
    found = fitted(table, epochs=epochs)
    assert sorted(found.labels) == sorted(table.labels)
    assert found.present.sum() == table.present.sum()
    assert np.bincount(found.numbers).tolist() == [20, 20, 20]
    ((rows, vectors),) = found.subsets([found.present])
    np.testing.assert_array_equal(rows, np.arange(60))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_a_closed_form_has_not_seen_what_it_left_out() -> None:
    # Labels that mean nothing: the fit of the whole table knows its own objects, those that left them out do not.
    rng = np.random.default_rng(0)
    labels = rng.integers(3, size=90)
    table = sr.read_objects({"x": rng.normal(size=(90, 60)), "label": labels}, sr.Schema({"x": sr.Vector("x")}))
    model = sr.SphereEmbedder(embedding_dim=8, epochs=0, verbose=False).fit(table)
    ((_, vectors),) = model.fitted_.left_out.subsets([model.fitted_.left_out.present])
    predicted = model.predict_vectors(vectors)
    assert model.score(table) > 0.8
    assert np.mean(predicted == model.fitted_.left_out.labels) < 0.6


def test_a_subset_is_seen_by_those_that_have_it() -> None:
    found = fitted(points(60))
    far = np.zeros_like(found.present)
    far[:, 1] = True
    ((rows, vectors),) = found.subsets([far])
    np.testing.assert_array_equal(rows, np.flatnonzero(found.present[:, 1]))
    assert vectors.shape == (len(rows), 8)


def test_memory_is_bounded_by_drawing_objects(monkeypatch) -> None:
    monkeypatch.setattr(left_out, "MOST_NUMBERS", 2 * 8 * 3 * 5)
    found = fitted(points(60))
    assert np.bincount(found.numbers).tolist() == [5, 5, 5]
    assert sum(part.encoded.vectors.numel() for part in found.parts) <= left_out.MOST_NUMBERS


@pytest.mark.parametrize("epochs", [0, 1])
def test_a_validation_table_is_what_its_fit_left_out(epochs) -> None:
    held_out = points(20, random_state=1)
    found = fitted(points(60), epochs=epochs, validation=held_out)
    np.testing.assert_array_equal(found.labels, held_out.labels)
    np.testing.assert_array_equal(found.present, held_out.present)
