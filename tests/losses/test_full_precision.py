"""No loss is rounded by a user's autocast, whatever comes into it."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.losses import (
    angular_multilabel_loss,
    angular_softmax_loss,
    circle_loss,
    clip_loss,
    gmc_loss,
    gram_loss,
    proxy_anchor_loss,
    stream_softmax,
    supcon_loss,
    symile_loss,
    triplet_loss,
)
from steradian.losses.full_precision import in_full_precision

OWNERS, CENTERS, ALL = torch.arange(12) % 4, torch.randn(4, 16), torch.ones(12, 3, dtype=torch.bool)

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "clip": lambda vectors, whole: clip_loss(vectors, OWNERS, present=ALL, scale=10.0),
    "gmc": lambda vectors, whole: gmc_loss(vectors, whole, OWNERS, present=ALL, scale=10.0),
    "symile": lambda vectors, whole: symile_loss(vectors, OWNERS, present=ALL, scale=10.0),
    "gram": lambda vectors, whole: gram_loss(vectors, OWNERS, present=ALL, scale=10.0),
    "supcon": lambda vectors, whole: supcon_loss(whole, OWNERS, scale=10.0),
    "triplet": lambda vectors, whole: triplet_loss(whole, OWNERS),
    "circle": lambda vectors, whole: circle_loss(whole, OWNERS, class_centers=CENTERS),
    "proxy anchor": lambda vectors, whole: proxy_anchor_loss(whole, OWNERS, class_centers=CENTERS),
    "softmax": lambda vectors, whole: angular_softmax_loss(whole, OWNERS, class_centers=CENTERS, scale=8.0, margin=0.2),
    "labels": lambda vectors, whole: angular_multilabel_loss(
        whole, OWNERS[:, None], class_centers=CENTERS, scale=8.0, threshold=torch.tensor(1.0)
    ),
    "stream": lambda vectors, whole: stream_softmax(whole, OWNERS[:, None], class_centers=CENTERS, scale=8.0).others,
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES.keys())
def test_a_users_autocast_changes_no_loss(loss: Callable[[Tensor, Tensor], Tensor], dtype: torch.dtype) -> None:
    vectors = F.normalize(torch.randn(12, 3, 16, generator=torch.Generator().manual_seed(0)), dim=-1).to(dtype)
    whole = F.normalize(vectors.float().sum(dim=1), dim=-1).to(dtype)
    found = []
    for half in (False, True):
        torch.manual_seed(0)
        inputs = [vectors.clone().requires_grad_(), whole.clone().requires_grad_()]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=half):
            values = loss(inputs[0], inputs[1])
        gradients = torch.autograd.grad(values.sum(), inputs, allow_unused=True)
        found.append([values, *(gradient for gradient in gradients if gradient is not None)])
    assert all(torch.equal(plain, rounded) for plain, rounded in zip(*found, strict=True))
    assert found[0][0].dtype == (torch.float64 if dtype == torch.float64 else torch.float32)


def test_the_function_keeps_its_name_and_arguments() -> None:
    @in_full_precision
    def product(left: Tensor, *, right: Tensor) -> Tensor:
        """Of two."""
        return left @ right

    assert (product.__name__, product.__doc__) == ("product", "Of two.")
    assert product(torch.ones(2).half(), right=torch.ones(2)).dtype == torch.float32
