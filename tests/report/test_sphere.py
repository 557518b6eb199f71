"""What lies on the sphere, and its two sides on paper."""

import re

import numpy as np
import pytest

from steradian.report.sphere import MOST_CENTERS, hemispheres, map_sphere

NAMES = np.array(["a", "b", "c", "d"])


def test_objects_and_the_centers_of_their_classes_are_shown(rng: np.random.Generator) -> None:
    labels, predicted = np.array(["b", "x", "b", "a"]), np.array(["b", "a", "a", "a"])
    shown = map_sphere(rng.normal(size=(4, 5)), labels, predicted, rng.normal(size=(4, 5)), NAMES, random_state=0)
    assert shown is not None
    assert shown.classes.tolist() == ["a", "b", "x"]
    assert shown.classes[shown.labels].tolist() == labels.tolist()
    assert shown.classes[shown.predicted].tolist() == predicted.tolist()
    # Of the class x the model has no center, of c and d there is no object.
    assert shown.classes[shown.centers].tolist() == ["a", "b"]
    assert shown.projection.centers is not None and shown.projection.centers.shape == (2, 3)


def test_three_dimensions_are_shown_as_they_are() -> None:
    centers, labels = np.eye(3), np.array(["a", "b", "c"])
    shown = map_sphere(centers, labels, labels, centers, labels, random_state=0)
    assert shown is not None
    assert np.allclose(shown.projection.points, centers)
    assert np.allclose(shown.projection.centers, centers)


def test_many_objects_are_drawn_and_many_centers_are_the_frequent_ones(rng: np.random.Generator) -> None:
    names = np.array([f"k{number:03d}" for number in range(MOST_CENTERS + 50)])
    labels = np.repeat(names, 2)
    shown = map_sphere(
        rng.normal(size=(len(labels), 3)),
        labels,
        labels,
        rng.normal(size=(len(names), 3)),
        names,
        random_state=0,
        most=850,
    )
    assert shown is not None
    assert len(shown.rows) == 850 and len(shown.centers) == MOST_CENTERS
    counts = np.bincount(shown.labels, minlength=len(shown.classes))
    assert counts[shown.centers].min() >= np.delete(counts, shown.centers).max()


def test_too_few_points_are_no_sphere() -> None:
    one = np.array(["x"])
    assert map_sphere(np.eye(3)[:1], one, np.array(["a"]), np.eye(3), NAMES[:3], random_state=0) is None


def test_every_point_is_on_one_of_two_sides(rng: np.random.Generator) -> None:
    labels = NAMES[rng.integers(4, size=50)]
    shown = map_sphere(rng.normal(size=(50, 3)), labels, labels, rng.normal(size=(4, 3)), NAMES, random_state=0)
    assert shown is not None
    picture = hemispheres(shown)
    dots = [re.findall("M", path) for path in re.findall(r'<path d="([^"]*)" stroke="var\(--c\d\)"', picture)]
    assert sum(map(len, dots)) == 50 + 4
    assert len(picture) < 5000


@pytest.mark.parametrize("sign", [1, -1])
def test_a_point_stands_on_its_own_side(sign: int) -> None:
    vectors = np.array([[sign, 0.1, 0.1], [sign, 0.0, 0.1], [sign, 0.1, 0.0]])
    labels = NAMES[:3]
    shown = map_sphere(vectors, labels, labels, vectors, labels, random_state=0)
    assert shown is not None
    dots = re.findall(r'<path d="M(\d+) (\d+)h0" stroke="var\(--c\d\)"', hemispheres(shown))
    first, second, third = [(float(x), float(y)) for x, y in dots][:3]
    assert [x > 325 for x, _ in (first, second, third)] == [sign < 0] * 3
    # Not mirrored: a second coordinate lies to the right in front and to the left behind, a third one higher up.
    assert first[0] == third[0] and (first[0] > second[0]) == (sign > 0) and first[0] != second[0]
    assert first[1] == second[1] < third[1]
