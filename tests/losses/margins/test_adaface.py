"""AdaFace's quality against its formula written out."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from steradian.errors import ConfigError
from steradian.losses import (
    adaface,
    adaface_quality,
)

HALF = [torch.bfloat16, torch.float16]


def seeded(random_state: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(random_state)


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


@pytest.mark.parametrize("concentration", [0.0, -0.333, math.nan, math.inf])
def test_a_concentration_that_is_none_is_refused(concentration: float) -> None:
    with pytest.raises(ConfigError, match="a concentration above 0, got"):
        adaface_quality(torch.ones(2), 1.0, 1.0, concentration=concentration)
