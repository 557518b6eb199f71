"""The term of the objective that aligns modalities and whole objects, against the loss of its groups."""

import numpy as np
import pytest
import torch

from steradian.losses import gmc_loss
from steradian.model import AngularMarginLoss, SphericalClassifier, TensorBatch
from steradian.training import Objective, objective, random_subsets


def margin_loss(classifier: SphericalClassifier) -> AngularMarginLoss:
    """Scale 12, margin 0.3, a loss a row."""
    sizes = classifier.weight.shape
    return AngularMarginLoss(*sizes, scale=12.0, margin=0.3, reduction="none", classifier=classifier)


@pytest.mark.parametrize("largest", [128, 7])
def test_alignment_adds_the_gmc_loss_of_groups(toy, largest: int, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, classifier = toy.build()
    encoder.eval()
    torch.nn.init.normal_(encoder.fusion.gates.weight)
    batch = TensorBatch.of(toy.prepared().batch(np.arange(20)))
    assert batch.labels is not None
    subsets = random_subsets(batch.present)
    monkeypatch.setattr(objective, "random_subsets", lambda present: subsets)
    monkeypatch.setattr(objective, "LARGEST_GROUP", largest)
    plain, aligned = (
        Objective(0.5, 0.5, margin_loss(classifier), alignment_weight=weight)(encoder, batch, strength=1.0)
        for weight in (0.0, 0.7)
    )
    encoded = encoder.encode(batch)
    whole = encoder.fuse(encoded)
    # Of 20 objects, groups of at most 7: two of 7 and one of 6.
    groups = [range(20)] if largest == 128 else [range(7), range(7, 14), range(14, 20)]
    expected = [
        gmc_loss(encoded.vectors[g], whole[g], batch.labels[g], present=batch.present[g], scale=10.0)
        for g in map(list, groups)
    ]
    torch.testing.assert_close(aligned - plain, 0.7 * torch.stack(expected).mean(), rtol=1e-4, atol=1e-5)


def test_a_single_modality_has_nothing_to_align(toy) -> None:
    alone, classifier, batch = toy.single_modality()
    losses = [
        Objective(0.5, 0.5, margin_loss(classifier), alignment_weight=weight)(alone, batch, strength=1.0)
        for weight in (0.0, 1.0)
    ]
    assert losses[0] == losses[1]
