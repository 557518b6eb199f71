"""The losses between the rows of a batch against loops written from the formulas of their papers."""

from functools import partial
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import InputError
from steradian.losses import supcon_loss, triplet_loss

ROWS, DIM = 9, 4
LABELS = {
    "several classes": torch.tensor([0, 1, 0, 2, 1, 0, 3, 2, 0]),
    "one class": torch.zeros(ROWS, dtype=torch.int64),
    "nobody alike": torch.arange(ROWS),
}
LOSSES = {"supcon": partial(supcon_loss, scale=7.0), "triplet": partial(triplet_loss, cosine_margin=0.3)}
each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=list(LOSSES))
each_labels = pytest.mark.parametrize("labels", LABELS.values(), ids=list(LABELS))
close = partial(torch.testing.assert_close, rtol=1e-9, atol=1e-9)


def unit_rows(rows: int = ROWS, *, random_state: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(random_state)
    return F.normalize(torch.randn(rows, DIM, generator=generator, dtype=torch.float64), dim=1)


# -- The formulas


def supcon_by_loops(embeddings: Tensor, labels: Tensor, *, scale: float) -> Tensor:
    """L_out of the paper's equation 2: -1/|P(i)| sum over p of log(exp(z_i z_p / t) / sum over a != i)."""
    losses = []
    for i in range(len(labels)):
        others = [a for a in range(len(labels)) if a != i]
        positives = [p for p in others if labels[p] == labels[i]]
        total = torch.stack([(scale * embeddings[i] @ embeddings[a]).exp() for a in others]).sum()
        terms = [((scale * embeddings[i] @ embeddings[p]).exp() / total).log() for p in positives]
        losses.append(-torch.stack(terms).mean() if terms else torch.zeros((), dtype=embeddings.dtype))
    return torch.stack(losses)


def triplets_by_loops(embeddings: Tensor, labels: Tensor, *, cosine_margin: float) -> Tensor:
    """Squared distances, as in the paper; half of its loss is one of cosines."""

    def distance(a: int, b: int) -> Tensor:
        return (embeddings[a] - embeddings[b]).square().sum()

    losses = []
    for a in range(len(labels)):
        positives = [p for p in range(len(labels)) if p != a and labels[p] == labels[a]]
        negatives = [n for n in range(len(labels)) if labels[n] != labels[a]]
        terms = []
        for p in positives if negatives else []:
            farther = [n for n in negatives if distance(a, n) > distance(a, p)]
            chosen = (
                min(farther, key=lambda n: distance(a, n).item())
                if farther
                else max(negatives, key=lambda n: distance(a, n).item())
            )
            terms.append((distance(a, p) - distance(a, chosen) + 2 * cosine_margin).clamp(min=0) / 2)
        losses.append(torch.stack(terms).mean() if terms else 0 * embeddings.sum())
    return torch.stack(losses)


@each_labels
@pytest.mark.parametrize("scale", [1.0, 10.0])
def test_supcon_is_that_of_the_loop(labels: Tensor, scale: float) -> None:
    rows = unit_rows().requires_grad_()
    found, expected = supcon_loss(rows, labels, scale=scale), supcon_by_loops(rows, labels, scale=scale)
    close(found, expected)
    if found.any():
        weights = torch.arange(1.0, ROWS + 1, dtype=torch.float64)
        close(*(torch.autograd.grad(losses @ weights, rows)[0] for losses in (found, expected)))


@each_labels
@pytest.mark.parametrize("cosine_margin", [0.0, 0.1, 0.5, 2.0])
@pytest.mark.parametrize("random_state", range(3))
def test_triplets_are_those_of_the_loop(labels: Tensor, cosine_margin: float, random_state: int) -> None:
    raw = unit_rows(random_state=random_state).requires_grad_()
    rows = F.normalize(raw, dim=1)
    found = triplet_loss(rows, labels, cosine_margin=cosine_margin)
    expected = triplets_by_loops(rows, labels, cosine_margin=cosine_margin)
    close(found, expected)
    weights = torch.arange(1.0, ROWS + 1, dtype=torch.float64)
    gradients = (torch.autograd.grad(losses @ weights, raw, retain_graph=True)[0] for losses in (found, expected))
    close(*gradients)


def test_the_margin_is_facenets() -> None:
    rows, labels = unit_rows(), LABELS["several classes"]
    assert torch.equal(triplet_loss(rows, labels), triplet_loss(rows, labels, cosine_margin=0.1))


def test_the_negative_is_the_nearest_of_those_farther_and_else_the_farthest_of_all() -> None:
    # Cosines to the first row: 0.8 of its positive; 0.9, 0.6 and 0 of the others.
    angles = torch.tensor([0.0, 0.8, 0.9, 0.6, 0.0], dtype=torch.float64).acos()
    angles[0] = 0.0
    rows = torch.stack([angles.cos(), angles.sin()], dim=1)
    labels = torch.tensor([0, 0, 1, 2, 3])
    assert triplet_loss(rows, labels, cosine_margin=0.3)[0].item() == pytest.approx(0.6 - 0.8 + 0.3)
    # All negatives are nearer than the positive.
    near = torch.tensor([0, 1, 1, 1, 0])
    assert triplet_loss(rows, near, cosine_margin=0.3)[0].item() == pytest.approx(0.6 - 0.0 + 0.3)


@each_loss
@each_labels
def test_gradcheck(loss: Any, labels: Tensor) -> None:
    assert torch.autograd.gradcheck(lambda rows: loss(rows, labels), (unit_rows().requires_grad_(),))


def test_gradcheck_of_a_learned_scale() -> None:
    scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    labels = LABELS["several classes"]
    assert torch.autograd.gradcheck(lambda scale: supcon_loss(unit_rows(), labels, scale=scale), (scale,))


# -- What does not change it


@each_loss
@settings(max_examples=25)
@given(random_state=st.integers(0, 1000), order=st.permutations(range(ROWS)), numbers=st.permutations(range(4)))
def test_turning_the_sphere_and_changing_the_order_of_rows_and_classes(
    loss: Any, random_state: int, order: list[int], numbers: list[int]
) -> None:
    rows, labels = unit_rows(random_state=random_state), LABELS["several classes"]
    generator = torch.Generator().manual_seed(random_state)
    rotation = torch.linalg.qr(torch.randn(DIM, DIM, generator=generator, dtype=torch.float64)).Q
    after = loss((rows @ rotation)[order], torch.tensor(numbers)[labels][order])
    close(after, loss(rows, labels)[order], rtol=1e-7, atol=1e-7)


@each_loss
def test_what_is_given_stays_as_it_is(loss: Any) -> None:
    rows, labels = unit_rows().requires_grad_(), LABELS["several classes"].clone()
    before = rows.detach().clone()
    loss(rows, labels).sum().backward()
    assert torch.equal(rows, before) and torch.equal(labels, LABELS["several classes"])


# -- Where there is nothing to learn from


@each_loss
@pytest.mark.parametrize("rows", [0, 1, 2])
@pytest.mark.parametrize("alike", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_smallest_batches(loss: Any, rows: int, alike: bool, dtype: torch.dtype) -> None:
    embeddings = unit_rows(rows).to(dtype).requires_grad_()
    losses = loss(embeddings, torch.arange(rows) * (not alike))
    (gradient,) = torch.autograd.grad(losses.sum(), embeddings)
    # Two rows that are all there is are each other's whole softmax.
    assert losses.tolist() == [0.0] * rows and losses.dtype == dtype
    assert not gradient.any() and gradient.isfinite().all()


@each_loss
def test_rows_without_positives_have_no_loss(loss: Any) -> None:
    losses = loss(unit_rows(), LABELS["several classes"])
    assert losses[6] == 0.0
    assert not loss(unit_rows(), LABELS["nobody alike"]).any()


@each_loss
@each_labels
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_coinciding_and_opposite_rows_have_finite_gradients(loss: Any, labels: Tensor, dtype: torch.dtype) -> None:
    for signs in (torch.ones(ROWS), torch.tensor([1.0, -1.0] * 5)[:ROWS]):
        rows = (unit_rows(1).to(dtype) * signs.to(dtype)[:, None]).requires_grad_()
        losses = loss(rows, labels)
        (gradient,) = torch.autograd.grad(losses.sum(), rows)
        assert losses.isfinite().all() and gradient.isfinite().all()
        assert gradient.abs().max() < 100


# -- Mistakes


@pytest.mark.parametrize("loss", [partial(supcon_loss, scale=5.0), triplet_loss], ids=["supcon", "triplet"])
def test_what_does_not_belong_together_is_refused(loss: Any) -> None:
    rows, labels = unit_rows(), LABELS["one class"]
    for wrong in [(rows[0], labels), (rows, labels[1:]), (rows, labels[:, None])]:
        with pytest.raises(InputError, match=r"_loss: want embeddings \[rows, embedding_dim\] and labels \[rows\]"):
            loss(*wrong)
