"""Objectives of rows against a loop over their terms, and random subsets by their statistics."""

from collections import Counter
from dataclasses import replace
from itertools import combinations
from typing import Any, get_args

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steradian.config import SubsetPolicy, TrainingConfig
from steradian.losses import angular_softmax_loss, streaming
from steradian.model import SphereEncoder, SphericalClassifier, TensorBatch
from steradian.training import Derived
from steradian.training.objectives import row_objective
from steradian.training.objectives.angular import Angular
from steradian.training.objectives.row_objective import LossRows, RowObjective, observed_subsets, random_subsets

# -- Random subsets


@given(
    st.lists(st.lists(st.booleans(), min_size=5, max_size=5).filter(any), min_size=1, max_size=20), st.integers(0, 99)
)
def test_subsets_are_of_what_is_present_and_never_empty(present: list[list[bool]], random_state: int) -> None:
    torch.manual_seed(random_state)
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


# -- Subsets as other rows have them


@given(
    st.lists(st.lists(st.booleans(), min_size=4, max_size=4).filter(any), min_size=1, max_size=20), st.integers(0, 99)
)
def test_an_observed_subset_is_what_another_row_shares(present: list[list[bool]], random_state: int) -> None:
    torch.manual_seed(random_state)
    mask = torch.tensor(present)
    subsets = observed_subsets(mask)
    assert subsets.any(dim=1).all()
    for row, subset in zip(mask, subsets, strict=True):
        assert any(torch.equal(subset, row & other) for other in mask)


def test_observed_subsets_come_as_often_as_rows_have_them() -> None:
    torch.manual_seed(0)
    patterns = torch.tensor([[1, 1, 1], [1, 1, 0], [0, 0, 1], [1, 0, 0]], dtype=torch.bool)
    present = patterns[torch.tensor([0] * 4 + [1] * 3 + [2] * 2 + [3])]
    seen = torch.stack([observed_subsets(present) for _ in range(6000)])

    def shares(row: int) -> dict[str, float]:
        drawn = Counter("".join(str(int(has)) for has in subset) for subset in seen[:, row])
        return {subset: count / 6000 for subset, count in drawn.items()}

    # The whole row shares something with all ten; what lacks the third modality not with the two that have it alone.
    assert shares(0) == pytest.approx({"111": 0.4, "110": 0.3, "001": 0.2, "100": 0.1}, abs=0.04)
    assert shares(4) == pytest.approx({"110": 7 / 8, "100": 1 / 8}, abs=0.04)
    assert shares(7) == {"001": 1.0}


# -- The objective


def parameters_in_use(encoder: SphereEncoder) -> list[torch.nn.Parameter]:
    """All but the weights of the items of a set, of which the toy has none."""
    return [parameter for name, parameter in encoder.named_parameters() if "item_gates" not in name]


DERIVED = Derived(scale=12.0, margin=0.3, epochs=1, reasons=())


def margin_softmax(classifier: SphericalClassifier, **options: Any) -> Angular:
    """Scale 12, margin 0.3, no alignment."""
    return Angular(classifier, TrainingConfig(**options), DERIVED)


def slow_objective(
    encoder: SphereEncoder,
    batch: TensorBatch,
    subsets: torch.Tensor,
    classifier: SphericalClassifier,
    *,
    weights: tuple[float, float],
    scale: float,
    margin: float,
    heavy: torch.Tensor | None = None,
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
        own = loss(whole[row], label) + weights[0] * of_modalities + weights[1] * loss(part[row], label)
        total = total + (own if heavy is None else heavy[row] * own)
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
    batch = TensorBatch.of(toy.prepared().batch(np.arange(20)))
    assert 0 < batch.present.sum() < batch.present.numel()
    subsets = random_subsets(batch.present)
    monkeypatch.setattr(row_objective, "random_subsets", lambda present: subsets)
    found = margin_softmax(classifier, modality_weight=modality_weight, subset_weight=subset_weight)(
        encoder, batch, strength=1.0
    )
    assert found.shape == ()
    expected = slow_objective(
        encoder, batch, subsets, classifier, weights=(modality_weight, subset_weight), scale=12.0, margin=0.3
    )
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    parameters = [*parameters_in_use(encoder), *classifier.parameters()]
    gradients, expected_gradients = (torch.autograd.grad(loss, parameters) for loss in (found, expected))
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, expected_gradient, rtol=1e-3, atol=2e-5)


def test_an_objects_weight_is_a_factor_of_all_its_losses(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, classifier = toy.build()
    encoder.eval()
    heavy = torch.arange(20.0)
    batch = replace(TensorBatch.of(toy.prepared().batch(np.arange(20))), weights=heavy)
    subsets = random_subsets(batch.present)
    monkeypatch.setattr(row_objective, "random_subsets", lambda present: subsets)
    found = margin_softmax(classifier, modality_weight=0.5, subset_weight=0.7)(encoder, batch, strength=1.0)
    options: dict[str, Any] = {"weights": (0.5, 0.7), "scale": 12.0, "margin": 0.3, "heavy": heavy}
    torch.testing.assert_close(
        found, slow_objective(encoder, batch, subsets, classifier, **options), rtol=1e-5, atol=1e-5
    )


def test_a_single_modality_has_one_term(toy) -> None:
    alone, classifier, batch = toy.single_modality()
    found = margin_softmax(classifier)(alone, batch, strength=1.0)
    vectors = alone.encode(batch).vectors[:, 0]
    expected = angular_softmax_loss(
        vectors, batch.labels, class_centers=classifier.class_centers, scale=12.0, margin=0.3
    ).mean()
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


class Listener(RowObjective):
    """Remembers the labels it was given."""

    def row_losses(self, rows: LossRows) -> torch.Tensor:
        self.labels = rows.labels
        return rows.vectors.sum(dim=1)


@pytest.mark.parametrize("positives", ["class", "object"])
def test_rows_are_of_classes_or_of_objects(toy, positives: str) -> None:
    encoder, classifier = toy.build()
    batch = TensorBatch.of(toy.prepared().batch(np.arange(20)))
    listener = Listener(classifier, TrainingConfig(positives=positives), DERIVED)
    listener(encoder, batch, strength=1.0)
    one = batch.labels if positives == "class" else torch.arange(20)
    of_modalities = one[:, None].expand(20, 2)[batch.present]
    assert torch.equal(listener.labels, torch.cat([one, one, of_modalities]))


def test_without_labels_it_says_so(toy) -> None:
    encoder, classifier = toy.build()
    batch = TensorBatch.of(toy.preprocessor.prepare(toy.table).batch(np.arange(3)))
    with pytest.raises(ValueError, match="class numbers"):
        margin_softmax(classifier)(encoder, batch, strength=0.0)


@pytest.mark.parametrize("strength", [0.0, 0.4, 1.0])
def test_the_default_is_the_angular_softmax_on_unit_rows_with_a_share_of_the_margin(
    toy, derived, strength: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, classifier = toy.build()
    encoder.eval()
    batch = TensorBatch.of(toy.prepared().batch(np.arange(20)))
    subsets = random_subsets(batch.present)
    monkeypatch.setattr(row_objective, "random_subsets", lambda present: subsets)
    found = Angular(classifier, TrainingConfig(), derived)(encoder, batch, strength=strength)

    encoded, labels, present = encoder.encode(batch), batch.labels, batch.present
    rows = [encoder.fuse(encoded), encoded.vectors[present], encoder.fuse(encoded, subsets)]
    row_labels = [labels, labels[:, None].expand_as(present)[present], labels]
    weights = [
        torch.ones(20),
        (0.5 / present.sum(1, keepdim=True)).expand(present.shape)[present],
        torch.full((20,), 0.5),
    ]
    losses = angular_softmax_loss(
        torch.cat(rows),
        torch.cat(row_labels),
        class_centers=classifier.weight,
        scale=derived.scale,
        margin=derived.margin * strength,
    )
    expected = (losses * torch.cat(weights)).sum() / 20
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    parameters = [*parameters_in_use(encoder), *classifier.parameters()]
    gradients, expected_gradients = (torch.autograd.grad(loss, parameters) for loss in (found, expected))
    for gradient, expected_gradient in zip(gradients, expected_gradients, strict=True):
        torch.testing.assert_close(gradient, expected_gradient, rtol=1e-3, atol=1e-5)


def test_a_taken_gradient_is_that_of_all_terms_and_none_is_left(toy, derived, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, classifier = toy.build()
    encoder.eval()
    batch = TensorBatch.of(toy.prepared().batch(np.arange(20)))
    subsets = random_subsets(batch.present)
    monkeypatch.setattr(row_objective, "random_subsets", lambda present: subsets)
    # A taken gradient goes through the sweep; so does the other here, to be compared to the bit.
    monkeypatch.setattr(streaming, "FEW_CLASSES", 0)
    whole = Angular(classifier, TrainingConfig(), derived)
    taken = torch.zeros_like(classifier.weight)
    loss = whole(encoder, batch, strength=0.5, take_gradient=lambda rows, part: taken[rows].add_(part))
    loss.backward()
    assert classifier.weight.grad is None
    of_encoder = [p.grad.clone() for p in encoder.parameters() if p.grad is not None]
    encoder.zero_grad()
    again = whole(encoder, batch, strength=0.5)
    again.backward()
    assert torch.equal(again, loss)
    torch.testing.assert_close(taken, classifier.weight.grad, rtol=1e-4, atol=1e-6)
    for found, expected in zip(of_encoder, [p.grad for p in encoder.parameters() if p.grad is not None], strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-6)


# -- Policies

POLICIES = get_args(SubsetPolicy)


@pytest.fixture
def loss_by_policy(toy):
    """The loss of the toy's first rows by a policy and a seed; dropout is off, and the gates differ."""
    encoder, classifier = toy.build()
    torch.nn.init.normal_(encoder.eval().fusion.gates.weight)
    prepared = toy.prepared()

    @torch.no_grad()
    def loss(policy: str, *, random_state: int, rows: int = 20) -> torch.Tensor:
        torch.manual_seed(random_state)
        whole = margin_softmax(classifier, subset_policy=policy)
        return whole(encoder, TensorBatch.of(prepared.batch(np.arange(rows))), strength=1.0)

    return loss


def test_half_is_the_mean_of_the_whole_half_and_that_of_the_subsets(toy, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, classifier = toy.build()
    torch.nn.init.normal_(encoder.eval().fusion.gates.weight)
    batch = TensorBatch.of(toy.prepared().batch(np.arange(21)))
    subsets = random_subsets(batch.present)
    monkeypatch.setattr(row_objective, "random_subsets", lambda present: subsets)
    torch.manual_seed(3)
    found = margin_softmax(classifier, modality_weight=0.0, subset_weight=0.7, subset_policy="half")(
        encoder, batch, strength=1.0
    )
    torch.manual_seed(3)
    whole = torch.randperm(21) < 11
    encoded = encoder.encode(batch)

    def mean_loss(mask: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        return (
            margin_softmax(classifier)
            .row_losses(LossRows(encoder.fuse(encoded, mask)[rows], batch.labels[rows]))
            .mean()
        )

    expected = mean_loss(batch.present, whole) + 0.7 * mean_loss(subsets, ~whole)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_half_is_both_on_average(loss_by_policy) -> None:
    both, half = (
        torch.stack([loss_by_policy(p, random_state=random_state) for random_state in range(200)])
        for p in ("both", "half")
    )
    assert both.std() < half.std()
    assert abs(both.mean() - half.mean()) < 4 * ((both.var() + half.var()) / 200).sqrt()


@pytest.mark.parametrize(
    ("policy", "weight", "rows"),
    [*((policy, 0.0, 20) for policy in POLICIES), ("both", 0.5, 40), ("half", 0.5, 20), ("observed", 0.5, 40)],
)
def test_so_many_rows_are_fused(toy, policy: str, weight: float, rows: int) -> None:
    encoder, classifier = toy.build()
    fused: list[int] = []
    encoder.fusion.register_forward_hook(lambda *given: fused.append(len(given[2])))
    whole = margin_softmax(classifier, subset_weight=weight, subset_policy=policy)
    whole(encoder, TensorBatch.of(toy.prepared().batch(np.arange(20))), strength=1.0)
    assert sum(fused) == rows


@pytest.mark.parametrize("policy", POLICIES)
def test_the_seed_says_who_is_seen_through_what(loss_by_policy, policy: str) -> None:
    first = loss_by_policy(policy, random_state=1)
    assert torch.equal(loss_by_policy(policy, random_state=1), first)
    assert not torch.equal(loss_by_policy(policy, random_state=2), first)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("rows", [1, 2, 3])
def test_the_smallest_batches(loss_by_policy, policy: str, rows: int) -> None:
    assert loss_by_policy(policy, random_state=0, rows=rows).isfinite()


# -- What is missing costs nothing


@pytest.mark.parametrize("policy", POLICIES)
def test_only_items_that_are_there_are_encoded_and_once(toy, policy: str) -> None:
    encoder, classifier = toy.build()
    items: list[int] = []
    encoder.modalities[0].tokenizer.register_forward_hook(lambda *given: items.append(len(given[2].values)))
    present = np.ones((40, 2), dtype=bool)
    present[::2, 0] = False
    whole = toy.preprocessor.prepare(toy.table[toy.table.present.all(axis=1)][np.arange(40) % 10])
    batch = TensorBatch.of(whole.batch(np.arange(40)))
    half = TensorBatch(
        {"x": {k: t[1::2] for k, t in batch.items["x"].items()}, "y": batch.items["y"]}, torch.from_numpy(present)
    )
    for part in (batch, half):
        labelled = replace(part, labels=torch.arange(40) % 3)
        margin_softmax(classifier, subset_policy=policy)(encoder, labelled, strength=1.0)
    assert items == [40, 20]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_modality_that_no_object_of_a_batch_has_gets_no_gradient(toy, policy: str) -> None:
    encoder, classifier = toy.build()
    with_y = np.flatnonzero(toy.table.present[:, 1])
    table = toy.table[with_y].only("y")
    batch = TensorBatch.of(toy.preprocessor.prepare(table, table.labels.astype(np.int64)).batch(np.arange(len(table))))
    loss = margin_softmax(classifier, subset_policy=policy)(encoder, batch, strength=1.0)
    loss.backward()
    assert loss.isfinite()
    assert not any(p.grad.any() for p in encoder.modalities[0].parameters() if p.grad is not None)
    assert any(p.grad.any() for p in encoder.modalities[1].parameters() if p.grad is not None)
    assert all(p.grad.isfinite().all() for p in encoder.parameters() if p.grad is not None)
