"""Retrieval scores: the definitions written out as loops, invariances, and what is left out or refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.errors import InputError
from steradian.metrics import map_at_r, r_precision, recall_at_k, retrieval_scores


def slow_scores(
    queries: np.ndarray, query_labels: Any, gallery: np.ndarray, gallery_labels: Any, ks: Any, exclude: Any
) -> tuple[list[float], float, float, int]:
    """Every query on its own, by the definitions."""
    recall, average, precision, scored = [0.0] * len(ks), 0.0, 0.0, 0
    for number, (query, label) in enumerate(zip(queries, query_labels, strict=True)):
        cosines = gallery @ query / np.linalg.norm(gallery, axis=1)
        ranking = [row for row in np.argsort(-cosines, kind="stable") if exclude is None or row != exclude[number]]
        hits = [gallery_labels[row] == label for row in ranking]
        relevant = sum(hits)
        if relevant == 0:
            continue
        scored += 1
        for place, k in enumerate(ks):
            recall[place] += any(hits[:k])
        found = 0
        for i in range(relevant):
            if hits[i]:
                found += 1
                average += found / (i + 1) / relevant
        precision += found / relevant
    return [value / scored for value in recall], average / scored, precision / scored, scored


@pytest.mark.parametrize("memory_bytes", [1, 5000, 2**26])
@pytest.mark.parametrize("leave_one_out", [False, True])
def test_equals_the_definitions(rng: np.random.Generator, memory_bytes: int, leave_one_out: bool) -> None:
    gallery = rng.normal(size=(80, 5))
    # Classes of very different sizes; "alone" has one object, so that leaving it out leaves nothing to find.
    gallery_labels = np.array(["big"] * 50 + ["small"] * 20 + ["pair"] * 2 + ["alone"] + ["other"] * 7)
    gallery += (gallery_labels == "small")[:, None] * 2
    queries, labels, exclude = gallery, gallery_labels, np.arange(80)
    if not leave_one_out:
        queries, labels, exclude = rng.normal(size=(30, 5)), np.array(["big", "pair", "new"] * 10), None
    got = retrieval_scores(
        queries, labels, gallery, gallery_labels, ks=(1, 3, 200), exclude=exclude, memory_bytes=memory_bytes
    )
    recall, average, precision, scored = slow_scores(queries, labels, gallery, gallery_labels, (1, 3, 200), exclude)
    assert got.recall == pytest.approx(dict(zip((1, 3, 200), recall, strict=True)))
    assert got.map_at_r == pytest.approx(average)
    assert got.r_precision == pytest.approx(precision)
    assert (got.queries, got.without_relevant) == (scored, len(queries) - scored)
    assert got.without_relevant == (1 if leave_one_out else 10)


def test_the_example_of_the_paper_s_figure() -> None:
    # Ten nearest of ten relevant: only the first is right, or alternating, or all.
    first = np.arange(10) == 0
    alternating = np.arange(10) % 2 == 0
    relevant = np.stack([first, alternating, np.ones(10, dtype=bool)])
    number = np.full(3, 10)
    np.testing.assert_allclose(r_precision(relevant, number), [0.1, 0.5, 1.0])
    by_hand = (1 + 2 / 3 + 3 / 5 + 4 / 7 + 5 / 9) / 10
    np.testing.assert_allclose(map_at_r(relevant, number), [0.1, by_hand, 1.0])
    np.testing.assert_array_equal(recall_at_k(~relevant, k=1), [0, 0, 0])
    np.testing.assert_array_equal(recall_at_k(~relevant, k=2), [1, 1, 0])


def test_what_stands_beyond_r_does_not_count() -> None:
    relevant = np.array([[True, False, True, True]])
    assert map_at_r(relevant, np.array([1])) == 1.0
    assert r_precision(relevant, np.array([2])) == 0.5


@given(st.integers(0, 2**32 - 1))
def test_rotation_permutation_and_renaming_change_nothing(random_state: int) -> None:
    rng = np.random.default_rng(random_state)
    vectors, labels = rng.normal(size=(25, 4)), rng.integers(5, size=25)
    rotation, order = np.linalg.qr(rng.normal(size=(4, 4)))[0], rng.permutation(25)
    plain = retrieval_scores(vectors, labels, vectors, labels, exclude=np.arange(25))
    names = np.array([f"class {9 - label}" for label in labels])
    turned = retrieval_scores(
        vectors @ rotation, names, (vectors @ rotation)[order], names[order], exclude=np.argsort(order)
    )
    assert turned.recall == pytest.approx(plain.recall)
    assert turned.map_at_r == pytest.approx(plain.map_at_r)
    assert turned.r_precision == pytest.approx(plain.r_precision)
    assert turned.without_relevant == plain.without_relevant
    assert 0 <= plain.map_at_r <= plain.r_precision <= plain.recall[10] <= 1


def test_no_relevant_object_at_all() -> None:
    scores = retrieval_scores(np.eye(2), ["a", "b"], np.eye(2), ["c", "d"], ks=(1,))
    assert (scores.queries, scores.without_relevant) == (0, 2)
    assert np.isnan([scores.recall[1], scores.map_at_r, scores.r_precision]).all()


def test_a_gallery_of_one_class_with_and_without_the_query_itself() -> None:
    scores = retrieval_scores(np.eye(3), ["a"] * 3, np.eye(3), ["a"] * 3, ks=(3,), exclude=np.array([0, -1, 2]))
    assert (scores.recall[3], scores.map_at_r, scores.r_precision) == (1.0, 1.0, 1.0)


def test_drawn_queries_come_near_all_and_say_how_near(rng: np.random.Generator) -> None:
    labels = rng.integers(6, size=600)
    vectors = rng.normal(size=(6, 8))[labels] + rng.normal(size=(600, 8))
    whole = retrieval_scores(vectors, labels, vectors, labels, exclude=np.arange(600))
    assert (whole.answerable, whole.map_at_r_error, whole.recall_errors) == (600, 0.0, {1: 0.0, 5: 0.0, 10: 0.0})
    off = []
    for random_state in range(40):
        part = retrieval_scores(
            vectors, labels, vectors, labels, exclude=np.arange(600), max_queries=150, random_state=random_state
        )
        assert (part.queries, part.answerable, part.without_relevant) == (150, 600, 0)
        off.append([(part.map_at_r - whole.map_at_r) / part.map_at_r_error, part.recall[1] != whole.recall[1]])
    spread, differs = np.array(off).T
    # Means of 40 draws: a standard error that is right within a third.
    assert 0.67 < np.sqrt(np.mean(spread**2)) < 1.5
    assert differs.any()
    assert retrieval_scores(vectors, labels, vectors, labels, exclude=np.arange(600), max_queries=600) == whole


def test_one_drawn_query_has_no_standard_error() -> None:
    scores = retrieval_scores(np.eye(3), ["a"] * 3, np.eye(3), ["a"] * 3, ks=(1,), max_queries=1)
    assert scores.queries == 1
    assert np.isnan([scores.map_at_r_error, scores.recall_errors[1]]).all()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"queries": np.zeros((0, 2))}, "queries: want numbers"),
        ({"queries": np.ones((2, 3))}, "width 2, as the gallery, got width 3"),
        ({"gallery": np.full((2, 2), np.inf)}, "gallery, row 0"),
        ({"query_labels": ["a"]}, "queries: want 2 classes, one a row, got 1"),
        ({"gallery_labels": ["a", "b", "c"]}, "gallery: want 2 classes, one a row, got 3"),
        ({"gallery_labels": ["a", None]}, "labels, row 1: want a class, got None"),
        ({"ks": ()}, r"ks: want different integers from 1, got \(\)"),
        ({"ks": (1, 1)}, "ks"),
        ({"ks": (0,)}, "ks"),
        ({"ks": (1.5,)}, "ks"),
        ({"exclude": np.array([0, 2])}, "exclude, query 1"),
        ({"max_queries": 0}, "max_queries: want an integer from 1, or None, got 0"),
    ],
)
def test_what_cannot_be_scored_is_refused(changes: dict[str, Any], says: str) -> None:
    labels = ["a", "b"]
    arguments = {
        "queries": np.eye(2),
        "query_labels": labels,
        "gallery": np.eye(2),
        "gallery_labels": labels,
        **changes,
    }
    with pytest.raises(InputError, match=says):
        retrieval_scores(**arguments)


@pytest.mark.parametrize(
    ("relevant", "number", "says"),
    [
        (np.ones((2, 3)), np.ones(2, dtype=int), "relevant: want bool"),
        (np.ones((0, 3), dtype=bool), np.ones(0, dtype=int), "relevant"),
        (np.ones((2, 3), dtype=bool), np.array([1, 4]), "values from 1 to 4"),
        (np.ones((2, 3), dtype=bool), np.array([0, 1]), "values from 0 to 1"),
        (np.ones((2, 3), dtype=bool), np.array([1]), r"shape \[1\]"),
    ],
)
def test_wrong_counts_are_refused(relevant: np.ndarray, number: np.ndarray, says: str) -> None:
    for score in (map_at_r, r_precision):
        with pytest.raises(InputError, match=says):
            score(relevant, number)


@pytest.mark.parametrize("k", [0, 4])
def test_recall_beyond_the_neighbors_is_refused(k: int) -> None:
    with pytest.raises(InputError, match=f"k: want from 1 to 3, the neighbors given, got {k}"):
        recall_at_k(np.ones((2, 3), dtype=bool), k=k)
