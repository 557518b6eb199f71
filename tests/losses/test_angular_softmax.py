"""The angular softmax against a loop over rows and classes, and what must not change it."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import InputError
from steradian.losses import angular_softmax_loss, arcface

HALF = [torch.bfloat16, torch.float16]


def unit_rows(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=-1).to(dtype)


def problem(rows: int = 12, num_classes: int = 5, dim: int = 6, *, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings, labels and class centers."""
    labels = torch.arange(rows) % num_classes
    return unit_rows(rows, dim, seed=seed), labels, unit_rows(num_classes, dim, seed=seed + 1)


def reference(embeddings: Tensor, labels: Tensor, class_centers: Tensor, *, scale: float, margin: float) -> Tensor:
    """Row by row, by way of the angles."""
    losses = []
    for row, label in zip(embeddings.tolist(), labels.tolist(), strict=True):
        logits = []
        for number, center in enumerate(class_centers.tolist()):
            angle = math.acos(math.fsum(a * b for a, b in zip(row, center, strict=True)))
            if number == label:
                angle += margin
            cosine = math.cos(angle) if angle <= math.pi else -2.0 - math.cos(angle)
            logits.append(scale * cosine)
        highest = max(logits)
        losses.append(highest + math.log(math.fsum(math.exp(z - highest) for z in logits)) - logits[label])
    return torch.tensor(losses, dtype=torch.float64)


def loss_and_gradient(embeddings: Tensor, labels: Tensor, class_centers: Tensor, **options: Any) -> tuple[Tensor, ...]:
    leaves = [embeddings.clone().requires_grad_(), class_centers.clone().requires_grad_()]
    losses = angular_softmax_loss(leaves[0], labels, class_centers=leaves[1], **options)
    return (losses.detach(), *torch.autograd.grad(losses.sum(), leaves))


# -- The value and its gradient ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 12.0, 64.0])
@pytest.mark.parametrize("margin", [0.0, 0.2, 0.5, 1.4])
def test_loss_of_each_row_is_that_of_the_loop(scale: float, margin: float) -> None:
    embeddings, labels, centers = problem()
    found = angular_softmax_loss(embeddings, labels, class_centers=centers, scale=scale, margin=margin)
    expected = reference(embeddings, labels, centers, scale=scale, margin=margin)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-11)


@pytest.mark.parametrize("margin", [0.0, 0.2, 0.5])
def test_gradcheck_of_embeddings_and_class_centers(margin: float) -> None:
    embeddings, labels, centers = problem(rows=6, num_classes=4, dim=3)

    def loss(embeddings: Tensor, centers: Tensor) -> Tensor:
        return angular_softmax_loss(embeddings, labels, class_centers=centers, scale=10.0, margin=margin)

    assert torch.autograd.gradcheck(loss, (embeddings.requires_grad_(), centers.requires_grad_()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_margin_it_is_cross_entropy_of_scaled_cosines(dtype: torch.dtype) -> None:
    embeddings, labels, centers = (t.to(dtype) if t.is_floating_point() else t for t in problem())
    found = angular_softmax_loss(embeddings, labels, class_centers=centers, scale=16.0)
    expected = F.cross_entropy(16.0 * embeddings @ centers.T, labels, reduction="none")
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=torch.finfo(dtype).eps * 200)


@pytest.mark.parametrize("margin", [0.2, 0.5, 1.4])
def test_it_is_the_full_logsumexp_less_the_target(margin: float) -> None:
    embeddings, labels, centers = problem(rows=40)
    logits = 16.0 * embeddings @ centers.T
    target = 16.0 * arcface((embeddings * centers[labels]).sum(dim=1), margin)
    logits[torch.arange(len(labels)), labels] = target
    found = angular_softmax_loss(embeddings, labels, class_centers=centers, scale=16.0, margin=margin)
    torch.testing.assert_close(found, logits.logsumexp(dim=1) - target, rtol=1e-12, atol=1e-12)


def test_where_the_target_wins_by_far_the_loss_is_exact_and_not_zero() -> None:
    # One class opposite the other: the loss is ln(1 + exp(-2 scale)), lost in a full logsumexp of float32.
    centers = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    embeddings = torch.tensor([[1.0, 0.0]])
    losses, gradient, _ = loss_and_gradient(embeddings, torch.tensor([0]), centers, scale=20.0)
    logits = 20.0 * embeddings @ centers.T
    assert (logits.logsumexp(dim=1) - logits[:, 0]).item() == 0.0
    assert losses.item() == pytest.approx(math.log1p(math.exp(-40.0)), rel=1e-4)
    assert gradient[0, 0].item() == pytest.approx(-40.0 * math.exp(-40.0), rel=1e-4)


def test_a_margin_makes_every_loss_larger() -> None:
    embeddings, labels, centers = problem()
    losses = [
        angular_softmax_loss(embeddings, labels, class_centers=centers, scale=8.0, margin=m) for m in (0, 0.2, 0.5, 1)
    ]
    assert all((larger > smaller).all() for smaller, larger in pairwise(losses))


# -- What must not change it -------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 10_000), margin=st.floats(0.0, 1.4), dim=st.integers(2, 8), num_classes=st.integers(2, 6))
def test_turning_embeddings_and_centers_together(seed: int, margin: float, dim: int, num_classes: int) -> None:
    embeddings, labels, centers = problem(8, num_classes, dim, seed=seed)
    rotation = torch.linalg.qr(unit_rows(dim, dim, seed=seed + 2)).Q
    options = {"scale": 12.0, "margin": margin}
    still = angular_softmax_loss(embeddings, labels, class_centers=centers, **options)
    turned = angular_softmax_loss(embeddings @ rotation, labels, class_centers=centers @ rotation, **options)
    torch.testing.assert_close(turned, still, rtol=1e-9, atol=1e-9)


@given(seed=st.integers(0, 10_000), order=st.permutations(range(5)), margin=st.floats(0.0, 1.4))
def test_numbering_the_classes_anew(seed: int, order: list[int], margin: float) -> None:
    embeddings, labels, centers = problem(seed=seed)
    old_number = torch.tensor(order)
    new_number = old_number.argsort()
    options = {"scale": 12.0, "margin": margin}
    before = angular_softmax_loss(embeddings, labels, class_centers=centers, **options)
    after = angular_softmax_loss(embeddings, new_number[labels], class_centers=centers[old_number], **options)
    torch.testing.assert_close(after, before, rtol=1e-12, atol=1e-12)


def test_the_other_rows_have_no_influence() -> None:
    embeddings, labels, centers = problem()
    whole = angular_softmax_loss(embeddings, labels, class_centers=centers, scale=12.0, margin=0.2)
    for row in range(len(labels)):
        one = slice(row, row + 1)
        alone = angular_softmax_loss(embeddings[one], labels[one], class_centers=centers, scale=12.0, margin=0.2)
        torch.testing.assert_close(alone, whole[one], rtol=1e-12, atol=1e-12)


def test_what_is_given_stays_as_it_is() -> None:
    given_tensors = problem()
    before = [tensor.clone() for tensor in given_tensors]
    loss_and_gradient(given_tensors[0], given_tensors[1], given_tensors[2], scale=12.0, margin=0.2)
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(given_tensors, before, strict=True))


# -- Precision ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, *HALF])
@pytest.mark.parametrize("margin", [0.0, 0.2, 1.4])
@pytest.mark.parametrize("scale", [8.0, 64.0])
def test_every_degree_from_the_own_center_has_finite_loss_and_gradients(
    dtype: torch.dtype, margin: float, scale: float
) -> None:
    angles = torch.deg2rad(torch.arange(181, dtype=torch.float64))
    embeddings = torch.stack([angles.cos(), angles.sin()], dim=1).to(dtype)
    centers = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.6, 0.8]]).to(dtype)
    labels = torch.zeros(181, dtype=torch.int64)
    losses, *gradients = loss_and_gradient(embeddings, labels, centers, scale=scale, margin=margin)
    assert losses.dtype == torch.float32
    assert losses.isfinite().all()
    assert (losses >= 0).all()
    assert [gradient.dtype for gradient in gradients] == [dtype, dtype]
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("dtype", HALF)
def test_half_precision_embeddings_are_used_as_float32(dtype: torch.dtype) -> None:
    embeddings, labels, centers = problem()
    embeddings = embeddings.to(dtype)
    found = angular_softmax_loss(embeddings, labels, class_centers=centers.float(), scale=64.0, margin=0.2)
    expected = angular_softmax_loss(embeddings.float(), labels, class_centers=centers.float(), scale=64.0, margin=0.2)
    assert torch.equal(found, expected)


def test_autocast_does_not_reach_the_cosines() -> None:
    embeddings, labels, centers = (t.float() if t.is_floating_point() else t for t in problem(rows=40, dim=64))
    found = []
    for enabled in (False, True):
        leaves = [embeddings.clone().requires_grad_(), centers.clone().requires_grad_()]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            assert (leaves[0] @ leaves[1].T).dtype == (torch.bfloat16 if enabled else torch.float32)
            losses = angular_softmax_loss(leaves[0], labels, class_centers=leaves[1], scale=64.0, margin=0.2)
        found.append((losses, *torch.autograd.grad(losses.sum(), leaves)))
    assert all(torch.equal(plain, autocast) for plain, autocast in zip(*found, strict=True))


# -- Mistakes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [-1, 5, 100])
def test_a_label_out_of_range_is_refused(label: int) -> None:
    embeddings, labels, centers = problem()
    labels[3] = label
    with pytest.raises(InputError, match=r"want labels in 0\.\.4, got .*" + str(label)):
        angular_softmax_loss(embeddings, labels, class_centers=centers, scale=8.0)


def test_shapes_that_do_not_belong_together_are_refused() -> None:
    embeddings, labels, centers = problem()
    with pytest.raises(InputError, match=r"class centers of width 6.*got 4"):
        angular_softmax_loss(embeddings, labels, class_centers=centers[:, :4], scale=8.0)
    with pytest.raises(InputError, match=r"one label a row, shape \(12,\), got \(11,\)"):
        angular_softmax_loss(embeddings, labels[1:], class_centers=centers, scale=8.0)
    with pytest.raises(InputError, match=r"one label a row.*got \(12, 1\)"):
        angular_softmax_loss(embeddings, labels[:, None], class_centers=centers, scale=8.0)


@pytest.mark.parametrize("num_classes", [0, 1])
def test_fewer_than_two_classes_are_refused(num_classes: int) -> None:
    embeddings, labels, centers = problem()
    with pytest.raises(InputError, match=f"at least 2 class centers, got {num_classes}"):
        angular_softmax_loss(embeddings, labels * 0, class_centers=centers[:num_classes], scale=8.0)
