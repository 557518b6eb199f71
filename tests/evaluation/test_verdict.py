"""One sentence says whether a model is better than a plain one."""

import numpy as np
import pytest

import steradian as sr
from steradian.evaluation.plain_baseline import PlainBaseline
from steradian.evaluation.verdict import verdict


def plain(*, accuracy: float | None = 0.9, recall_at_1: float | None = 0.8, objects: int = 400) -> PlainBaseline:
    arrays = {name: np.ones(objects, bool) for name in ("labels", "known", "right", "searchable", "found")}
    scores = {"accuracy": accuracy, "macro_f1": accuracy, "recall_at_1": recall_at_1, "map_at_r": 0.5}
    return PlainBaseline("plain", **arrays, **scores, modalities=(), trained=9, gallery=9, seconds=0.1)


@pytest.mark.parametrize(
    ("accuracy", "begins"), [(0.95, "Better than"), (0.85, "Worse than"), (0.905, "Level with"), (0.895, "Level with")]
)
def test_a_difference_counts_beyond_a_standard_error(accuracy: float, begins: str) -> None:
    assert verdict(plain(), accuracy=accuracy, recall_at_1=None).startswith(begins)


def test_the_same_difference_of_few_objects_does_not_count() -> None:
    assert verdict(plain(objects=20), accuracy=0.95, recall_at_1=None).startswith("Level")


def test_new_classes_are_judged_by_search() -> None:
    found = verdict(plain(accuracy=None), accuracy=None, recall_at_1=0.9)
    assert found == "Better than the plain baseline by 10.0 points of R@1 (0.900 against 0.800)."


def test_nothing_in_common_is_said() -> None:
    assert verdict(plain(), accuracy=None, recall_at_1=None).startswith("No score")


def test_an_evaluation_with_a_gallery_prints_its_verdict_and_the_floor() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 20)
    table = {"x": list(rng.normal(size=(40, 3)) + (labels == "a")[:, None] * 4), "label": labels}
    objects = sr.read_objects(table, sr.Schema({"x": sr.Vector("x")}))
    train, test = objects[::2], objects[1::2]
    model = sr.SphereEmbedder(epochs=0, verbose=False).fit(train)
    evaluation = sr.evaluate(model, test, gallery=train, verbose=False)
    assert evaluation.verdict is not None and evaluation.verdict in " ".join(repr(evaluation).split())
    assert evaluation.to_dict()["verdict"] == evaluation.verdict
    assert evaluation.to_dict()["floor"]["accuracy"] == evaluation.floor.accuracy
    (row,) = (line for line in repr(evaluation).splitlines() if line.startswith("  plain baseline"))
    shown = (evaluation.floor.recall_at_1, evaluation.floor.map_at_r, evaluation.floor.accuracy)
    assert row.split()[3:6] == [f"{score:.3f}" for score in shown]
    assert sr.evaluate(model, test, gallery=train, floor="none", verbose=False).verdict is None
    every = sr.evaluate(model, test, gallery=train, floor="all", verbose=False).floor
    assert list(every.accuracies) == ["logistic regression", "kernel ridge", "SVM", "random forest"]


def test_without_a_gallery_the_floor_is_the_untrained_cosine() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b"], 20)
    table = {"x": rng.normal(size=(40, 3)) + (labels == "a")[:, None], "label": labels}
    objects = sr.read_objects(table, sr.Schema({"x": sr.Vector("x")}))
    model = sr.SphereEmbedder(epochs=0, verbose=False).fit(objects)
    evaluation = sr.evaluate(model, objects, verbose=False)
    assert evaluation.floor.accuracy is None and "R@1" in evaluation.verdict
    # Where R@1 is not shown, the baseline's is not either.
    other = sr.evaluate(model, objects, ks=(5,), verbose=False)
    (row,) = (line for line in repr(other).splitlines() if line.startswith("  plain baseline"))
    assert row.split()[3] == "-"
