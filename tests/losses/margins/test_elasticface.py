"""Drawn margins: their distribution, and who gets which."""

import math

import pytest
import torch

from steradian.errors import ConfigError
from steradian.losses import (
    arcface,
    cosface,
    elastic_margins,
)

HALF = [torch.bfloat16, torch.float16]


def seeded(random_state: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(random_state)


@pytest.mark.parametrize("sort", [False, True])
def test_elastic_margins_have_the_mean_and_the_spread(sort: bool) -> None:
    cosines = torch.rand(20_000, generator=seeded(1), dtype=torch.float64)
    margins = elastic_margins(cosines, 0.35, spread=0.05, sort=sort, generator=seeded())
    assert margins.mean().item() == pytest.approx(0.35, abs=0.001)
    assert margins.std().item() == pytest.approx(0.05, abs=0.001)
    assert margins.diff().abs().median() > 0.01


@pytest.mark.parametrize("shape", [(50,), (10, 5)])
def test_sorted_the_hardest_row_has_the_largest_margin(shape: tuple[int, ...]) -> None:
    cosines = torch.rand(50, generator=seeded(1)).view(shape) * 2 - 1
    drawn = elastic_margins(cosines, spread=0.1, generator=seeded())
    dealt = elastic_margins(cosines, spread=0.1, sort=True, generator=seeded())
    assert dealt.shape == shape
    assert torch.equal(dealt.flatten().sort().values, drawn.flatten().sort().values)
    for cosine, margin in zip(cosines.flatten(), dealt.flatten(), strict=True):
        easier = cosines.flatten() > cosine
        assert (dealt.flatten()[easier] < margin).all()


@pytest.mark.parametrize("sort", [False, True])
@pytest.mark.parametrize("margin", [0.0, 3.1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, *HALF])
def test_elastic_margins_stay_angles(sort: bool, margin: float, dtype: torch.dtype) -> None:
    cosines = torch.linspace(-1, 1, 500).to(dtype)
    before = cosines.clone()
    margins = elastic_margins(cosines, margin, spread=1.0, sort=sort)
    assert margins.dtype == torch.promote_types(dtype, torch.float32)
    assert ((margins >= 0) & (margins.double() < math.pi)).all()
    assert torch.equal(cosines, before)


def test_elastic_margins_follow_the_generator() -> None:
    cosines = torch.zeros(9)
    once, again, other = (elastic_margins(cosines, generator=seeded(random_state)) for random_state in (5, 5, 6))
    assert torch.equal(once, again)
    assert not torch.equal(once, other)


@pytest.mark.parametrize("sort", [False, True])
def test_elastic_margins_take_no_gradient(sort: bool) -> None:
    cosines = torch.linspace(-0.9, 0.9, 9).requires_grad_()
    margins = elastic_margins(cosines, sort=sort)
    assert not margins.requires_grad
    for psi in (arcface, cosface):
        (gradient,) = torch.autograd.grad(psi(cosines, margins).sum(), cosines)
        assert gradient.isfinite().all()


@pytest.mark.parametrize("sort", [False, True])
def test_no_rows_have_no_margins(sort: bool) -> None:
    assert elastic_margins(torch.zeros(0), sort=sort).shape == (0,)


@pytest.mark.parametrize("spread", [-0.1, math.nan, math.inf])
def test_a_spread_that_is_none_is_refused(spread: float) -> None:
    with pytest.raises(ConfigError, match="0 <= spread, got"):
        elastic_margins(torch.zeros(1), spread=spread)


@pytest.mark.parametrize("margin", [-0.1, math.pi, 28.6, math.nan])
def test_an_elastic_margin_that_is_no_angle_is_refused(margin: float) -> None:
    with pytest.raises(ConfigError, match=r"elastic_margins.*radians"):
        elastic_margins(torch.zeros(1), margin)
