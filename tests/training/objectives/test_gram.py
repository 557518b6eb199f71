"""GRAM: the loss function of the modalities' vectors."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from steradian.losses import gram_loss


@pytest.mark.parametrize("positives", ["class", "object"])
def test_it_is_the_loss_of_its_name(compared: Callable[..., Any], positives: str) -> None:
    found, vectors, labels, present = compared("gram", positives)
    expected = gram_loss(vectors, labels, present=present, scale=7.0, anchor=1)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
