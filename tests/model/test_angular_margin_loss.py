"""The module over the losses: the numbers of the functions, for every kind, type, length, reduction and strength."""

import copy
import io
import math
import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.losses import (
    MARGINS,
    adaface,
    adaface_quality,
    angular_softmax_loss,
    arcface,
    blockwise_softmax,
    combined,
    cosface,
    curricular,
    elastic_margins,
    magface_margins,
    magface_penalty,
    sphereface,
    stream_plan,
)
from steradian.model import AngularMarginLoss, SphericalClassifier

KINDS = tuple(MARGINS)
ROWS, CLASSES, DIM, MARGIN = 12, 7, 6, 0.3


def problem(*, rows: int = ROWS, classes: int = CLASSES, dim: int = DIM) -> tuple[Tensor, Tensor]:
    """Embeddings of lengths from 0.1 to 100 and labels, always the same."""
    generator = torch.Generator().manual_seed(3)
    embeddings = torch.randn(rows, dim, generator=generator) * torch.logspace(-1, 2, rows)[:, None]
    return embeddings, torch.randint(classes, (rows,), generator=generator)


def make(kind: str, **options: Any) -> AngularMarginLoss:
    """A loss of this kind with MARGIN, always with the same class centers."""
    torch.manual_seed(5)
    margin = {} if kind == "magface" else {"margin": MARGIN}
    return AngularMarginLoss(CLASSES, DIM, kind=kind, **{**margin, **options})  # type: ignore[arg-type]


def with_gradients(loss: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
    return loss, *torch.autograd.grad(loss, inputs)


def margin_of(kind: str, embeddings: Tensor) -> Callable[[Tensor], Tensor]:
    """The margin that a kind stands for, of the first batch of a training."""
    norms = torch.linalg.vector_norm(embeddings, dim=1)
    mean, spread = norms.mean(), ((norms - norms.mean()) ** 2).mean().sqrt()
    margins: dict[str, Callable[[Tensor], Tensor]] = {
        "arcface": partial(arcface, margin=MARGIN),
        "cosface": partial(cosface, cosine_margin=math.sin(MARGIN)),
        "sphereface": partial(sphereface, angle_factor=1.0 + MARGIN / (math.pi / 2)),
        "combined": partial(combined, margin=MARGIN),
        "normface": lambda cosines: cosines,
        "curricularface": partial(arcface, margin=MARGIN),
        "elasticface": lambda cosines: arcface(cosines, elastic_margins(cosines, MARGIN, spread=MARGIN / 40)),
        "adaface": lambda cosines: adaface(cosines, adaface_quality(norms, mean, spread), margin=MARGIN),
        "magface": lambda cosines: arcface(cosines, magface_margins(norms)),
    }
    return margins[kind]


# -- The function under it


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_function_under_it_for_every_kind(kind: str) -> None:
    embeddings, labels = problem()
    embeddings.requires_grad_()
    before = embeddings.detach().clone()
    loss = make(kind, reduction="none", smoothing=0.1)
    centers = loss.classifier.weight
    torch.manual_seed(1)
    found = loss(embeddings, labels)
    scale = float(loss.scale)
    bend = curricular(scale, float(loss.psi.stage), margin=MARGIN) if kind == "curricularface" else None
    torch.manual_seed(1)
    expected = angular_softmax_loss(
        F.normalize(embeddings, dim=1),
        labels,
        class_centers=centers,
        scale=scale,
        margin=margin_of(kind, embeddings),
        smoothing=0.1,
        bend=bend,
    )
    if kind == "magface":
        expected = expected + 35.0 * magface_penalty(torch.linalg.vector_norm(embeddings, dim=1))
    assert found.shape == (ROWS,)
    for ours, theirs in zip(
        with_gradients(found.sum(), embeddings, centers),
        with_gradients(expected.sum(), embeddings, centers),
        strict=True,
    ):
        # The gradients of a norm are added up in another order, all else is the same to the last bit.
        torch.testing.assert_close(ours, theirs, rtol=1e-5 if kind in ("adaface", "magface") else 0, atol=0)
    assert torch.equal(embeddings, before)


@pytest.mark.parametrize(
    "options",
    [
        {"gradient": "detached"},
        {"hard_negatives": 2},
        {"hard_negatives": 5, "smoothing": 0.2},
        {"subcenters": 3, "smoothing": 0.1},
    ],
    ids=str,
)
def test_its_options_reach_the_function(options: dict[str, Any]) -> None:
    embeddings, labels = problem()
    embeddings.requires_grad_()
    loss = make("arcface", reduction="none", **options)
    of_function = {name: value for name, value in options.items() if name != "subcenters"}
    centers = loss.classifier.weight
    assert centers.shape == ((CLASSES, 3, DIM) if "subcenters" in options else (CLASSES, DIM))
    expected = angular_softmax_loss(
        F.normalize(embeddings, dim=1),
        labels,
        class_centers=centers,
        scale=float(loss.scale),
        margin=MARGIN,
        **of_function,
    )
    found = with_gradients(loss(embeddings, labels).sum(), embeddings, centers)
    for ours, theirs in zip(found, with_gradients(expected.sum(), embeddings, centers), strict=True):
        assert torch.equal(ours, theirs)
    plain = with_gradients(make("arcface", reduction="sum")(embeddings, labels), embeddings)
    assert not torch.allclose(plain[1], found[1]), "the option changes something"


def test_defaults_come_from_classes_and_width() -> None:
    few, many = AngularMarginLoss(3, 8), AngularMarginLoss(1000, 2)
    assert few.margin == 0.2 and many.margin == pytest.approx(2 * math.pi / 1000 / 4)
    assert float(few.scale) == pytest.approx(8.0)
    assert float(AngularMarginLoss(10, 8).scale) == pytest.approx(2 * 0.9 * math.log(9 * 99), rel=1e-6)
    assert few.kind == "arcface" and few.reduction == "mean"


def test_class_centers_are_its_only_parameters_and_can_be_given() -> None:
    assert {name: tuple(p.shape) for name, p in make("arcface").named_parameters()} == {
        "classifier.weight": (CLASSES, DIM)
    }
    classifier = SphericalClassifier(CLASSES, DIM)
    loss = make("arcface", classifier=classifier)
    assert loss.classifier is classifier
    embeddings, labels = problem()
    loss(embeddings, labels).backward()
    assert classifier.weight.grad is not None and classifier.weight.grad.abs().max() > 0


# -- Reductions


def test_means_are_weighed_as_those_of_cross_entropy() -> None:
    embeddings, labels = problem()
    weights = torch.linspace(0.2, 3.0, CLASSES)
    losses = {
        reduction: make("normface", reduction=reduction, class_weights=weights) for reduction in ("mean", "sum", "none")
    }
    logits = float(losses["mean"].scale) * losses["mean"].classifier(F.normalize(embeddings, dim=1))
    for reduction, loss in losses.items():
        expected = F.cross_entropy(logits, labels, weight=weights, reduction=reduction)
        torch.testing.assert_close(loss(embeddings, labels), expected, rtol=1e-5, atol=1e-5)
    plain = make("normface")
    torch.testing.assert_close(plain(embeddings, labels), F.cross_entropy(logits, labels), rtol=1e-5, atol=1e-6)
    smooth = make("normface", smoothing=0.1)
    expected = F.cross_entropy(logits, labels, label_smoothing=0.1)
    torch.testing.assert_close(smooth(embeddings, labels), expected, rtol=1e-5, atol=1e-6)


# -- Lengths and types of embeddings


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("adaface", "magface")])
def test_lengths_do_not_matter(kind: str) -> None:
    embeddings, labels = problem()
    loss = make(kind, reduction="none").eval()
    lengths = torch.logspace(-6, 6, ROWS)[:, None]
    expected = loss(F.normalize(embeddings, dim=1), labels)
    torch.testing.assert_close(loss(embeddings * lengths, labels), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_it_is_finite_at_and_near_centers_in_every_type(kind: str, dtype: torch.dtype) -> None:
    loss = make(kind, reduction="none", scale=64.0)
    labels = torch.arange(CLASSES).repeat(4)
    centers = loss.classifier.weight.detach()
    near = F.normalize(centers + 0.02 * torch.randn(CLASSES, DIM), dim=1)
    embeddings = torch.cat([centers, -centers, near, 1e-3 * near]).to(dtype).requires_grad_()
    found = loss(embeddings, labels)
    assert found.dtype == torch.float32 and bool(found.isfinite().all())
    found.sum().backward()
    for gradient in (embeddings.grad, loss.classifier.weight.grad):
        assert gradient is not None and bool(gradient.isfinite().all())
    assert embeddings.grad is not None and embeddings.grad.dtype == dtype
    loss.eval()
    torch.testing.assert_close(loss(embeddings.float(), labels), loss(embeddings, labels), rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
def test_a_row_of_zeros_has_finite_gradients(dtype: torch.dtype) -> None:
    embeddings, labels = problem()
    embeddings = embeddings.to(dtype)
    embeddings[2] = 0.0
    embeddings.requires_grad_()
    loss = make("arcface")(embeddings, labels)
    loss.backward()
    assert bool(loss.isfinite())
    assert embeddings.grad is not None and bool(embeddings.grad.isfinite().all())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("hard_negatives", [0, 3])
def test_autocast_does_not_reach_it(kind: str, hard_negatives: int) -> None:
    embeddings, labels = problem(rows=64)
    embeddings.requires_grad_()
    loss = make(kind, hard_negatives=hard_negatives)
    loss(embeddings, labels)
    loss.eval()
    expected = with_gradients(loss(embeddings, labels), embeddings)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = loss(embeddings, labels)
    for ours, theirs in zip(with_gradients(inside, embeddings), expected, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_moved_to_float64(kind: str) -> None:
    embeddings, labels = problem()
    single = make(kind, class_weights=torch.rand(CLASSES) + 0.5)
    single(embeddings, labels)
    double = copy.deepcopy(single).eval().double()
    exact = double(embeddings.double(), labels)
    assert exact.dtype == torch.float64
    torch.testing.assert_close(single.eval()(embeddings, labels).double(), exact, rtol=1e-4, atol=1e-5)
    exact.backward()
    assert double.classifier.weight.grad is not None
    assert double.classifier.weight.grad.dtype == torch.float64
    double.train()(embeddings.double(), labels).backward()


def test_no_buffer_needs_float64_which_some_devices_do_not_have() -> None:
    loss = make("arcface", scale="adacos", class_counts=torch.arange(1, CLASSES + 1))
    assert {buffer.dtype for buffer in loss.buffers()} == {torch.float32}


# -- Strength, and what the one number means


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("magface", "curricularface")])
def test_without_strength_there_is_no_margin(kind: str) -> None:
    embeddings, labels = problem()
    expected = make("normface", reduction="none")(embeddings, labels)
    for training in (True, False):
        loss = make(kind, reduction="none")
        loss(embeddings, labels)
        found = loss.train(training)(embeddings, labels, strength=0.0)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "magface"])
def test_half_the_strength_is_half_the_margin(kind: str) -> None:
    embeddings, labels = problem()
    whole, half = make(kind), make(kind, margin=MARGIN / 2)
    for loss in (whole, half):
        loss(embeddings, labels)
        loss.eval()
    torch.testing.assert_close(whole(embeddings, labels, strength=0.5), half(embeddings, labels), rtol=1e-6, atol=0)


def test_half_the_strength_is_half_of_each_margin_that_is_given() -> None:
    embeddings, labels = problem()
    given = make("combined", cosine_margin=0.4, angle_factor=1.6)
    half = make("combined", margin=MARGIN / 2, cosine_margin=0.2, angle_factor=1.3)
    torch.testing.assert_close(given(embeddings, labels, strength=0.5), half(embeddings, labels), rtol=1e-6, atol=0)
    short = 0.5 * magface_margins(torch.tensor([1.0, 60.0, 200.0]))
    loss = AngularMarginLoss(2, 3, kind="magface", reduction="none", scale=8.0)
    rows = torch.eye(3)[[2, 2, 2]] * torch.tensor([[1.0], [60.0], [200.0]])
    with torch.no_grad():
        loss.classifier.weight.copy_(torch.eye(3)[:2])
    expected = F.softplus(8.0 * torch.sin(short)) + 35.0 * magface_penalty(rows.norm(dim=1))
    torch.testing.assert_close(loss(rows, torch.tensor([0, 1, 0]), strength=0.5), expected, rtol=1e-5, atol=0)


def at_a_right_angle(kind: str, **options: Any) -> float:
    """Psi of a target at a right angle: both cosines are 0, so the loss is softplus(-scale * psi)."""
    loss = AngularMarginLoss(2, 3, kind=kind, scale=2.0, **options).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        loss.classifier.weight.copy_(torch.eye(3)[:2])
    return -math.log(math.expm1(loss(torch.eye(3)[2:], torch.tensor([1])).item())) / 2.0


@pytest.mark.parametrize("margin", [0.05, 0.2, 0.5, 1.2])
@pytest.mark.parametrize("kind", ["arcface", "cosface", "sphereface", "combined", "curricularface", "elasticface"])
def test_one_number_moves_a_target_at_a_right_angle_equally_for_every_kind(kind: str, margin: float) -> None:
    assert at_a_right_angle(kind, margin=margin) == pytest.approx(-math.sin(margin), rel=1e-5)


@pytest.mark.parametrize(
    ("kind", "options", "psi"),
    [
        ("cosface", {"cosine_margin": 0.35}, -0.35),
        ("sphereface", {"angle_factor": 1.5}, math.cos(0.75 * math.pi)),
        ("combined", {"margin": 0.1, "cosine_margin": 0.2}, -math.sin(0.1) - 0.2),
        ("combined", {"margin": 0.0, "angle_factor": 1.5}, math.cos(0.75 * math.pi)),
    ],
)
def test_margins_in_other_units_take_its_place(kind: str, options: dict[str, float], psi: float) -> None:
    assert at_a_right_angle(kind, **options) == pytest.approx(psi, rel=1e-5)


# -- The plan


@pytest.mark.parametrize("memory_budget", [0, 5_000, 64_000_000])
@pytest.mark.parametrize(
    "options", [{}, {"subcenters": 3}, {"kind": "curricularface"}, {"scale": "adacos"}, {"hard_negatives": 2}], ids=str
)
@pytest.mark.parametrize("rows", [3, 40])
def test_the_plan_is_what_is_done(
    options: dict[str, Any], memory_budget: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(stream_plan.TILE, "cpu", 100)
    plans, taken = [], []
    plain_plan, plain_take = blockwise_softmax.plan_stream, blockwise_softmax.take_workspace
    monkeypatch.setattr(
        blockwise_softmax, "plan_stream", lambda *a, **k: plans.append(plain_plan(*a, **k)) or plans[-1]
    )
    monkeypatch.setattr(blockwise_softmax, "take_workspace", lambda n, like: taken.append(n) or plain_take(n, like))
    embeddings, labels = problem(rows=rows, classes=50)
    loss = AngularMarginLoss(50, DIM, memory_budget=memory_budget, **options)
    loss(embeddings.requires_grad_(), labels).backward()
    plan = loss.plan(rows)
    assert plans[-1] == plan
    assert plan.tiles > 1
    assert max(taken) * 4 <= plan.size


# -- Learning


@pytest.mark.parametrize(
    "options",
    [*({"kind": kind} for kind in KINDS), {"scale": "adacos"}, {"subcenters": 3}, {"hard_negatives": 2}],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_a_few_steps_tell_the_classes_apart(options: dict[str, Any]) -> None:
    labels = torch.arange(48) % 4
    points = torch.randn(4, 5)[labels] + 0.3 * torch.randn(48, 5)
    encoder = torch.nn.Linear(5, 8)
    loss = AngularMarginLoss(4, 8, **options)
    optimizer = torch.optim.Adam([*encoder.parameters(), *loss.parameters()], lr=0.03)
    losses = []
    for _ in range(50):
        optimizer.zero_grad()
        value = loss(encoder(points), labels)
        value.backward()
        optimizer.step()
        losses.append(value.item())
    # MagFace's penalty on short embeddings stays.
    least = 35.0 * (1 / 10 + 10 / 110**2) if options.get("kind") == "magface" else 0.0
    assert losses[-1] - least < 0.4 * (losses[0] - least)
    predicted = loss.classifier(F.normalize(encoder(points), dim=1)).argmax(1)
    assert (predicted == labels).float().mean() > 0.95


# -- Keeping


@pytest.mark.parametrize("options", [*({"kind": kind} for kind in KINDS), {"kind": "arcface", "scale": "adacos"}])
def test_state_copies_and_files_give_the_same_loss(options: dict[str, Any]) -> None:
    embeddings, labels = problem()
    extras = {"class_weights": torch.rand(CLASSES) + 0.5, "subcenters": 2}
    loss = make(**options, **extras)
    for _ in range(3):
        loss(embeddings, labels)
    other = make(**options, **(extras | {"class_weights": torch.ones(CLASSES)}))
    with torch.no_grad():
        other.classifier.weight.normal_()
    other.load_state_dict(loss.state_dict())
    file = io.BytesIO()
    torch.save(loss, file)
    file.seek(0)
    saved = torch.load(file, weights_only=False)
    for training in (False, True):
        losses = []
        for one in (loss, other, copy.deepcopy(loss), saved, pickle.loads(pickle.dumps(loss))):
            torch.manual_seed(2)
            losses.append(copy.deepcopy(one).train(training)(embeddings, labels))
        assert all(torch.equal(found, losses[0]) for found in losses[1:])
