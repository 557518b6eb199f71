"""MagFace's margins and penalty against their formulas written out."""

import math

import pytest
import torch
from torch import Tensor

from steradian.errors import ConfigError
from steradian.losses import (
    arcface,
    magface_margins,
    magface_penalty,
)

HALF = [torch.bfloat16, torch.float16]


def seeded(random_state: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(random_state)


def test_magface_margins_and_penalty_are_those_of_the_formulas() -> None:
    norms = torch.linspace(0.0, 200.0, 401, dtype=torch.float64)
    held = [min(max(a, 10.0), 110.0) for a in norms.tolist()]
    assert magface_margins(norms).tolist() == pytest.approx([0.45 + 0.35 * (a - 10) / 100 for a in held], abs=1e-12)
    assert magface_penalty(norms).tolist() == pytest.approx([a / 110**2 + 1 / a for a in held], abs=1e-12)
    other = magface_margins(norms, low_norm=20.0, high_norm=40.0, low=0.1, high=0.3)
    assert other.tolist() == pytest.approx([0.1 + 0.01 * min(max(a - 20, 0), 20) for a in norms.tolist()], abs=1e-12)


def test_the_penalty_falls_up_to_the_high_norm() -> None:
    assert (magface_penalty(torch.linspace(10.0, 110.0, 1001, dtype=torch.float64)).diff() < 0).all()


def test_gradcheck_of_magface_from_the_norm_to_psi() -> None:
    norms = torch.linspace(12.0, 108.0, 25, dtype=torch.float64, requires_grad=True)
    cosines = torch.linspace(-0.99, 0.99, 25, dtype=torch.float64)[torch.randperm(25)].requires_grad_()

    def psi(cosines: Tensor, norms: Tensor) -> Tensor:
        return arcface(cosines, magface_margins(norms)) - magface_penalty(norms)

    assert torch.autograd.gradcheck(psi, (cosines, norms))


@pytest.mark.parametrize("dtype", [torch.float32, *HALF])
def test_any_norm_has_finite_margins_penalties_and_gradients(dtype: torch.dtype) -> None:
    norms = torch.tensor([0.0, 1e-6, 9.0, 10.0, 60.0, 110.0, 1e4]).to(dtype).requires_grad_()
    for function in (magface_margins, magface_penalty):
        found = function(norms)
        assert found.dtype == torch.float32
        assert found.isfinite().all()
        (gradient,) = torch.autograd.grad(found.sum(), norms)
        assert gradient.isfinite().all()
        assert gradient[4] != 0


@pytest.mark.parametrize(("low_norm", "high_norm"), [(0.0, 110.0), (110.0, 10.0), (10.0, 10.0), (10.0, math.inf)])
def test_the_norms_must_be_lengths_in_order(low_norm: float, high_norm: float) -> None:
    for function in (magface_margins, magface_penalty):
        with pytest.raises(ConfigError, match="0 < low_norm < high_norm, got"):
            function(torch.ones(2), low_norm=low_norm, high_norm=high_norm)
