"""The loss of several labels against a loop over rows and classes, and the forms that labels come in."""

import math
from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import ConfigError, InputError
from steradian.losses import (
    adaface,
    angular_multilabel_loss,
    arcface,
    combined,
    cosface,
    label_rows,
    normface,
    sphereface,
    stream_plan,
)

CLASSES, DIM = 7, 4
SOME = [[2, 5], [], [0, 1, 2, 3, 4, 5, 6], [6], [1, 3, 4], [0]]
"""Labels of rows: two, none, all, one."""

FAMILY = {
    "normface": normface,
    "cosface": cosface,
    "arcface": partial(arcface, margin=0.5),
    "sphereface": sphereface,
    "combined": partial(combined, angle_factor=1.2, margin=0.3, cosine_margin=0.1),
    "adaface": partial(adaface, quality=torch.tensor(0.4)),
}
close = partial(torch.testing.assert_close, rtol=1e-10, atol=1e-10)


@pytest.fixture(autouse=True)
def _tiles_of_three_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that seven classes are three tiles."""
    monkeypatch.setitem(stream_plan.TILE, "cpu", len(SOME) * 3)


def problem(*, centers_a_class: int = 0, random_state: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Embeddings of unit length, the labels above, and class centers of any length."""
    generator = torch.Generator().manual_seed(random_state)
    shape = (CLASSES, centers_a_class, DIM) if centers_a_class else (CLASSES, DIM)
    embeddings = F.normalize(torch.randn(len(SOME), DIM, generator=generator, dtype=torch.float64), dim=1)
    return embeddings, label_rows(SOME), torch.randn(shape, generator=generator, dtype=torch.float64)


def reference(
    embeddings: Tensor,
    labels: list[list[int]],
    class_centers: Tensor,
    *,
    scale: float,
    threshold: float,
    margin: float = 0.0,
    drop: float = 0.0,
) -> Tensor:
    """Row by row, by way of the angles."""
    centers = class_centers.view(CLASSES, -1, DIM).tolist()
    losses = []
    for row, own in zip(embeddings.tolist(), labels, strict=True):
        inside, outside = [], []
        for number in range(CLASSES):
            cosine = max(
                math.fsum(a * b for a, b in zip(row, center, strict=True)) / math.hypot(*center)
                for center in centers[number]
            )
            if number in own:
                angle = math.acos(cosine) + margin
                psi = math.cos(angle) if angle <= math.pi else -2.0 - math.cos(angle)
                inside.append(math.exp(-scale * (psi - drop - math.cos(threshold))))
            else:
                outside.append(math.exp(scale * (cosine - math.cos(threshold))))
        losses.append(math.log1p(math.fsum(inside)) + math.log1p(math.fsum(outside)))
    return torch.tensor(losses, dtype=torch.float64)


def loss(embeddings: Tensor, labels: Tensor, class_centers: Tensor, threshold: float = 1.1, **options: Any) -> Tensor:
    border = torch.tensor(threshold, dtype=torch.float64)
    options = {"scale": 9.0, **options}
    return angular_multilabel_loss(embeddings, labels, class_centers=class_centers, threshold=border, **options)


# -- The value and its gradient ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("centers_a_class", [0, 1, 3])
@pytest.mark.parametrize("margin", [0.0, 0.3, 1.4])
@pytest.mark.parametrize(("scale", "threshold"), [(1.0, 1.1), (9.0, 0.4), (9.0, 1.1), (100.0, 1.1)])
def test_loss_of_each_row_is_that_of_the_loop(
    centers_a_class: int, margin: float, scale: float, threshold: float
) -> None:
    embeddings, labels, centers = problem(centers_a_class=centers_a_class)
    found = loss(embeddings, labels, centers, threshold, scale=scale, margin=margin)
    close(found, reference(embeddings, SOME, centers, scale=scale, threshold=threshold, margin=margin))


def test_a_margin_may_be_a_function_of_all_own_cosines() -> None:
    embeddings, labels, centers = problem()
    found = loss(embeddings, labels, centers, margin=partial(cosface, cosine_margin=0.25))
    close(found, reference(embeddings, SOME, centers, scale=9.0, threshold=1.1, drop=0.25))


@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("centers_a_class", [0, 2])
def test_gradcheck_of_embeddings_centers_and_threshold(name: str, centers_a_class: int) -> None:
    embeddings, labels, centers = problem(centers_a_class=centers_a_class)

    def losses(embeddings: Tensor, centers: Tensor, threshold: Tensor) -> Tensor:
        options = {"scale": 9.0, "margin": FAMILY[name]}
        return angular_multilabel_loss(embeddings, labels, class_centers=centers, threshold=threshold, **options)

    leaves = embeddings, centers, torch.tensor(1.1, dtype=torch.float64)
    assert torch.autograd.gradcheck(losses, [leaf.requires_grad_() for leaf in leaves])


def test_the_threshold_moves_to_let_own_classes_in_and_others_out() -> None:
    # Twice the same row, on the border of the first class and far from the second; once it is of the first.
    embeddings = torch.tensor([[1.0, 0.0]] * 2)
    centers = torch.tensor([[math.cos(1.0), math.sin(1.0)], [-1.0, 0.0]])
    threshold, labels = torch.tensor(1.0, requires_grad=True), torch.tensor([[0], [-1]])
    losses = angular_multilabel_loss(embeddings, labels, class_centers=centers, scale=9.0, threshold=threshold)
    (own,), (other,) = (torch.autograd.grad(loss, threshold, retain_graph=True) for loss in losses)
    # Descent widens the angle for an own class, and narrows it for another; half a logit's slope each.
    assert own.item() == pytest.approx(-4.5 * math.sin(1.0), rel=1e-3)
    assert other.item() == pytest.approx(4.5 * math.sin(1.0), rel=1e-3)


def test_a_taker_of_the_gradient_gets_all_of_it() -> None:
    embeddings, labels, centers = problem()
    leaf = centers.clone().requires_grad_()
    (whole,) = torch.autograd.grad(loss(embeddings, labels, leaf, margin=0.2).sum(), leaf)
    taken = torch.zeros_like(centers)

    def take(numbers: slice | Tensor, gradient: Tensor) -> None:
        taken[numbers] += gradient

    loss(embeddings, labels, leaf, margin=0.2, take_gradient=take).sum().backward()
    assert leaf.grad is None
    close(taken, whole)


# -- What must not change it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [1, 2, 30])
def test_more_places_for_labels_change_nothing(more: int) -> None:
    embeddings, labels, centers = problem()
    wider = F.pad(labels, (0, more), value=-1)
    close(loss(embeddings, wider, centers, margin=0.3), loss(embeddings, labels, centers, margin=0.3), rtol=0)


@given(random_state=st.integers(0, 1000))
def test_the_order_of_labels_and_padding_within_a_row(random_state: int) -> None:
    embeddings, labels, centers = problem()
    order = torch.rand(labels.shape, generator=torch.Generator().manual_seed(random_state)).argsort(1)
    close(loss(embeddings, labels.gather(1, order), centers), loss(embeddings, labels, centers), rtol=1e-12)


@given(random_state=st.integers(0, 1000), order=st.permutations(range(CLASSES)))
def test_turning_the_sphere_and_numbering_the_classes_anew(random_state: int, order: list[int]) -> None:
    embeddings, labels, centers = problem(random_state=random_state)
    generator = torch.Generator().manual_seed(random_state)
    rotation = torch.linalg.qr(torch.randn(DIM, DIM, generator=generator, dtype=torch.float64)).Q
    old_number = torch.tensor(order)
    renumbered = torch.where(labels >= 0, old_number.argsort()[labels], -1)
    before = loss(embeddings, labels, centers, margin=0.3)
    close(loss(embeddings @ rotation, renumbered, centers[old_number] @ rotation, margin=0.3), before, rtol=1e-9)


def test_what_is_given_stays_as_it_is() -> None:
    given_tensors = *problem(), torch.tensor(1.1)
    before = [tensor.clone() for tensor in given_tensors]
    embeddings, labels, centers, threshold = given_tensors
    leaves = [embeddings.clone().requires_grad_(), centers.clone().requires_grad_()]
    options = {"scale": 9.0, "threshold": threshold, "margin": 0.2}
    angular_multilabel_loss(leaves[0], labels, class_centers=leaves[1], **options).sum().backward()
    assert torch.equal(leaves[0], embeddings)
    assert torch.equal(leaves[1], centers)
    assert all(torch.equal(tensor, copy) for tensor, copy in zip(given_tensors, before, strict=True))


# -- Precision ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", FAMILY)
@pytest.mark.parametrize("scale", [8.0, 64.0, 256.0])
def test_every_degree_has_finite_loss_and_gradients(dtype: torch.dtype, name: str, scale: float) -> None:
    angles = torch.deg2rad(torch.arange(181, dtype=torch.float64))
    embeddings = torch.stack([angles.cos(), angles.sin()], dim=1).to(dtype).requires_grad_()
    centers = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.6, 0.8]]).to(dtype).requires_grad_()
    threshold = torch.tensor(1.0, requires_grad=True)
    kinds = torch.tensor([[0, -1, -1], [0, 2, -1], [0, 1, 2], [-1, -1, -1]])
    for shift in range(4):
        labels = kinds[(torch.arange(181) + shift) % 4]
        options = {"scale": scale, "threshold": threshold, "margin": FAMILY[name]}
        losses = angular_multilabel_loss(embeddings, labels, class_centers=centers, **options)
        assert losses.dtype == torch.float32
        assert losses.isfinite().all()
        assert (losses >= 0).all()
        gradients = torch.autograd.grad(losses.mean(), [embeddings, centers, threshold])
        assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("width", [0, 1, 3])
def test_a_batch_without_any_label_pushes_every_class_out(width: int) -> None:
    embeddings, _, centers = problem()
    nothing: list[list[int]] = [[] for _ in SOME]
    labels = F.pad(label_rows(nothing), (0, width), value=-1)
    close(loss(embeddings, labels, centers), reference(embeddings, nothing, centers, scale=9.0, threshold=1.1))


# -- The forms of labels -----------------------------------------------------------------------------------------------


def test_lists_become_rising_rows_with_padding() -> None:
    rows = label_rows([[4, 1, 4], [], [0]])
    assert rows.dtype == torch.int64
    assert rows.tolist() == [[1, 4], [-1, -1], [0, -1]]


@pytest.mark.parametrize(("labels", "shape"), [([], (0, 0)), ([[], []], (2, 0)), ([[3]], (1, 1))])
def test_the_shape_of_label_rows(labels: list[list[int]], shape: tuple[int, int]) -> None:
    assert label_rows(labels).shape == shape


@given(st.lists(st.sets(st.integers(0, CLASSES - 1)), max_size=8))
def test_a_table_of_truth_values_is_the_same_as_lists(labels: list[set[int]]) -> None:
    table = torch.zeros(len(labels), CLASSES, dtype=torch.bool)
    for row, own in enumerate(labels):
        table[row, list(own)] = True
    assert torch.equal(label_rows(table), label_rows([list(own) for own in labels]))


@pytest.mark.parametrize("labels", [torch.ones(3, 4), torch.ones(3, 4, dtype=torch.int64), torch.ones(3).bool()])
def test_a_tensor_that_is_no_table_of_truth_values_is_refused(labels: Tensor) -> None:
    with pytest.raises(
        InputError, match=r"label_rows: want a bool tensor \[rows, num_classes\], or lists, got torch\."
    ):
        label_rows(labels)


# -- Mistakes ----------------------------------------------------------------------------------------------------------


def test_labels_that_do_not_fit_are_refused() -> None:
    embeddings, labels, centers = problem()
    with pytest.raises(InputError, match=r"want labels \[6, most labels a row\], got \(6,\)\. Call label_rows"):
        loss(embeddings, labels[:, 0], centers)
    with pytest.raises(InputError, match=r"want labels \[6, most labels a row\], got \(5, "):
        loss(embeddings, labels[1:], centers)
    with pytest.raises(InputError, match=r"labels of type int64, got torch\.float32"):
        loss(embeddings, labels.float(), centers)


@pytest.mark.parametrize("label", [-2, CLASSES, 100])
def test_a_label_out_of_range_is_refused(label: int) -> None:
    embeddings, labels, centers = problem()
    labels[3, 0] = label
    with pytest.raises(InputError, match=rf"angular_multilabel_loss: want labels in -1\.\.6, got .*{label}"):
        loss(embeddings, labels, centers)


def test_shapes_and_options_that_cannot_be_are_refused() -> None:
    embeddings, labels, centers = problem()
    with pytest.raises(InputError, match=r"class centers of one width, got 4 and 3"):
        loss(embeddings, labels, centers[:, :3])
    with pytest.raises(InputError, match=r"at least one row, got \(0, 4\)"):
        loss(embeddings[:0], labels[:0], centers)
    with pytest.raises(InputError, match="at least 2 class centers, got 1"):
        loss(embeddings, labels.clamp(max=0), centers[:1])
    with pytest.raises(ConfigError, match="margin in radians"):
        loss(embeddings, labels, centers, margin=28.6)
