import numpy as np
import pytest

import steradian as sr
from steradian.evaluation.compare_models import ComparedScore, ModelComparison, compare_models
from steradian.metrics import to_angles

LABELS = np.repeat([f"kind {number:02}" for number in range(24)], 3)


class Model:
    """Directions in the plane as they stand in the table, and the class of the next training direction."""

    def __init__(self, column: str, classes: np.ndarray) -> None:
        self.schema_ = sr.Schema({column: sr.Vector(column)}, label="kind")
        self.classes_ = classes
        self.column = column

    def transform(self, objects: sr.ObjectTable) -> np.ndarray:
        angles = np.asarray(objects.columns[self.column], dtype=np.float64).ravel()
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    def predict_vectors(self, vectors: np.ndarray) -> np.ndarray:
        centers = np.arange(len(self.classes_)) / len(self.classes_) * np.pi
        angles = np.arctan2(vectors[:, 1], vectors[:, 0])
        return self.classes_[np.abs(angles[:, None] - centers).argmin(axis=1)]


@pytest.fixture(scope="module")
def tables() -> tuple[Model, Model, sr.ObjectTable]:
    rng = np.random.default_rng(0)
    classes = np.unique(LABELS)
    truth = np.searchsorted(classes, LABELS) / len(classes) * np.pi
    columns = {
        "rough": truth + 0.3 * rng.normal(size=len(LABELS)),
        "fine": truth + 0.02 * rng.normal(size=len(LABELS)),
        "kind": LABELS,
    }
    schema = sr.Schema({"rough": sr.Vector("rough"), "fine": sr.Vector("fine")}, label="kind")
    return Model("rough", classes), Model("fine", classes), sr.read_objects(columns, schema)


def recall_at_1(model: Model, objects: sr.ObjectTable) -> np.ndarray:
    """The slow obvious way: of each object, whether the nearest other one is of its class."""
    vectors = model.transform(objects).astype(np.float64)
    found = []
    for row, vector in enumerate(vectors):
        angles = to_angles(vectors @ vector)
        angles[row] = np.inf
        found.append(objects.labels[angles.argmin()] == objects.labels[row])
    return np.array(found)


def test_scores_are_means_over_the_same_objects(tables) -> None:
    first, second, objects = tables
    found = compare_models(first, second, objects)
    scores = {score.name: score for score in found.scores}
    for model, side in ((first, "first"), (second, "second")):
        right = model.predict_vectors(model.transform(objects)) == objects.labels
        assert getattr(scores["accuracy"], side) == pytest.approx(right.mean())
        assert getattr(scores["R@1"], side) == pytest.approx(recall_at_1(model, objects).mean())
    assert (found.objects, found.classes, found.left_out) == (72, 24, 0)
    assert all(score.better == "second" and score.low > 0 for score in found.scores)


def test_the_interval_is_that_of_classes_drawn_again_for_both_at_once(tables) -> None:
    first, second, objects = tables
    score = compare_models(first, second, objects, rounds=2000).scores[0]
    gained = np.subtract(
        *((m.predict_vectors(m.transform(objects)) == objects.labels).astype(float) for m in (second, first))
    ).reshape(24, 3)
    rng = np.random.default_rng(1)
    means = [gained[rng.integers(24, size=24)].mean() for _ in range(2000)]
    np.testing.assert_allclose([score.low, score.high], np.quantile(means, [0.025, 0.975]), atol=0.03)


def test_a_model_is_level_with_itself_and_sides_change_the_sign(tables) -> None:
    first, second, objects = tables
    for score in compare_models(first, first, objects).scores:
        assert (score.difference, score.low, score.high, score.better) == (0.0, 0.0, 0.0, "level")
    there, back = (compare_models(*models, objects).scores for models in ((first, second), (second, first)))
    for one, other in zip(there, back, strict=True):
        assert one.difference == -other.difference and other.better == "first"
        np.testing.assert_allclose([one.low, one.high], [-other.high, -other.low])


def test_only_classes_that_both_know_count_for_accuracy(tables) -> None:
    first, second, objects = tables
    fewer = Model("fine", second.classes_[:20])
    scores = {score.name: score for score in compare_models(first, fewer, objects).scores}
    assert scores["accuracy"].objects == 60 and scores["R@1"].objects == 72


def test_mistakes_are_told(tables) -> None:
    first, second, objects = tables
    with pytest.raises(sr.InputError, match="the same objects for both models, got 72 and 71"):
        compare_models(first, second, objects, second_objects=objects[1:])
    with pytest.raises(
        sr.InputError, match="objects: want a label in every row, in the column 'kind', got the columns"
    ):
        compare_models(first, second, {"rough": [1.0]})
    with pytest.raises(sr.InputError, match="the modality 'fine'"):
        compare_models(first, second, sr.read_objects({"rough": [1.0], "kind": ["a"]}, first.schema_))


def test_a_comparison_prints_and_becomes_json() -> None:
    scores = ComparedScore("R@1", 9, 0.5, 0.75, low=-0.1, high=0.4), ComparedScore("MAP@R", 9, 0.5, 0.5, None, None)
    shown = ModelComparison(scores, objects=9, classes=3, left_out=2)
    lines = repr(shown).splitlines()
    assert max(map(len, lines)) <= 80
    assert "0.500   0.750      +0.250  -0.100 to +0.400  level" in lines[2] and lines[3].endswith("-  level")
    assert lines[-1] == "2 objects left out, of which a model reads nothing."
    assert "fewer than 20 classes" in repr(shown)
    assert shown.to_dict()["scores"][0]["difference"] == 0.25


def test_a_gallery_for_the_second_model_alone_is_refused(tables: tuple[Model, Model, sr.ObjectTable]) -> None:
    rough, fine, objects = tables
    with pytest.raises(sr.InputError, match="want a gallery for both models, got one for the second"):
        compare_models(rough, fine, objects, second_gallery=objects)
