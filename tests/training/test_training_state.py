"""The best weights, the history, and all that a training changes: kept and put back."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from steradian.config import TrainingConfig
from steradian.training import Derived
from steradian.training.learner import Learner
from steradian.training.training_state import (
    BestWeights,
    History,
    TrainingState,
    generators,
    restore_generators,
)


def test_of_equal_scores_the_later_weights_are_the_best() -> None:
    layer = nn.Linear(1, 1)
    best = BestWeights(layer, patience=2, on_improvement=None)
    for step, score in enumerate([0.5, 0.7, 0.7, 0.6], 1):
        with torch.no_grad():
            layer.weight.fill_(step)
        best.see(score, step, patient=False)
    assert (best.score, best.step, best.unimproved, best.patience_lost) == (0.7, 3, 2, True)
    assert best.restore(4) == 3 and layer.weight.item() == 3.0


def test_worse_scores_do_not_count_while_there_is_patience() -> None:
    best = BestWeights(nn.Linear(1, 1), patience=1, on_improvement=None)
    for score in (0.5, 0.4, 0.3):
        best.see(score, 1, patient=True)
    assert not best.patience_lost


def test_without_scores_every_look_is_an_improvement() -> None:
    seen: list[int] = []
    best = BestWeights(nn.Linear(1, 1), patience=1, on_improvement=lambda: seen.append(1))
    best.see(None, 1, patient=False)
    best.see(None, 2, patient=False)
    assert seen == [1, 1] and best.kept == {}


def test_a_history_goes_on_behind_an_older_one(tmp_path: Path) -> None:
    log = tmp_path / "folder" / "log.jsonl"
    log.parent.mkdir()
    log.write_text("of another training\n")
    older = [{"step": 3, "epoch": 0, "seconds": 7.5, "loss": 1.0, "score": None}]
    history = History(log)
    history.take_up(older)
    history.write(6, 1, loss=0.5, score=0.25)
    assert [json.loads(line) for line in log.read_text().splitlines()] == history.records
    assert history.records[0] == older[0] and history.records[1]["seconds"] >= 7.5


def test_generators_are_put_back() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        kept = generators()
        expected = torch.rand(4)
        torch.rand(9)
        restore_generators(kept)
        assert torch.equal(torch.rand(4), expected)


@pytest.mark.parametrize("options", [{}, {"objective": "clip"}, {"center_optimizer": "rowwise"}], ids=str)
def test_a_state_that_was_put_back_takes_the_same_steps(toy: Any, options: dict[str, Any]) -> None:
    config = TrainingConfig(**options)
    derived = Derived(scale=8.0, margin=0.1, epochs=1, reasons=())
    batch = toy.prepared().batch(torch.arange(12).numpy())

    def made() -> TrainingState:
        torch.manual_seed(0)
        encoder, classifier = toy.build()
        learner = Learner(encoder, classifier, config=config, derived=derived, steps=20)
        return TrainingState(learner, BestWeights(learner.weights, 3, None), History(None))

    with torch.random.fork_rng():
        first = made()
        for step in range(5):
            first.learner.learn(batch, step)
        first.step, first.losses = 5, 1.25
        first.best.see(0.5, 5, patient=False)
        tensors = {name: tensor.clone() for name, tensor in first.tensors().items()}
        values = json.loads(json.dumps(first.values()))
        losses = [first.learner.learn(batch, step) for step in range(5, 9)]
        second = made()
        second.load(tensors, values)
        assert (second.step, second.losses, second.best.score) == (5, 1.25, 0.5)
        assert [second.learner.learn(batch, step) for step in range(5, 9)] == losses
