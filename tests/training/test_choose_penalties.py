"""Penalties and weights are chosen on rows that a fit has not seen."""

import numpy as np
import pytest

import steradian as sr
from steradian.data.batch import Preprocessor
from steradian.training import choose_penalties
from steradian.training.choose_penalties import PenaltyChoice, centered_targets
from steradian.training.feature_rows import FeatureLayout
from steradian.training.left_out_scores import log_losses

CLASSES, ROWS = 4, 240


def made(
    noise: dict[str, float], *, labels: np.ndarray, new_classes: bool = False, random_state: int = 0
) -> PenaltyChoice:
    """The choice for modalities of 6 numbers that are a class mean and so much noise."""
    rng = np.random.default_rng(random_state)
    columns = {
        name: rng.normal(size=(CLASSES, 6))[labels] + rng.normal(size=(ROWS, 6)) * s for name, s in noise.items()
    }
    schema = sr.Schema({name: sr.Vector(name) for name in noise})
    objects = sr.read_objects({**columns, "label": labels}, schema)
    preprocessor = Preprocessor.fit(objects)
    prepared = preprocessor.prepare(objects)
    rows = np.arange(ROWS)
    layout = FeatureLayout.fit(preprocessor, lambda some: (prepared, some), rows, exact=True, new_classes=True)
    features = layout.rows(lambda some: (prepared, some), rows)
    return PenaltyChoice(layout, features, labels, new_classes=new_classes, rng=np.random.default_rng(1))


def choose(
    noise: dict[str, float], *, new_classes: bool = False, random_state: int = 0
) -> tuple[list[float], list[float], float]:
    """What is chosen for such modalities and classes of one size."""
    labels = np.arange(ROWS) % CLASSES
    choice = made(noise, labels=labels, new_classes=new_classes, random_state=random_state)
    return choice.best(np.eye(CLASSES, dtype=np.float32))


def test_weights_multiply_modalities_and_leave_the_shares_of_classes_alone() -> None:
    # Classes of many sizes, whose shares are part of what is scored.
    labels = np.minimum(np.random.default_rng(0).geometric(0.4, ROWS) - 1, CLASSES - 1)
    choice, basis = made({"a": 1.0, "b": 2.0}, labels=labels), np.eye(CLASSES, dtype=np.float32)
    choice.best(basis)
    folds = [choice._fitted(basis, fold, range(2), [0.1, 0.1]) for fold in range(3)]
    found = choice._scores(folds, np.array([2.0, 0.5]))
    expected = []
    for fold in folds:
        known = np.unique(fold.fitted_labels)
        sums = 2 * fold.left_out[0] + fold.left_out[1] / 2 + fold.intercept
        scored = np.isin(fold.labels, known)
        likeness = sums[scored] @ fold.targets[known].T
        expected.append(-log_losses(likeness, np.searchsorted(known, fold.labels[scored])))
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-4, atol=1e-6)
    assert not np.allclose(found, choice._scores(folds, np.array([4.0, 1.0])), rtol=1e-2)


def test_a_noisy_modality_is_penalised_more_than_a_clear_one() -> None:
    penalties, _, _ = choose({"clear": 0.1, "noisy": 3.0})
    assert penalties[1] > penalties[0]


def test_a_modality_of_noise_alone_weighs_no_more_than_one_that_tells() -> None:
    _, weights, _ = choose({"clear": 0.3, "noise": 30.0})
    assert weights[0] >= 1.0 >= weights[1] > 0


def test_the_score_of_clear_classes_is_better() -> None:
    assert choose({"x": 0.1})[2] > choose({"x": 2.0})[2]


def test_left_out_classes_are_scored_by_how_well_their_objects_find_each_other() -> None:
    assert 0.9 < choose({"x": 0.1}, new_classes=True)[2] <= 1


def test_a_penalty_is_raised_only_where_the_whole_gains_and_only_for_new_classes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noise = {"clear": 0.1, "noisy": 3.0}
    known, found = choose(noise), choose(noise, new_classes=True)
    monkeypatch.setattr(PenaltyChoice, "_raised", lambda self, targets, penalties, weights, scores: (penalties, scores))
    assert choose(noise) == known
    before = choose(noise, new_classes=True)
    assert found[2] >= before[2]
    for raised, penalty in zip(found[0], before[0], strict=True):
        assert raised == pytest.approx(penalty) or raised == pytest.approx(penalty * choose_penalties.STEP)


def test_too_few_rows_leave_the_usual_penalty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose_penalties, "SELECTION", 1)
    penalties, weights, score = choose({"x": 0.1})
    assert penalties == [choose_penalties.USUAL] and weights == [1.0] and np.isnan(score)


def test_targets_are_seen_from_their_mean() -> None:
    targets = centered_targets(np.eye(3, dtype=np.float32), np.array([0, 1, 2]))
    np.testing.assert_allclose(targets.sum(axis=0), 0, atol=1e-6)
