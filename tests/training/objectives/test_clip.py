"""CLIP between all modalities, and to an anchor: the loss function of the modalities' vectors."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from steradian.losses import clip_loss


@pytest.mark.parametrize("positives", ["class", "object"])
@pytest.mark.parametrize(("kind", "anchor"), [("clip", None), ("anchor_clip", 1)])
def test_it_is_the_loss_of_its_name(
    compared: Callable[..., Any], kind: str, anchor: int | None, positives: str
) -> None:
    found, vectors, labels, present = compared(kind, positives)
    expected = clip_loss(vectors, labels, present=present, scale=7.0, anchor=anchor)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
