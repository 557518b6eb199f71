"""The angular softmax against a loop over rows and classes, and what must not change it."""

import math
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import InputError
from steradian.losses import (
    adaface,
    adaface_quality,
    angular_softmax_loss,
    arcface,
    class_margins,
    combined,
    cosface,
    elastic_margins,
    magface_margins,
    normface,
    plan_stream,
    sphereface,
    stream_plan,
)
from steradian.losses.angular_softmax import Margin

HALF = [torch.bfloat16, torch.float16]


class Member(NamedTuple):
    """A margin for a batch, and how the loop writes it: falling(factor * angle + shift) - drop."""

    margin: Margin
    factor: float = 1.0
    shift: float | Tensor = 0.0
    drop: float | Tensor = 0.0


def family(labels: Tensor) -> dict[str, Member]:
    """Every margin of the family, for a batch with these labels among five classes."""
    norms = torch.linspace(5.0, 130.0, len(labels), dtype=torch.float64)
    quality = adaface_quality(norms, 60.0, 30.0)
    drawn = elastic_margins(torch.zeros(len(labels)), spread=0.1, generator=torch.Generator().manual_seed(0))
    by_norm, by_class = magface_margins(norms), class_margins(torch.tensor([1, 5, 30, 200, 4000]))[labels]
    return {
        "normface": Member(normface),
        "cosface": Member(cosface, drop=0.35),
        "arcface": Member(partial(arcface, margin=0.5), shift=0.5),
        "arcface 1.4": Member(partial(arcface, margin=1.4), shift=1.4),
        "sphereface": Member(sphereface, factor=1.7),
        "sphereface 4": Member(partial(sphereface, angle_factor=4.0), factor=4.0),
        "combined": Member(partial(combined, angle_factor=1.2, margin=0.3, cosine_margin=0.1), 1.2, 0.3, 0.1),
        "adaface": Member(partial(adaface, quality=quality), 1.0, -0.4 * quality, 0.4 + 0.4 * quality),
        "elasticface": Member(partial(arcface, margin=drawn), shift=drawn),
        "elasticface cos": Member(partial(cosface, cosine_margin=drawn), drop=drawn),
        "magface": Member(partial(arcface, margin=by_norm), shift=by_norm),
        "class margins": Member(partial(arcface, margin=by_class), shift=by_class),
    }


each_member = pytest.mark.parametrize("name", family(torch.tensor([0])))


def unit_rows(*shape: int, random_state: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(random_state)
    return F.normalize(torch.randn(*shape, generator=generator, dtype=torch.float64), dim=-1).to(dtype)


def problem(
    rows: int = 12, num_classes: int = 5, dim: int = 6, *, random_state: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings, labels and class centers."""
    labels = torch.arange(rows) % num_classes
    return (
        unit_rows(rows, dim, random_state=random_state),
        labels,
        unit_rows(num_classes, dim, random_state=random_state + 1),
    )


def reference(
    embeddings: Tensor,
    labels: Tensor,
    class_centers: Tensor,
    *,
    scale: float,
    factor: float = 1.0,
    shift: float | Tensor = 0.0,
    drop: float | Tensor = 0.0,
) -> Tensor:
    """Row by row, by way of the angles."""
    shifts, drops = (torch.as_tensor(v, dtype=torch.float64).expand(len(labels)).tolist() for v in (shift, drop))
    losses = []
    for row, label, more, less in zip(embeddings.tolist(), labels.tolist(), shifts, drops, strict=True):
        logits = []
        for number, center in enumerate(class_centers.tolist()):
            cosine = math.fsum(a * b for a, b in zip(row, center, strict=True))
            if number == label:
                angle = factor * math.acos(cosine) + more
                turns = math.floor(angle / math.pi)
                cosine = (-1) ** turns * math.cos(angle) - 2 * turns - less
            logits.append(scale * cosine)
        highest = max(logits)
        losses.append(highest + math.log(math.fsum(math.exp(z - highest) for z in logits)) - logits[label])
    return torch.tensor(losses, dtype=torch.float64)


def loss_and_gradient(embeddings: Tensor, labels: Tensor, class_centers: Tensor, **options: Any) -> tuple[Tensor, ...]:
    """Losses, and the gradients of their sum."""
    leaves = [embeddings.clone().requires_grad_(), class_centers.clone().requires_grad_()]
    losses = angular_softmax_loss(leaves[0], labels, class_centers=leaves[1], **options)
    return (losses.detach(), *torch.autograd.grad(losses.sum(), leaves))


# -- The value and its gradient ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 12.0, 64.0])
@pytest.mark.parametrize("margin", [0.0, 0.2, 0.5, 1.4])
def test_loss_of_each_row_is_that_of_the_loop(scale: float, margin: float) -> None:
    embeddings, labels, centers = problem()
    found = angular_softmax_loss(embeddings, labels, class_centers=centers, scale=scale, margin=margin)
    expected = reference(embeddings, labels, centers, scale=scale, shift=margin)
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-11)


@each_member
@pytest.mark.parametrize("scale", [12.0, 100.0])
def test_every_margin_of_the_family_is_that_of_the_loop(name: str, scale: float) -> None:
    embeddings, labels, centers = problem(rows=40)
    member = family(labels)[name]
    found = angular_softmax_loss(embeddings, labels, class_centers=centers, scale=scale, margin=member.margin)
    expected = reference(
        embeddings, labels, centers, scale=scale, factor=member.factor, shift=member.shift, drop=member.drop
    )
    torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-11)


@each_member
def test_gradcheck_of_embeddings_and_class_centers(name: str) -> None:
    embeddings, labels, centers = problem(rows=6, dim=3)
    margin = family(labels)[name].margin

    def loss(embeddings: Tensor, centers: Tensor) -> Tensor:
        return angular_softmax_loss(embeddings, labels, class_centers=3.0 * centers, scale=10.0, margin=margin)

    assert torch.autograd.gradcheck(loss, (embeddings.requires_grad_(), centers.requires_grad_()))


def test_margins_led_by_the_norm_have_their_gradient() -> None:
    embeddings, labels, centers = problem()
    norms = torch.linspace(12.0, 100.0, len(labels), dtype=torch.float64, requires_grad=True)

    def loss(norms: Tensor) -> Tensor:
        margin = partial(arcface, margin=magface_margins(norms))
        return angular_softmax_loss(embeddings, labels, class_centers=centers, scale=10.0, margin=margin)

    assert torch.autograd.gradcheck(loss, (norms,))
    # A larger margin makes every loss larger, and here the margin grows with the norm.
    assert (torch.autograd.grad(loss(norms).sum(), norms)[0] > 0).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_margin_it_is_cross_entropy_of_scaled_cosines(dtype: torch.dtype) -> None:
    embeddings, labels, centers = (t.to(dtype) if t.is_floating_point() else t for t in problem())
    found = angular_softmax_loss(embeddings, labels, class_centers=centers, scale=16.0)
    expected = F.cross_entropy(16.0 * embeddings @ centers.T, labels, reduction="none")
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=torch.finfo(dtype).eps * 200)


@pytest.mark.parametrize("num_classes", range(8, 14))
@pytest.mark.parametrize("scale", [16.0, 100.0])
@pytest.mark.parametrize("memory_budget", [0, 64_000_000])
def test_two_to_three_tiles_with_every_remainder_are_plain_cross_entropy(
    num_classes: int, scale: float, memory_budget: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, tile = 6, 4
    monkeypatch.setitem(stream_plan.TILE, "cpu", rows * tile)
    assert plan_stream(rows, num_classes, 5).tiles == math.ceil(num_classes / tile)
    embeddings, labels, centers = problem(rows, num_classes, 5)
    found = loss_and_gradient(embeddings, labels, centers, scale=scale, memory_budget=memory_budget)
    leaves = [embeddings.requires_grad_(), centers.requires_grad_()]
    cosines = leaves[0] @ F.normalize(leaves[1], dim=1).T
    losses = F.cross_entropy(scale * cosines, labels, reduction="none")
    expected = (losses.detach(), *torch.autograd.grad(losses.sum(), leaves))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12 * scale)


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


@given(
    random_state=st.integers(0, 10_000),
    margin=st.floats(0.0, 1.4),
    dim=st.integers(2, 8),
    num_classes=st.integers(2, 6),
)
def test_turning_embeddings_and_centers_together(random_state: int, margin: float, dim: int, num_classes: int) -> None:
    embeddings, labels, centers = problem(8, num_classes, dim, random_state=random_state)
    rotation = torch.linalg.qr(unit_rows(dim, dim, random_state=random_state + 2)).Q
    options = {"scale": 12.0, "margin": margin}
    still = angular_softmax_loss(embeddings, labels, class_centers=centers, **options)
    turned = angular_softmax_loss(embeddings @ rotation, labels, class_centers=centers @ rotation, **options)
    torch.testing.assert_close(turned, still, rtol=1e-9, atol=1e-9)


@given(random_state=st.integers(0, 10_000), order=st.permutations(range(5)), margin=st.floats(0.0, 1.4))
def test_numbering_the_classes_anew(random_state: int, order: list[int], margin: float) -> None:
    embeddings, labels, centers = problem(random_state=random_state)
    old_number = torch.tensor(order)
    new_number = old_number.argsort()
    options = {"scale": 12.0, "margin": margin}
    before = angular_softmax_loss(embeddings, labels, class_centers=centers, **options)
    after = angular_softmax_loss(embeddings, new_number[labels], class_centers=centers[old_number], **options)
    torch.testing.assert_close(after, before, rtol=1e-12, atol=1e-12)


@given(random_state=st.integers(0, 10_000), order=st.permutations(range(7)))
def test_the_order_of_the_rows(random_state: int, order: list[int]) -> None:
    embeddings, labels, centers = problem(7, random_state=random_state)
    margins, new = torch.linspace(0.0, 1.4, 7), torch.tensor(order)
    found = []
    for rows in (torch.arange(7), new):
        margin = partial(arcface, margin=margins[rows])
        found += [
            angular_softmax_loss(embeddings[rows], labels[rows], class_centers=centers, scale=12.0, margin=margin)
        ]
    torch.testing.assert_close(found[1], found[0][new], rtol=1e-12, atol=1e-12)


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


def every_degree(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Rows at 0 to 180 degrees from the first of three centers, their labels 0, and the centers."""
    angles = torch.deg2rad(torch.arange(181, dtype=torch.float64))
    embeddings = torch.stack([angles.cos(), angles.sin()], dim=1).to(dtype)
    centers = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.6, 0.8]]).to(dtype)
    return embeddings, torch.zeros(181, dtype=torch.int64), centers


@each_member
@pytest.mark.parametrize("dtype", [torch.float32, *HALF])
@pytest.mark.parametrize("gradient", ["exact", "detached"])
@pytest.mark.parametrize("scale", [8.0, 64.0, 256.0])
def test_every_degree_from_the_own_center_has_finite_loss_and_gradients(
    name: str, dtype: torch.dtype, gradient: str, scale: float
) -> None:
    embeddings, labels, centers = every_degree(dtype)
    leaves = [embeddings.requires_grad_(), centers.requires_grad_()]
    options = {"scale": scale, "margin": family(labels)[name].margin, "gradient": gradient}
    losses = angular_softmax_loss(leaves[0], labels, class_centers=leaves[1], **options)
    assert losses.dtype == torch.float32
    assert losses.isfinite().all()
    assert (losses >= 0).all()
    # float16 ends at 65,504: where a margin is steepest and the scale 256, a sum of the rows would not fit.
    gradients = torch.autograd.grad(losses.mean(), leaves)
    assert [gradient.dtype for gradient in gradients] == [dtype, dtype]
    assert all(gradient.isfinite().all() for gradient in gradients)


@each_member
@pytest.mark.parametrize("dtype", [torch.float32, *HALF])
def test_the_gradient_of_one_row_alone_is_finite_too(name: str, dtype: torch.dtype) -> None:
    embeddings, labels, centers = every_degree(dtype)
    found = loss_and_gradient(embeddings, labels, centers, scale=64.0, margin=family(labels)[name].margin)
    assert all(tensor.isfinite().all() for tensor in found)


@each_member
def test_cosines_that_rounding_left_beyond_1_have_finite_loss_and_gradients(name: str) -> None:
    centers = unit_rows(5, 6, dtype=torch.float32)
    labels = torch.arange(200) % 5
    # Just off the centers and their opposites, by the rounding of float32.
    embeddings = F.normalize(centers[labels] * torch.linspace(0.3, 3.0, 200)[:, None], dim=1) * (1.0 + 2e-7)
    embeddings[100:] *= -1.0
    cosines = (embeddings * centers[labels]).sum(1)
    assert (cosines > 1).any()
    assert (cosines < -1).any()
    found = loss_and_gradient(embeddings, labels, centers, scale=64.0, margin=family(labels)[name].margin)
    assert all(tensor.isfinite().all() for tensor in found)


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
    with pytest.raises(InputError, match=r"class centers of one width, got 6 and 4"):
        angular_softmax_loss(embeddings, labels, class_centers=centers[:, :4], scale=8.0)
    with pytest.raises(InputError, match=r"one label a row, shape \(12,\), got \(11,\)"):
        angular_softmax_loss(embeddings, labels[1:], class_centers=centers, scale=8.0)
    with pytest.raises(InputError, match=r"one label a row.*got \(12, 1\)"):
        angular_softmax_loss(embeddings, labels[:, None], class_centers=centers, scale=8.0)


def test_no_row_and_rows_without_width_are_refused() -> None:
    embeddings, labels, centers = problem()
    for wrong, got in ((embeddings[:0], r"\(0, 6\)"), (embeddings[0], r"\(6,\)")):
        with pytest.raises(InputError, match=rf"want embeddings \[rows, embedding_dim\], at least one row, got {got}"):
            angular_softmax_loss(wrong, labels[: len(wrong)], class_centers=centers, scale=8.0)


@pytest.mark.parametrize("shape", [(6,), (5, 1, 1, 6)])
def test_centers_of_one_or_four_axes_are_refused(shape: tuple[int, ...]) -> None:
    embeddings, labels, _ = problem()
    with pytest.raises(InputError, match=r"class centers \[num_classes, embedding_dim\] or .*got \(\d, ?"):
        angular_softmax_loss(embeddings, labels, class_centers=torch.ones(shape), scale=8.0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int32, torch.bool])
def test_labels_that_are_not_int64_are_refused(dtype: torch.dtype) -> None:
    embeddings, labels, centers = problem()
    with pytest.raises(InputError, match=rf"angular_softmax_loss: want labels of type int64, got {dtype}.*long\(\)"):
        angular_softmax_loss(embeddings, labels.to(dtype), class_centers=centers, scale=8.0)


@pytest.mark.parametrize("num_classes", [0, 1])
def test_fewer_than_two_classes_are_refused(num_classes: int) -> None:
    embeddings, labels, centers = problem()
    with pytest.raises(InputError, match=f"at least 2 class centers, got {num_classes}"):
        angular_softmax_loss(embeddings, labels * 0, class_centers=centers[:num_classes], scale=8.0)
