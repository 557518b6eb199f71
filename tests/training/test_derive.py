"""What training derives from the data, and the reasons it gives."""

import math
from typing import Any

import numpy as np
import pytest

from steradian.config import ModelConfig, TrainingConfig
from steradian.losses import default_margin, default_scale
from steradian.training import OBJECTIVES, derive, with_epochs_beside
from steradian.training.derive import samples_per_class
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
    options = {"scale": 30.0, "margin": 0.25, "epochs": 3, "alignment_weight": 0.7} if given else {}
    config = TrainingConfig(**options)
    derived = derive(config, LABELS, num_classes=10, model=ModelConfig(embedding_dim=64))
    scale, margin, alignment, epochs, dropout = derived.reasons
    assert alignment.startswith(f"alignment {derived.alignment_weight:g}: ")
    assert scale.startswith(f"scale {derived.scale:.1f}: ")
    assert margin.startswith(f"margin {derived.margin:.3f} rad: ")
    assert epochs.startswith(f"{derived.epochs} epochs of 500 objects: {derived.epochs * 8} steps")
    assert "20% to 40%" in epochs
    assert dropout.startswith("dropout None in the blocks")
    assert [line.endswith("given") for line in (scale, margin, alignment)] == [given] * 3
    assert given or ("10 classes" in scale and "1.68 rad apart" in margin)


@pytest.mark.parametrize(("classes", "weight"), [(2, 0.3), (64, 0.3), (65, 1.0), (1000, 1.0)])
def test_modalities_are_aligned_more_where_classes_outnumber_a_batch(classes: int, weight: float) -> None:
    model = ModelConfig()
    assert derive(TrainingConfig(), LABELS, num_classes=classes, model=model).alignment_weight == weight
    assert derive(TrainingConfig(alignment_weight=0), LABELS, num_classes=classes, model=model).alignment_weight == 0
    rival = TrainingConfig(objective="normalised_cross_entropy")
    assert derive(rival, LABELS, num_classes=classes, model=model).alignment_weight == 0


# -- The rivals

PAPERS = {
    **dict.fromkeys(("clip", "anchor_clip", "symile", "gram"), 1 / 0.07),
    **dict.fromkeys(("supcon", "gmc", "gmc_cross_entropy"), 10.0),
    "proxy_anchor": 32.0,
}
each_kind = pytest.mark.parametrize("kind", OBJECTIVES)


@each_kind
def test_a_rival_has_the_scale_and_the_margin_of_its_paper(kind: Any) -> None:
    derived = derive(TrainingConfig(objective=kind), LABELS, num_classes=10, model=ModelConfig())
    assert derived.scale == PAPERS.get(kind, default_scale(10))
    if kind == "angular":
        assert derived.margin == default_margin(10, 128)
    else:
        assert math.sin(derived.margin) == pytest.approx(0.1 if kind in ("proxy_anchor", "triplet") else 0.0)
    scale, margin, *_, epochs, _ = derived.reasons
    assert (f"as in the paper of {kind}" in scale) == (kind in PAPERS)
    assert scale.endswith("to start from") == (kind in ("clip", "anchor_clip", "symile", "gram"))
    assert (f"{kind} has none" in margin) == (derived.margin == 0)
    assert ("margin rising" in epochs) == (kind == "angular"), "only the angular margin has a ramp"
    assert all(len(line) <= 80 for line in derived.reasons)


@pytest.mark.parametrize("kind", ["proxy_anchor", "triplet"])
def test_what_is_given_to_a_rival_stays(kind: Any) -> None:
    config = TrainingConfig(objective=kind, scale=5.0, margin=0.4)
    derived = derive(config, LABELS, num_classes=10, model=ModelConfig())
    assert (derived.scale, derived.margin) == (5.0, 0.4)
    assert all(line.endswith("given") for line in derived.reasons[:2])


@each_kind
def test_groups_are_for_what_pairs_the_objects_of_a_class(kind: Any) -> None:
    pairs = "positives" in OBJECTIVES[kind].options
    assert samples_per_class(TrainingConfig(objective=kind)) == (4 if pairs else 1)
    assert samples_per_class(TrainingConfig(objective=kind, balanced=True)) == 1
    assert samples_per_class(TrainingConfig(objective=kind, samples_per_class=3)) == 3
    if pairs:
        assert samples_per_class(TrainingConfig(objective=kind, positives="object")) == 1


def test_a_network_beside_a_closed_form_takes_fewer_epochs() -> None:
    assert with_epochs_beside(TrainingConfig(epochs=7), 640).epochs == 7
    beside, alone = (
        with_epochs_beside(TrainingConfig(), 640).epochs,
        derive(TrainingConfig(), range(640), num_classes=10, model=ModelConfig()).epochs,
    )
    assert beside is not None and beside < alone
