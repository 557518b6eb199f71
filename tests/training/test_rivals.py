"""The rivals as objectives: which loss each of them calls, with what, and which weights learn from it."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.config import MODALITY_OBJECTIVES
from steradian.losses import clip_loss, gmc_loss, gram_loss, proxy_anchor_loss, supcon_loss, symile_loss, triplet_loss
from steradian.model import SphericalClassifier, TensorBatch
from steradian.training.rivals import LARGEST_SCALE, BatchLoss, Contrastive, CrossEntropy

LEARNED = [kind for kind in MODALITY_OBJECTIVES if not kind.startswith("gmc")]
each_kind = pytest.mark.parametrize("kind", MODALITY_OBJECTIVES)


@pytest.fixture
def batch(toy: Any) -> TensorBatch:
    """20 objects of three classes, some of which lack a modality."""
    cut: TensorBatch = TensorBatch.of(toy.prepared().batch(np.arange(20)))
    assert 0 < cut.present.sum() < cut.present.numel()
    return cut


def rows_and_labels() -> tuple[Tensor, Tensor]:
    return F.normalize(torch.randn(9, 8), dim=1).requires_grad_(), torch.arange(9) % 3


# -- Losses of rows


def test_cross_entropy_is_a_linear_layer_on_rows_of_mean_square_one() -> None:
    classifier = SphericalClassifier(3, 8)
    loss = CrossEntropy(classifier)
    nn.init.normal_(loss.bias)
    rows, labels = rows_and_labels()
    layer = nn.Linear(8, 3)
    layer.weight.data, layer.bias.data = classifier.weight.detach().clone(), loss.bias.detach().clone()
    found = loss(rows, labels, strength=0.5)
    expected = F.cross_entropy(layer(F.rms_norm(rows, (8,))), labels, reduction="none")
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert {id(p) for p in loss.parameters()} == {id(classifier.weight), id(loss.bias)}


def test_batch_losses_are_those_of_their_names() -> None:
    classifier = SphericalClassifier(3, 8)
    rows, labels = rows_and_labels()

    def loss(kind: Any) -> Tensor:
        found: Tensor = BatchLoss(kind, classifier, scale=6.0, cosine_margin=0.3)(rows, labels, strength=0.1)
        assert found.shape == (9,)
        return found

    assert torch.equal(loss("supcon"), supcon_loss(rows, labels, scale=6.0))
    assert torch.equal(loss("triplet"), triplet_loss(rows, labels, cosine_margin=0.3))
    proxies = classifier.weight
    expected = proxy_anchor_loss(rows, labels, class_centers=proxies, scale=6.0, cosine_margin=0.3)
    assert torch.equal(loss("proxy_anchor"), expected.expand(9))


@pytest.mark.parametrize("kind", ["cross_entropy", "proxy_anchor", "supcon", "triplet"])
def test_autocast_does_not_reach_the_rows(kind: Any) -> None:
    classifier = SphericalClassifier(3, 8)
    loss = (
        CrossEntropy(classifier)
        if kind == "cross_entropy"
        else BatchLoss(kind, classifier, scale=9.0, cosine_margin=0.1)
    )
    rows, labels = rows_and_labels()
    plain = loss(rows, labels, strength=1.0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(loss(rows, labels, strength=1.0), plain)


# -- Losses between modalities


def build(toy: Any, kind: Any, **options: Any) -> tuple[Any, Contrastive]:
    encoder, classifier = toy.build()
    nn.init.normal_(encoder.eval().fusion.gates.weight)
    return encoder, Contrastive(kind, classifier, **{"scale": 7.0, **options})


@pytest.mark.parametrize("positives", ["class", "object"])
def test_contrastive_objectives_are_the_losses_of_the_modalities_vectors(
    toy: Any, batch: TensorBatch, positives: Any
) -> None:
    vectors, present = toy.build()[0].eval().encode(batch).vectors, batch.present
    labels = batch.labels if positives == "class" else torch.arange(20)
    expected = {
        "clip": clip_loss(vectors, labels, present=present, scale=7.0),
        "anchor_clip": clip_loss(vectors, labels, present=present, scale=7.0, anchor=1),
        "gram": gram_loss(vectors, labels, present=present, scale=7.0, anchor=1),
    }
    torch.manual_seed(5)
    expected["symile"] = symile_loss(vectors, labels, present=present, scale=7.0)
    for kind, loss in expected.items():
        encoder, objective = build(toy, kind, positives=positives, anchor=1)
        torch.manual_seed(5)
        torch.testing.assert_close(objective(encoder, batch, strength=0.5), loss, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("positives", ["class", "object"])
def test_gmc_takes_the_fused_vector_and_its_head_always_the_classes(
    toy: Any, batch: TensorBatch, positives: Any
) -> None:
    encoder, objective = build(toy, "gmc", positives=positives)
    encoded = encoder.encode(batch)
    labels = batch.labels if positives == "class" else torch.arange(20)
    fused = encoder.fuse(encoded)
    expected = gmc_loss(encoded.vectors, fused, labels, present=batch.present, scale=7.0)
    torch.testing.assert_close(objective(encoder, batch, strength=0.5), expected)

    encoder, both = build(toy, "gmc_cross_entropy", positives=positives)
    assert both.head is not None
    head = both.head(fused, batch.labels, strength=1.0).mean()
    torch.testing.assert_close(both(encoder, batch, strength=0.5) - head, expected, rtol=1e-5, atol=1e-5)


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
