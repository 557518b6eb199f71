"""What the angular softmax takes as an option, and what it does not learn."""

from typing import Any

import pytest
import torch

from steradian.errors import ConfigError
from steradian.losses import angular_softmax_loss


@pytest.mark.parametrize("name", ["margin", "scale"])
def test_what_asks_for_a_gradient_is_no_margin_or_scale(name: str) -> None:
    rows, labels, centers = torch.eye(4), torch.arange(4), torch.eye(4)
    options: dict[str, Any] = {"scale": 8.0, name: torch.nn.Parameter(torch.tensor(0.5))}
    with pytest.raises(ConfigError, match=f"want a {name} without a gradient, got {name}=Parameter"):
        angular_softmax_loss(rows, labels, class_centers=centers, **options)


def test_weights_of_classes_may_be_a_list() -> None:
    options: dict[str, Any] = {"class_centers": torch.randn(4, 4), "scale": 8.0}
    rows, labels = torch.eye(4), torch.arange(4)
    losses = angular_softmax_loss(rows, labels, **options)
    weighed = angular_softmax_loss(rows, labels, class_weights=[1, 2, 3, 4], **options)
    torch.testing.assert_close(weighed, losses * torch.tensor([1, 2, 3, 4]))


def test_a_row_that_is_not_finite_shows_in_its_own_loss() -> None:
    rows = torch.eye(4)
    rows[2, 1] = torch.nan
    losses = angular_softmax_loss(rows, torch.arange(4), class_centers=torch.eye(4), scale=8.0)
    assert losses.isfinite().tolist() == [True, True, False, True]
