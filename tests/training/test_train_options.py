"""The training function with each option of margin, centers and classes: it learns, repeats, and stays finite."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import torch
from torch import Tensor

from steradian.config import SubsetPolicy, TrainingConfig
from steradian.data.batch import Preprocessor
from steradian.model import SphericalClassifier, embed
from steradian.training import Derived, Progress, TrainingResult
from steradian.training import train as train_function
from steradian.training.center_updates import RowwiseAdam
from steradian.training.schedule import learning_rate_factor

KINDS = "arcface", "cosface", "sphereface", "normface", "curricularface", "elasticface"
ROWWISE = {"center_optimizer": "rowwise"}


class Spy(Progress):
    """Does something after a step."""

    def __init__(self, after: Callable[[int], None]) -> None:
        super().__init__(None)
        self.after = after

    def advance(self, step: int, *, loss: float) -> None:
        self.after(step)


@pytest.fixture
def run(toy: Any, config: TrainingConfig, derived: Derived) -> Callable[..., tuple[TrainingResult, Any, Any]]:
    """Trains fresh weights on the toy for 40 epochs; returns how it went, and both parts."""

    def run_it(
        change: dict[str, Any], *, subcenters: int = 1, classes: int = 3, epochs: int = 40, **options: Any
    ) -> tuple[TrainingResult, Any, Any]:
        encoder, _ = toy.build()
        classifier = SphericalClassifier(classes, encoder.embedding_dim, subcenters=subcenters)
        options = {"objects": toy.prepared(), "derived": replace(derived, epochs=epochs), **options}
        result = train_function(encoder, classifier, config=replace(config, **change), **options)
        return result, encoder, classifier

    return run_it


Run = Callable[..., tuple[TrainingResult, Any, Any]]


def accuracy(toy: Any, encoder: Any, classifier: Any) -> float:
    vectors = torch.from_numpy(embed(encoder, toy.prepared(), np.arange(45), batch_size=45))
    return float((classifier(vectors).argmax(1).numpy() == toy.prepared().labels).mean())


OPTIONS: list[dict[str, Any]] = [
    *({"subset_policy": policy} for policy in get_args(SubsetPolicy)),
    *({"margin_kind": kind} for kind in KINDS),
    {"margin_gradient": "detached"},
    {"label_smoothing": 0.1},
    ROWWISE,
    {"class_share": 0.5, **ROWWISE},
    {"subcenters": 3},
    {"subcenters": 3, "margin_kind": "curricularface"},
    {"subcenters": 3, "class_share": 0.5, "label_smoothing": 0.1, "margin_kind": "elasticface", **ROWWISE},
]


@pytest.mark.parametrize("change", OPTIONS)
def test_it_learns_with_finite_weights(run: Run, toy: Any, change: dict[str, Any]) -> None:
    options = dict(change)
    result, encoder, classifier = run(options, subcenters=options.pop("subcenters", 1))
    losses = [record["loss"] for record in result.history]
    # The first losses are without a margin, the last with all of it.
    assert losses[-1] < 0.9 * losses[0]
    assert all(bool(weight.isfinite().all()) for weight in [*encoder.parameters(), *classifier.parameters()])
    assert accuracy(toy, encoder, classifier) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize("subcenters", [1, 3])
def test_rowwise_is_about_as_good_as_adamw_and_makes_no_gradient(
    run: Run, toy: Any, make_table: Any, subcenters: int
) -> None:
    scores = {}
    table = make_table(np.arange(150) % 10)
    preprocessor = Preprocessor.fit(table)
    objects = preprocessor.prepare(table, table.labels.astype(np.int64))
    held_out = make_table(np.arange(100) % 10, random_state=7)
    queries = preprocessor.prepare(held_out, held_out.labels.astype(np.int64))
    for optimizer in ("adamw", "rowwise"):
        torch.manual_seed(0)
        _, encoder, classifier = run(
            {"center_optimizer": optimizer, "batch_size": 32},
            subcenters=subcenters,
            classes=10,
            objects=objects,
            epochs=30,
        )
        vectors = torch.from_numpy(embed(encoder, queries, np.arange(100), batch_size=100))
        scores[optimizer] = float((classifier(vectors).argmax(1).numpy() == queries.labels).mean())
        assert (classifier.weight.grad is None) == (optimizer == "rowwise")
    assert scores["adamw"] > 0.6
    assert scores["rowwise"] == pytest.approx(scores["adamw"], abs=0.08)


def test_rows_follow_the_learning_rate_of_the_centers(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    plain = RowwiseAdam.update

    def spy(self: RowwiseAdam, rows: slice | Tensor, gradient: Tensor) -> None:
        rates.append(self.learning_rate)
        plain(self, rows, gradient)

    monkeypatch.setattr(RowwiseAdam, "update", spy)
    run(ROWWISE, epochs=8)
    np.testing.assert_allclose(rates, [1e-2 * learning_rate_factor(step, 24) for step in range(24)], rtol=1e-12)


def test_only_the_drawn_classes_move(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Tensor] = []
    before: list[Tensor] = []
    plain = RowwiseAdam.update

    def spy(self: RowwiseAdam, rows: slice | Tensor, gradient: Tensor) -> None:
        assert isinstance(rows, Tensor)
        drawn.append(rows)
        before.append(self._directions.detach().clone())
        plain(self, rows, gradient)
        still = torch.ones(200, dtype=torch.bool).index_fill(0, rows, False)
        assert torch.equal(self._directions[still], before[-1][still])
        assert not torch.equal(self._directions[rows], before[-1][rows])

    monkeypatch.setattr(RowwiseAdam, "update", spy)
    _, _, classifier = run({"class_share": 0.25, **ROWWISE}, classes=200, epochs=8)
    assert len(drawn) == 24
    # The three classes of the toy, and about a quarter of the others.
    assert all({0, 1, 2} <= set(rows.tolist()) for rows in drawn)
    assert np.mean([len(rows) for rows in drawn]) == pytest.approx(3 + 197 / 4, rel=0.1)
    assert len({tuple(rows.tolist()) for rows in drawn}) == 24, "each step draws anew"
    assert classifier.weight.grad is None


@pytest.mark.parametrize(
    "change", [{"class_share": 0.5, **ROWWISE}, {"margin_kind": "elasticface"}, {"margin_kind": "curricularface"}]
)
def test_it_is_the_same_bit_for_bit_for_one_seed(run: Run, change: dict[str, Any]) -> None:
    (first, _, centers), (second, _, others) = run(change, epochs=4), run(change, epochs=4)
    assert torch.equal(centers.weight, others.weight)
    assert [record["loss"] for record in first.history] == [record["loss"] for record in second.history]


def test_each_option_changes_the_training(run: Run) -> None:
    changes: list[dict[str, Any]] = [{}, ROWWISE, {"class_share": 0.5, **ROWWISE}, {"margin_gradient": "detached"}]
    changes += [{"label_smoothing": 0.1}, *({"margin_kind": kind} for kind in KINDS[1:])]
    found = [run(change, epochs=4)[2].weight.detach() for change in changes]
    for place, one in enumerate(found):
        assert not any(torch.allclose(one, other, atol=1e-6) for other in found[:place]), changes[place]


def test_sub_centers_stay_apart(run: Run) -> None:
    _, _, classifier = run({}, subcenters=3)
    centers = classifier.class_centers.detach()
    assert min(torch.pdist(of_class).min() for of_class in centers) > 0.01


def test_ctrl_c_and_the_weights_of_moving_centers(run: Run) -> None:
    def interrupt(step: int) -> None:
        if step == 5:
            raise KeyboardInterrupt

    result, encoder, classifier = run(ROWWISE, progress=Spy(interrupt))
    assert result.interrupted and result.steps == 5
    assert bool(classifier.weight.isfinite().all()) and not encoder.training
