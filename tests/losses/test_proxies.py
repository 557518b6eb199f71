"""Circle loss and Proxy-Anchor against loops written from the formulas of their papers."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import InputError
from steradian.losses import circle_loss, proxy_anchor_loss, stream_plan

ROWS, CLASSES, DIM = 9, 7, 4
LOSSES = [circle_loss, proxy_anchor_loss]
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=["circle", "proxy-anchor"])
close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)


@pytest.fixture(autouse=True)
def _tiles_of_three_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that seven classes are three tiles."""
    monkeypatch.setitem(stream_plan.TILE, "cpu", ROWS * 3)


def problem(*, centers_a_class: int = 0, random_state: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings of unit length, labels of some of the classes, and class centers of any length."""
    generator = torch.Generator().manual_seed(random_state)
    shape = (CLASSES, centers_a_class, DIM) if centers_a_class else (CLASSES, DIM)
    embeddings = F.normalize(torch.randn(ROWS, DIM, generator=generator, dtype=torch.float64), dim=1)
    labels = torch.randint(CLASSES - 2, (ROWS,), generator=generator)
    return embeddings, labels, torch.randn(shape, generator=generator, dtype=torch.float64)


def cosines_of(embeddings: Tensor, class_centers: Tensor) -> list[list[float]]:
    """[rows, classes], of each class the nearest center."""
    centers = class_centers.view(len(class_centers), -1, DIM).tolist()
    return [
        [max(math.fsum(map(float.__mul__, row, center)) / math.hypot(*center) for center in some) for some in centers]
        for row in embeddings.tolist()
    ]


def loss_and_gradient(loss: Any, embeddings: Tensor, labels: Tensor, centers: Tensor, **options: Any) -> list[Tensor]:
    """Losses, and the gradients of their mean."""
    leaves = [embeddings.clone().requires_grad_(), centers.clone().requires_grad_()]
    losses = loss(leaves[0], labels, class_centers=leaves[1], **options)
    return [losses.detach(), *torch.autograd.grad(losses.mean(), leaves)]


# -- Circle ------------------------------------------------------------------------------------------------------------


def circle_by_loops(
    embeddings: Tensor, labels: Tensor, class_centers: Tensor, *, scale: float, relaxation: float
) -> Tensor:
    """Of one positive: log(1 + sum of exp(g a_n (s_n - D_n)) * exp(-g a_p (s_p - D_p)))."""
    optimum_p, optimum_n, delta_p, delta_n = 1 + relaxation, -relaxation, 1 - relaxation, relaxation
    losses = []
    for cosines, label in zip(cosines_of(embeddings, class_centers), labels.tolist(), strict=True):
        s_p = cosines.pop(label)
        pull = -scale * max(0.0, optimum_p - s_p) * (s_p - delta_p)
        logits = [0.0, *(scale * max(0.0, s_n - optimum_n) * (s_n - delta_n) + pull for s_n in cosines)]
        highest = max(logits)
        losses.append(highest + math.log(math.fsum(math.exp(logit - highest) for logit in logits)))
    return torch.tensor(losses, dtype=torch.float64)


@pytest.mark.parametrize(("scale", "relaxation"), [(256.0, 0.25), (80.0, 0.4), (1.0, 0.0), (8.0, 0.7)])
@pytest.mark.parametrize("centers_a_class", [0, 3])
def test_circle_is_that_of_the_loop(scale: float, relaxation: float, centers_a_class: int) -> None:
    embeddings, labels, centers = problem(centers_a_class=centers_a_class)
    options = {"scale": scale, "relaxation": relaxation}
    found = circle_loss(embeddings, labels, class_centers=centers, **options)
    close(found, circle_by_loops(embeddings, labels, centers, **options))


def test_circle_has_the_papers_numbers_for_faces() -> None:
    embeddings, labels, centers = problem()
    close(
        circle_loss(embeddings, labels, class_centers=centers),
        circle_by_loops(embeddings, labels, centers, scale=256.0, relaxation=0.25),
    )


def dense_circle(embeddings: Tensor, labels: Tensor, centers: Tensor, *, scale: float, relaxation: float) -> Tensor:
    cosines = embeddings @ F.normalize(centers, dim=1).T
    own = F.one_hot(labels, CLASSES).bool()
    with torch.no_grad():
        pace = torch.where(own, 1 + relaxation - cosines, cosines + relaxation).clamp(min=0)
    logits = scale * pace * (cosines - relaxation - (1 - 2 * relaxation) * own.double())
    others, target = logits[~own].view(ROWS, -1).logsumexp(1), logits[own]
    return torch.logaddexp(others - target, torch.zeros_like(target))


@pytest.mark.parametrize(("scale", "relaxation"), [(256.0, 0.25), (80.0, 0.4), (8.0, 0.7)])
@pytest.mark.parametrize("memory_budget", [0, 64_000_000])
def test_gradients_of_circle_hold_the_pace_fixed(scale: float, relaxation: float, memory_budget: int) -> None:
    embeddings, labels, centers = problem()
    options = {"scale": scale, "relaxation": relaxation}
    found = loss_and_gradient(circle_loss, embeddings, labels, centers, **options, memory_budget=memory_budget)
    leaves = [embeddings.requires_grad_(), centers.requires_grad_()]
    losses = dense_circle(leaves[0], labels, leaves[1], **options)
    close(found, [losses.detach(), *torch.autograd.grad(losses.mean(), leaves)], atol=1e-9)


def test_circle_leaves_a_class_alone_that_is_far_enough() -> None:
    # Pace ends at a cosine of -relaxation: the second class has none, the third has.
    embeddings, centers = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.8], [-0.3, 0.9], [-0.2, 0.9]])
    centers = F.normalize(centers, dim=1)
    assert (centers @ embeddings[0])[1] < -0.25 < (centers @ embeddings[0])[2]
    _, _, of_centers = loss_and_gradient(circle_loss, embeddings, torch.tensor([0]), centers, scale=8.0)
    assert of_centers.any(1).tolist() == [True, False, True]


# -- Proxy-Anchor ------------------------------------------------------------------------------------------------------


def proxy_anchor_by_loops(
    embeddings: Tensor, labels: Tensor, class_centers: Tensor, *, scale: float, cosine_margin: float
) -> float:
    cosines = cosines_of(embeddings, class_centers)
    pulls, pushes = [], []
    for number in range(len(class_centers)):
        own = [line[number] for line, label in zip(cosines, labels.tolist(), strict=True) if label == number]
        others = [line[number] for line, label in zip(cosines, labels.tolist(), strict=True) if label != number]
        if own:
            pulls.append(math.log1p(math.fsum(math.exp(-scale * (c - cosine_margin)) for c in own)))
        pushes.append(math.log1p(math.fsum(math.exp(scale * (c + cosine_margin)) for c in others)))
    return math.fsum(pulls) / len(pulls) + math.fsum(pushes) / len(pushes)


@pytest.mark.parametrize(("scale", "cosine_margin"), [(32.0, 0.1), (8.0, 0.3), (1.0, 0.0)])
@pytest.mark.parametrize("only", [None, 0, 3])
def test_proxy_anchor_is_that_of_the_loop(scale: float, cosine_margin: float, only: int | None) -> None:
    embeddings, labels, centers = problem()
    labels = labels if only is None else torch.full_like(labels, only)
    options = {"scale": scale, "cosine_margin": cosine_margin}
    found = proxy_anchor_loss(embeddings, labels, class_centers=centers, **options)
    assert found.shape == ()
    # torch's softplus leaves out 2e-9 from 20 on.
    assert found.item() == pytest.approx(proxy_anchor_by_loops(embeddings, labels, centers, **options), abs=2.1e-9)


def test_proxy_anchor_has_the_papers_numbers() -> None:
    embeddings, labels, centers = problem()
    expected = proxy_anchor_by_loops(embeddings, labels, centers, scale=32.0, cosine_margin=0.1)
    assert proxy_anchor_loss(embeddings, labels, class_centers=centers).item() == pytest.approx(expected, abs=2.1e-9)


@pytest.mark.parametrize("only", [None, 0])
def test_gradcheck_of_proxy_anchor(only: int | None) -> None:
    embeddings, labels, centers = problem()
    labels = labels if only is None else torch.full_like(labels, only)

    def loss(embeddings: Tensor, centers: Tensor) -> Tensor:
        return proxy_anchor_loss(embeddings, labels, class_centers=centers, scale=8.0)

    assert torch.autograd.gradcheck(loss, (embeddings.requires_grad_(), centers.requires_grad_()))


# -- Both --------------------------------------------------------------------------------------------------------------


@each_loss
def test_a_batch_with_one_class_only_pulls_it_and_pushes_the_others(loss: Any) -> None:
    embeddings, _, centers = problem()
    own = torch.full((ROWS,), 2)
    found = loss_and_gradient(loss, embeddings, own, centers, scale=8.0)
    assert all(tensor.isfinite().all() for tensor in found)
    units = F.normalize(centers, dim=1)
    # A step against the gradient brings the rows nearer to their center; all of them are rows of class 2.
    nearer = F.normalize(embeddings - 1e-3 * found[1], dim=1)
    assert ((nearer - embeddings) @ units[2]).sum() > 0
    assert loss(nearer, own, class_centers=centers, scale=8.0).mean() < found[0].mean()


@each_loss
@given(random_state=st.integers(0, 1000), order=st.permutations(range(CLASSES)), rows=st.permutations(range(ROWS)))
def test_turning_the_sphere_and_numbering_classes_and_rows_anew(
    loss: Any, random_state: int, order: list[int], rows: list[int]
) -> None:
    embeddings, labels, centers = problem(random_state=random_state)
    generator = torch.Generator().manual_seed(random_state)
    rotation = torch.linalg.qr(torch.randn(DIM, DIM, generator=generator, dtype=torch.float64)).Q
    old_number, turned = torch.tensor(order), embeddings @ rotation
    before = loss(embeddings, labels, class_centers=centers, scale=16.0)
    after = loss(
        turned[rows], old_number.argsort()[labels][rows], class_centers=3 * centers[old_number] @ rotation, scale=16.0
    )
    close(after, before[rows] if before.ndim else before, rtol=1e-9, atol=1e-9)


@each_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [8.0, 64.0, 256.0])
def test_every_degree_has_finite_loss_and_gradients(loss: Any, dtype: torch.dtype, scale: float) -> None:
    angles = torch.deg2rad(torch.arange(181, dtype=torch.float64))
    embeddings = torch.stack([angles.cos(), angles.sin()], dim=1).to(dtype)
    centers = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.6, 0.8]]).to(dtype)
    for label in range(3):
        found = loss_and_gradient(loss, embeddings, torch.full((181,), label), centers, scale=scale)
        assert [tensor.dtype for tensor in found] == [torch.float32, dtype, dtype]
        assert all(tensor.isfinite().all() for tensor in found)
        assert (found[0] >= 0).all()


@each_loss
def test_autocast_does_not_reach_the_cosines(loss: Any) -> None:
    embeddings, labels, centers = problem()
    found = []
    for enabled in (False, True):
        leaves = [embeddings.float().requires_grad_(), centers.float().requires_grad_()]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            losses = loss(leaves[0], labels, class_centers=leaves[1])
        found.append([losses, *torch.autograd.grad(losses.mean(), leaves)])
    assert all(torch.equal(plain, autocast) for plain, autocast in zip(*found, strict=True))


@each_loss
def test_what_is_given_stays_as_it_is(loss: Any) -> None:
    given_tensors = problem()
    before = [tensor.clone() for tensor in given_tensors]
    leaves = [given_tensors[0].requires_grad_(), given_tensors[2].requires_grad_()]
    loss(leaves[0], given_tensors[1], class_centers=leaves[1]).sum().backward()
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(given_tensors, before, strict=True))


@each_loss
def test_what_does_not_belong_together_is_refused(loss: Any) -> None:
    embeddings, labels, centers = problem()
    where = loss.__name__
    with pytest.raises(InputError, match=rf"{where}: want embeddings and class centers of one width, got 4 and 3"):
        loss(embeddings, labels, class_centers=centers[:, :3])
    with pytest.raises(InputError, match=rf"{where}: want one label a row, shape \(9,\), got \(9, 1\)"):
        loss(embeddings, labels[:, None], class_centers=centers)
    with pytest.raises(InputError, match=rf"{where}: want labels in 0\.\.6, got .*\.\.7"):
        loss(embeddings, labels.index_fill(0, torch.tensor([3]), 7), class_centers=centers)
    with pytest.raises(InputError, match=rf"{where}: want labels of type int64, got torch\.float64"):
        loss(embeddings, labels.double(), class_centers=centers)
    with pytest.raises(InputError, match=rf"{where}: want embeddings .*at least one row, got \(0, 4\)"):
        loss(embeddings[:0], labels[:0], class_centers=centers)
    with pytest.raises(InputError, match=rf"{where}: want at least 2 class centers, got 1"):
        loss(embeddings, labels * 0, class_centers=centers[:1])


@pytest.mark.filterwarnings("ignore:The use of .x.T. on tensors")
def test_sub_centers_are_refused_by_proxy_anchor() -> None:
    embeddings, labels, centers = problem(centers_a_class=2)
    with pytest.raises(InputError, match="proxy_anchor_loss"):
        proxy_anchor_loss(embeddings, labels, class_centers=centers)
