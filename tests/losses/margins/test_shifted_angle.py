"""Every margin against a loop by way of arccos, and what must hold for each of them at every angle."""

import math
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from steradian.losses import adaface, arcface, combined, cosface, normface, sphereface

HALF = [torch.bfloat16, torch.float16]
MARGINS = (1e-4, 7e-4, 9e-4, 0.0011, 0.05, 0.2, 0.5, 1.0, 1.4, 2.5, 3.1, math.pi - 5e-4)
QUALITIES = (-1.0, -0.4, 0.0, 0.3, 1.0)


class Case(NamedTuple):
    """A margin as the reference writes it: falling(factor * angle + shift) - drop."""

    psi: Callable[[Tensor], Tensor]
    factor: float = 1.0
    shift: float = 0.0
    drop: float = 0.0

    def reference(self, cosine: float) -> float:
        turned = self.factor * math.acos(cosine) + self.shift
        k = math.floor(turned / math.pi)
        return (-1) ** k * math.cos(turned) - 2 * k - self.drop

    def kinks(self) -> list[float]:
        """The angles away from 0 and 180 degrees at which the shifted angle is a multiple of 180 degrees."""
        angles = [(k * math.pi - self.shift) / self.factor for k in range(-1, 6)]
        return [angle for angle in angles if 0.01 < angle < math.pi - 0.01]


def arcface_of_rows(margin: float) -> Callable[[Tensor], Tensor]:
    return lambda cosines: arcface(cosines, torch.full(cosines.shape, margin, dtype=torch.float64))


def adaface_of(quality: float, margin: float) -> Callable[[Tensor], Tensor]:
    return lambda cosines: adaface(cosines, torch.full(cosines.shape, quality, dtype=torch.float64), margin=margin)


CASES = {
    "normface": Case(normface),
    "cosface": Case(cosface, drop=0.35),
    "cosface 1.2": Case(partial(cosface, cosine_margin=1.2), drop=1.2),
    **{f"arcface {m:.4f}": Case(partial(arcface, margin=m), shift=m) for m in MARGINS},
    **{f"arcface of rows {m:.4f}": Case(arcface_of_rows(m), shift=m) for m in (0.2, 1.4, *(-m for m in MARGINS))},
    "sphereface": Case(sphereface, factor=1.7),
    **{f"sphereface {f}": Case(partial(sphereface, angle_factor=f), factor=f) for f in (1.0, 1.5, 2.0, 4.0)},
    "combined": Case(combined, shift=0.5),
    "combined 1.3 0.2 0.1": Case(partial(combined, angle_factor=1.3, margin=0.2, cosine_margin=0.1), 1.3, 0.2, 0.1),
    "combined 3 2.5 0.6": Case(partial(combined, angle_factor=3.0, margin=2.5, cosine_margin=0.6), 3.0, 2.5, 0.6),
    **{f"adaface {q}": Case(adaface_of(q, 0.4), shift=-0.4 * q, drop=0.4 + 0.4 * q) for q in QUALITIES},
    **{f"adaface {q} 1.5": Case(adaface_of(q, 1.5), shift=-1.5 * q, drop=1.5 + 1.5 * q) for q in QUALITIES},
}

each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def cosines_of(start: float, end: float, count: int) -> Tensor:
    return torch.linspace(start, end, count, dtype=torch.float64).cos()


def slopes(psi: Callable[[Tensor], Tensor], cosines: Tensor) -> Tensor:
    leaf = cosines.clone().requires_grad_()
    return torch.autograd.grad(psi(leaf).sum(), leaf)[0]


def expected_of(case: Case, cosines: Tensor) -> Tensor:
    return torch.tensor([case.reference(c) for c in cosines.clamp(-1, 1).tolist()], dtype=torch.float64)


# -- The value and its slope -------------------------------------------------------------------------------------------


@each_case
def test_value_is_that_of_the_shifted_angle(case: Case) -> None:
    cosines = cosines_of(0.002, math.pi - 0.002, 501)
    torch.testing.assert_close(case.psi(cosines), expected_of(case, cosines), rtol=0, atol=1e-12)


@each_case
def test_near_0_and_180_degrees_the_angle_is_off_by_a_thousandth_at_most(case: Case) -> None:
    for cosines in (cosines_of(0.0, 0.002, 101), cosines_of(math.pi - 0.002, math.pi, 101)):
        off = 0.001001 * case.factor
        # The slope of psi by the angle is at most the factor times this sine.
        steepest = abs(math.sin(case.shift)) + case.factor * 0.005 if case.factor % 1 == 0 else 1.0
        torch.testing.assert_close(case.psi(cosines), expected_of(case, cosines), rtol=0, atol=off * steepest)


@each_case
def test_gradcheck(case: Case) -> None:
    assert torch.autograd.gradcheck(case.psi, (cosines_of(0.052, math.pi - 0.052, 33).requires_grad_(),))


@each_case
def test_it_falls_strictly_from_0_to_180_degrees(case: Case) -> None:
    cosines = cosines_of(0.0, math.pi, 20_001)
    assert (case.psi(cosines).diff() < 0).all()
    # A larger angle means a smaller cosine, so the slope against the cosine is positive; at a kink it is zero.
    slope = slopes(case.psi, cosines)
    assert (slope > -1e-12).all()
    assert (slope <= 0).sum() <= len(case.kinks())


@pytest.mark.parametrize("margin", [math.asin(0.001), 0.001, math.atan(0.001)])
def test_where_the_tangent_of_the_sine_cancels_the_margin_it_is_flat_and_never_rises(margin: float) -> None:
    # The turn falls where the tangent is in use, which puts psi off by 2.5e-13 there.
    cosines = cosines_of(math.pi - 0.003, math.pi, 20_001)
    assert (arcface(cosines, margin).diff() <= 3e-13).all()


@each_case
def test_value_and_slope_go_on_where_the_shifted_angle_leaves_a_half_turn(case: Case) -> None:
    for kink in case.kinks():
        around = torch.tensor([kink - 1e-7, kink + 1e-7], dtype=torch.float64).cos()
        turns = round((case.factor * kink + case.shift) / math.pi)
        at_kink = torch.full((2,), 1.0 - 2.0 * turns - case.drop, dtype=torch.float64)
        torch.testing.assert_close(case.psi(around), at_kink, rtol=0, atol=1e-12)
        assert slopes(case.psi, around).abs().max() < 1e-5 * case.factor**2


def test_the_cases_have_kinks_above_180_degrees_and_below_0() -> None:
    assert len(CASES["sphereface 4.0"].kinks()) == 3
    assert CASES["arcface 0.5000"].kinks() == [math.pi - 0.5]
    assert CASES["adaface 1.0"].kinks() == [0.4]


# -- What one margin is to another -------------------------------------------------------------------------------------


@pytest.mark.parametrize("margin", MARGINS)
def test_combined_has_the_others_as_special_cases(margin: float) -> None:
    cosines = cosines_of(0.002, math.pi - 0.002, 501)
    close = partial(torch.testing.assert_close, rtol=0, atol=1e-12)
    close(combined(cosines, margin=margin), arcface(cosines, margin))
    close(combined(cosines, margin=0.0, cosine_margin=margin / 2), cosface(cosines, margin / 2))
    close(combined(cosines, angle_factor=1 + margin, margin=0.0), sphereface(cosines, 1 + margin))
    near = cosines_of(0.0, 0.002, 101)
    torch.testing.assert_close(combined(near, margin=margin), arcface(near, margin), rtol=0, atol=1e-6)


def test_a_margin_for_each_row_is_that_of_the_row_alone() -> None:
    cosines = cosines_of(0.0, math.pi, 181)
    margins = torch.linspace(0.0, 3.1, 181, dtype=torch.float64)
    options = {"rtol": 0, "atol": 1e-15}
    for psi in (arcface, lambda c, m: cosface(c, m / 2), lambda c, m: combined(c, margin=m, cosine_margin=m / 3)):
        alone = [psi(c, m) for c, m in zip(cosines, margins.tolist(), strict=True)]
        torch.testing.assert_close(psi(cosines, margins), torch.stack(alone), **options)
        torch.testing.assert_close(psi(cosines[:, None], margins[:, None])[:, 0], torch.stack(alone), **options)


def test_quality_leads_from_arcface_over_cosface() -> None:
    cosines = cosines_of(0.0, math.pi, 501)
    quality = torch.tensor([-1.0, 0.0], dtype=torch.float64)[:, None]
    found = adaface(cosines.expand(2, -1), quality)
    expected = torch.stack([arcface(cosines, 0.4), cosface(cosines, 0.4)])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, *HALF])
def test_no_margin_gives_the_cosine_back(dtype: torch.dtype) -> None:
    cosines = torch.linspace(-1.0, 1.0, 101).to(dtype)
    exact = cosines.to(torch.promote_types(dtype, torch.float32))
    for found in (normface(cosines), arcface(cosines, 0.0), cosface(cosines, 0.0)):
        torch.testing.assert_close(found, exact, rtol=0, atol=0)


@given(angle=st.floats(0.002, math.pi - 0.002), margin=st.floats(-math.pi + 1e-6, math.pi - 1e-6))
def test_any_signed_margin_has_the_value_of_the_loop(angle: float, margin: float) -> None:
    case = Case(arcface_of_rows(margin), shift=margin)
    cosines = torch.tensor([math.cos(angle)], dtype=torch.float64)
    torch.testing.assert_close(case.psi(cosines), expected_of(case, cosines), rtol=0, atol=1e-11)


@given(
    angles=st.tuples(st.floats(0.0, math.pi), st.floats(0.0, math.pi)).filter(lambda pair: pair[1] - pair[0] > 1e-4),
    factor=st.floats(1.0, 5.0),
    margin=st.floats(0.0, math.pi - 1e-6),
)
def test_a_larger_angle_has_a_smaller_value(angles: tuple[float, float], factor: float, margin: float) -> None:
    near, far = combined(torch.tensor(angles, dtype=torch.float64).cos(), angle_factor=factor, margin=margin)
    assert far < near
    near, far = arcface(torch.tensor(angles, dtype=torch.float64).cos(), margin)
    assert far < near


# -- The gradient of a margin ------------------------------------------------------------------------------------------


def test_gradcheck_of_the_margins_of_rows() -> None:
    cosines = cosines_of(0.052, math.pi - 0.052, 24).requires_grad_()
    signed = torch.linspace(-3.0, 3.0, 24, dtype=torch.float64).flip(0)[torch.randperm(24)].requires_grad_()
    above = (signed.detach().abs() / 2).requires_grad_()
    assert torch.autograd.gradcheck(arcface, (cosines, signed))
    assert torch.autograd.gradcheck(cosface, (cosines, above))
    assert torch.autograd.gradcheck(
        lambda c, m, d: combined(c, angle_factor=1.5, margin=m, cosine_margin=d), (cosines, above, above)
    )


@pytest.mark.parametrize("dtype", [torch.float32, *HALF])
def test_the_gradient_of_the_margins_is_finite_at_every_degree(dtype: torch.dtype) -> None:
    cosines = torch.cat([cosines_of(0.0, math.pi, 181), torch.tensor([1.004, 1 + 4e-7, -1 - 4e-7, -1.004])]).to(dtype)
    for margin in (-3.1, -0.5, 0.0, 0.5, 3.1):
        margins = torch.full(cosines.shape, margin, dtype=dtype, requires_grad=True)
        (gradient,) = torch.autograd.grad(arcface(cosines, margins).sum(), margins)
        assert gradient.dtype == dtype
        assert gradient.isfinite().all()
        # A larger margin always means a smaller value.
        assert (gradient <= 0.004).all()


def test_quality_takes_no_gradient() -> None:
    cosines, quality = cosines_of(0.1, 3.0, 9).requires_grad_(), torch.zeros(9, requires_grad=True)
    adaface(cosines, quality).sum().backward()
    assert quality.grad is None
    assert cosines.grad is not None


# -- Precision ---------------------------------------------------------------------------------------------------------


@each_case
@pytest.mark.parametrize("dtype", [torch.float32, *HALF])
def test_every_degree_has_a_finite_value_and_a_finite_slope(case: Case, dtype: torch.dtype) -> None:
    cosines = cosines_of(0.0, math.pi, 181).to(dtype)
    found = case.psi(cosines)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, case.psi(cosines.double()).float(), rtol=1e-5, atol=3e-5 * case.factor)
    slope = slopes(case.psi, cosines)
    assert slope.dtype == dtype
    assert slope.isfinite().all()
    # At a kink it is zero, give or take a rounding.
    away = torch.ones(181, dtype=torch.bool)
    for kink in case.kinks():
        away &= (cosines.double().clamp(-1, 1).acos() - kink).abs() > 0.005
    assert (slope[away] > 0).all()


@each_case
def test_cosines_beyond_1_by_rounding(case: Case) -> None:
    # The next float32, some roundings of a long product, and what unit rows in bfloat16 give.
    for excess in (1.2e-7, 4e-7, 0.004):
        beyond = torch.tensor([1.0 + excess, -1.0 - excess])
        ends = torch.tensor([1.0, -1.0])
        atol = 2 * excess + 0.0012 * case.factor
        torch.testing.assert_close(case.psi(beyond), case.psi(ends), rtol=0, atol=atol)
        assert slopes(case.psi, beyond).isfinite().all()
    assert (slopes(case.psi, torch.tensor([1.0 + 4e-7, -1.0 - 4e-7])) > 0).all()


@each_case
def test_the_cosines_given_stay_as_they_are(case: Case) -> None:
    cosines = cosines_of(0.0, math.pi, 181)
    before = cosines.clone()
    case.psi(cosines)
    case.psi(cosines.float())
    assert torch.equal(cosines, before)


def test_margins_and_qualities_stay_as_they_are() -> None:
    cosines, values = cosines_of(0.0, math.pi, 181), torch.linspace(-1.0, 1.0, 181, dtype=torch.float64)
    before = values.clone()
    arcface(cosines, values)
    cosface(cosines, values)
    combined(cosines, margin=values, cosine_margin=values)
    adaface(cosines, values)
    assert torch.equal(values, before)
