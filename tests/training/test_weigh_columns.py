"""Weights of columns are kept where left-out rows are better told with them, and nowhere else."""

import numpy as np
import pytest

import steradian as sr
from steradian.data.batch import Preprocessor
from steradian.modalities.kernel_features import KernelFeatures
from steradian.training.choose_penalties import PenaltyChoice, centered_targets
from steradian.training.feature_rows import FeatureLayout, FeatureRows
from steradian.training.weigh_columns import choose_turns, weigh_columns

BASIS = np.eye(2, dtype=np.float32)


def objects_of(kind: str, count: int = 240, *, missing: float = 0.0, random_state: int = 0) -> sr.ObjectTable:
    """A vector of which two numbers tell the class by thresholds, or all alike, and a text that says nothing."""
    rng = np.random.default_rng(random_state)
    points = rng.normal(size=(count, 10))
    chosen = (points[:, 0] > 0) ^ (points[:, 1] > 0) if kind == "few" else points.sum(axis=1) > 0
    vectors = [None if rng.random() < missing else point for point in points]
    table = {"numbers": vectors, "words": ["same words"] * count, "label": chosen.astype(int)}
    return sr.read_objects(table, sr.Schema({"numbers": sr.Vector("numbers"), "words": sr.Text("words")}))


def weighed(objects: sr.ObjectTable) -> tuple[FeatureLayout, FeatureRows, FeatureLayout, FeatureRows]:
    """Layout and features before and after."""
    preprocessor = Preprocessor.fit(objects)
    prepared = preprocessor.prepare(objects)
    rows, labels = np.arange(len(objects)), objects.labels.astype(int)

    def prepare(some: np.ndarray) -> tuple[object, np.ndarray]:
        return prepared, some

    layout = FeatureLayout.fit(preprocessor, prepare, rows, exact=True, new_classes=False)  # type: ignore[arg-type]
    features = layout.rows(prepare, rows)  # type: ignore[arg-type]
    choice = PenaltyChoice(layout, features, labels, new_classes=False, rng=np.random.default_rng(0))
    turns = choose_turns(layout, choice, prepare, rows=rows, labels=labels, basis=BASIS)  # type: ignore[arg-type]
    targets = centered_targets(BASIS, labels)
    found = weigh_columns(layout, features, turns, prepare, rows=rows, targets=targets)  # type: ignore[arg-type]
    return layout, features, *found


def relevance(layout: FeatureLayout) -> np.ndarray:
    learnt = layout.maps["numbers"]
    assert isinstance(learnt, KernelFeatures)
    return learnt.relevance


def test_two_of_ten_columns_are_found() -> None:
    _, _, layout, _ = weighed(objects_of("few"))
    assert relevance(layout)[:2].min() > 2 * relevance(layout)[2:].max()


def test_columns_that_count_alike_stay_as_they_are() -> None:
    before, features, layout, same = weighed(objects_of("all"))
    assert layout is before and same is features


def test_features_are_those_that_new_rows_will_have_and_absent_rows_stay_zero() -> None:
    objects = objects_of("few", missing=0.3)
    before, old, layout, features = weighed(objects)
    assert (relevance(layout) != 1).any()
    prepared = layout.preprocessor.prepare(objects)
    again = layout.rows(lambda some: (prepared, some), np.arange(len(objects)))
    np.testing.assert_allclose(features.dense, again.dense, atol=2e-5)
    absent = ~objects.present[:, 0]
    assert absent.any() and not features.dense[absent].any()
    assert before.blocks[1:] == layout.blocks[1:]
    words = slice(layout.blocks[0], None)
    np.testing.assert_array_equal(features.dense[:, words], old.dense[:, before.blocks[0] :])


def test_a_trial_knows_nothing_of_what_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    own = KernelFeatures.column_weights

    def spy(self: KernelFeatures, inputs: np.ndarray, targets: np.ndarray, *, turns: int) -> np.ndarray | None:
        seen.append(inputs)
        return own(self, inputs, targets, turns=turns)

    monkeypatch.setattr(KernelFeatures, "column_weights", spy)
    objects = objects_of("all")
    weighed(objects)
    assert len(seen) == 3
    counts = sum(len(inputs) for inputs in seen)
    assert counts == 2 * len(objects)  # each row stands in two of three


def test_a_model_tells_thresholds_of_two_columns_among_ten() -> None:
    model = sr.SphereEmbedder(epochs=0, embedding_dim=16, verbose=False).fit(objects_of("few", 400))
    assert model.score(objects_of("few", 400, random_state=1)) > 0.9
    assert centered_targets(BASIS, np.array([0, 1])).sum() == 0
