"""What the losses between modalities are given."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from steradian.config import TrainingConfig
from steradian.model import TensorBatch
from steradian.training import OBJECTIVES, Derived


@pytest.fixture
def compared(toy: Any) -> Callable[[str, Any], tuple[Tensor, Tensor, Tensor, Tensor]]:
    """The loss of an objective at scale 7 and anchor 1, drawn by seed 5; and vectors, numbers and presence of it."""

    def compare(kind: str, positives: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        encoder, classifier = toy.build()
        nn.init.normal_(encoder.eval().fusion.gates.weight)
        batch = TensorBatch.of(toy.prepared().batch(np.arange(20)))
        assert batch.labels is not None and 0 < batch.present.sum() < batch.present.numel()
        config = TrainingConfig(objective=kind, positives=positives)
        objective = OBJECTIVES[kind](classifier, config, Derived(7.0, 0.0, 1, ()), anchor=1)
        torch.manual_seed(5)
        found = objective(encoder, batch, strength=0.5)
        labels = batch.labels if positives == "class" else torch.arange(20)
        return found, encoder.encode(batch).vectors, labels, batch.present

    return compare
