"""CurricularFace's logits against the paper written out."""

import math

import pytest
import torch

from steradian.losses import (
    angular_softmax_loss,
    curricular,
)

HALF = [torch.bfloat16, torch.float16]


def seeded(random_state: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(random_state)


def curricular_logit(cosine: float, target: float, *, scale: float, stage: float, margin: float) -> tuple[float, float]:
    """By the paper, and its slope; the target's angle and the margin are less than 180 degrees together."""
    if cosine <= math.cos(math.acos(target) + margin):
        return scale * cosine, scale
    return scale * cosine * (stage + cosine), scale * (stage + 2 * cosine)


@pytest.mark.parametrize("stage", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("margin", [0.0, 0.5])
def test_curricular_logits_and_slopes_are_those_of_the_paper(stage: float, margin: float) -> None:
    cosines = torch.linspace(-0.99, 0.99, 45, dtype=torch.float64).view(9, 5)
    own = torch.tensor([[0.9], [0.5], [0.02], [-0.4], [-0.6]], dtype=torch.float64)
    logits, slopes = curricular(16.0, stage, margin=margin)(cosines, own)
    expected = [
        [
            curricular_logit(cosine, target, scale=16.0, stage=stage, margin=margin)
            for cosine, (target,) in zip(line, own.tolist(), strict=True)
        ]
        for line in cosines.tolist()
    ]
    both = torch.tensor(expected, dtype=torch.float64)
    torch.testing.assert_close(logits, both[..., 0], rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(slopes, both[..., 1], rtol=1e-12, atol=1e-12)
    hard = slopes != 16.0
    assert hard.any()
    assert not hard.all()


def test_curricular_slopes_are_the_derivatives_and_own_cosines_take_none() -> None:
    cosines = torch.linspace(-0.99, 0.99, 45, dtype=torch.float64).view(9, 5).requires_grad_()
    own = torch.tensor([[0.9, 0.1]] * 5, dtype=torch.float64, requires_grad=True)
    logits, slopes = curricular(16.0, 0.3, margin=0.5)(cosines, own)
    derivatives = torch.autograd.grad(logits.sum(), [cosines, own], allow_unused=True)
    torch.testing.assert_close(slopes, derivatives[0], rtol=1e-12, atol=1e-12)
    assert derivatives[1] is None


def test_past_180_degrees_every_other_class_is_hard() -> None:
    # The target stands at 170 degrees, with its margin at 227: no cosine is below psi.
    own = torch.tensor([[math.cos(math.radians(170.0))]], dtype=torch.float64)
    cosines = torch.tensor([[-1.0], [-0.9], [0.5]], dtype=torch.float64)
    logits, _ = curricular(2.0, 0.25, margin=1.0)(cosines, own)
    torch.testing.assert_close(logits, 2.0 * cosines * (0.25 + cosines), rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_the_bend_returns_is_of_the_cosines_type_and_fresh(dtype: torch.dtype) -> None:
    cosines, own = torch.rand(6, 4, generator=seeded(), dtype=dtype), torch.rand(4, 2, generator=seeded(1), dtype=dtype)
    before = cosines.clone(), own.clone()
    for returned in curricular(16.0, 0.3, margin=0.5)(cosines, own):
        assert returned.dtype == dtype
        assert returned.shape == cosines.shape
        returned.fill_(-7.0)
    assert torch.equal(cosines, before[0])
    assert torch.equal(own, before[1])


def test_curricular_at_the_papers_scale_is_finite() -> None:
    # A row on the center of another class: the logit is 64 * (0.5 + 1) = 96, and float32 has exp up to 88.
    centers = torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]], requires_grad=True)
    embeddings = torch.eye(2, requires_grad=True)
    bend = curricular(64.0, 0.5, margin=0.5)
    losses = angular_softmax_loss(
        embeddings, torch.tensor([1, 2]), class_centers=centers, scale=64.0, margin=0.5, bend=bend
    )
    assert losses.isfinite().all()
    assert all(gradient.isfinite().all() for gradient in torch.autograd.grad(losses.sum(), [embeddings, centers]))
