"""What training derives from the data, and the reasons it gives."""

import numpy as np
import pytest

from steradian.config import ModelConfig, TrainingConfig
from steradian.losses import default_margin, default_scale
from steradian.training import derive
from steradian.training.schedule import default_epochs

LABELS = np.arange(500) % 10


def test_what_is_left_open_is_derived() -> None:
    derived = derive(TrainingConfig(), LABELS, num_classes=10, model=ModelConfig(embedding_dim=2))
    assert derived.scale == default_scale(10)
    assert derived.margin == default_margin(10, 2) < 0.2
    assert derived.epochs == default_epochs(500, 64) == 60


def test_what_is_given_stays() -> None:
    config = TrainingConfig(scale=30.0, margin=0.0, epochs=3, batch_size=10)
    derived = derive(config, LABELS, num_classes=10, model=ModelConfig(embedding_dim=64))
    assert (derived.scale, derived.margin, derived.epochs) == (30.0, 0.0, 3)


@pytest.mark.parametrize("given", [False, True])
def test_each_number_is_told_with_its_reason(given: bool) -> None:
    config = TrainingConfig(scale=30.0, margin=0.25, epochs=3) if given else TrainingConfig()
    derived = derive(config, LABELS, num_classes=10, model=ModelConfig(embedding_dim=64))
    scale, margin, epochs, dropout = derived.reasons
    assert scale.startswith(f"scale {derived.scale:.1f}: ")
    assert margin.startswith(f"margin {derived.margin:.3f} rad: ")
    assert epochs.startswith(f"{derived.epochs} epochs of 500 objects: {derived.epochs * 8} steps")
    assert "20% to 40%" in epochs
    assert dropout.startswith("dropout None in the blocks")
    assert [line.endswith("given") for line in (scale, margin)] == [given, given]
    assert given or ("10 classes" in scale and "1.68 rad apart" in margin)
