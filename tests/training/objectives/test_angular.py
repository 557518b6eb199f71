"""The margin softmax as an objective: its options, and its alignment against the loss of groups."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from steradian.config import TrainingConfig
from steradian.losses import MARGINS, angular_softmax_loss, gmc_loss
from steradian.model import SphericalClassifier, TensorBatch
from steradian.training import Derived
from steradian.training.objectives import angular, row_objective
from steradian.training.objectives.angular import Angular, NormalisedCrossEntropy
from steradian.training.objectives.row_objective import LossRows, random_subsets

DERIVED = Derived(scale=12.0, margin=0.3, epochs=1, reasons=())


def aligned(classifier: SphericalClassifier, weight: float) -> Angular:
    return Angular(classifier, TrainingConfig(), replace(DERIVED, alignment_weight=weight))


@pytest.mark.parametrize("largest", [128, 7])
def test_alignment_adds_the_gmc_loss_of_groups(toy, largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, classifier = toy.build()
    encoder.eval()
    torch.nn.init.normal_(encoder.fusion.gates.weight)
    batch = TensorBatch.of(toy.prepared().batch(np.arange(20)))
    assert batch.labels is not None
    subsets = random_subsets(batch.present)
    monkeypatch.setattr(row_objective, "random_subsets", lambda present: subsets)
    monkeypatch.setattr(angular, "LARGEST_GROUP", largest)
    plain, both = (aligned(classifier, weight)(encoder, batch, strength=1.0) for weight in (0.0, 0.7))
    encoded = encoder.encode(batch)
    whole = encoder.fuse(encoded)
    # Of 20 objects, groups of at most 7: two of 7 and one of 6.
    groups = [range(20)] if largest == 128 else [range(7), range(7, 14), range(14, 20)]
    expected = [
        gmc_loss(encoded.vectors[g], whole[g], batch.labels[g], present=batch.present[g], scale=10.0)
        for g in map(list, groups)
    ]
    torch.testing.assert_close(both - plain, 0.7 * torch.stack(expected).mean(), rtol=1e-4, atol=1e-5)


def test_a_single_modality_has_nothing_to_align(toy) -> None:
    alone, classifier, batch = toy.single_modality()
    losses = [aligned(classifier, weight)(alone, batch, strength=1.0) for weight in (0.0, 1.0)]
    assert losses[0] == losses[1]


# -- The margin loss


def test_the_margin_loss_is_that_of_the_configuration() -> None:
    classifier = SphericalClassifier(30, 4, subcenters=2)
    config = TrainingConfig(
        margin_kind="cosface",
        margin_gradient="detached",
        label_smoothing=0.1,
        class_share=0.25,
        center_optimizer="rowwise",
        margin=0.9,
        scale=99.0,
    )
    # What was derived counts, which is what was given where something was.
    objective = Angular(classifier, config, Derived(scale=12.5, margin=0.3, epochs=1, reasons=()))
    loss = objective.margin_loss
    assert loss.classifier is classifier and loss.training
    assert (loss.kind, loss.margin, float(loss.scale), loss.class_share) == ("cosface", 0.3, 12.5, 0.25)
    embeddings, labels = torch.randn(8, 4), torch.arange(8)
    found = loss.eval()(embeddings, labels, strength=0.5)
    assert found.shape == (8,)
    expected = angular_softmax_loss(
        torch.nn.functional.normalize(embeddings, dim=1),
        labels,
        class_centers=classifier.weight,
        scale=12.5,
        margin=lambda cosines: cosines - math.sin(0.15),
        gradient="detached",
        smoothing=0.1,
    )
    assert torch.equal(found, expected)
    gradients = (torch.autograd.grad(one.sum(), classifier.weight)[0] for one in (found, expected))
    assert torch.equal(*gradients)


@pytest.mark.parametrize("kind", [name for name, margin in MARGINS.items() if not margin.needs_lengths])
def test_every_kind_that_a_training_takes_is_one_of_the_loss(kind: str) -> None:
    config = TrainingConfig(margin_kind=kind)
    assert Angular(SphericalClassifier(3, 4), config, Derived(10.0, 0.2, 1, ())).margin_loss.kind == kind


def test_one_kind_is_as_good_as_another_in_its_gradient_where_detached() -> None:
    """Detached, all kinds that subtract the same from a right angle have the same gradient there."""
    gradients = []
    for kind in ("arcface", "cosface", "sphereface"):
        classifier = SphericalClassifier(2, 3)
        with torch.no_grad():
            classifier.weight.copy_(torch.eye(3)[:2])
        config = TrainingConfig(margin_kind=kind, margin_gradient="detached")  # type: ignore[arg-type]
        loss = Angular(classifier, config, Derived(10.0, 0.4, 1, ()))
        rows = torch.eye(3)[2:].requires_grad_()
        loss.row_losses(LossRows(rows, torch.tensor([1]))).sum().backward()
        gradients.append(rows.grad)
    torch.testing.assert_close(gradients[1], gradients[0])
    torch.testing.assert_close(gradients[2], gradients[0])


def test_without_a_margin_it_is_the_softmax_of_scaled_cosines() -> None:
    classifier = SphericalClassifier(3, 4)
    plain = NormalisedCrossEntropy(classifier, TrainingConfig(), replace(DERIVED, margin=0.0, alignment_weight=9.0))
    rows, labels = torch.nn.functional.normalize(torch.randn(8, 4), dim=1), torch.arange(8) % 3
    expected = torch.nn.functional.cross_entropy(12.0 * rows @ classifier.class_centers.T, labels, reduction="none")
    torch.testing.assert_close(plain.row_losses(LossRows(rows, labels)), expected, rtol=1e-5, atol=1e-5)
    assert not hasattr(plain, "alignment_weight")
