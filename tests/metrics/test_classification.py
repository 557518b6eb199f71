"""Classification scores beside scikit-learn's."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from steradian.errors import InputError
from steradian.metrics import accuracy, balanced_accuracy, macro_f1
from steradian.metrics.classification import label_codes

SCORES = [accuracy, balanced_accuracy, macro_f1]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7)), min_size=1, max_size=40), st.booleans())
def test_equal_scikit_learn(pairs: list[tuple[int, int]], named: bool) -> None:
    labels, predicted = (np.array([f"c{v}" if named else v for v in side]) for side in zip(*pairs, strict=True))
    assert accuracy(labels, predicted) == pytest.approx(accuracy_score(labels, predicted))
    assert macro_f1(labels, predicted) == pytest.approx(f1_score(labels, predicted, average="macro"))
    with warnings.catch_warnings():
        # It warns of predicted classes that do not occur, which is what is being tried.
        warnings.simplefilter("ignore", UserWarning)
        assert balanced_accuracy(labels, predicted) == pytest.approx(balanced_accuracy_score(labels, predicted))


@pytest.mark.parametrize("score", SCORES)
def test_all_right_and_all_wrong(score: Callable[[Any, Any], float]) -> None:
    assert score(["a", "b", "b"], ["a", "b", "b"]) == 1.0
    assert score(["a", "b", "b"], ["b", "a", "c"]) == 0.0


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("labels", "predicted", "says"),
    [
        ([], [], "at least one object"),
        ([["a"]], ["a"], r"shape \[1, 1\]"),
        (["a", "b"], ["a"], "predicted: want 2 predictions, one a label, got 1"),
        ([1.0, np.nan], [1.0, 1.0], "labels, row 1: want a class, got nan"),
        (["a"], np.array([None]), "labels, row 0"),
    ],
)
def test_what_cannot_be_scored_is_refused(
    score: Callable[[Any, Any], float], labels: Any, predicted: Any, says: str
) -> None:
    with pytest.raises(InputError, match=says):
        score(labels, predicted)


def test_codes_are_common_to_all_parts_and_tell_types_apart() -> None:
    first, second = label_codes(np.array(["1", 1, "1"], dtype=object), [1, 2])
    assert first.tolist() == [0, 1, 0]
    assert second.tolist() == [1, 2]
