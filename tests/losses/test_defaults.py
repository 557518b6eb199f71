"""The derived scale, margin and spacing against the figures of their derivations."""

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from steradian.errors import ConfigError, InputError
from steradian.losses import adacos_scale, adacos_update, center_spacing, default_margin, default_scale

# -- The scale ---------------------------------------------------------------------------------------------------------


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


# -- AdaCos ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("num_classes", "scale"), [(3, 0.98), (5, 1.96), (10, 3.11), (40, 5.18), (1_000_000, 19.54)])
def test_adacos_scale_has_the_known_figures(num_classes: int, scale: float) -> None:
    assert adacos_scale(num_classes) == pytest.approx(scale, abs=0.0051)


@pytest.mark.parametrize("num_classes", [-1, 0, 1, 2])
def test_adacos_scale_refuses_classes_for_which_it_has_none(num_classes: int) -> None:
    with pytest.raises(ConfigError, match=f"at least 3 classes.*got {num_classes}"):
        adacos_scale(num_classes)


@given(
    cosines=st.lists(st.lists(st.floats(-1, 1), min_size=6, max_size=6), min_size=1, max_size=9),
    scale=st.floats(1, 64),
)
def test_adacos_update_is_that_of_the_formula(cosines: list[list[float]], scale: float) -> None:
    others = [[scale * c for c in row[1:]] for row in cosines]
    b_avg = math.fsum(math.exp(z) for row in others for z in row) / len(cosines)
    angle = sorted(math.acos(row[0]) for row in cosines)[(len(cosines) - 1) // 2]
    expected = max(1.0, math.log(b_avg) / math.cos(min(math.pi / 4, angle)))
    found = adacos_update(
        torch.tensor(others, dtype=torch.float64).logsumexp(1),
        torch.tensor([row[0] for row in cosines], dtype=torch.float64),
    )
    assert found.shape == ()
    assert found.item() == pytest.approx(expected, rel=1e-9)


def test_adacos_update_starts_where_the_fixed_scale_is() -> None:
    # All cosines 0: B is C - 1, and the median angle, a right one, counts as pi / 4.
    num_classes = 1000
    found = adacos_update(torch.full((8,), math.log(num_classes - 1)), torch.zeros(8))
    assert found.item() == pytest.approx(adacos_scale(num_classes), rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
def test_adacos_update_is_finite_and_takes_no_gradient(dtype: torch.dtype) -> None:
    others = torch.tensor([900.0, 950.0, 1000.0]).to(dtype).requires_grad_()
    targets = torch.tensor([1.004, 0.2, -1.004]).to(dtype).requires_grad_()
    before = others.detach().clone(), targets.detach().clone()
    found = adacos_update(others, targets)
    assert found.isfinite()
    assert found.dtype == torch.promote_types(dtype, torch.float32)
    assert not found.requires_grad
    assert torch.equal(others, before[0])
    assert torch.equal(targets, before[1])


def test_adacos_update_never_turns_the_loss_round() -> None:
    # Two classes opposite each other: ln(B) is less than 0.
    assert adacos_update(torch.full((4,), -30.0), torch.ones(4)).item() == 1.0


@pytest.mark.parametrize(("rows", "targets"), [((0,), (0,)), ((3,), (2,)), ((3,), (3, 1))])
def test_adacos_update_refuses_rows_that_do_not_belong_together(
    rows: tuple[int, ...], targets: tuple[int, ...]
) -> None:
    with pytest.raises(InputError, match="one logsumexp and one cosine a row"):
        adacos_update(torch.zeros(rows), torch.zeros(targets))


# -- The spacing and the margin ----------------------------------------------------------------------------------------


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
