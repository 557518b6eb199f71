"""The modality gap: loops beside it, modalities that agree or lie apart, and what has too few objects."""

from importlib import import_module
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold

from steradian.errors import InputError
from steradian.metrics import ModalityGap, modality_gap


def made(random_state: int, *, objects: int = 30, apart: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vectors of three modalities, labels, and what is present; each modality has a shift of its own."""
    rng = np.random.default_rng(random_state)
    labels = rng.integers(4, size=objects)
    vectors = np.eye(6)[labels][:, None] + 0.5 * rng.normal(size=(objects, 3, 6)) + apart * rng.normal(size=(3, 6))
    present = rng.random((objects, 3)) < 0.7
    present[0] = True
    return vectors, labels, present


def numbers(found: ModalityGap) -> list[float]:
    return [found.within_class, found.overall, found.cross_angle, found.same_angle]


def slow(vectors: np.ndarray, labels: np.ndarray, present: np.ndarray) -> list[float]:
    unit = vectors / np.linalg.norm(vectors, axis=2, keepdims=True)
    items = [(i, m) for i in range(len(labels)) for m in range(3) if present[i, m]]

    def centroid(modality: int, label: Any = None) -> np.ndarray | None:
        members = [unit[i, m] for i, m in items if m == modality and (label is None or labels[i] == label)]
        return np.mean(members, axis=0) if members else None

    within, overall = [], []
    for one, other in combinations(range(3), 2):
        overall.append(np.linalg.norm(centroid(one) - centroid(other)))
        for label in set(labels.tolist()):
            if (a := centroid(one, label)) is not None and (b := centroid(other, label)) is not None:
                within.append(np.linalg.norm(a - b))
    cross, same = [], []
    for (i, m), (j, n) in combinations(items, 2):
        if labels[i] == labels[j]:
            (same if m == n else cross).append(np.arccos(unit[i, m] @ unit[j, n]))
    return [float(np.mean(values)) for values in (within, overall, cross, same)]


@given(st.integers(0, 2**32 - 1))
def test_equals_loops_and_rotation_and_order_change_nothing(random_state: int) -> None:
    vectors, labels, present = made(random_state, objects=12)
    wanted = slow(vectors, labels, present)
    assert numbers(modality_gap(vectors, labels, present=present)) == pytest.approx(wanted)
    rng = np.random.default_rng(random_state)
    rotation, order, columns = np.linalg.qr(rng.normal(size=(6, 6)))[0], rng.permutation(12), rng.permutation(3)
    names = np.array(["d", "c", "b", "a"])[labels]
    turned = (vectors @ rotation * rng.uniform(0.1, 10, size=(12, 3, 1)))[order][:, columns]
    found = modality_gap(turned, names[order], present=present[order][:, columns])
    assert numbers(found) == pytest.approx(wanted)
    assert found.chance == pytest.approx(1 / 3)


def test_what_is_not_present_is_not_read() -> None:
    vectors, labels, present = made(0, objects=60)
    wanted = modality_gap(vectors, labels, present=present)
    vectors[~present] = np.nan
    assert modality_gap(vectors, labels, present=present) == wanted


def test_equal_vectors_have_no_gap_and_are_not_told_apart(rng: np.random.Generator) -> None:
    labels = np.arange(60) % 3
    vectors = np.repeat((np.eye(6)[labels] + 0.5 * rng.normal(size=(60, 6)))[:, None], 2, axis=1)
    found = modality_gap(vectors, labels, present=np.ones((60, 2), dtype=bool))
    assert (found.within_class, found.overall) == pytest.approx((0.0, 0.0), abs=1e-12)
    # Each object counts once right and once wrong.
    assert found.told_apart == found.chance == 0.5
    assert 0 < found.cross_angle < found.same_angle


def test_the_classifier_equals_its_plain_steps(rng: np.random.Generator) -> None:
    # The second modality is rare, and wider than the first, so that it is recognised less often.
    vectors = np.array([1.0, 0.0, 0.0]) + rng.normal(size=(300, 2, 3)) * [[[0.2], [0.6]]] + [[[0, 0, 0], [0, 0.4, 0]]]
    present = np.stack([np.ones(300, dtype=bool), rng.random(300) < 0.2], axis=1)
    objects, modalities = np.nonzero(present)
    items = (vectors / np.linalg.norm(vectors, axis=2, keepdims=True))[present]
    hits, counts = np.zeros(2), np.bincount(modalities)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=4).split(items, modalities, objects)
    for training, test in folds:
        assert not set(objects[training]) & set(objects[test])
        mean, spread = items[training].mean(axis=0), items[training].std(axis=0)
        model = LogisticRegression(class_weight="balanced").fit((items[training] - mean) / spread, modalities[training])
        right = model.predict((items[test] - mean) / spread) == modalities[test]
        hits += np.bincount(modalities[test][right], minlength=2)
    found = modality_gap(vectors, rng.integers(2, size=300), present=present, random_state=4)
    assert found.told_apart == pytest.approx(np.mean(hits / counts))
    assert abs(found.told_apart - hits.sum() / counts.sum()) > 0.02


def test_modalities_of_one_law_are_told_apart_by_chance(rng: np.random.Generator) -> None:
    labels = rng.integers(3, size=3000)
    vectors = np.eye(4)[labels][:, None] + 0.4 * rng.normal(size=(3000, 2, 4))
    # One modality is rare: naming the other would be right nine times out of ten, which must not count.
    present = np.stack([np.ones(3000, dtype=bool), rng.random(3000) < 0.12], axis=1)
    found = modality_gap(vectors, labels, present=present)
    assert found.told_apart == pytest.approx(0.5, abs=0.08)
    assert found.cross_angle == pytest.approx(found.same_angle, abs=0.03)
    assert found.within_class < 0.1


def test_modalities_apart_are_told_apart() -> None:
    vectors, labels, present = made(1, objects=200, apart=3.0)
    found = modality_gap(vectors, labels, present=present)
    assert found.told_apart > 0.95
    assert found.within_class > 0.5
    assert found.cross_angle > found.same_angle + 0.5


def test_classes_that_have_different_modalities_make_a_gap_overall_but_none_within() -> None:
    # The first class has photos only, the second titles only, the third both, in one place.
    vectors = np.repeat(np.eye(3)[:, None], 2, axis=1)
    present = np.array([[True, False], [False, True], [True, True]])
    found = modality_gap(vectors, ["a", "b", "c"], present=present)
    assert found.within_class == 0.0
    assert found.overall == pytest.approx(0.5**0.5)
    assert found.cross_angle == 0.0
    assert np.isnan(found.same_angle)
    nowhere = modality_gap(vectors[:2], ["a", "b"], present=present[:2])
    assert np.isnan([nowhere.within_class, nowhere.cross_angle]).all()
    assert nowhere.overall == pytest.approx(2**0.5)


def test_too_few_objects_for_the_classifier() -> None:
    vectors, labels, present = made(2, objects=40)
    present[9:, 2] = False
    present[:9, 2] = True
    assert np.isnan(modality_gap(vectors, labels, present=present).told_apart)
    present[9, 2] = True
    assert 0 <= modality_gap(vectors, labels, present=present).told_apart <= 1


def test_a_modality_that_never_occurs_does_not_count() -> None:
    vectors, labels, present = made(3)
    present[:, 1] = False
    found = modality_gap(vectors, labels, present=present)
    assert found.chance == 0.5
    assert numbers(found) == pytest.approx(
        numbers(modality_gap(vectors[:, [0, 2]], labels, present=present[:, [0, 2]]))
    )


def test_draws_are_near_the_whole_and_the_seed_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    # The function has the name of its module.
    monkeypatch.setattr(import_module("steradian.metrics.modality_gap"), "_MOST_OBJECTS", 150)
    vectors, labels, present = made(4, objects=300, apart=0.1)
    whole = modality_gap(vectors, labels, present=present)
    drawn, again, other = (
        modality_gap(vectors, labels, present=present, max_pairs=4000, random_state=random_state)
        for random_state in (0, 0, 1)
    )
    assert drawn == again
    assert drawn.told_apart != other.told_apart
    assert drawn.cross_angle != other.cross_angle
    assert numbers(drawn) == pytest.approx(numbers(whole), abs=0.02)
    assert numbers(drawn) != numbers(whole)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"vectors": np.ones((4, 2))}, r"want vectors \[objects, modalities, dim\].*got shape \[4, 2\]"),
        ({"present": np.ones((4, 3), dtype=bool)}, r"bool of shape \[4, 3\]"),
        ({"present": np.ones((4, 2))}, r"float64 of shape \[4, 2\]"),
        ({"present": np.array([[True, False]] * 4)}, "present: want at least two modalities that occur, got 1"),
        ({"labels": ["a"] * 3}, "labels: want 4 classes, one an object, got 3"),
        ({"labels": ["a", "a", None, "a"]}, "labels, row 2"),
        ({"vectors": np.full((4, 2, 3), np.nan)}, r"vectors\[present\], row 0"),
        ({"max_pairs": 0}, "max_pairs"),
    ],
)
def test_what_cannot_be_measured_is_refused(changes: dict[str, Any], says: str) -> None:
    given = {"vectors": np.ones((4, 2, 3)), "labels": list("aabb"), "present": np.ones((4, 2), dtype=bool), **changes}
    with pytest.raises(InputError, match=says):
        modality_gap(**given)
