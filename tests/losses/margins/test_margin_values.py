"""Margins that are no angles, and no differences of cosines, are refused."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from steradian.errors import ConfigError, InputError
from steradian.losses import (
    adaface,
    arcface,
    class_margins,
    combined,
    cosface,
    magface_margins,
    sphereface,
)

HALF = [torch.bfloat16, torch.float16]


def seeded(random_state: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(random_state)


@pytest.mark.parametrize("margin", [-0.1, math.pi, 28.6, math.nan, math.inf])
def test_a_margin_that_is_no_angle_is_refused(margin: float) -> None:
    for psi in (arcface, lambda c, m: combined(c, margin=m), lambda c, m: adaface(c, torch.zeros(1), margin=m)):
        with pytest.raises(ConfigError, match="radians, 0 <= margin < pi, got"):
            psi(torch.zeros(1), margin)


@pytest.mark.parametrize("cosine_margin", [-0.1, 2.0, 28.6, math.nan])
def test_a_cosine_margin_out_of_range_is_refused(cosine_margin: float) -> None:
    with pytest.raises(ConfigError, match=r"cosface.*difference of cosines, 0 <= cosine_margin < 2, got"):
        cosface(torch.zeros(1), cosine_margin)
    with pytest.raises(ConfigError, match=r"combined.*difference of cosines"):
        combined(torch.zeros(1), cosine_margin=cosine_margin)


@pytest.mark.parametrize("angle_factor", [0.0, 0.99, -1.7, math.nan, math.inf])
def test_a_factor_below_1_is_refused(angle_factor: float) -> None:
    for psi in (sphereface, lambda c, f: combined(c, angle_factor=f)):
        with pytest.raises(ConfigError, match="1 <= angle_factor, got"):
            psi(torch.zeros(1), angle_factor)


@pytest.mark.parametrize("shape", [(4,), (3, 1), (1, 3), (3, 3)])
def test_margins_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    cosines, values = torch.zeros(3), torch.zeros(shape)
    wrong: list[Callable[[], Tensor]] = [
        lambda: arcface(cosines, values),
        lambda: cosface(cosines, values),
        lambda: combined(cosines, margin=values),
        lambda: combined(cosines, cosine_margin=values),
        lambda: adaface(cosines, values),
    ]
    for call in wrong:
        with pytest.raises(InputError, match=r"that of the cosines, \(3,\), got \(\d"):
            call()


@pytest.mark.parametrize(("low", "high"), [(-0.1, 0.5), (0.05, math.pi), (28.6, 45.0), (0.5, 0.05), (math.nan, 0.5)])
def test_low_and_high_must_be_angles_in_order(low: float, high: float) -> None:
    with pytest.raises(ConfigError, match=r"class_margins.*got"):
        class_margins(torch.ones(2), low=low, high=high)
    with pytest.raises(ConfigError, match=r"magface_margins.*got"):
        magface_margins(torch.ones(2), low=low, high=high)
