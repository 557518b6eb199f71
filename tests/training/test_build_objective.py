"""From a configuration to the objective, and which ones are refused before anything is prepared."""

import math
from dataclasses import replace
from typing import Any, get_args

import numpy as np
import pytest
import torch

from steradian.config import (
    MODALITY_OBJECTIVES,
    FusionKind,
    ModelConfig,
    ObjectiveKind,
    TrainingConfig,
)
from steradian.errors import ConfigError
from steradian.losses import MARGINS, angular_softmax_loss
from steradian.model import AngularMarginLoss, SphericalClassifier
from steradian.training import Derived, Objective, check_margin_kind, check_objective
from steradian.training.build_objective import build_objective, choose_anchor, make_margin_loss
from steradian.training.rivals import BatchLoss, Contrastive, CrossEntropy

DERIVED = Derived(scale=12.5, margin=0.3, epochs=1, reasons=())
KINDS = get_args(ObjectiveKind)


def build(**options: Any) -> Any:
    return build_objective(SphericalClassifier(3, 4), TrainingConfig(**options), DERIVED, anchor=2)


# -- The objective


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_built_over_the_given_centers(kind: ObjectiveKind) -> None:
    classifier = SphericalClassifier(3, 4)
    objective = build_objective(classifier, TrainingConfig(objective=kind), DERIVED)
    learned = [p is classifier.weight for p in objective.parameters()]
    scaled = kind in ("clip", "anchor_clip", "symile", "gram")
    biased = kind in ("cross_entropy", "gmc_cross_entropy")
    centered = kind not in ("gmc", "clip", "anchor_clip", "symile", "gram")
    assert sorted(learned) == [False] * (scaled or biased) + [True] * centered
    assert isinstance(objective, Contrastive if kind in MODALITY_OBJECTIVES else Objective)


def test_terms_and_their_weights_are_those_of_the_configuration() -> None:
    options = {"modality_weight": 0.3, "subset_weight": 0.7, "subset_policy": "half", "positives": "object"}
    objective = build(objective="supcon", **options)
    assert {name: getattr(objective, name) for name in options} == options


def test_the_margin_softmax_is_aligned_as_derived() -> None:
    derived = replace(DERIVED, alignment_weight=0.3)
    assert build_objective(SphericalClassifier(3, 4), TrainingConfig(), derived).alignment_weight == 0.3


def test_row_losses_have_the_derived_numbers() -> None:
    assert isinstance(build().row_loss, AngularMarginLoss)
    plain = build(objective="normalised_cross_entropy").row_loss
    assert isinstance(plain, AngularMarginLoss) and (plain.kind, float(plain.scale)) == ("normface", 12.5)
    assert isinstance(build(objective="cross_entropy").row_loss, CrossEntropy)
    for kind in ("proxy_anchor", "supcon", "triplet"):
        loss = build(objective=kind).row_loss
        assert isinstance(loss, BatchLoss)
        # A margin in radians moves a cosine of 0 by its sine.
        assert (loss.kind, loss.scale, loss.cosine_margin) == (kind, 12.5, math.sin(0.3))


@pytest.mark.parametrize("kind", MODALITY_OBJECTIVES)
def test_objectives_between_modalities_have_them_too(kind: ObjectiveKind) -> None:
    objective = build(objective=kind, positives="object")
    assert (objective.kind, objective.positives, objective.anchor) == (kind, "object", 2)
    assert objective.log_scale.exp().item() == pytest.approx(12.5)
    assert (objective.head is None) == (kind != "gmc_cross_entropy")


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
    loss = make_margin_loss(classifier, config, Derived(scale=12.5, margin=0.3, epochs=1, reasons=()))
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


@pytest.mark.parametrize(
    ("kind", "words"), [("arcfase", "Did you mean arcface"), ("adaface", "one of arcface, cosface")]
)
def test_a_kind_of_margin_that_is_none_or_needs_lengths_is_refused(kind: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        check_margin_kind(TrainingConfig(margin_kind=kind))


@pytest.mark.parametrize("kind", [name for name, margin in MARGINS.items() if not margin.needs_lengths])
def test_every_kind_that_a_training_takes_is_one_of_the_loss(kind: str) -> None:
    config = TrainingConfig(margin_kind=kind)
    loss = make_margin_loss(SphericalClassifier(3, 4), config, Derived(10.0, 0.2, 1, ()))
    assert loss.kind == kind


def test_one_kind_is_as_good_as_another_in_its_gradient_where_detached() -> None:
    """Detached, all kinds that subtract the same from a right angle have the same gradient there."""
    gradients = []
    for kind in ("arcface", "cosface", "sphereface"):
        classifier = SphericalClassifier(2, 3)
        with torch.no_grad():
            classifier.weight.copy_(torch.eye(3)[:2])
        config = TrainingConfig(margin_kind=kind, margin_gradient="detached")  # type: ignore[arg-type]
        loss = make_margin_loss(classifier, config, Derived(10.0, 0.4, 1, ()))
        rows = torch.eye(3)[2:].requires_grad_()
        loss(rows, torch.tensor([1])).sum().backward()
        gradients.append(rows.grad)
    torch.testing.assert_close(gradients[1], gradients[0])
    torch.testing.assert_close(gradients[2], gradients[0])


# -- The anchor


def test_the_anchor_is_what_most_objects_have_beside_another() -> None:
    assert choose_anchor(np.ones((4, 3), dtype=bool)) == 0
    assert choose_anchor(np.array([[1, 0, 0]] * 5 + [[0, 1, 1], [1, 0, 1]], dtype=bool)) == 2
    assert choose_anchor(np.ones((4, 1), dtype=bool)) == 0


# -- What is refused

WHOLE, ALONE = np.ones((4, 3), dtype=bool), np.ones((4, 1), dtype=bool)
PAIRS = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 0]], dtype=bool)
NO_PAIRS = np.eye(3, dtype=bool)


def check(kind: Any, present: np.ndarray, *, positives: Any = "class", **model: Any) -> None:
    check_objective(TrainingConfig(objective=kind, positives=positives), ModelConfig(**model), present)


@pytest.mark.parametrize("kind", KINDS)
def test_whole_objects_suit_every_kind(kind: str) -> None:
    check(kind, WHOLE)
    if kind not in ("angular", "normalised_cross_entropy", "cross_entropy", "proxy_anchor"):
        check(kind, WHOLE, positives="object")


@pytest.mark.parametrize("kind", KINDS)
def test_what_pairs_modalities_needs_objects_that_have_pairs(kind: str) -> None:
    pairing, whole = kind in ("clip", "anchor_clip"), kind in ("symile", "gram")
    for present, enough in [(ALONE, not (pairing or whole)), (NO_PAIRS, not (pairing or whole)), (PAIRS, not whole)]:
        if enough:
            check(kind, present)
            continue
        with pytest.raises(ConfigError, match=f"objective='{kind}': want 2 training objects that have .*, got 0 of"):
            check(kind, present)


@pytest.mark.parametrize("kind", ["supcon", "triplet", "clip", "gmc", "gmc_cross_entropy"])
def test_an_object_is_no_positive_of_itself_with_one_modality(kind: str) -> None:
    check(kind, PAIRS, positives="object")
    for present in (ALONE, NO_PAIRS):
        with pytest.raises(ConfigError, match=r'that have two modalities, got 0 of .*positives="class"'):
            check(kind, present, positives="object")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fusion", get_args(FusionKind))
def test_a_fusion_that_would_stay_untrained_is_refused(kind: str, fusion: str) -> None:
    if fusion == "certified" or kind not in ("clip", "anchor_clip", "symile", "gram"):
        check(kind, WHOLE, fusion=fusion)
        return
    with pytest.raises(ConfigError, match=f'want fusion="certified".*, got fusion=.{fusion}..* Leave fusion out'):
        check(kind, WHOLE, fusion=fusion)


@pytest.mark.parametrize("kind", KINDS)
def test_sub_centers_are_of_the_streamed_softmax_alone(kind: str) -> None:
    if kind in ("angular", "normalised_cross_entropy"):
        check(kind, WHOLE, subcenters=3)
        return
    with pytest.raises(ConfigError, match=r"want one center a class, got subcenters=3\. Leave subcenters out"):
        check(kind, WHOLE, subcenters=3)
