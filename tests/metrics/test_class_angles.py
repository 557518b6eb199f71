"""Angles within and between classes: loops beside them, cases of known answer, invariances, what has no pairs."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.errors import InputError
from steradian.metrics import ClassAngles, class_angles


def clouds(random_state: int, *, noise: float = 0.5, objects: int = 30) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(random_state)
    labels = rng.integers(4, size=objects)
    return np.eye(5)[labels] + noise * rng.normal(size=(objects, 5)), labels


def on_circle(*degrees: float) -> np.ndarray:
    return np.stack([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], axis=1)


def numbers(found: ClassAngles) -> list[float]:
    return [
        *(found.within_mean, found.within_95, found.between_mean, found.between_5),
        *(found.overlap, found.decidability, found.within_pairs, found.between_pairs),
    ]


@pytest.mark.parametrize("bins", [1, 7, 60])
def test_equals_the_definitions(bins: int) -> None:
    vectors, labels = clouds(0)
    angles: dict[bool, list[float]] = {True: [], False: []}
    for i, j in combinations(range(len(labels)), 2):
        cosine = vectors[i] @ vectors[j] / np.linalg.norm(vectors[i]) / np.linalg.norm(vectors[j])
        angles[bool(labels[i] == labels[j])].append(float(np.arccos(np.clip(cosine, -1, 1))))
    within, between = angles[True], angles[False]
    shares = [
        [sum(k / bins <= angle / np.pi < (k + 1) / bins for angle in kind) / len(kind) for k in range(bins)]
        for kind in (within, between)
    ]
    found = class_angles(vectors, labels, bins=bins)
    np.testing.assert_allclose(found.edges, [np.pi * k / bins for k in range(bins + 1)])
    np.testing.assert_allclose([found.within, found.between], shares)
    assert numbers(found) == pytest.approx(
        [
            *(np.mean(within), np.percentile(within, 95), np.mean(between), np.percentile(between, 5)),
            sum(min(pair) for pair in zip(*shares, strict=True)),
            abs(np.mean(within) - np.mean(between)) / np.sqrt((np.var(within) + np.var(between)) / 2),
            *(len(within), len(between)),
        ]
    )


def test_a_draw_is_near_the_whole() -> None:
    vectors, labels = clouds(1, objects=600)
    whole, drawn, again, other = (
        numbers(class_angles(vectors, labels, max_pairs=most, random_state=random_state))[:-2]
        for most, random_state in ((10**9, 0), (20_000, 0), (20_000, 0), (20_000, 1))
    )
    assert drawn == again != other
    assert drawn == pytest.approx(whole, abs=0.03)
    assert drawn != whole


@given(st.integers(0, 2**32 - 1))
def test_rotation_order_names_and_lengths_change_nothing(random_state: int) -> None:
    vectors, labels = clouds(random_state)
    rng = np.random.default_rng(random_state)
    rotation, order = np.linalg.qr(rng.normal(size=(5, 5)))[0], rng.permutation(30)
    turned = vectors @ rotation * rng.uniform(0.1, 10, size=(30, 1))
    names = np.array(["d", "c", "b", "a"])[labels]
    # Bins are left out: rounding may carry an angle across an edge.
    plain, other = class_angles(vectors, labels, bins=1), class_angles(turned[order], names[order], bins=1)
    assert numbers(other) == pytest.approx(numbers(plain))


def test_the_same_cloud_in_every_class_overlaps_wholly(rng: np.random.Generator) -> None:
    cloud = rng.normal(size=(700, 3))
    found = class_angles(np.tile(cloud, (2, 1)), np.repeat(["cup", "lamp"], 700))
    assert found.overlap > 0.98
    assert found.decidability < 0.02
    same = class_angles(np.ones((6, 3)), ["cup", "lamp"] * 3)
    assert (same.overlap, same.decidability, same.within_mean, same.between_mean) == (1.0, 0.0, 0.0, 0.0)


def test_clear_classes_do_not_overlap() -> None:
    found = class_angles(on_circle(0, 0, 90, 90), ["cup", "cup", "lamp", "lamp"])
    assert (found.overlap, found.within_95) == (0.0, 0.0)
    assert found.between_5 == pytest.approx(np.pi / 2)
    assert found.decidability > 1e6
    apart = class_angles(on_circle(0, 10, 80, 90), [0, 0, 1, 1])
    # Within 10 and 10 degrees; between 70, 80, 80 and 90, whose variance is 50.
    assert apart.decidability == pytest.approx(70 / 25**0.5)


def test_neither_kind_varies() -> None:
    found = class_angles(np.array([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]]), [0, 0, 1])
    assert found.decidability == np.inf
    assert found.between[-1] == 1.0


@pytest.mark.parametrize(("labels", "missing"), [(["a"] * 3, "between"), (["a", "b", "c"], "within")])
def test_without_pairs_of_a_kind(labels: list[str], missing: str) -> None:
    found = class_angles(on_circle(0, 30, 70), labels)
    there = "within" if missing == "between" else "between"
    tails = {"within": "within_95", "between": "between_5"}
    assert getattr(found, f"{missing}_pairs") == 0
    assert getattr(found, missing).sum() == 0
    absent = [getattr(found, f"{missing}_mean"), getattr(found, tails[missing]), found.overlap, found.decidability]
    assert np.isnan(absent).all()
    assert getattr(found, f"{there}_mean") == pytest.approx(np.radians((30 + 40 + 70) / 3))
    assert getattr(found, there).sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"vectors": np.array([[1.0, np.nan], [1.0, 0.0]])}, "vectors, row 0"),
        ({"labels": ["a"]}, "labels: want 2 classes, one a row, got 1"),
        ({"labels": ["a", None]}, "labels, row 1"),
        ({"bins": 0}, "bins: want an integer from 1, got 0"),
        ({"bins": 2.5}, "bins"),
        ({"max_pairs": 0}, "max_pairs"),
    ],
)
def test_what_cannot_be_measured_is_refused(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        class_angles(**{"vectors": np.eye(2), "labels": ["a", "b"], **changes})
