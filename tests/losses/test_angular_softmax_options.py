"""The options of the angular softmax, alone and together, against one loop that knows them all."""

import math
from functools import partial
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import ConfigError
from steradian.losses import (
    angular_softmax_loss,
    arcface,
    cosface,
    curricular,
    plan_stream,
    sample_classes,
    sphereface,
    stream_plan,
)

ROWS, CLASSES, DIM, TILE = 10, 11, 4, 3


@pytest.fixture(autouse=True)
def _tiles_of_three_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that eleven classes are three tiles and two thirds."""
    monkeypatch.setitem(stream_plan.TILE, "cpu", ROWS * TILE)


def problem(
    *, centers_a_class: int = 0, num_classes: int = CLASSES, random_state: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings of unit length, labels, and class centers of any length."""
    generator = torch.Generator().manual_seed(random_state)
    shape = (num_classes, centers_a_class, DIM) if centers_a_class else (num_classes, DIM)
    embeddings = F.normalize(torch.randn(ROWS, DIM, generator=generator, dtype=torch.float64), dim=1)
    labels = torch.randint(num_classes, (ROWS,), generator=generator)
    return embeddings, labels, torch.randn(shape, generator=generator, dtype=torch.float64)


def falling(angle: float) -> float:
    turns = math.floor(angle / math.pi)
    return (-1) ** turns * math.cos(angle) - 2 * turns


def cosine(row: list[float], center: list[float]) -> float:
    return math.fsum(a * b for a, b in zip(row, center, strict=True)) / math.hypot(*center)


def reference(
    embeddings: Tensor,
    labels: Tensor,
    class_centers: Tensor,
    *,
    scale: float,
    margin: float = 0.0,
    smoothing: float = 0.0,
    class_weights: Tensor | None = None,
    hard_negatives: int = 0,
    hard_margin: float = 0.06,
    stage: float | None = None,
    classes: Tensor | None = None,
) -> Tensor:
    """Row by row, by way of the angles; with a stage as in CurricularFace."""
    centers = class_centers if class_centers.ndim == 3 else class_centers[:, None]
    numbers = range(len(centers)) if classes is None else classes.tolist()
    losses = []
    for row, label in zip(embeddings.tolist(), labels.tolist(), strict=True):
        cosines = {number: max(cosine(row, center) for center in centers[number].tolist()) for number in numbers}
        psi = falling(math.acos(cosines.pop(label)) + margin)
        logits = [scale * psi]
        for place, other in enumerate(sorted(cosines.values(), reverse=True)):
            if place < hard_negatives:
                logits.append(scale * falling(math.acos(min(1.0, other)) - hard_margin))
            elif stage is not None and other > psi:
                logits.append(scale * other * (stage + other))
            else:
                logits.append(scale * other)
        highest = max(logits)
        whole = highest + math.log(math.fsum(math.exp(z - highest) for z in logits))
        shares = [(1 - smoothing) * (place == 0) + smoothing / len(logits) for place in range(len(logits))]
        loss = math.fsum(share * (whole - z) for share, z in zip(shares, logits, strict=True))
        losses.append(loss * (1.0 if class_weights is None else class_weights[label].item()))
    return torch.tensor(losses, dtype=torch.float64)


def dense_logits(embeddings: Tensor, class_centers: Tensor, *, scale: float) -> Tensor:
    cosines = embeddings @ F.normalize(class_centers, dim=-1).mT
    return scale * (cosines if class_centers.ndim == 2 else cosines.amax(2).T)


def loss_and_gradient(embeddings: Tensor, labels: Tensor, class_centers: Tensor, **options: Any) -> list[Tensor]:
    """Losses, and the gradients of their sum."""
    leaves = [embeddings.clone().requires_grad_(), class_centers.clone().requires_grad_()]
    losses = angular_softmax_loss(leaves[0], labels, class_centers=leaves[1], **options)
    return [losses.detach(), *torch.autograd.grad(losses.sum(), leaves)]


close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)


def test_the_classes_are_more_than_three_tiles() -> None:
    assert plan_stream(ROWS, CLASSES, DIM).tiles == 4


# -- All together ------------------------------------------------------------------------------------------------------

COMBINATIONS = [
    {"smoothing": smoothing, "hard_negatives": hard, "sampled": sampled, "stage": stage, "centers_a_class": centers}
    for smoothing, hard, sampled, stage, centers in product((0.0, 0.1), (0, 2), (False, True), (None, 0.4), (0, 1, 3))
]


def told_apart(combination: dict[str, Any]) -> tuple[tuple[Tensor, Tensor, Tensor], dict[str, Any], float | None]:
    """A problem and the options for it, and the stage, which the loss takes as a bend."""
    options = combination.copy()
    given = problem(centers_a_class=options.pop("centers_a_class"))
    stage, sampled = options.pop("stage"), options.pop("sampled")
    options |= {
        "scale": 9.0,
        "hard_margin": 0.0625,
        "class_weights": torch.linspace(0.5, 2.0, CLASSES, dtype=torch.float64),
    }
    if sampled:
        options["classes"] = sample_classes(given[1], CLASSES, share=0.5, generator=torch.Generator().manual_seed(1))
        assert len(options["classes"]) < CLASSES
    return given, options, stage


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_all_options_together_are_those_of_the_loop(combination: dict[str, Any]) -> None:
    (embeddings, labels, centers), options, stage = told_apart(combination)
    expected = reference(embeddings, labels, centers, **options, margin=0.3, stage=stage)
    bend = None if stage is None else curricular(9.0, stage, margin=0.3)
    for budget in (0, 64_000_000):
        found = angular_softmax_loss(
            embeddings, labels, class_centers=centers, **options, margin=0.3, bend=bend, memory_budget=budget
        )
        close(found, expected)


@pytest.mark.parametrize("combination", COMBINATIONS, ids=str)
def test_gradcheck_of_all_options_together(combination: dict[str, Any]) -> None:
    (embeddings, labels, centers), options, stage = told_apart(combination)
    bend = None if stage is None else curricular(9.0, stage, margin=0.3)

    def loss(embeddings: Tensor, centers: Tensor) -> Tensor:
        # Twice the centers are no leaf, so that their gradient is dense for sampled classes too.
        return angular_softmax_loss(embeddings, labels, class_centers=2 * centers, **options, margin=0.3, bend=bend)

    leaves = (embeddings.requires_grad_(), centers.requires_grad_())
    assert torch.autograd.gradcheck(loss, leaves, fast_mode=True)


def test_what_is_given_stays_as_it_is() -> None:
    (embeddings, labels, centers), options, _ = told_apart(COMBINATIONS[-1])
    given = [embeddings, labels, centers, options["class_weights"], options["classes"]]
    before = [tensor.clone() for tensor in given]
    loss_and_gradient(embeddings, labels, centers, **options, bend=curricular(9.0, 0.4, margin=0.3))
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(given, before, strict=True))


# -- Sub-centers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [9.0, 100.0])
def test_equal_sub_centers_are_one_center(scale: float) -> None:
    embeddings, labels, centers = problem()
    one = loss_and_gradient(embeddings, labels, centers, scale=scale, margin=0.2)
    three = loss_and_gradient(embeddings, labels, centers[:, None].expand(-1, 3, -1), scale=scale, margin=0.2)
    close(three[:2], one[:2])
    close(three[2].sum(1), one[2], atol=1e-10 * scale)


def test_only_the_nearest_center_of_a_class_has_a_gradient() -> None:
    embeddings, labels, centers = problem(centers_a_class=3)
    found = loss_and_gradient(embeddings[:1], labels[:1], centers, scale=9.0, margin=0.2)[2]
    nearest = (embeddings[0] @ F.normalize(centers, dim=2).mT).argmax(1)
    assert torch.equal(found.abs().sum(2) > 0, F.one_hot(nearest, 3).bool())


# -- Smoothing and weights ---------------------------------------------------------------------------------------------


def margined_logits(embeddings: Tensor, labels: Tensor, centers: Tensor, *, scale: float, margin: float) -> Tensor:
    logits = dense_logits(embeddings, centers, scale=scale)
    rows = torch.arange(len(labels))
    return logits.index_put((rows, labels), scale * arcface(logits[rows, labels] / scale, margin))


@pytest.mark.parametrize("smoothing", [1e-3, 0.1, 0.9])
@pytest.mark.parametrize("scale", [9.0, 100.0])
def test_smoothing_is_that_of_cross_entropy(smoothing: float, scale: float) -> None:
    embeddings, labels, centers = problem()
    found = loss_and_gradient(embeddings, labels, centers, scale=scale, margin=0.3, smoothing=smoothing)
    leaves = [embeddings.requires_grad_(), centers.requires_grad_()]
    logits = margined_logits(leaves[0], labels, leaves[1], scale=scale, margin=0.3)
    losses = F.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
    expected = [losses.detach(), *torch.autograd.grad(losses.sum(), leaves)]
    close(found, expected, atol=1e-10 * scale)


def test_class_weights_are_those_of_cross_entropy() -> None:
    embeddings, labels, centers = problem()
    weights = torch.linspace(0.0, 3.0, CLASSES, dtype=torch.float64)
    found = angular_softmax_loss(
        embeddings, labels, class_centers=centers, scale=9.0, margin=0.3, class_weights=weights
    )
    logits = margined_logits(embeddings, labels, centers, scale=9.0, margin=0.3)
    close(found, F.cross_entropy(logits, labels, weight=weights, reduction="none"))


# -- The gradient without the margin's ---------------------------------------------------------------------------------


@pytest.mark.parametrize("margin", [partial(arcface, margin=0.5), cosface, sphereface], ids=["arc", "cos", "sphere"])
def test_a_detached_margin_keeps_the_value_and_leaves_normfaces_gradient(margin: Any) -> None:
    embeddings, labels, centers = problem()
    exact = loss_and_gradient(embeddings, labels, centers, scale=9.0, margin=margin)
    found = loss_and_gradient(embeddings, labels, centers, scale=9.0, margin=margin, gradient="detached")
    close(found[0], exact[0])
    leaves = [embeddings.requires_grad_(), centers.requires_grad_()]
    cosines = dense_logits(*leaves, scale=1.0)
    with torch.no_grad():
        own = F.one_hot(labels, CLASSES)
        logits = torch.where(own.bool(), 9.0 * margin(cosines), 9.0 * cosines)
        pulls = 9.0 * (logits.softmax(1) - own)
    expected = torch.autograd.grad((pulls * cosines).sum(), leaves)
    close(found[1:], list(expected))
    # The slope of CosFace is 1, so there the two are the same.
    assert torch.allclose(exact[1], found[1]) == (margin is cosface)


@pytest.mark.parametrize(("target", "factor"), [(0.3, 1.028), (0.95, 2.336), (-0.5, 0.601), (-0.95, 0.581)])
def test_the_exact_gradient_is_the_detached_one_times_the_slope_of_psi(target: float, factor: float) -> None:
    # The other center stands at right angles to row and own center, so that one number is all of the pull.
    embeddings = torch.tensor([[target, math.sqrt(1 - target**2), 0.0]], dtype=torch.float64)
    centers, labels = torch.eye(3, dtype=torch.float64)[[0, 2]], torch.tensor([0])
    exact, detached = (
        loss_and_gradient(embeddings, labels, centers, scale=2.0, margin=0.5, gradient=gradient)[1][0, 0].item()
        for gradient in ("exact", "detached")
    )
    # cos(angle + 0.5) alone would turn the pull round at -0.95, by its slope of -0.58; psi falls there as well.
    angle = math.acos(target)
    assert exact / detached == pytest.approx(abs(math.sin(angle + 0.5) / math.sin(angle)), rel=1e-9)
    assert exact / detached == pytest.approx(factor, abs=6e-4)
    assert exact < 0


# -- Near classes ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hard_negatives", [1, 3, CLASSES - 2])
@pytest.mark.parametrize("hard_margin", [0.0, 0.0625, 0.5])
def test_hard_negatives_are_those_of_the_sorted_cosines(hard_negatives: int, hard_margin: float) -> None:
    embeddings, labels, centers = problem()
    options = {"scale": 9.0, "margin": 0.2, "hard_negatives": hard_negatives, "hard_margin": hard_margin}
    expected = reference(embeddings, labels, centers, **options)
    close(angular_softmax_loss(embeddings, labels, class_centers=centers, **options), expected)


def test_hard_negatives_in_float64_have_their_margin_in_float64() -> None:
    embeddings, labels, centers = problem()
    expected = reference(embeddings, labels, centers, scale=9.0, hard_negatives=3, hard_margin=0.06)
    close(angular_softmax_loss(embeddings, labels, class_centers=centers, scale=9.0, hard_negatives=3), expected)


def test_a_hard_negative_nearer_than_its_margin_goes_on_beyond_its_center() -> None:
    embeddings, _, centers = problem()
    # The first row stands on the center of class 3 and is of class 0.
    embeddings[0], labels = F.normalize(centers[3], dim=0), torch.zeros(ROWS, dtype=torch.int64)
    options = {"scale": 9.0, "hard_negatives": 2, "hard_margin": 0.3}
    found = loss_and_gradient(embeddings, labels, centers, **options)
    # Next to a center the angle is off by a thousandth at most.
    close(found[0], reference(embeddings, labels, centers, **options), rtol=0, atol=9.0 * 0.00101 * math.sin(0.31))
    assert all(tensor.isfinite().all() for tensor in found)


def test_autocast_does_not_reach_the_search_for_hard_negatives() -> None:
    generator = torch.Generator().manual_seed(0)
    embeddings, centers = (F.normalize(torch.randn(n, 64, generator=generator), dim=1) for n in (64, 1000))
    labels = torch.randint(1000, (64,), generator=generator)
    found = []
    for enabled in (False, True):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            found.append(angular_softmax_loss(embeddings, labels, class_centers=centers, scale=64.0, hard_negatives=5))
    assert torch.equal(*found)


# -- Sampled classes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [9.0, 100.0])
@pytest.mark.parametrize("hard_negatives", [0, 1])
@pytest.mark.parametrize("centers_a_class", [0, 3])
def test_sampled_classes_are_the_dense_loss_over_these(scale: float, hard_negatives: int, centers_a_class: int) -> None:
    embeddings, labels, centers = problem(centers_a_class=centers_a_class)
    classes = torch.tensor(sorted({*labels.tolist(), 0, 10}))
    assert 4 <= len(classes) < CLASSES
    options = {"scale": scale, "margin": 0.2, "hard_negatives": hard_negatives, "smoothing": 0.1}
    found = loss_and_gradient(embeddings, labels, centers, **options, classes=classes)
    renumbered = torch.searchsorted(classes, labels)
    expected = loss_and_gradient(embeddings, renumbered, centers[classes], **options)
    close(found[:2], expected[:2], atol=1e-10 * scale)
    assert found[2].is_sparse
    assert torch.equal(found[2].indices()[0], classes)
    close(found[2].values(), expected[2], atol=1e-10 * scale)


def test_a_batch_whose_only_class_is_the_only_one_sampled_has_no_loss() -> None:
    embeddings, labels, centers = problem()
    found = loss_and_gradient(embeddings, labels * 0 + 4, centers, scale=9.0, margin=0.2, classes=torch.tensor([4]))
    assert found[0].tolist() == [0.0] * ROWS
    assert not found[1].any()
    assert not found[2].to_dense().any()


@pytest.mark.parametrize("sampled", [1, 2])
def test_more_hard_negatives_than_other_sampled_classes_are_refused(sampled: int) -> None:
    embeddings, labels, centers = problem()
    classes, labels = torch.arange(sampled), labels * 0
    with pytest.raises(ConfigError, match="hard_negatives"):
        angular_softmax_loss(embeddings, labels, class_centers=centers, scale=9.0, hard_negatives=3, classes=classes)


# -- Memory and precision ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("centers_a_class", [0, 3])
@pytest.mark.parametrize("classes", [None, [0, 1, 2, 4, 6, 7, 9, 10]])
def test_a_taker_of_the_gradient_gets_all_of_it_in_parts(centers_a_class: int, classes: list[int] | None) -> None:
    embeddings, _, centers = problem(centers_a_class=centers_a_class)
    labels = torch.tensor([0, 1, 2, 4, 6, 7, 9, 10, 0, 0])
    numbers = None if classes is None else torch.tensor(classes)
    options = {"scale": 9.0, "margin": 0.2, "hard_negatives": 2, "smoothing": 0.1, "classes": numbers}
    _, of_rows, whole = loss_and_gradient(embeddings, labels, centers, **options)
    taken, parts = torch.zeros_like(centers), []

    def take(numbers: slice | Tensor, gradient: Tensor) -> None:
        taken[numbers] += gradient
        parts.append(len(gradient))

    leaves = [embeddings.requires_grad_(), centers.requires_grad_()]
    losses = angular_softmax_loss(leaves[0], labels, class_centers=leaves[1], **options, take_gradient=take)
    losses.sum().backward()
    close(taken, whole.to_dense())
    close(leaves[0].grad, of_rows)
    assert leaves[1].grad is None
    assert sum(parts) == (CLASSES if classes is None else len(classes))
    assert len(parts) > 2


def test_bfloat16_products_are_off_by_half_a_percent_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stream_plan.TILE, "cpu", 64 * 700)
    generator = torch.Generator().manual_seed(0)
    embeddings, centers = (F.normalize(torch.randn(n, 128, generator=generator), dim=1) for n in (64, 2000))
    labels = torch.randint(2000, (64,), generator=generator)
    options = {"scale": 36.8, "margin": 0.2}
    exact = loss_and_gradient(embeddings, labels, centers, **options)
    found = loss_and_gradient(embeddings, labels, centers, **options, precision="bfloat16")
    assert [tensor.dtype for tensor in found] == [torch.float32] * 3
    for rounded, whole in zip(found, exact, strict=True):
        assert (rounded - whole).norm() <= 5e-3 * whole.norm()


# -- Mistakes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gradient": "Exact"}, r"gradient \"exact\" or \"detached\", got 'Exact'"),
        ({"smoothing": 1.0}, r"smoothing in \[0, 1\), got 1\.0"),
        ({"smoothing": -0.1}, r"smoothing in \[0, 1\), got -0\.1"),
        ({"smoothing": math.nan}, r"smoothing in \[0, 1\), got nan"),
        ({"hard_negatives": -1}, r"hard_negatives from 0 to 10, .*got -1"),
        ({"hard_negatives": 11}, r"hard_negatives from 0 to 10, .*got 11"),
        ({"scale": math.nan}, r"a scale above 0, got nan"),
        ({"scale": -3.0}, r"a scale above 0, got -3\.0"),
        ({"precision": "fp8"}, r"precision \"float32\" or \"bfloat16\", got 'fp8'"),
        ({"margin": -0.1}, r"margin in radians, 0 <= margin < pi, got -0\.1"),
        ({"margin": 28.6}, r"got 28\.6.*28\.6 degrees are 0\.5 radians"),
    ],
)
def test_an_option_out_of_its_range_is_refused(options: dict[str, Any], message: str) -> None:
    embeddings, labels, centers = problem()
    with pytest.raises(ConfigError, match=message):
        angular_softmax_loss(embeddings, labels, class_centers=centers, **({"scale": 8.0} | options))
