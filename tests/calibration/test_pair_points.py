"""Thresholds of pairs, beside a slow count of all pairs."""

import itertools

import numpy as np
import pytest

from steradian.calibration import pair_points
from steradian.calibration.pair_points import PairFitter


def unit(rng: np.random.Generator, rows: int) -> np.ndarray:
    vectors = rng.normal(size=(rows, 3))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def test_rates_are_those_of_all_pairs(rng: np.random.Generator) -> None:
    labels = np.array(["cup", "jar", "lamp"])[rng.integers(3, size=30)]
    photo, title = unit(rng, 30), unit(rng, 20)
    titled = np.sort(rng.permutation(30)[:20])
    fitter = PairFitter(labels, subsets=2, false_accept=0.2, random_state=0)
    fitter.add(("photo",), np.arange(30), photo)
    fitter.add(("title",), titled, title)
    points = fitter.points()
    assert [(point.first, point.second) for point in points] == [
        (("photo",), ("photo",)),
        (("photo",), ("title",)),
        (("title",), ("title",)),
    ]
    views = [dict(enumerate(photo)), dict(zip(titled.tolist(), title, strict=True))]
    for point, (one, other) in zip(points, [(0, 0), (0, 1), (1, 1)], strict=True):
        angles = {True: [], False: []}
        for i, j in itertools.permutations(range(30), 2):
            if i in views[one] and j in views[other] and (one != other or i < j):
                cosine = float(views[one][i].astype(float) @ views[other][j].astype(float))
                angles[labels[i] == labels[j]].append(np.arccos(np.clip(cosine, -1, 1)))
        assert point.pairs == len(angles[False])
        assert point.false_accept == pytest.approx(np.mean(np.array(angles[False]) <= point.threshold))
        assert point.true_accept == pytest.approx(np.mean(np.array(angles[True]) <= point.threshold))
        # The next larger angle would accept more than is wanted.
        rank = int(0.2 * (len(angles[False]) + 1))
        assert point.threshold == pytest.approx(sorted(angles[False])[rank - 1], abs=1e-4)
        assert point.false_accept <= 0.2


def test_many_objects_and_pairs_are_drawn(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    labels, vectors = rng.integers(5, size=300), unit(rng, 300)
    whole = PairFitter(labels, subsets=1, false_accept=0.1, random_state=0)
    whole.add(("photo",), np.arange(300), vectors)
    monkeypatch.setattr(pair_points, "MOST_OBJECTS", 100)
    monkeypatch.setattr(pair_points, "MOST_PAIRS", 2500)
    drawn = PairFitter(labels, subsets=1, false_accept=0.1, random_state=0)
    drawn.add(("photo",), np.arange(300), vectors)
    assert drawn.points()[0].pairs == 2500
    assert drawn.points()[0].threshold == pytest.approx(whole.points()[0].threshold, abs=0.1)


def test_where_no_two_objects_have_what_is_asked_nothing_is_the_same(rng: np.random.Generator) -> None:
    fitter = PairFitter(np.array(["cup", "jar"]), subsets=2, false_accept=0.1, random_state=0)
    fitter.add(("photo",), np.array([0]), unit(rng, 1))
    fitter.add(("title",), np.array([0]), unit(rng, 1))
    assert [(point.pairs, point.threshold, point.true_accept) for point in fitter.points()] == [(0, -1.0, None)] * 3


def test_the_angle_is_no_wider_than_enough_pairs_of_one_class_need(rng: np.random.Generator) -> None:
    labels = np.repeat(np.arange(3), 20)
    near = np.eye(3)[labels] + 0.1 * rng.normal(size=(60, 3))
    near = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    points = {}
    for enough in (None, 0.9, 0.5):
        fitter = PairFitter(labels, subsets=1, false_accept=0.05, random_state=0, enough=enough)
        fitter.add(("photo",), np.arange(60), near)
        (points[enough],) = fitter.points()
    first, second = np.nonzero(np.triu(labels[:, None] == labels, 1))
    angles = np.sort(np.arccos(np.clip((near[first].astype(float) * near[second]).sum(axis=1), -1, 1)))
    assert points[None].threshold > 1.2 and points[None].true_accept == 1
    for enough in (0.9, 0.5):
        rank = int(np.ceil(enough * (len(angles) + 1)))
        assert points[enough].threshold == pytest.approx(angles[rank - 1], abs=1e-3)
        assert points[enough].false_accept == 0 and points[enough].true_accept == pytest.approx(enough, abs=0.01)
    # Where classes overlap, the false accept rate is the narrower bound.
    mixed, thresholds = rng.permutation(labels), []
    for enough in (None, 0.9):
        fitter = PairFitter(mixed, subsets=1, false_accept=0.05, random_state=0, enough=enough)
        fitter.add(("photo",), np.arange(60), near)
        thresholds.append(fitter.points()[0].threshold)
    assert thresholds[0] == thresholds[1]
