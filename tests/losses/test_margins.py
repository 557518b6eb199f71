"""The additive margin against arccos, and the defaults against the figures of its derivation."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import ConfigError
from steradian.losses import arcface, center_spacing, default_margin, default_scale

MARGINS = (0.05, 0.2, 0.5, 1.0, 1.4, 2.5, 3.1)


def reference(cosine: float, margin: float) -> float:
    """The definition, by way of the angle."""
    shifted = math.acos(cosine) + margin
    return math.cos(shifted) if shifted <= math.pi else -2.0 - math.cos(shifted)


def cosines_of(start: float, end: float, count: int) -> Tensor:
    return torch.linspace(start, end, count, dtype=torch.float64).cos()


def slopes(cosines: Tensor, margin: float) -> Tensor:
    leaf = cosines.clone().requires_grad_()
    arcface(leaf, margin).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


# -- The value and its slope -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("margin", MARGINS)
def test_value_is_that_of_the_angle_moved_by_the_margin(margin: float) -> None:
    cosines = cosines_of(0.002, math.pi - 0.002, 501)
    expected = torch.tensor([reference(c, margin) for c in cosines.tolist()], dtype=torch.float64)
    torch.testing.assert_close(arcface(cosines, margin), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("margin", MARGINS)
def test_near_0_and_180_degrees_the_value_is_off_by_less_than_half_a_thousandth(margin: float) -> None:
    for cosines in (cosines_of(0.0, 0.002, 101), cosines_of(math.pi - 0.002, math.pi, 101)):
        expected = torch.tensor([reference(c, margin) for c in cosines.clamp(-1, 1).tolist()], dtype=torch.float64)
        torch.testing.assert_close(arcface(cosines, margin), expected, rtol=0, atol=0.000501 * math.sin(margin))


@pytest.mark.parametrize("margin", MARGINS)
def test_slope_is_that_of_finite_differences(margin: float) -> None:
    cosines = [c for c in cosines_of(0.1, math.pi - 0.1, 301).tolist() if abs(c + math.cos(margin)) > 1e-4]
    step = 1e-6
    expected = [(reference(c + step, margin) - reference(c - step, margin)) / (2 * step) for c in cosines]
    found = slopes(torch.tensor(cosines, dtype=torch.float64), margin).tolist()
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-7)


def test_gradcheck() -> None:
    for margin in MARGINS:
        cosines = cosines_of(0.052, math.pi - 0.052, 33).requires_grad_()
        assert torch.autograd.gradcheck(lambda c, m=margin: arcface(c, m), (cosines,))


@pytest.mark.parametrize("margin", MARGINS)
def test_it_falls_strictly_from_0_to_180_degrees(margin: float) -> None:
    cosines = cosines_of(0.0, math.pi, 20_001)
    assert (arcface(cosines, margin).diff() < 0).all()
    # A larger angle means a smaller cosine, so the slope against the cosine is positive.
    assert (slopes(cosines, margin) > 0).all()


@pytest.mark.parametrize("margin", MARGINS)
def test_value_and_slope_go_on_where_angle_and_margin_reach_180_degrees(margin: float) -> None:
    before, after = torch.tensor([math.pi - margin - 1e-7, math.pi - margin + 1e-7], dtype=torch.float64).cos()
    assert after < -math.cos(margin) < before
    assert arcface(before, margin).item() == pytest.approx(-1.0, abs=1e-12)
    assert arcface(after, margin).item() == pytest.approx(-1.0, abs=1e-12)
    assert abs(slopes(before, margin).item()) < 1e-5
    assert abs(slopes(after, margin).item()) < 1e-5


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_no_margin_gives_the_cosine_back(dtype: torch.dtype) -> None:
    cosines = torch.linspace(-1.0, 1.0, 101).to(dtype)
    exact = torch.promote_types(dtype, torch.float32)
    torch.testing.assert_close(arcface(cosines, 0.0), cosines.to(exact), rtol=0, atol=0)


# -- Precision ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("margin", MARGINS)
def test_every_degree_has_a_finite_value_and_a_finite_rising_slope(dtype: torch.dtype, margin: float) -> None:
    cosines = cosines_of(0.0, math.pi, 181).to(dtype)
    found = arcface(cosines, margin)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, arcface(cosines.double(), margin).float(), rtol=1e-5, atol=3e-5)
    slope = slopes(cosines, margin)
    assert slope.dtype == dtype
    assert slope.isfinite().all()
    # At the kink itself, where angle + margin is 180 degrees, the slope is zero.
    assert (slope[(cosines.double() + math.cos(margin)).abs() > 0.005] > 0).all()


@pytest.mark.parametrize("margin", [0.2, 0.5, 1.4])
def test_cosines_beyond_1_by_rounding(margin: float) -> None:
    # The next float32, some roundings of a long product, and what unit rows in bfloat16 give.
    for excess in (1.2e-7, 4e-7, 0.004):
        beyond = torch.tensor([1.0 + excess, -1.0 - excess])
        ends = torch.tensor([1.0, -1.0])
        torch.testing.assert_close(arcface(beyond, margin), arcface(ends, margin), rtol=0, atol=2 * excess + 0.0006)
        assert slopes(beyond, margin).isfinite().all()
    assert (slopes(torch.tensor([1.0 + 4e-7, -1.0 - 4e-7]), margin) > 0).all()


def test_the_cosines_given_stay_as_they_are() -> None:
    cosines = cosines_of(0.0, math.pi, 181)
    before = cosines.clone()
    arcface(cosines, 0.5).add_(1.0)
    arcface(cosines.float(), 0.5)
    assert torch.equal(cosines, before)


@pytest.mark.parametrize("margin", [-0.1, math.pi, 28.6, math.nan, math.inf])
def test_a_margin_that_is_no_angle_is_refused(margin: float) -> None:
    with pytest.raises(ConfigError, match="radians"):
        arcface(torch.zeros(1), margin)


# -- The defaults ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("num_classes", "bound"), [(5, 4.8), (10, 6.1), (40, 8.1), (1000, 11.5), (1_000_000, 18.4)])
def test_default_scale_is_twice_the_bound_for_probability_99_percent(num_classes: int, bound: float) -> None:
    assert default_scale(num_classes) / 2 == pytest.approx(bound, abs=0.051)


@pytest.mark.parametrize("num_classes", [4, 5, 10, 40, 1000])
def test_half_the_default_scale_gives_99_percent_to_a_target_on_its_center(num_classes: int) -> None:
    # Centers as far apart as they can be: the others' cosines are -1 / (C - 1).
    cosines = torch.full((num_classes,), -1.0 / (num_classes - 1), dtype=torch.float64)
    cosines[0] = 1.0
    scale = default_scale(num_classes) / 2
    assert F.softmax(scale * cosines, dim=0)[0].item() == pytest.approx(0.99, abs=1e-9)


def test_default_scale_is_at_least_8() -> None:
    assert [default_scale(2), default_scale(3)] == [8.0, 8.0]
    assert default_scale(4) > 8.0


@pytest.mark.parametrize(
    ("num_classes", "dim", "degrees"), [(5, 64, 104.5), (10, 64, 96.4), (40, 64, 91.5), (10, 2, 36.0)]
)
def test_center_spacing_has_the_known_figures(num_classes: int, dim: int, degrees: float) -> None:
    assert math.degrees(center_spacing(num_classes, dim)) == pytest.approx(degrees, abs=0.051)


@pytest.mark.parametrize(("num_classes", "dim"), [(2, 2), (3, 2), (5, 4), (5, 64), (41, 40)])
def test_center_spacing_of_few_classes_is_the_simplex(num_classes: int, dim: int) -> None:
    corners = F.normalize(torch.eye(num_classes, dtype=torch.float64) - 1.0 / num_classes, dim=1)
    between = (corners @ corners.T).clamp(-1, 1).acos()[~torch.eye(num_classes, dtype=torch.bool)]
    assert center_spacing(num_classes, dim) == pytest.approx(between.min().item(), abs=1e-7)
    assert center_spacing(num_classes, dim) == pytest.approx(between.max().item(), abs=1e-7)


@pytest.mark.parametrize("num_classes", [4, 10, 360, 1_000_000])
def test_center_spacing_on_the_circle_is_a_share_of_it(num_classes: int) -> None:
    assert center_spacing(num_classes, 2) == pytest.approx(2 * math.pi / num_classes, rel=1e-9)


@pytest.mark.parametrize("num_classes", [12, 100, 10_000])
def test_center_spacing_on_the_globe_fills_it_with_caps(num_classes: int) -> None:
    # A cap of half-angle r covers (1 - cos r) / 2 of the globe.
    assert (1 - math.cos(center_spacing(num_classes, 3) / 2)) / 2 == pytest.approx(1 / num_classes, rel=1e-9)


@pytest.mark.parametrize("dim", [2, 3, 8, 128])
def test_center_spacing_never_grows_with_the_number_of_classes(dim: int) -> None:
    spacings = [center_spacing(c, dim) for c in [*range(2, 300), 10_000, 10_000_000]]
    assert all(before >= after > 0 for before, after in pairwise(spacings))
    assert max(spacings[dim:]) <= math.pi / 2


def test_default_margin_is_a_fifth_of_a_radian_or_a_quarter_of_the_spacing() -> None:
    assert [default_margin(c, 64) for c in (2, 10, 1000)] == [0.2] * 3
    assert math.degrees(default_margin(10, 2)) == pytest.approx(9.0)
