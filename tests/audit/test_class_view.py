"""One pass in blocks against the whole matrix at once."""

from collections.abc import Iterable

import numpy as np
import pytest
import torch
from scipy.special import softmax

from steradian.audit import class_view
from steradian.audit.class_view import view_classes
from steradian.audit.label_noise import LabelEvidence, weigh_labels
from steradian.metrics import unit_vectors
from steradian.model import SphericalClassifier, inference


@pytest.mark.parametrize("subcenters", [1, 2])
def test_blocks_see_what_the_whole_matrix_shows(monkeypatch, rng: np.random.Generator, subcenters: int) -> None:
    classifier = SphericalClassifier(30, 6, subcenters=subcenters)
    vectors, numbers = unit_vectors(rng.normal(size=(50, 6))), rng.integers(30, size=50)
    groups = rng.integers(2, size=50)
    monkeypatch.setattr(inference, "MAX_COSINES", 30 * 7)
    seen = view_classes(classifier, vectors, numbers, groups=groups, usual=12.0)
    centers = classifier.class_centers.detach().numpy().astype(np.float64).reshape(30, subcenters, 6)
    cosines = np.einsum("nd,ckd->nck", vectors, centers).max(axis=2)
    chances = softmax(seen.noise.scales(groups)[:, None] * cosines, axis=1)
    at = np.arange(50)
    np.testing.assert_array_equal(seen.nearest, cosines.argmax(axis=1))
    np.testing.assert_allclose(seen.own, chances[at, numbers], rtol=1e-4)
    np.testing.assert_allclose(np.cos(seen.angles), cosines[at, numbers], atol=1e-6)
    cosines[at, numbers] = -2
    np.testing.assert_array_equal(seen.others, cosines.argmax(axis=1))
    np.testing.assert_allclose(np.cos(seen.other_angles), cosines.max(axis=1), atol=1e-6)
    kept = seen.probabilities.toarray()
    least = np.sort(chances, axis=1)[:, -class_view.KEPT]
    np.testing.assert_allclose(kept, np.where(chances >= least[:, None], chances, 0), atol=1e-5)


def test_a_draw_of_objects_is_fitted_where_all_are_too_many(monkeypatch, rng: np.random.Generator) -> None:
    classifier = SphericalClassifier(4, 6)
    with torch.no_grad():
        classifier.weight.copy_(torch.eye(4, 6))
    numbers = rng.integers(4, size=4000)
    vectors = unit_vectors(np.eye(4, 6)[numbers] + 0.15 * rng.normal(size=(4000, 6)))
    wrong = rng.random(4000) < 0.1
    labels, groups = np.where(wrong, (numbers + 1) % 4, numbers), np.zeros(4000, dtype=int)
    whole = view_classes(classifier, vectors, labels, groups=groups, usual=12.0)
    monkeypatch.setattr(class_view, "FITTED_NUMBERS", 4 * 1000)
    monkeypatch.setattr(class_view, "FITTED_OBJECTS", 100)
    drawn = view_classes(classifier, vectors, labels, groups=groups, usual=12.0)
    assert drawn.noise.noise == pytest.approx(whole.noise.noise, abs=0.02)
    assert drawn.noise.noise != whole.noise.noise


def test_of_many_classes_enough_objects_are_fitted_in_little_memory(monkeypatch, rng: np.random.Generator) -> None:
    classes, objects = 300, 3000
    classifier = SphericalClassifier(classes, 32)
    centers = classifier.class_centers.detach().numpy()
    numbers = rng.integers(classes, size=objects)
    vectors = unit_vectors(centers[numbers] + 0.1 * rng.normal(size=(objects, 32)))
    wrong = rng.random(objects) < 0.04
    labels = np.where(wrong, (numbers + rng.integers(1, classes, size=objects)) % classes, numbers)
    # As many numbers as 20 objects have.
    monkeypatch.setattr(class_view, "FITTED_NUMBERS", classes * 20)
    monkeypatch.setattr(inference, "MAX_COSINES", classes * 50)
    sizes = []

    def counted(chunks: Iterable[tuple[slice, np.ndarray]], of: np.ndarray) -> LabelEvidence:
        chunks = list(chunks)
        sizes.extend(len(cosines) for _, cosines in chunks)
        return weigh_labels(chunks, of)

    monkeypatch.setattr(class_view, "weigh_labels", counted)
    seen = view_classes(classifier, vectors, labels, groups=np.zeros(objects, dtype=int), usual=12.0)
    assert seen.noise.noise == pytest.approx(wrong.mean(), abs=0.01)
    assert sum(sizes) == 2000 and max(sizes) == 50
