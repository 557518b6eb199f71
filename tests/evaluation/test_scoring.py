"""What all evaluations share: the search in one gallery, classes known and unknown, the checks of tables."""

import numpy as np
import pytest

import steradian as sr
from steradian.errors import ConfigError, InputError
from steradian.evaluation.scoring import (
    Gallery,
    certified_shares,
    check_tables,
    classification_scores,
    drawn_to_classify,
)
from steradian.explanation import Certificates
from steradian.metrics import retrieval_scores
from steradian.validation import present_modalities

RIGHT = np.array([[1.0, 0.0, 0, 0], [0.9, 0.1, 0, 0], [0.0, 1.0, 0, 0], [0.1, 0.9, 0, 0]], dtype=np.float32)


def test_a_query_does_not_find_itself_among_the_others() -> None:
    labels = np.array(["cat", "owl", "cat", "owl"])
    # Rows 3 and 5 of a table whose rows 2, 3, 5 and 8 have anything.
    among = Gallery(RIGHT, labels, np.array([2, 3, 5, 8]))
    assert among.scores(RIGHT[1:3], labels[1:3], np.array([3, 5]), ks=(1, 3))["recall"] == {1: 0.0, 3: 1.0}
    given = Gallery(RIGHT, labels)
    assert given.scores(RIGHT[1:3], labels[1:3], np.array([3, 5]), ks=(1, 3))["recall"] == {1: 1.0, 3: 1.0}


def test_some_objects_may_be_drawn_to_be_searched_for(rng: np.random.Generator) -> None:
    vectors, labels, rows = rng.normal(size=(80, 4)), rng.integers(3, size=80), np.arange(80)
    drawn = Gallery(vectors, labels, rows, max_queries=20, random_state=5).scores(vectors, labels, rows, ks=(1,))
    want = retrieval_scores(vectors, labels, vectors, labels, ks=(1,), exclude=rows, max_queries=20, random_state=5)
    assert (drawn["map_at_r"], drawn["recall"]) == (want.map_at_r, want.recall)
    assert drawn != Gallery(vectors, labels, rows).scores(vectors, labels, rows, ks=(1,))


def test_without_anything_to_find_there_is_a_count() -> None:
    gallery = Gallery(RIGHT, np.array(["cat"] * 4))
    assert gallery.scores(RIGHT, np.array(["owl"] * 4), np.arange(4), ks=(1,)) == {"without_relevant": 4}


def test_classes_the_model_does_not_know_are_counted(model) -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 1, 1, 3]]
    found = classification_scores(model, vectors, np.array(["cat", "dog", "cat", "yak"]))
    assert found == {
        "unknown_class": 1,
        "accuracy": pytest.approx(2 / 3),
        "balanced_accuracy": 0.75,
        "macro_f1": pytest.approx(2 / 3),
    }
    assert classification_scores(model, vectors, np.array(["yak"] * 4)) == {"unknown_class": 4}


def test_of_drawn_objects_the_unknown_are_counted_among_all(model) -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 1, 1, 3]]
    labels, drawn = np.array(["cat", "dog", "cat", "yak"]), np.array([True, False, True, False])
    found = classification_scores(model, vectors, labels, drawn=drawn)
    assert (found["unknown_class"], found["accuracy"]) == (1, 0.5)


def test_objects_are_drawn_only_where_they_and_the_classes_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steradian.evaluation.scoring.MOST_COSINES", 100)
    assert drawn_to_classify(10, 10, 4, 0) is None
    assert drawn_to_classify(20, 10, None, 0) is None
    drawn, again, other = (drawn_to_classify(20, 10, 4, seed) for seed in (0, 0, 1))
    assert drawn is not None and (drawn.shape, drawn.sum()) == ((20,), 10)
    assert np.array_equal(drawn, again) and not np.array_equal(drawn, other)
    assert drawn_to_classify(20, 50, 4, 0).sum() == 4


def test_what_is_present_is_told_in_the_models_order(model) -> None:
    schema = sr.Schema({name: sr.Vector(name) for name in ("extra", "top", "left", "right")}, label="kind")
    columns = {"extra": [[1.0]], "top": [None], "left": [[1.0]], "right": [[2.0]]}
    objects = sr.read_objects(columns, schema, labelled=False)
    assert present_modalities(model.schema_, objects).tolist() == [[True, True, False]]


def test_the_complaint_names_the_function(model, make_table) -> None:
    objects = make_table(["cat", "dog"])
    check_tables(model, objects, None, where="evaluate")
    with pytest.raises(InputError, match=r"robustness\(\.\.\.\), objects: want a label in every row, in the column"):
        check_tables(model, {name: objects.columns[name] for name in model.schema_.columns}, None, where="robustness")
    with pytest.raises(InputError, match=r"evaluate\(\.\.\.\), gallery: want at least one object"):
        check_tables(model, objects, objects[:0], where="evaluate")
    with pytest.raises(InputError, match="labels that are text"):
        check_tables(model, objects.with_labels([1, 2]), None, where="evaluate")


def test_the_share_of_certified_objects_is_among_known_classes(model, make_table) -> None:
    objects = make_table(["cat", "dog", "owl", "yak", "cat"], missing=0.0)
    asked = []

    def certify(table: sr.ObjectTable) -> Certificates:
        asked.append(table.labels.tolist())
        predicted, leads = np.array(["cat", "cat", "owl", "cat"]), np.array([0.1, 0.2, -0.1, 0.3])
        return Certificates(table.ids, predicted, leads, predicted, np.ones(4), model.classes_)

    assert certified_shares(model, objects) == {}
    model.certify = certify
    assert certified_shares(model, objects) == {"certified": 0.75, "certified_right": 0.5}
    assert asked == [["cat", "dog", "owl", "cat"]]
    assert certified_shares(model, objects, drawn=np.array([False] * 3 + [True] * 2))["classified"] == 2
    assert asked[1:] == [["cat"]]
    assert certified_shares(model, make_table(["yak"] * 3)) == {}


def test_a_model_that_promises_nothing_has_no_share(model, make_table) -> None:
    def certify(table: sr.ObjectTable) -> Certificates:
        raise ConfigError("gates", "none", "certify", "Fit again.")

    model.certify = certify
    assert certified_shares(model, make_table(["cat", "dog"])) == {}


def test_an_object_that_stands_in_the_gallery_too_does_not_find_itself(make_table, model) -> None:
    table = make_table(["cat", "dog", "owl"] * 8)
    alone = sr.evaluate(model, table, verbose=False, floor="none")
    within = sr.evaluate(model, table, gallery=table, verbose=False, floor="none")
    assert [row.recall for row in within.scores] == [row.recall for row in alone.scores]
    assert [row.map_at_r for row in within.scores] == [row.map_at_r for row in alone.scores]
    assert within.repeated == 24 and alone.repeated == 0
    assert "24 objects stand in the gallery too" in repr(within)
    shuffled = table[np.random.default_rng(0).permutation(24)]
    again = sr.evaluate(model, table, gallery=shuffled, verbose=False, floor="none")
    assert again.whole.recall == alone.whole.recall and again.repeated == 24
    curve, same = (sr.robustness(model, table, gallery=each, draws=1, verbose=False) for each in (None, shuffled))
    np.testing.assert_allclose(same.recall_at_1[0], curve.recall_at_1[0])


def test_what_only_bears_the_same_number_is_another_object(make_table, model) -> None:
    first, second = make_table(["cat", "dog", "owl"] * 8), make_table(["cat", "dog", "owl"] * 8)
    assert first.ids.tolist() == second.ids.tolist()
    found = sr.evaluate(model, first, gallery=second, verbose=False, floor="none")
    assert found.repeated == 0 and "stand in the gallery" not in repr(found)


def test_some_objects_of_the_gallery_are_set_aside_for_the_plain_model_too(make_table, model) -> None:
    table = make_table(["cat", "dog", "owl"] * 10, missing=0.0)
    found = sr.evaluate(model, table[:12], gallery=table, verbose=False)
    assert found.repeated == 12 and found.floor is not None
    assert found.floor.trained == 18
    everything = sr.evaluate(model, table, gallery=table, verbose=False)
    assert everything.floor is not None and everything.floor.trained == 0


def test_one_modality_has_no_certified_share() -> None:
    points = np.random.default_rng(0).normal(size=(20, 2)) + np.repeat([[-3.0], [3.0]], 10, axis=0)
    model = sr.SphereEmbedder(4, epochs=0, verbose=False).fit(points, np.repeat(["a", "b"], 10))
    objects = sr.read_objects({"x": points, "label": np.repeat(["a", "b"], 10)}, model.schema_)
    assert certified_shares(model, model.encode(objects)) == {}
    assert "certified" not in repr(sr.evaluate(model, objects, verbose=False, floor="none")).lower()
