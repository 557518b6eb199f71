"""What the module adds to the functions: running statistics, drawn classes, margins by class, and several labels."""

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.losses import (
    MARGINS,
    BatchRows,
    adacos_update,
    angular_multilabel_loss,
    angular_softmax_loss,
    arcface,
    sample_classes,
)
from steradian.losses.margins.curricularface import SLOW
from steradian.model import AngularMarginLoss

KINDS = tuple(MARGINS)
ROWS, CLASSES, DIM, MARGIN = 12, 7, 6, 0.3
LABEL_LISTS = [[0, 3], [], [6], [1, 2, 5], [4], [], [2], [0, 1], [3], [5, 6], [1], [0, 1, 2, 3, 4, 5, 6]]


@pytest.fixture
def embeddings() -> Tensor:
    """Of any length."""
    return torch.randn(ROWS, DIM) * torch.logspace(-1, 1, ROWS)[:, None]


@pytest.fixture
def labels() -> Tensor:
    return torch.randint(CLASSES, (ROWS,))


def make(kind: str = "arcface", **options: Any) -> AngularMarginLoss:
    torch.manual_seed(5)
    margin = {} if kind == "magface" else {"margin": MARGIN}
    return AngularMarginLoss(CLASSES, DIM, kind=kind, **{**margin, **options})  # type: ignore[arg-type]


def state(loss: AngularMarginLoss) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in loss.state_dict().items()}


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> set[str]:
    # NaN stands for a statistic that no batch has set.
    return {name for name in after if not torch.equal(before[name].nan_to_num(), after[name].nan_to_num())}


# -- Running statistics


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", [None, "adacos"])
def test_only_training_moves_statistics_and_only_those_of_the_kind(
    kind: str, scale: Any, embeddings: Tensor, labels: Tensor
) -> None:
    loss = make(kind, scale=scale)
    before = state(loss)
    loss.eval()(embeddings, labels)
    assert moved(before, state(loss)) == set()
    loss.train()(embeddings, labels)
    expected = {"curricularface": {"psi.stage"}, "adaface": {"psi.norm_statistics"}}.get(kind, set())
    assert moved(before, state(loss)) == expected | ({"adacos"} if scale else set())


def test_the_stage_of_curricularface_follows_the_target_cosines(embeddings: Tensor, labels: Tensor) -> None:
    loss = make("curricularface", subcenters=2)
    expected = 0.0
    for step in range(4):
        rows = embeddings.roll(step, 0)
        cosines = loss.classifier(F.normalize(rows, dim=1))[torch.arange(ROWS), labels]
        expected = (1 - SLOW) * expected + SLOW * cosines.mean().item()
        loss(rows, labels)
        assert loss.psi.stage.item() == pytest.approx(expected, rel=1e-5)
    assert SLOW == 0.01 and expected != 0


def test_adafaces_statistics_are_the_first_batchs_and_then_follow(embeddings: Tensor, labels: Tensor) -> None:
    loss = make("adaface")
    assert bool(loss.psi.norm_statistics.isnan().all())
    loss(embeddings, labels)
    expected = []
    for rows in (embeddings, 3 * embeddings):
        norms = torch.tensor([math.hypot(*row) for row in rows.tolist()])
        expected.append(torch.stack([norms.mean(), norms.var(correction=0).sqrt()]))
    torch.testing.assert_close(loss.psi.norm_statistics, expected[0])
    loss(3 * embeddings, labels)
    torch.testing.assert_close(loss.psi.norm_statistics, 0.99 * expected[0] + 0.01 * expected[1])


def test_adaface_can_be_evaluated_before_it_is_trained(embeddings: Tensor, labels: Tensor) -> None:
    assert bool(make("adaface").eval()(embeddings, labels).isfinite())


def test_adacos_sets_the_scale_by_the_batch_before(embeddings: Tensor, labels: Tensor) -> None:
    torch.manual_seed(0)
    loss = AngularMarginLoss(50, 16, kind="normface", scale="adacos", reduction="none")
    embeddings, labels = torch.randn(40, 16), torch.randint(50, (40,))
    assert float(loss.scale) == pytest.approx(float(AngularMarginLoss(50, 16).scale))
    seen = [float(loss.scale)]
    for _ in range(4):
        cosines = loss.classifier(F.normalize(embeddings, dim=1)).double()
        own = cosines[torch.arange(40), labels]
        others = (seen[-1] * cosines).scatter(1, labels[:, None], -torch.inf).logsumexp(1)
        expected = float(adacos_update(others, own))
        found = loss(embeddings, labels)
        assert float(loss.scale) == pytest.approx(expected, rel=1e-5)
        logits = float(loss.scale) * cosines
        torch.testing.assert_close(found.double(), F.cross_entropy(logits, labels, reduction="none"), rtol=1e-4, atol=0)
        seen.append(float(loss.scale))
    assert len({round(scale, 3) for scale in seen}) > 2, "it moves from the start, and on"


def test_elasticface_draws_in_training_alone(embeddings: Tensor, labels: Tensor) -> None:
    loss, plain = make("elasticface"), make("arcface")
    assert not torch.equal(loss(embeddings, labels), loss(embeddings, labels))
    assert torch.equal(loss.eval()(embeddings, labels), plain(embeddings, labels))


# -- Margins by class


def test_rare_classes_get_larger_margins_and_their_mean_is_the_margin(embeddings: Tensor, labels: Tensor) -> None:
    counts = torch.tensor([1, 1000, 10, 50, 100, 500, 3])
    loss = make(class_counts=counts, reduction="none")
    rarity = counts.double() ** -0.25
    low, high = rarity.min(), rarity.max()
    margins = 0.05 + 0.45 * (rarity - low) / (high - low)
    margins = (MARGIN * margins / margins.mean()).float()
    assert margins.mean().item() == pytest.approx(MARGIN)
    assert torch.equal(margins.argsort(descending=True), counts.argsort())
    for strength in (1.0, 0.5):
        expected = angular_softmax_loss(
            F.normalize(embeddings, dim=1),
            labels,
            class_centers=loss.classifier.weight,
            scale=float(loss.scale),
            margin=lambda cosines, strength=strength: arcface(cosines, strength * margins[labels]),
        )
        torch.testing.assert_close(loss(embeddings, labels, strength=strength), expected, rtol=1e-5, atol=1e-6)
    like_combined = make("combined", class_counts=counts, reduction="none")
    torch.testing.assert_close(like_combined(embeddings, labels), loss(embeddings, labels), rtol=1e-5, atol=2e-5)


def test_equal_counts_change_nothing(embeddings: Tensor, labels: Tensor) -> None:
    equal = make(class_counts=torch.full((CLASSES,), 9))
    torch.testing.assert_close(equal(embeddings, labels), make()(embeddings, labels), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("margin", [0.2, 0.5, 1.0])
def test_no_counts_turn_a_margin_round(margin: float) -> None:
    # One rare class among a thousand frequent ones has ten times the mean.
    counts = torch.tensor([1] + [10_000] * 999)
    loss = AngularMarginLoss(1000, 2, margin=margin, class_counts=counts, reduction="none", scale=1.0)
    plain = AngularMarginLoss(1000, 2, kind="normface", reduction="none", scale=1.0, classifier=loss.classifier)
    angles = torch.linspace(0.01, math.pi - 0.01, 50)
    with torch.no_grad():
        loss.classifier.weight[0] = torch.tensor([1.0, 0.0])
    embeddings, labels = torch.stack([angles.cos(), angles.sin()], dim=1), torch.zeros(50, dtype=torch.int64)
    assert bool((loss(embeddings, labels) > plain(embeddings, labels)).all())


# -- Drawn classes


@pytest.mark.parametrize("subcenters", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_share_of_the_classes_is_that_of_the_function(kind: str, subcenters: int) -> None:
    torch.manual_seed(5)
    options: dict[str, Any] = {"kind": kind, "subcenters": subcenters, "scale": 8.0}
    loss = AngularMarginLoss(100, DIM, class_share=0.3, **options)
    all_of_them = copy.deepcopy(loss)
    all_of_them.class_share = 1.0
    embeddings, labels = torch.randn(ROWS, DIM), torch.randint(100, (ROWS,))
    torch.manual_seed(1)
    drawn = sample_classes(labels, 100, share=0.3)
    torch.manual_seed(1)
    loss(embeddings, labels).backward()
    gradient = loss.classifier.weight.grad
    assert gradient is not None and gradient.is_sparse
    assert torch.equal(gradient.coalesce().indices()[0], drawn)
    assert set(labels.tolist()) <= set(drawn.tolist()) and len(drawn) < 60
    # Evaluation takes all classes, and the statistics of a first batch are those of the whole.
    all_of_them(embeddings, labels)
    for one in (loss, all_of_them):
        one.eval()
        one.zero_grad()
        one(embeddings, labels).backward()
    assert torch.equal(loss(embeddings, labels), all_of_them(embeddings, labels))
    dense, expected = loss.classifier.weight.grad, all_of_them.classifier.weight.grad
    assert dense is not None and expected is not None and not dense.is_sparse
    assert torch.equal(dense, expected)


def test_drawn_classes_alone_are_in_the_sum(embeddings: Tensor, labels: Tensor) -> None:
    labels = labels % 3
    loss = make(class_share=0.5, reduction="none", smoothing=0.1)
    torch.manual_seed(1)
    drawn = sample_classes(labels, CLASSES, share=0.5)
    torch.manual_seed(1)
    found = loss(embeddings, labels)
    centers = F.normalize(loss.classifier.weight[drawn], dim=1)
    expected = angular_softmax_loss(
        F.normalize(embeddings, dim=1),
        torch.searchsorted(drawn, labels),
        class_centers=centers,
        scale=float(loss.scale),
        margin=MARGIN,
        smoothing=0.1,
    )
    assert len(drawn) < CLASSES
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("subcenters", [1, 2])
def test_sparse_adam_moves_the_drawn_classes_alone(subcenters: int) -> None:
    loss = AngularMarginLoss(200, DIM, class_share=0.05, subcenters=subcenters)
    optimizer = torch.optim.SparseAdam(list(loss.parameters()), lr=0.01)
    embeddings, labels = torch.randn(ROWS, DIM), torch.randint(200, (ROWS,))
    losses = []
    for _ in range(30):
        before = loss.classifier.weight.detach().clone()
        optimizer.zero_grad()
        torch.manual_seed(1)
        value = loss(embeddings, labels)
        value.backward()
        assert loss.classifier.weight.grad is not None
        drawn = loss.classifier.weight.grad.coalesce().indices()[0]
        optimizer.step()
        still = torch.ones(200, dtype=torch.bool).index_fill(0, drawn, False)
        assert torch.equal(loss.classifier.weight[still], before[still])
        assert not torch.equal(loss.classifier.weight[drawn], before[drawn])
        losses.append(value.item())
    assert losses[-1] < 0.7 * losses[0]


# -- Several labels a row


def label_forms() -> tuple[list[list[int]], Tensor, Tensor]:
    table = torch.zeros(ROWS, CLASSES, dtype=torch.bool)
    padded = torch.full((ROWS, CLASSES), -1)
    for row, own in enumerate(LABEL_LISTS):
        table[row, own] = True
        padded[row, : len(own)] = torch.tensor(own, dtype=torch.int64)
    return LABEL_LISTS, table, padded


@pytest.mark.parametrize("kind", ["arcface", "cosface", "sphereface", "combined", "normface"])
@pytest.mark.parametrize("subcenters", [1, 2])
def test_several_labels_are_those_of_the_function_in_all_their_forms(
    kind: str, subcenters: int, embeddings: Tensor
) -> None:
    loss = make(kind, multi_label=True, subcenters=subcenters, reduction="none")
    assert {name for name, _ in loss.named_parameters()} == {"classifier.weight", "threshold"}
    assert loss.threshold is not None
    lists, table, padded = label_forms()
    expected = angular_multilabel_loss(
        F.normalize(embeddings, dim=1),
        padded,
        class_centers=loss.classifier.weight,
        scale=float(loss.scale),
        threshold=loss.threshold,
        margin=lambda cosines: loss.psi(cosines, BatchRows(torch.ones(ROWS), padded, 0.5)),
    )
    for labels in (lists, table, padded):
        torch.testing.assert_close(loss(embeddings, labels, strength=0.5), expected, rtol=1e-6, atol=1e-6)
    for reduction, one in (("mean", expected.mean()), ("sum", expected.sum())):
        loss.reduction = reduction
        torch.testing.assert_close(loss(embeddings, lists, strength=0.5), one, rtol=1e-6, atol=1e-6)
    if kind == "arcface":
        by_hand = slow_multilabel(loss, embeddings, margin=0.5 * MARGIN)
        torch.testing.assert_close(expected.double(), by_hand, rtol=1e-4, atol=1e-5)


def slow_multilabel(loss: AngularMarginLoss, embeddings: Tensor, *, margin: float) -> Tensor:
    """Row by row, by way of the angles."""
    assert loss.threshold is not None
    border, scale = math.cos(loss.threshold.item()), float(loss.scale)
    losses = []
    for cosines, own in zip(loss.classifier(F.normalize(embeddings, dim=1)).tolist(), LABEL_LISTS, strict=True):
        angles = [math.acos(max(-1.0, min(1.0, cosine))) for cosine in cosines]
        over = [scale * (math.cos(angle) - border) for label, angle in enumerate(angles) if label not in own]
        # No angle of these rows is within the margin of pi.
        under = [-scale * (math.cos(angles[label] + margin) - border) for label in own]
        assert all(angles[label] + margin < math.pi for label in own)
        losses.append(math.log1p(math.fsum(map(math.exp, over))) + math.log1p(math.fsum(map(math.exp, under))))
    return torch.tensor(losses, dtype=torch.float64)


def test_a_threshold_is_learnt_that_tells_own_from_other_classes() -> None:
    torch.manual_seed(0)
    table = torch.rand(60, 5) < 0.4
    points = table.float() @ torch.randn(5, 8) + 0.05 * torch.randn(60, 8)
    encoder = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 8))
    loss = AngularMarginLoss(5, 8, multi_label=True, scale=16.0)
    optimizer = torch.optim.Adam([*encoder.parameters(), *loss.parameters()], lr=0.02)
    for _ in range(120):
        optimizer.zero_grad()
        loss(encoder(points), table).backward()
        optimizer.step()
    assert loss.threshold is not None and loss.threshold.item() != 1.0
    inside = loss.classifier(F.normalize(encoder(points), dim=1)) > loss.threshold.cos()
    assert (inside == table).float().mean() > 0.97


def test_a_batch_may_have_no_label_at_all(embeddings: Tensor) -> None:
    found = make(multi_label=True)(embeddings, [[]] * ROWS)
    assert bool(found.isfinite()) and found > 0


# -- Moving centers in the backward pass


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("class_share", [1.0, 0.4])
def test_the_taken_gradient_is_the_centers_gradient(kind: str, class_share: float) -> None:
    torch.manual_seed(5)
    loss = AngularMarginLoss(40, DIM, kind=kind, class_share=class_share)  # type: ignore[arg-type]
    embeddings, labels = torch.randn(ROWS, DIM), torch.randint(40, (ROWS,))
    taken = torch.zeros(40, DIM)
    before = state(loss)

    def take(rows: Any, gradient: Tensor) -> None:
        taken[rows] += gradient

    torch.manual_seed(1)
    loss(embeddings, labels, take_gradient=take).backward()
    assert loss.classifier.weight.grad is None
    loss.load_state_dict(before)
    torch.manual_seed(1)
    loss(embeddings, labels).backward()
    expected = loss.classifier.weight.grad
    assert expected is not None
    torch.testing.assert_close(taken, expected.to_dense(), rtol=1e-4, atol=1e-6)


def test_the_taken_gradient_of_several_labels(embeddings: Tensor) -> None:
    loss = make(multi_label=True)
    taken = torch.zeros(CLASSES, DIM)
    loss(embeddings, LABEL_LISTS, take_gradient=lambda rows, gradient: taken[rows].add_(gradient)).backward()
    assert loss.classifier.weight.grad is None
    loss(embeddings, LABEL_LISTS).backward()
    expected = loss.classifier.weight.grad
    assert expected is not None
    torch.testing.assert_close(taken, expected, rtol=1e-4, atol=1e-6)
