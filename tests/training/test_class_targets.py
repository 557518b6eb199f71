"""Labels as targets: several of an object, one threshold for all, and centers that hold it."""

import numpy as np
import pytest

import steradian as sr
from steradian.errors import ConfigError, InputError
from steradian.training import class_targets
from steradian.training.class_targets import (
    LabelSets,
    class_basis,
    class_count,
    first_of_each,
    label_centers,
    label_threshold,
    numbered_labels,
)
from steradian.training.feature_rows import FeatureRows


def labelled(labels: list[list[str]] | list[list[int]] | list[str]) -> sr.ObjectTable:
    schema = sr.Schema({"title": sr.Text("title")})
    return sr.read_objects({"title": ["x"] * len(labels), "label": labels}, schema)


@pytest.fixture
def sets(rng: np.random.Generator) -> LabelSets:
    own = rng.random((200, 6)) < 0.3
    return LabelSets(own, own.mean(axis=0).astype(np.float32))


def test_labels_are_numbered_by_name() -> None:
    classes, numbers = numbered_labels(labelled(["b", "a", "b"]))
    assert isinstance(numbers, np.ndarray) and classes.tolist() == ["a", "b"] and numbers.tolist() == [1, 0, 1]
    classes, several = numbered_labels(labelled([["b", "a"], [], ["b"]]))
    assert isinstance(several, LabelSets) and classes.tolist() == ["a", "b"] and class_count(several) == 2
    assert several.own.tolist() == [[True, True], [False, False], [False, True]]
    np.testing.assert_allclose(several.shares, [1 / 3, 2 / 3], rtol=1e-6)


@pytest.mark.parametrize("labels", [["a", "a"], [["a"], []], [[], []]])
def test_one_class_is_refused(labels: list[str]) -> None:
    with pytest.raises(InputError, match="at least 2 classes"):
        numbered_labels(labelled(labels))


def test_objects_that_all_have_each_label_are_refused() -> None:
    with pytest.raises(InputError, match=r"differ in their labels, got 2 objects that all have each of 2 labels, 0 "):
        numbered_labels(labelled([[0, 1], [1, 0]]))  # a table of 0 and 1, given as lists


def test_targets_are_sums_of_class_targets_less_their_mean(sets: LabelSets, rng: np.random.Generator) -> None:
    basis = rng.normal(size=(6, 4)).astype(np.float32)
    sums = np.array([sum((basis[c] for c in np.flatnonzero(own)), np.zeros(4)) for own in sets.own])
    np.testing.assert_allclose(sets.targets(basis), sums - sums.mean(axis=0), atol=1e-5)
    np.testing.assert_array_equal(sets[np.array([3, 5])].targets(basis), sets.targets(basis)[[3, 5]])


def test_the_first_of_each_class_has_it(sets: LabelSets, rng: np.random.Generator) -> None:
    order = rng.permutation(200)
    firsts = first_of_each(sets, order)
    assert firsts.tolist() == [next(row for row in order if sets.own[row, c]) for c in range(6)]


def test_the_threshold_has_the_best_f1_of_all(sets: LabelSets, rng: np.random.Generator) -> None:
    basis = np.eye(6, dtype=np.float32)
    vectors = sets.targets(basis) + rng.normal(scale=0.4, size=(200, 6))
    threshold, level = label_threshold(
        [(vectors[:90], sets[np.arange(90)]), (vectors[90:], sets[np.arange(90, 200)])], basis
    )

    def f1(border: float) -> float:
        given = vectors + sets.shares > border
        return float(2 * (given & sets.own).sum() / (given.sum() + sets.own.sum()))

    assert f1(threshold) == max(f1(border) for border in np.sort((vectors + sets.shares).ravel()))
    assert level == pytest.approx(class_targets.LEVEL * np.linalg.norm(vectors, axis=1).mean())
    assert label_threshold([], basis) == (0.5, class_targets.LEVEL)


@pytest.mark.parametrize("outputs", [6, 3])
def test_an_object_has_the_classes_whose_centers_are_within_a_right_angle(
    sets: LabelSets, rng: np.random.Generator, outputs: int
) -> None:
    basis = np.linalg.qr(rng.normal(size=(6, outputs)))[0] if outputs < 6 else np.eye(6)
    centers = label_centers(basis, sets.shares, 0.4, 0.2)
    np.testing.assert_allclose(np.linalg.norm(centers, axis=1), 1, rtol=1e-6)
    found = rng.normal(size=(50, outputs))
    vectors = np.concatenate([found, np.full((50, 1), 0.2), np.zeros((50, 1))], axis=1)
    scores = found @ basis.T + sets.shares - 0.4
    np.testing.assert_array_equal(vectors @ centers.T > 0, scores > 0)
    # All of one length, so that they rank classes alike.
    np.testing.assert_allclose(vectors @ centers.T / scores, (vectors @ centers.T / scores)[0, 0], rtol=1e-4)


def test_few_outputs_take_directions_in_which_classes_differ(sets: LabelSets, rng: np.random.Generator) -> None:
    dense = sets.targets(rng.normal(size=(6, 20))).astype(np.float32)
    features = FeatureRows(dense, [], np.ones((200, 1), bool))
    basis = class_basis(features, sets, 6, 5, rng, None)
    assert basis.shape == (6, 3)
    np.testing.assert_allclose(basis.T @ basis, np.eye(3), atol=1e-5)
    np.testing.assert_array_equal(class_basis(features, sets, 6, 8, rng, None), np.eye(6))
    with pytest.raises(ConfigError, match="embedding_dim"):
        class_basis(features, sets, 6, 2, rng, None)
