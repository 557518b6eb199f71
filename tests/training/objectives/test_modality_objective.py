"""Objectives between modalities: what they compare, and which weights learn from it."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from steradian.config import TrainingConfig
from steradian.model import TensorBatch
from steradian.training import OBJECTIVES, Derived
from steradian.training.objectives.modality_objective import LARGEST_SCALE, ModalityObjective

BETWEEN = [kind for kind, objective in OBJECTIVES.items() if issubclass(objective, ModalityObjective)]
LEARNED = [kind for kind in BETWEEN if not kind.startswith("gmc")]
each_kind = pytest.mark.parametrize("kind", BETWEEN)


@pytest.fixture
def batch(toy: Any) -> TensorBatch:
    """20 objects of three classes, some of which lack a modality."""
    cut: TensorBatch = TensorBatch.of(toy.prepared().batch(np.arange(20)))
    assert 0 < cut.present.sum() < cut.present.numel()
    return cut


def build(toy: Any, kind: str, *, scale: float = 7.0) -> tuple[Any, Any]:
    encoder, classifier = toy.build()
    nn.init.normal_(encoder.eval().fusion.gates.weight)
    return encoder, OBJECTIVES[kind](classifier, TrainingConfig(objective=kind), Derived(scale, 0.0, 1, ()))


@each_kind
def test_level_two_learns_from_gmc_alone(toy: Any, batch: TensorBatch, kind: str) -> None:
    encoder, objective = build(toy, kind)
    objective(encoder, batch, strength=1.0).backward()
    gradients = [p.grad for p in encoder.parameters() if p.grad is not None]
    assert gradients and all(gradient.isfinite().all() for gradient in gradients)
    assert any(p.grad is not None for p in encoder.fusion.parameters()) == kind.startswith("gmc")
    for modality in encoder.modalities:
        assert modality.vector.weight.grad.any()


@each_kind
def test_bfloat16_reaches_the_encoders_and_level_two_and_no_cosine(toy: Any, batch: TensorBatch, kind: str) -> None:
    encoder, objective = build(toy, kind)
    halves: list[bool] = []
    encoder.fusion.register_forward_hook(lambda *_: halves.append(torch.is_autocast_enabled("cpu")))
    plain = objective(encoder, batch, strength=1.0)
    halves.clear()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = objective(encoder, batch, strength=1.0)
    assert loss.dtype == torch.float32
    assert halves == [True] * kind.startswith("gmc")
    loss.backward()
    # Symile draws anew, and its other losses differ by the encoders' rounding alone.
    assert kind == "symile" or 0 < abs(loss - plain) < 0.2 * plain


# -- The scale


@pytest.mark.parametrize("kind", LEARNED)
def test_the_scale_is_learned(toy: Any, batch: TensorBatch, kind: str) -> None:
    encoder, objective = build(toy, kind)
    assert [p is objective.log_scale for p in objective.parameters()] == [True]
    objective(encoder, batch, strength=1.0).backward()
    assert objective.log_scale.grad is not None and objective.log_scale.grad != 0


@pytest.mark.parametrize("kind", ["gmc", "gmc_cross_entropy"])
def test_that_of_gmc_is_fixed(toy: Any, kind: str) -> None:
    _, objective = build(toy, kind, scale=300.0)
    assert objective.log_scale not in set(objective.parameters())
    assert objective.log_scale.exp().item() == pytest.approx(300.0, rel=1e-5)


@pytest.mark.parametrize("start", [7.0, 300.0])
def test_a_scale_goes_no_higher_than_100_or_its_start_and_can_come_back(
    toy: Any, batch: TensorBatch, start: float
) -> None:
    encoder, objective = build(toy, "clip", scale=start)
    nn.init.constant_(objective.log_scale, 9.0)
    loss = objective(encoder, batch, strength=1.0)
    assert objective.log_scale.exp().item() == pytest.approx(max(start, LARGEST_SCALE), rel=1e-5)
    loss.backward()
    assert objective.log_scale.grad is not None and objective.log_scale.grad != 0


@pytest.mark.parametrize("kind", LEARNED)
def test_the_start_is_what_is_given(toy: Any, kind: str) -> None:
    _, objective = build(toy, kind, scale=1 / 0.07)
    assert objective.log_scale.item() == pytest.approx(math.log(1 / 0.07))


# -- Small batches and mistakes


@each_kind
@pytest.mark.parametrize("rows", [[0], [0, 1], [0, 3]])
def test_the_smallest_batches(toy: Any, kind: str, rows: list[int]) -> None:
    encoder, objective = build(toy, kind)
    objective(encoder, TensorBatch.of(toy.prepared().batch(np.array(rows))), strength=1.0).backward()
    gradients = [p.grad for p in encoder.parameters() if p.grad is not None]
    assert gradients and all(gradient.isfinite().all() for gradient in gradients)


@each_kind
def test_a_batch_of_one_modality_has_finite_gradients(toy: Any, kind: str) -> None:
    encoder, objective = build(toy, kind)
    table = toy.table[np.flatnonzero(toy.table.present[:, 1])].only("y")
    cut = TensorBatch.of(toy.preprocessor.prepare(table, table.labels.astype(np.int64)).batch(np.arange(len(table))))
    loss = objective(encoder, cut, strength=1.0)
    loss.backward()
    assert loss.isfinite() and (kind.startswith("gmc") or loss == 0)
    assert not any(p.grad.any() for p in encoder.modalities[0].parameters() if p.grad is not None)
    assert all(p.grad.isfinite().all() for p in encoder.parameters() if p.grad is not None)


@each_kind
def test_without_labels_it_says_so(toy: Any, kind: str) -> None:
    encoder, objective = build(toy, kind)
    with pytest.raises(ValueError, match="class numbers"):
        objective(encoder, TensorBatch.of(toy.preprocessor.prepare(toy.table).batch(np.arange(3))), strength=0.0)
