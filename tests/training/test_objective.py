"""The objective against a loop over its terms, and random subsets by their statistics."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steradian.config import TrainingConfig
from steradian.data.batch import Batch
from steradian.losses import angular_softmax_loss
from steradian.model import AngularMarginLoss, SphereEncoder, SphericalClassifier
from steradian.training import Objective, objective, random_subsets
from steradian.training.optimizer import make_margin_loss

# -- Random subsets


@given(
    st.lists(st.lists(st.booleans(), min_size=5, max_size=5).filter(any), min_size=1, max_size=20), st.integers(0, 99)
)
def test_subsets_are_of_what_is_present_and_never_empty(present: list[list[bool]], seed: int) -> None:
    torch.manual_seed(seed)
    mask = torch.tensor(present)
    before = mask.clone()
    subsets = random_subsets(mask)
    assert subsets.dtype == torch.bool
    assert subsets.shape == mask.shape
    assert not (subsets & ~mask).any()
    assert subsets.any(dim=1).all()
    assert torch.equal(mask, before)


def test_sizes_are_uniform_and_so_are_the_members_of_each_size() -> None:
    torch.manual_seed(0)
    present = torch.tensor([True, False, True, True, False, True]).expand(24_000, -1)
    subsets = random_subsets(present)[:, [0, 2, 3, 5]]
    sizes = Counter(subsets.sum(dim=1).tolist())
    # Six standard deviations of a binomial count around its mean.
    assert all(abs(sizes[size] - 6000) < 6 * (24_000 * 0.25 * 0.75) ** 0.5 for size in (1, 2, 3, 4))
    members = Counter(tuple(row.nonzero().flatten().tolist()) for row in subsets)
    for size in (1, 2, 3, 4):
        choices = list(combinations(range(4), size))
        share = 1 / 4 / len(choices)
        for choice in choices:
            assert abs(members[choice] - 24_000 * share) < 6 * (24_000 * share * (1 - share)) ** 0.5


def test_rows_draw_apart_from_one_another_and_by_the_seed() -> None:
    present = torch.ones(2000, 3, dtype=torch.bool)
    torch.manual_seed(1)
    first = random_subsets(present)
    torch.manual_seed(1)
    assert torch.equal(random_subsets(present), first)
    assert not torch.equal(random_subsets(present), first)
    alike = (first[0::2] == first[1::2]).all(dim=1).float().mean()
    # Two rows agree when their sizes do, one in three, and their members: (1/3)(1/3 + 1/3 + 1)/3.
    assert alike == pytest.approx((1 / 3) * (1 / 3 + 1 / 3 + 1) / 3, abs=0.08)


# -- The objective


def margin_loss(classifier: SphericalClassifier) -> AngularMarginLoss:
    """Scale 12, margin 0.3, a loss a row."""
    sizes = classifier.directions.shape
    return AngularMarginLoss(*sizes, scale=12.0, margin=0.3, reduction="none", classifier=classifier)


def slow_objective(
    encoder: SphereEncoder,
    batch: Batch,
    subsets: torch.Tensor,
    classifier: SphericalClassifier,
    *,
    weights: tuple[float, float],
    scale: float,
    margin: float,
) -> torch.Tensor:
    """Object by object and term by term."""
    encoded = encoder.encode(batch)

    def loss(vector: torch.Tensor, label: torch.Tensor) -> torch.Tensor:
        return angular_softmax_loss(
            vector[None], label[None], class_centers=classifier.class_centers, scale=scale, margin=margin
        )[0]

    total = torch.zeros(())
    whole, part = encoder.fuse(encoded), encoder.fuse(encoded, subsets)
    assert batch.labels is not None
    for row, label in enumerate(batch.labels):
        has = [m for m in range(batch.present.shape[1]) if batch.present[row, m]]
        of_modalities = sum(loss(encoded.vectors[row, m], label) for m in has) / len(has)
        total = total + loss(whole[row], label) + weights[0] * of_modalities + weights[1] * loss(part[row], label)
    return total / len(batch.labels)


@pytest.mark.parametrize(
    ("modality_weight", "subset_weight"), [(0.5, 0.5), (0.0, 0.7), (1.3, 0.0), (0.0, 0.0), (2.0, 3.0)]
)
def test_it_is_the_weighted_sum_of_its_terms(
    toy, modality_weight: float, subset_weight: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, classifier = toy.build()
    encoder.eval()
    torch.nn.init.normal_(encoder.fusion.gates.weight)
    batch = toy.prepared().batch(np.arange(20))
    assert 0 < batch.present.sum() < batch.present.numel()
    subsets = random_subsets(batch.present)
    monkeypatch.setattr(objective, "random_subsets", lambda present: subsets)
    found = Objective(modality_weight, subset_weight, margin_loss(classifier))(encoder, batch, strength=1.0)
    assert found.shape == ()
    expected = slow_objective(
        encoder, batch, subsets, classifier, weights=(modality_weight, subset_weight), scale=12.0, margin=0.3
    )
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    parameters = [*encoder.parameters(), *classifier.parameters()]
    gradients, expected_gradients = (torch.autograd.grad(loss, parameters) for loss in (found, expected))
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, expected_gradient, rtol=1e-3, atol=2e-5)


def test_a_single_modality_has_one_term(toy) -> None:
    encoder, classifier = toy.build()
    encoder.eval()
    whole = toy.prepared().batch(np.arange(20))
    has = whole.present[:, 0]
    alone = SphereEncoder({"x": encoder.modalities[0]}, encoder.fusion)
    alone.fusion.kinds_of_modality.data = alone.fusion.kinds_of_modality.data[:1]
    batch = Batch({"x": whole.items["x"]}, has[has][:, None], whole.labels[has])
    found = Objective(0.5, 0.5, margin_loss(classifier))(alone, batch, strength=1.0)
    vectors = alone.encode(batch).vectors[:, 0]
    expected = angular_softmax_loss(
        vectors, batch.labels, class_centers=classifier.class_centers, scale=12.0, margin=0.3
    ).mean()
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


def test_without_labels_it_says_so(toy) -> None:
    encoder, classifier = toy.build()
    batch = toy.preprocessor.prepare(toy.table).batch(np.arange(3))
    with pytest.raises(ValueError, match="class numbers"):
        Objective(0.5, 0.5, margin_loss(classifier))(encoder, batch, strength=0.0)


@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0])
def test_the_default_is_the_angular_softmax_on_unit_rows_with_a_share_of_the_margin(
    toy, derived, strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, classifier = toy.build()
    encoder.eval()
    batch = toy.prepared().batch(np.arange(20))
    subsets = random_subsets(batch.present)
    monkeypatch.setattr(objective, "random_subsets", lambda present: subsets)
    config = TrainingConfig()
    default = make_margin_loss(classifier, config, derived)
    found = Objective(config.modality_weight, config.subset_weight, default)(encoder, batch, strength=strength)

    encoded, labels, present = encoder.encode(batch), batch.labels, batch.present
    rows = [encoder.fuse(encoded), encoded.vectors[present], encoder.fuse(encoded, subsets)]
    owners = [labels, labels[:, None].expand_as(present)[present], labels]
    weights = [
        torch.ones(20),
        (0.5 / present.sum(1, keepdim=True)).expand(present.shape)[present],
        torch.full((20,), 0.5),
    ]
    losses = angular_softmax_loss(
        torch.cat(rows),
        torch.cat(owners),
        class_centers=classifier.directions,
        scale=derived.scale,
        margin=derived.margin * strength,
    )
    expected = (losses * torch.cat(weights)).sum() / 20
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    parameters = [*encoder.parameters(), *classifier.parameters()]
    gradients, expected_gradients = (torch.autograd.grad(loss, parameters) for loss in (found, expected))
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, expected_gradient, rtol=1e-3, atol=1e-5)


def test_a_taken_gradient_is_that_of_all_terms_and_none_is_left(toy, derived, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, classifier = toy.build()
    encoder.eval()
    batch = toy.prepared().batch(np.arange(20))
    subsets = random_subsets(batch.present)
    monkeypatch.setattr(objective, "random_subsets", lambda present: subsets)
    whole = Objective(0.5, 0.5, make_margin_loss(classifier, TrainingConfig(), derived))
    taken = torch.zeros_like(classifier.directions)
    loss = whole(encoder, batch, strength=0.5, take_gradient=lambda rows, part: taken[rows].add_(part))
    loss.backward()
    assert classifier.directions.grad is None
    of_encoder = [p.grad.clone() for p in encoder.parameters() if p.grad is not None]
    encoder.zero_grad()
    again = whole(encoder, batch, strength=0.5)
    again.backward()
    assert torch.equal(again, loss)
    torch.testing.assert_close(taken, classifier.directions.grad, rtol=1e-4, atol=1e-6)
    for found, expected in zip(of_encoder, [p.grad for p in encoder.parameters() if p.grad is not None], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)
