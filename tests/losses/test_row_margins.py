"""The margins of rows and classes against their formulas written out, and what they feed."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from steradian.errors import ConfigError, InputError
from steradian.losses import (
    adaface,
    adaface_quality,
    arcface,
    class_margins,
    cosface,
    elastic_margins,
    magface_margins,
    magface_penalty,
)

HALF = [torch.bfloat16, torch.float16]


def seeded(random_state: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(random_state)


# -- By the size of the class ------------------------------------------------------------------------------------------


@given(counts=st.lists(st.integers(1, 10_000_000), min_size=2, max_size=30).filter(lambda c: min(c) < max(c)))
def test_class_margins_are_those_of_the_formula(counts: list[int]) -> None:
    rarity = [n**-0.25 for n in counts]
    expected = [0.05 + 0.45 * (r - min(rarity)) / (max(rarity) - min(rarity)) for r in rarity]
    found = class_margins(torch.tensor(counts))
    assert found.dtype == torch.float32
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


@given(counts=st.lists(st.integers(1, 1000), min_size=1, max_size=30), low=st.floats(0, 1), more=st.floats(0, 2))
def test_a_rarer_class_never_has_a_smaller_margin(counts: list[int], low: float, more: float) -> None:
    margins = class_margins(torch.tensor(counts), low=low, high=low + more)
    assert (margins[torch.tensor(counts).argsort()].diff() <= 1e-7).all()
    assert ((margins >= low - 1e-6) & (margins <= low + more + 1e-6)).all()


@pytest.mark.parametrize("count", [1, 7, 100_000])
def test_equal_classes_have_the_margin_in_the_middle(count: int) -> None:
    margins = class_margins(torch.full((4,), count), low=0.1, high=0.4)
    torch.testing.assert_close(margins, torch.full((4,), 0.25))


@pytest.mark.parametrize("counts", [[3, 0], [-1, 5], [math.nan, 2.0], [], [[1, 2]]])
def test_counts_below_1_are_refused(counts: list[float]) -> None:
    with pytest.raises(InputError, match="one count a class, each at least 1"):
        class_margins(torch.tensor(counts))


# -- Drawn -------------------------------------------------------------------------------------------------------------


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


# -- By the norm -------------------------------------------------------------------------------------------------------


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


# -- Quality -----------------------------------------------------------------------------------------------------------


@given(norms=st.lists(st.floats(0, 200), min_size=1, max_size=9), mean=st.floats(0, 100), std=st.floats(0, 50))
def test_quality_is_that_of_the_formula(norms: list[float], mean: float, std: float) -> None:
    found = adaface_quality(torch.tensor(norms, dtype=torch.float64), mean, std)
    expected = [min(max(0.333 * (a - mean) / (std + 0.001), -1.0), 1.0) for a in norms]
    assert found.tolist() == pytest.approx(expected, abs=1e-9)
    tensors = torch.tensor(mean, dtype=torch.float64), torch.tensor(std, dtype=torch.float64)
    torch.testing.assert_close(adaface_quality(torch.tensor(norms, dtype=torch.float64), *tensors), found)


def test_equal_norms_have_quality_0() -> None:
    norms = torch.full((5,), 20.0)
    assert adaface_quality(norms, norms.mean(), norms.std()).tolist() == [0.0] * 5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, *HALF])
def test_quality_takes_no_gradient_and_feeds_adaface(dtype: torch.dtype) -> None:
    norms = torch.linspace(1.0, 90.0, 9).to(dtype).requires_grad_()
    quality = adaface_quality(norms, 20.0, 10.0)
    assert not quality.requires_grad
    assert quality.dtype == torch.promote_types(dtype, torch.float32)
    assert (quality.abs() <= 1).all()
    assert adaface(torch.linspace(-1, 1, 9), quality).isfinite().all()


# -- Mistakes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low", "high"), [(-0.1, 0.5), (0.05, math.pi), (28.6, 45.0), (0.5, 0.05), (math.nan, 0.5)])
def test_low_and_high_must_be_angles_in_order(low: float, high: float) -> None:
    with pytest.raises(ConfigError, match=r"class_margins.*got"):
        class_margins(torch.ones(2), low=low, high=high)
    with pytest.raises(ConfigError, match=r"magface_margins.*got"):
        magface_margins(torch.ones(2), low=low, high=high)


@pytest.mark.parametrize(("low_norm", "high_norm"), [(0.0, 110.0), (110.0, 10.0), (10.0, 10.0), (10.0, math.inf)])
def test_the_norms_must_be_lengths_in_order(low_norm: float, high_norm: float) -> None:
    for function in (magface_margins, magface_penalty):
        with pytest.raises(ConfigError, match="0 < low_norm < high_norm, got"):
            function(torch.ones(2), low_norm=low_norm, high_norm=high_norm)


@pytest.mark.parametrize("margin", [-0.1, math.pi, 28.6, math.nan])
def test_an_elastic_margin_that_is_no_angle_is_refused(margin: float) -> None:
    with pytest.raises(ConfigError, match=r"elastic_margins.*radians"):
        elastic_margins(torch.zeros(1), margin)


@pytest.mark.parametrize("concentration", [0.0, -0.333, math.nan, math.inf])
def test_a_concentration_that_is_none_is_refused(concentration: float) -> None:
    with pytest.raises(ConfigError, match="a concentration above 0, got"):
        adaface_quality(torch.ones(2), 1.0, 1.0, concentration=concentration)
