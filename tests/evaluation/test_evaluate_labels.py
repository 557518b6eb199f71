"""Scores of several labels an object: against what they are by definition."""

from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.errors import InputError
from steradian.evaluation.evaluate_labels import label_measures
from steradian.evaluation.label_evaluation import LabelEvaluation

NAMES = np.array(["a", "b", "c", "d"])


def made(count: int, random_state: int) -> sr.ObjectTable:
    rng = np.random.default_rng(random_state)
    own = rng.random((count, 4)) < 0.35
    views = {name: own @ np.random.default_rng(place).normal(size=(4, 6)) for place, name in enumerate(("x", "y"))}
    table: dict[str, Any] = {name: list(view + rng.normal(size=view.shape) * 0.7) for name, view in views.items()}
    for row in range(0, count, 4):
        table["y"][row] = None
    table["tags"] = [NAMES[row].tolist() for row in own]
    return sr.read_objects(table, sr.Schema({name: sr.Vector(name) for name in views}, label="tags"))


ALL = made(180, 0)
TRAIN, TEST = ALL[:120], ALL[120:]


@pytest.fixture(scope="module")
def model() -> sr.SphereEmbedder:
    return sr.SphereEmbedder(embedding_dim=16, verbose=False).fit(TRAIN)


def own_of(objects: sr.ObjectTable) -> np.ndarray:
    return np.array([[name in own for name in NAMES] for own in objects.labels])


def test_measures_are_what_they_are_by_definition(rng: np.random.Generator) -> None:
    own, scores = rng.random((30, 5)) < 0.4, rng.normal(size=(30, 5))
    own[:, 3] = False
    given = scores > 0
    found = label_measures(own, scores)
    both = (own & given).sum(axis=0)
    assert found["micro_f1"] == pytest.approx(2 * both.sum() / (own.sum() + given.sum()))
    met = own.any(axis=0)
    assert found["macro_f1"] == pytest.approx((2 * both / (own.sum(axis=0) + given.sum(axis=0)))[met].mean())
    assert found["exact_match"] == pytest.approx(np.mean([list(a) == list(b) for a, b in zip(own, given, strict=True)]))
    assert found["hamming_loss"] == pytest.approx((own != given).mean())
    ranked = []
    for row, each in zip(own, scores, strict=True):
        shares = [row[each >= each[c]].sum() / (each >= each[c]).sum() for c in np.flatnonzero(row)]
        ranked.append(np.mean(shares) if shares else 1.0)
    assert found["lrap"] == pytest.approx(np.mean(ranked))
    precisions = []
    for c in np.flatnonzero(met):
        order = np.argsort(-scores[:, c])
        right = own[order, c]
        precisions.append((right.cumsum() / np.arange(1, 31))[right].mean())
    assert found["mean_average_precision"] == pytest.approx(np.mean(precisions))
    assert set(label_measures(np.zeros((2, 2), bool), np.ones((2, 2)))) == {"exact_match", "hamming_loss"}


@pytest.mark.parametrize("gallery", [None, TRAIN, ALL], ids=["none", "other", "both"])
def test_recall_is_a_label_in_common_with_the_nearest_others(model: sr.SphereEmbedder, gallery: Any) -> None:
    found = sr.evaluate(model, TEST, gallery=gallery, ks=(1, 3), floor="none", verbose=False).whole
    inside = TEST if gallery is None else gallery
    cosines = model.transform(TEST) @ model.transform(inside).T
    own, others = own_of(TEST), own_of(inside)
    hits = {1: [], 3: []}  # type: dict[int, list[bool]]
    for row in range(len(TEST)):
        order = [place for place in np.argsort(-cosines[row]) if cosines[row, place] < 0.99999]
        if (own[row] & others[order]).any():
            for k, seen in hits.items():
                seen.append(bool((own[row] & others[order[:k]]).any()))
    assert found.recall == pytest.approx({k: np.mean(seen) for k, seen in hits.items()})
    assert found.queries == len(hits[1]) and found.without_relevant == len(TEST) - len(hits[1])


def test_evaluate_scores_every_subset_and_a_plain_model(model: sr.SphereEmbedder) -> None:
    found = sr.evaluate(model, TEST, gallery=TRAIN, verbose=False)
    assert isinstance(found, LabelEvaluation) and found.plain is not None
    assert [row.subset for row in found] == [("x", "y"), ("x",), ("y",)]
    assert found["y"].objects == 45 and sum(row.objects for row in found.patterns) == len(TEST)
    assert found.whole.to_dict()["micro_f1"] > 0.8 and found.plain.to_dict()["micro_f1"] > 0.7
    drawn = sr.evaluate(model, TEST, max_queries=20, floor="none", verbose=False).whole
    assert drawn.queries == 20 and drawn.recall_errors is not None and drawn.recall_errors[1] > 0


def test_labels_that_training_did_not_have_are_counted_and_left_out(model: sr.SphereEmbedder) -> None:
    more = TEST.with_labels([[*own, "new"] if row < 5 else own for row, own in enumerate(TEST.labels)])
    found, before = (sr.evaluate(model, objects, floor="none", verbose=False).whole for objects in (more, TEST))
    assert found.unknown_class == 5 and before.unknown_class == 0
    assert found.to_dict()["lrap"] == before.to_dict()["lrap"]


@pytest.mark.parametrize(
    ("labels", "message"), [(["a"] * 60, "want lists of labels"), ([[1]] * 60, "want labels that are text")]
)
def test_labels_of_another_kind_are_refused(model: sr.SphereEmbedder, labels: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        sr.evaluate(model, TEST.with_labels(labels), verbose=False)


def test_how_many_are_searched_for_is_checked(model: sr.SphereEmbedder) -> None:
    for ks in ([], [0, 1]):
        with pytest.raises(InputError, match="ks: want different integers from 1"):
            sr.evaluate(model, TEST, ks=ks, verbose=False)
    assert sr.evaluate(model, TEST, max_queries=0, verbose=False).whole.queries == 1
