import numpy as np
import pytest
import torch
from scipy.special import softmax

from steradian.model import SphericalClassifier, inference
from steradian.new_classes.crowding import measure_crowding
from steradian.new_classes.example_centers import Imprint, imprint

CLASSES = np.array(["bin", "cup", "jar", "pan"])


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True))


def make(rng: np.random.Generator, examples: int, subcenters: int = 1) -> tuple[SphericalClassifier, Imprint]:
    """A classifier of four classes, of which "cup" has examples."""
    classifier = SphericalClassifier(4, 5, subcenters=subcenters)
    made = imprint(unit(rng.normal(size=(examples, 5)) + 1.0), subcenters, name="cup")
    with torch.no_grad():
        chosen = made.centers[np.arange(subcenters) % len(made.centers)]
        classifier.weight[1] = torch.from_numpy(chosen.reshape(classifier.weight[1].shape))
    return classifier, made


@pytest.mark.parametrize("examples", [2, 3, 9])
def test_confusion_is_that_of_models_made_without_each_example(rng: np.random.Generator, examples: int) -> None:
    classifier, made = make(rng, examples)
    centers = classifier.class_centers.detach().numpy().astype(np.float64)
    probabilities, angles = [], []
    for row, vector in enumerate(made.vectors):
        without = centers.copy()
        without[1] = unit(np.delete(made.vectors, row, axis=0).mean(axis=0))
        cosines = without @ vector
        probabilities.append(softmax(7.0 * cosines))
        angles.append(np.arccos(cosines[1]))
    shares = np.mean(probabilities, axis=0)
    found = measure_crowding(classifier, CLASSES, made, scale=7.0)
    assert found.confusion == pytest.approx(1 - shares[1], abs=1e-5)
    assert found.spread == pytest.approx(np.mean(angles), abs=1e-5)
    shares[1] = 0
    assert found.confused_with == CLASSES[shares.argmax()]


@pytest.mark.parametrize("subcenters", [1, 3])
def test_the_nearest_class_is_that_of_the_nearest_other_center(rng: np.random.Generator, subcenters: int) -> None:
    classifier, made = make(rng, 6, subcenters)
    centers = classifier.class_centers.detach().numpy().reshape(4, subcenters, 5).astype(np.float64)
    angles = [np.arccos(centers[1] @ centers[other].T).min() if other != 1 else np.inf for other in range(4)]
    found = measure_crowding(classifier, CLASSES, made, scale=7.0)
    assert (found.name, found.examples, found.nearest) == ("cup", 6, CLASSES[np.argmin(angles)])
    assert found.angle == pytest.approx(min(angles), abs=1e-5)


def test_one_example_has_a_nearest_class_and_nothing_else(rng: np.random.Generator) -> None:
    found = measure_crowding(*make(rng, 1)[:1], CLASSES, make(rng, 1)[1], scale=7.0)
    assert found.angle > 0 and found.nearest != "cup"
    assert (found.spread, found.confusion, found.confused_with) == (None, None, None)


def test_parts_of_the_examples_give_the_same(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier, made = make(rng, 11, 3)
    whole = measure_crowding(classifier, CLASSES, made, scale=7.0)
    monkeypatch.setattr(inference, "MAX_COSINES", 8)
    assert measure_crowding(classifier, CLASSES, made, scale=7.0).confusion == pytest.approx(whole.confusion)
