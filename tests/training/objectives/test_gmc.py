"""GMC with and without a head: the loss function of whole objects and their modalities."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from steradian.config import TrainingConfig
from steradian.losses import gmc_loss
from steradian.model import TensorBatch
from steradian.training import Derived
from steradian.training.objectives.gmc import GmcCrossEntropy

DERIVED = Derived(scale=7.0, margin=0.0, epochs=1, reasons=())


@pytest.mark.parametrize("positives", ["class", "object"])
def test_gmc_takes_the_fused_vector_and_its_head_always_the_classes(toy: Any, positives: Any) -> None:
    encoder, classifier = toy.build()
    nn.init.normal_(encoder.eval().fusion.gates.weight)
    batch = TensorBatch.of(toy.prepared().batch(np.arange(20)))
    encoded = encoder.encode(batch)
    fused = encoder.fuse(encoded)
    labels = batch.labels if positives == "class" else torch.arange(20)
    alone = gmc_loss(encoded.vectors, fused, labels, present=batch.present, scale=7.0)

    config = TrainingConfig(objective="gmc_cross_entropy", positives=positives)
    both = GmcCrossEntropy(classifier, config, DERIVED)
    head = both.head(fused, batch.labels).mean()
    torch.testing.assert_close(both(encoder, batch, strength=0.5), alone + head, rtol=1e-5, atol=1e-5)
    plain = super(GmcCrossEntropy, both).compare
    both.compare = plain  # type: ignore[method-assign]
    torch.testing.assert_close(both(encoder, batch, strength=0.5), alone)
