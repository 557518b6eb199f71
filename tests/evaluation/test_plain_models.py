"""Plain models: each by its name, of a part of a large table, and the nearest class mean of a very large one."""

import numpy as np
import pytest
from sklearn.svm import SVC

from steradian.evaluation import plain_models as module
from steradian.evaluation.plain_models import ALL, FAST, Prediction, predict_plainly, searchable


def points(count: int, *, classes: int = 6, noise: float = 0.2, random_state: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points around a place a class, of mean square length about 1, and their classes."""
    rng = np.random.default_rng(random_state)
    labels = np.array(list("fedcba"))[np.arange(count) % classes]
    places = np.random.default_rng(7).normal(size=(26, 8)) / 8**0.5
    numbers = np.array([ord(label) - ord("a") for label in labels])
    return (places[numbers] + noise * rng.normal(size=(count, 8))).astype(np.float32), labels


def predicted(name: str, trained: np.ndarray, labels: np.ndarray, queries: np.ndarray) -> Prediction:
    (found,) = predict_plainly(trained, labels, queries, models=[name], random_state=0)
    return found


@pytest.mark.parametrize("name", ALL)
def test_each_model_learns(name: str) -> None:
    queries, answers = points(60, random_state=1)
    found = predicted(name, *points(240), queries)
    assert found.name == name and not found.note and found.seconds > 0
    assert np.mean(found.classes == answers) > 0.9


def test_a_model_is_that_of_scikit_learn() -> None:
    trained, labels = points(240)
    queries, _ = points(60, random_state=1)
    width = 1 / np.square(trained).sum(axis=1).mean()
    expected = SVC(C=module.MARGIN, gamma=width).fit(trained, labels).predict(queries)
    np.testing.assert_array_equal(predicted("SVM", trained, labels, queries).classes, expected)


def test_the_fast_ones_come_first() -> None:
    assert ALL[: len(FAST)] == FAST
    found = predict_plainly(*points(60), points(6)[0], models=FAST, random_state=0)
    assert [each.name for each in found] == list(FAST)


@pytest.mark.parametrize(
    ("work", "name", "note"),
    [
        (8 * 6 * 150, "logistic regression", "Logistic regression learnt from 150 of the 240 training objects"),
        (8 * 6 * 150, "kernel ridge", "Kernel ridge learnt from 150 of the 240 training objects"),
        (8 * 6 * 100, "the nearest class mean", "Of 6 classes plain models would take long"),
    ],
)
def test_large_tables_take_a_shorter_way_and_say_so(work: int, name: str, note: str, monkeypatch) -> None:
    queries, answers = points(60, random_state=1)
    monkeypatch.setattr(module, "WORK", work)
    asked = "logistic regression" if name.startswith("the") else name
    found = predicted(asked, *points(240), queries)
    assert found.name == name and found.note.startswith(note)
    assert np.mean(found.classes == answers) > 0.9


def test_models_whose_time_grows_faster_learn_from_fewer(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_OBJECTS", 100)
    queries, _ = points(60, random_state=1)
    assert not predicted("logistic regression", *points(240), queries).note
    assert predicted("SVM", *points(240), queries).note.startswith("SVM learnt from 100 of the 240")


def test_a_drawn_part_keeps_every_class(monkeypatch) -> None:
    rng = np.random.default_rng(0)
    labels = np.array(["a"] * 300 + ["b"] * 300 + ["c"])
    trained = np.eye(3, 8)[[0] * 300 + [1] * 300 + [2]] + 0.05 * rng.normal(size=(601, 8))
    monkeypatch.setattr(module, "WORK", 3 * 8 * 100)
    assert predicted("logistic regression", trained, labels, np.eye(3, 8)[[2]]).classes == ["c"]


@pytest.mark.parametrize("name", ALL)
def test_classes_of_one_object_each_are_learnt_without_a_warning(name: str) -> None:
    trained = np.eye(40, dtype=np.float32)
    assert len(predicted(name, trained, np.arange(40), trained).classes) == 40


def test_a_vector_of_zeros_gets_a_direction() -> None:
    assert searchable(np.zeros((1, 3))).tolist() == [[0, 0, 0, module.FAINT]]
