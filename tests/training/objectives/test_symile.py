"""Symile: the loss function of the modalities' vectors, which draws at random."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from steradian.losses import symile_loss


@pytest.mark.parametrize("positives", ["class", "object"])
def test_it_is_the_loss_of_its_name(compared: Callable[..., Any], positives: str) -> None:
    found, vectors, labels, present = compared("symile", positives)
    torch.manual_seed(5)
    expected = symile_loss(vectors, labels, present=present, scale=7.0)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
