"""The plain baseline: as good as the usual pipeline of scikit-learn, on every kind of table, in scores and in words."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import steradian as sr
from steradian.errors import InputError
from steradian.evaluation import PlainBaseline, measure_plain_baseline, plain_models
from steradian.evaluation.plain_features import PlainFeatures, PlainModality
from steradian.metrics import accuracy, class_interval, macro_f1, retrieval_scores

SCHEMA = sr.Schema({"left": sr.Vector("left"), "right": sr.Vector("right")}, label="kind")


def made(rng: np.random.Generator, kinds: list[str], *, noise: float = 1.0, missing: float = 0.0) -> sr.ObjectTable:
    """Vectors around a place of each kind, which is the same in every table."""
    places = np.random.default_rng(7).normal(size=(26, 8))
    numbers = places[[ord(kind[0]) - ord("a") for kind in kinds]] + noise * rng.normal(size=(len(kinds), 8))
    left, right = numbers[:, :5].copy(), numbers[:, 5:].copy()
    left[rng.random(len(kinds)) < missing] = np.nan
    return sr.read_objects({"left": left, "right": right, "kind": kinds}, SCHEMA)


def test_it_is_as_good_as_the_usual_pipeline(rng: np.random.Generator) -> None:
    train, test = made(rng, list("abcdef") * 40), made(rng, list("abcdef") * 40)
    plain = measure_plain_baseline(train, test)
    numbers = [np.hstack([part.columns["left"], part.columns["right"]]) for part in (train, test)]
    usual = make_pipeline(StandardScaler(), LogisticRegression()).fit(numbers[0], train.labels)
    assert plain.accuracy == pytest.approx(usual.score(numbers[1], test.labels), abs=0.03)
    assert plain.accuracy > 0.6
    assert (plain.trained, plain.gallery, plain.features, plain.notes) == (240, 240, 8, ())


def test_the_scores_are_those_of_the_librarys_metrics(rng: np.random.Generator) -> None:
    train, test = made(rng, list("abcd") * 12 + ["e"] * 3, missing=0.3), made(rng, list("aabcdeyz") * 6, missing=0.3)
    plain = measure_plain_baseline(train, test, models=["logistic regression"])
    features = PlainFeatures(train)
    model = LogisticRegression(C=plain_models.STRENGTH).fit(features.trained, train.labels)
    predicted = model.predict(features.transform(test))
    known = np.isin(test.labels, list("abcde"))
    np.testing.assert_array_equal(plain.known, known)
    np.testing.assert_array_equal(plain.right, known & (predicted == test.labels))
    assert plain.accuracy == accuracy(test.labels[known], predicted[known])
    assert plain.macro_f1 == macro_f1(test.labels[known], predicted[known])
    expected = retrieval_scores(features.transform(test), test.labels, features.trained, train.labels, ks=(1,))
    assert plain.recall_at_1 == pytest.approx(expected.recall[1])
    assert plain.map_at_r == pytest.approx(expected.map_at_r)
    assert (plain.unknown_class, plain.without_relevant) == (12, expected.without_relevant) == (12, 12)
    assert plain.found[plain.searchable].mean() == plain.recall_at_1 and not plain.found[~plain.searchable].any()


def test_some_objects_may_be_drawn_to_be_searched_for(rng: np.random.Generator) -> None:
    train, test = made(rng, list("abcd") * 9 + ["e"] * 20), made(rng, list("abcdez") * 6)
    whole, part = measure_plain_baseline(train, test), measure_plain_baseline(train, test, max_queries=12)
    assert (whole.drawn, whole.queries, part.queries) == (None, 30, 12)
    assert part.drawn is not None
    assert set(part.drawn) < set(np.flatnonzero(whole.searchable))
    np.testing.assert_array_equal(part.found[part.drawn], whole.found[part.drawn])
    assert part.recall_at_1 == whole.found[part.drawn].mean()
    assert "R@1 and MAP@R are of 12 objects drawn" in repr(part)
    assert (part.without_relevant, part.accuracy) == (whole.without_relevant, whole.accuracy)
    assert "drawn" not in repr(whole)


def test_objects_carry_intervals_by_class(rng: np.random.Generator) -> None:
    plain = measure_plain_baseline(made(rng, list("abcdefgh") * 9), made(rng, list("abcdefghz") * 9))
    low, high = class_interval(lambda w: np.average(plain.right[plain.known], weights=w), plain.labels[plain.known])
    assert low < plain.accuracy < high


def test_a_gallery_may_hold_classes_that_training_lacks(rng: np.random.Generator) -> None:
    train, gallery = made(rng, list("abcd") * 9), made(rng, list("xyz") * 5, noise=0.3)
    plain = measure_plain_baseline(train, made(rng, list("xyzzy") * 4, noise=0.3), gallery=gallery)
    assert (plain.accuracy, plain.macro_f1, plain.unknown_class) == (None, None, 20)
    assert plain.recall_at_1 > 0.9 and plain.gallery == 15 and plain.without_relevant == 0
    assert plain.name == "cosines of plain features"


def test_the_same_seed_gives_the_same_scores_of_any_order(rng: np.random.Generator) -> None:
    train, test = made(rng, list("abcd") * 9), made(rng, list("abcd") * 9)
    scores = [measure_plain_baseline(train, part).to_dict() for part in (test, test, test[::-1])]
    for score in scores:
        del score["seconds"]
    assert scores[0] == scores[1] == scores[2]


def test_the_best_of_the_models_counts(rng: np.random.Generator) -> None:
    # A ring around a ball: no plane parts them.
    angles = rng.uniform(0, 2 * np.pi, size=200)
    ring = 3 * np.stack([np.cos(angles), np.sin(angles)], axis=1) + 0.3 * rng.normal(size=(200, 2))
    points = np.concatenate([ring, 0.5 * rng.normal(size=(200, 2))])
    table = {"x": points, "label": ["ring"] * 200 + ["ball"] * 200}
    objects = sr.read_objects(table, sr.Schema({"x": sr.Vector("x")}))
    plain = measure_plain_baseline(objects[::2], objects[1::2])
    assert plain.name.startswith("kernel ridge") and plain.accuracy == plain.accuracies["kernel ridge"] > 0.99
    assert plain.accuracies["logistic regression"] < 0.8
    assert plain.right.mean() == plain.accuracy
    assert "Accuracies: logistic regression" in repr(plain)


def test_without_training_objects_the_untrained_cosine_is_left(rng: np.random.Generator) -> None:
    test = made(rng, list("abcd") * 9 + ["e"])
    plain = measure_plain_baseline(None, test)
    vectors = PlainFeatures(test).trained
    rows = np.arange(len(test))
    expected = retrieval_scores(vectors, test.labels, vectors, test.labels, ks=(1,), exclude=rows)
    assert plain.recall_at_1 == pytest.approx(expected.recall[1])
    assert plain.map_at_r == pytest.approx(expected.map_at_r)
    assert (plain.accuracy, plain.trained, plain.gallery) == (None, 0, 37)
    assert plain.without_relevant == expected.without_relevant == 1
    assert repr(plain).startswith("PlainBaseline: 37 objects; cosines of plain features")


# -- Tables of all kinds


def test_objects_without_anything_it_knows_are_counted_as_they_are(rng: np.random.Generator) -> None:
    cells = {"left": [[1.0, 0.0], [0.0, 1.0], None, [1.0, 0.1]], "title": [None, None, "late", None]}
    schema = sr.Schema({"left": sr.Vector("left"), "title": sr.Text("title")})
    objects = sr.read_objects({**cells, "label": ["a", "b", "a", "a"]}, schema)
    plain = measure_plain_baseline(objects[:2], objects[2:])
    assert plain.right[1] and plain.found[1]
    assert plain.notes == ("title is left out: no training object has it.",)


@pytest.mark.parametrize("labels", [[3, 5, 3, 5], [True, False, True, False], ["3", "5", "3", "5"]])
def test_labels_of_any_type(labels: list) -> None:
    objects = sr.read_objects({"x": [1.0, 5.0, 1.1, 5.1], "label": labels}, sr.Schema({"x": sr.Vector("x")}))
    plain = measure_plain_baseline(objects[:2], objects[2:])
    assert (plain.accuracy, plain.recall_at_1, plain.map_at_r) == (1.0, 1.0, 1.0)


def refused(run: Callable[[], PlainBaseline]) -> str:
    with pytest.raises(InputError) as caught:
        run()
    return str(caught.value)


def test_what_cannot_be_measured_is_refused(rng: np.random.Generator) -> None:
    train, test = made(rng, list("aabb")), made(rng, list("ab"))
    assert "measure_plain_baseline(train): want training objects of two classes or more, got only a" in refused(
        lambda: measure_plain_baseline(train[:2], test)
    )
    assert "measure_plain_baseline(test): want at least one object" in refused(
        lambda: measure_plain_baseline(train, test[:0])
    )
    assert "measure_plain_baseline(gallery): want at least one object" in refused(
        lambda: measure_plain_baseline(train, test, gallery=test[:0])
    )
    other = sr.read_objects({"x": [1.0], "label": ["a"]}, sr.Schema({"x": sr.Vector("x")}))
    assert "measure_plain_baseline(test): want the modalities of the training objects, left, right, got x" in refused(
        lambda: measure_plain_baseline(train, other)
    )
    assert "the labels of test: want labels that are text" in refused(
        lambda: measure_plain_baseline(train, test.with_labels([1, 2]))
    )
    unread = sr.Schema({"title": sr.Text("title", encoder="nowhere/at all")})
    titles = sr.read_objects({"title": ["a", "b"], "label": ["a", "b"]}, unread)
    assert "want a modality of which plain features can be made, got title is left out" in refused(
        lambda: measure_plain_baseline(titles, titles)
    )


# -- How it prints


@pytest.fixture
def plain() -> PlainBaseline:
    flags = np.array([True, False, True])
    return PlainBaseline(
        name="logistic regression and cosines of plain features",
        labels=np.array(["a", "b", "z"]),
        known=np.array([True, True, False]),
        right=np.array([True, False, False]),
        searchable=flags,
        found=flags,
        accuracy=0.5,
        macro_f1=0.4,
        recall_at_1=1.0,
        map_at_r=None,
        modalities=(PlainModality("photo", 150, "16 x 16 pixels, PCA"),),
        trained=1234,
        gallery=20,
        seconds=0.25,
        notes=("smell is left out: Smell is no kind the baseline knows.",),
    )


def test_it_prints_as_a_table(plain: PlainBaseline) -> None:
    assert repr(plain).splitlines() == [
        "PlainBaseline: 3 objects by 1,234; logistic regression and cosines of plain",
        "features",
        "modality             features  plain features",
        "photo                     150  16 x 16 pixels, PCA",
        "accuracy 0.500, macro-F1 0.400, R@1 1.000, MAP@R -; 0.2 s",
        "Objects left out: 1 of unknown classes; 1 with none of their class to find.",
        "smell is left out: Smell is no kind the baseline knows.",
    ]


def test_it_is_plain_json(plain: PlainBaseline) -> None:
    entries = json.loads(json.dumps(plain.to_dict()))
    assert entries["accuracy"] == 0.5 and entries["map_at_r"] is None and entries["objects"] == 3
    assert entries["modalities"] == [{"name": "photo", "features": 150, "words": "16 x 16 pixels, PCA"}]


def test_rich_shows_the_same(plain: PlainBaseline) -> None:
    rich = plain.__rich__()
    assert [column.header for column in rich.columns] == ["modality", "features", "plain features"]
    assert "accuracy 0.500" in str(rich.caption)
