"""How much each object counts, by samples and by classes, and what is refused."""

from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.errors import ConfigError, InputError
from steradian.training.object_weights import weighed_objects

LABELS = ["ant", "ant", "ant", "bee", "bee", "cat"]


def objects(labels: list[Any] = LABELS) -> sr.ObjectTable:
    return sr.read_objects(
        {"x": [[float(row)] for row in range(len(labels))], "label": labels}, sr.Schema({"x": sr.Vector("x")})
    )


@pytest.mark.parametrize(
    ("sample", "by_class"),
    [(None, None), ([1] * 6, None), (np.full(6, 0.1), None), (None, {"ant": 1})],
)
def test_there_are_none_where_all_count_alike(sample: Any, by_class: Any) -> None:
    table = objects()
    found = weighed_objects(table, sample, by_class)
    assert found.weights is None
    assert found.rows.tolist() == table.rows.tolist()


def test_only_their_ratios_count() -> None:
    given = np.array([1.0, 2, 3, 4, 5, 9])
    for factor in (1, 1e-3, 1e6):
        np.testing.assert_allclose(weighed_objects(objects(), given * factor, None).weights, given / 4, rtol=1e-12)


def test_objects_of_no_weight_are_left_out() -> None:
    found = weighed_objects(objects(), [0, 1, 3, 0, 1, 1], None)
    assert found.rows.tolist() == [1, 2, 4, 5]
    assert found.weights.tolist() == [2 / 3, 2, 2 / 3, 2 / 3]
    assert found[[3, 1]].weights.tolist() == [2 / 3, 2]


def test_class_weights_multiply_sample_weights_and_balanced_ones_give_each_class_as_much() -> None:
    sample, table = np.array([1.0, 1, 2, 1, 3, 1]), objects()
    by_name = weighed_objects(table, sample, {"bee": 2.0, "cat": 0.5}).weights
    expected = sample * [1, 1, 1, 2, 2, 0.5]
    np.testing.assert_allclose(by_name, expected / expected.mean())
    for given in (None, sample):
        balanced = weighed_objects(table, given, "balanced").weights
        assert [float(balanced[table.labels == name].sum()) for name in ("ant", "bee", "cat")] == pytest.approx([2] * 3)
    assert weighed_objects(objects([1, 1, 2]), None, {2: 4.0}).weights.tolist() == [0.5, 0.5, 2]


@pytest.mark.parametrize(
    ("sample", "words"),
    [
        ([1] * 5, r"want 6 weights, one an object, got an array of shape \(5,\)"),
        (np.ones((6, 1)), r"shape \(6, 1\)"),
        (3.0, r"shape \(\)"),
        ([1, 1, -2, 1, 1, 1], "finite weights of 0 or more, got -2 at place 2"),
        ([1, 1, 1, 1, np.nan, 1], "got nan at place 4"),
        ([1, np.inf, 1, 1, 1, 1], "got inf at place 1"),
        (["much"] * 6, "want numbers, got list"),
        ([1, 1, 1, 1, 1, 0], "above zero in each class, got none of class cat"),
    ],
)
def test_sample_weights_that_cannot_be_are_refused(sample: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        weighed_objects(objects(), sample, None)


@pytest.mark.parametrize(
    ("by_class", "words"),
    [
        ("equal", "want \"balanced\" or a mapping of labels to weights, got 'equal'"),
        ({"bea": 2.0}, "labels of the table, got 'bea'. Did you mean 'bee'"),
        ({7: 2.0}, "got 7. There are 'ant', 'bee', 'cat'"),
        ({"bee": -1.0}, "got -1.0 of class 'bee'"),
        ({"bee": "2"}, "got '2' of class 'bee'"),
        ({"bee": float("nan")}, "got nan of class 'bee'"),
    ],
)
def test_class_weights_that_cannot_be_are_refused(by_class: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        weighed_objects(objects(), None, by_class)


def test_a_table_may_lack_a_class_where_all_others_are_named() -> None:
    by_class = {"ant": 1.0, "bee": 2.0, "cat": 1.0, "dog": 3.0}
    assert weighed_objects(objects(), None, by_class).weights.tolist() == [0.75, 0.75, 0.75, 1.5, 1.5, 0.75]


def test_a_class_of_weight_0_is_refused() -> None:
    with pytest.raises(InputError, match="none of class bee"):
        weighed_objects(objects(), None, {"bee": 0})
