"""One step of training: what it changes, what it returns, and what it refuses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from steradian.config import TrainingConfig
from steradian.errors import TrainingError
from steradian.model import TensorBatch
from steradian.training import OBJECTIVES, Derived
from steradian.training.build_objective import build_objective
from steradian.training.learner import Learner
from steradian.training.schedule import learning_rate_factor

LEARNED_SCALE = ("clip", "anchor_clip", "symile", "gram")


@pytest.fixture
def make(toy: Any, config: TrainingConfig, derived: Derived) -> Callable[..., Learner]:
    """Makes a learner of 24 steps over fresh weights."""

    def make_it(parts: Any = None, **options: Any) -> Learner:
        encoder, classifier = parts or toy.build()
        return Learner(encoder, classifier, config=replace(config, **options), derived=derived, steps=24)

    return make_it


def parameters_of(learner: Learner) -> list[nn.Parameter]:
    return [p for group in learner._optimizer.param_groups for p in group["params"]]


def test_the_weights_are_those_of_the_model_in_training_mode(make: Any, toy: Any) -> None:
    encoder, classifier = toy.build()
    learner = make((encoder.eval(), classifier))
    assert [id(p) for p in learner.weights.parameters()] == [
        id(p) for p in (*encoder.parameters(), *classifier.parameters())
    ]
    assert encoder.training


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_a_step_returns_the_loss_before_it_and_moves_the_weights(
    make: Any, toy: Any, derived: Derived, kind: str
) -> None:
    parts, batch = toy.build(), toy.prepared().batch(np.arange(20))
    learner = make(parts, objective=kind)
    torch.manual_seed(3)
    whole = build_objective(parts[1], TrainingConfig(objective=kind), derived)
    loss = whole(parts[0], TensorBatch.of(batch), strength=0.0)
    before = [p.clone() for p in parameters_of(learner)]
    torch.manual_seed(3)
    assert learner.learn(batch, 0) == pytest.approx(loss.item(), rel=1e-5)
    learner.check(0)
    for parameter, old in zip(parameters_of(learner), before, strict=True):
        if parameter.grad is None:
            assert torch.equal(parameter, old), "what gets no gradient neither moves nor decays"
        elif parameter.grad.any():
            assert not torch.equal(parameter, old)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_every_weight_is_in_one_group(make: Any, toy: Any, kind: str) -> None:
    parts = toy.build()
    found = parameters_of(make(parts, objective=kind))
    own = {"cross_entropy": 1, "gmc_cross_entropy": 1, **dict.fromkeys(LEARNED_SCALE, 1)}.get(kind, 0)
    model = [p for part in parts for p in part.parameters()]
    assert len({id(p) for p in found}) == len(found) == len(model) + own
    assert {id(p) for p in model} <= {id(p) for p in found}


def test_the_groups_of_the_angular_are_those_of_the_model_alone(make: Any, toy: Any) -> None:
    encoder, classifier = toy.build()
    decaying, rest, centers = make((encoder, classifier))._optimizer.param_groups
    assert centers["params"] == [classifier.weight]
    assert len(decaying["params"]) + len(rest["params"]) == len(list(encoder.parameters()))


@pytest.mark.parametrize("kind", LEARNED_SCALE)
def test_a_learned_scale_follows_the_schedule_and_moves(make: Any, toy: Any, kind: str) -> None:
    learner = make(objective=kind)
    (scale,) = learner._objective.parameters()
    (group,) = [group for group in learner._optimizer.param_groups if any(p is scale for p in group["params"])]
    start, batch = scale.item(), toy.prepared().batch(np.arange(45))
    for step in range(6):
        learner.learn(batch, step)
        assert group["lr"] == pytest.approx(3e-3 * learning_rate_factor(step, 24))
    assert group["weight_decay"] == 0
    assert 1e-4 < abs(scale.item() - start) < 0.1


def test_the_anchor_reaches_the_objective(toy: Any, config: TrainingConfig, derived: Derived) -> None:
    options = {"config": replace(config, objective="anchor_clip"), "derived": derived, "steps": 3}
    assert Learner(*toy.build(), **options, anchor=1)._objective.anchor == 1  # type: ignore[attr-defined, arg-type]


def test_moving_centers_are_not_the_optimizers(make: Any, toy: Any) -> None:
    parts = toy.build()
    learner = make(parts, center_optimizer="rowwise")
    before = parts[1].weight.detach().clone()
    learner.learn(toy.prepared().batch(np.arange(20)), 0)
    assert parts[1].weight.grad is None and not torch.equal(parts[1].weight, before)
    assert not any(p is parts[1].weight for p in parameters_of(learner))


@pytest.mark.parametrize("kind", ["angular", "cross_entropy", "clip"])
def test_what_is_not_finite_names_the_step(make: Any, toy: Any, kind: str) -> None:
    encoder, classifier = toy.build()
    learner, batch = make((encoder, classifier), objective=kind), toy.prepared().batch(np.arange(20))
    nn.init.constant_(encoder.modalities[0].vector.weight, float("nan"))
    with pytest.raises(TrainingError, match=r"training step 7 .*want a finite loss, got nan.*learning_rate=0\.0003"):
        learner.learn(batch, 7)
    with pytest.raises(TrainingError, match=r"training step 8 .*want finite weights"):
        learner.check(8)
