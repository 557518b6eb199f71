"""The classes a row is not of but near to: found, and given more weight."""

import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import ConfigError
from steradian.losses.streaming import exact_type

__all__ = ["nearest_others", "sample_classes"]

COSINES = 2**22
"""Cosines to search at once."""


@torch.no_grad()
def nearest_others(
    embeddings: Tensor, labels: Tensor, *, class_centers: Tensor, count: int, classes: Tensor | None = None
) -> Tensor:
    """The nearest classes of each row but its own, by cosine.

    Args:
        embeddings: unit rows [rows, embedding_dim].
        labels: int64 [rows].
        class_centers: [num_classes, embedding_dim] or [num_classes, centers a class, embedding_dim], of any length.
        count: how many.
        classes: int64 [sampled]: search these only.

    Returns:
        int64 [rows, count], nearest first.

    Raises:
        ConfigError: a count that is negative or more than there are other classes.

    Examples:
        >>> nearest_others(torch.eye(3), torch.tensor([0, 1, 2]), class_centers=torch.eye(3), count=1).shape
        torch.Size([3, 1])
    """
    numbers = torch.arange(len(class_centers), device=labels.device) if classes is None else classes
    if not 0 <= count < len(numbers):
        want = f"count from 0 to {len(numbers) - 1}, no more than there are other classes"
        raise ConfigError(want, repr(count), "nearest_others", "Ask for fewer, or sample more classes.")
    exact = exact_type(embeddings, class_centers)
    embeddings = embeddings.to(exact)
    found = embeddings.new_full((len(embeddings), count), -torch.inf)
    names = labels.new_full((len(embeddings), count), -1)
    for some in numbers.split(max(1, COSINES // max(1, len(embeddings)))):
        centers = F.normalize(class_centers[some].to(exact), dim=-1)
        with torch.autocast(embeddings.device.type, enabled=False):
            cosines = embeddings @ centers.flatten(0, -2).T
        cosines = cosines.view(len(embeddings), len(some), -1).amax(2)
        cosines = cosines.masked_fill(some[None] == labels[:, None], -torch.inf)
        found, at = torch.cat([found, cosines], dim=1).topk(count)
        names = torch.cat([names, some.expand(len(embeddings), -1)], dim=1).gather(1, at)
    return names


def sample_classes(
    labels: Tensor, num_classes: int, *, share: float, generator: torch.Generator | None = None
) -> Tensor:
    """All classes of the batch and a random share of the others, for `classes` of `angular_softmax_loss`.

    Partial FC, An et al. 2022 (arXiv 2203.15565), with a share of 0.1 to 0.3; here each other class is drawn alone. The
    sums are those of the sampled classes only, as there; the gradient of the class centers has rows for them only.

    Args:
        labels: int64 of any shape, class numbers; below 0 is no class.
        num_classes: of all classes.
        share: the probability of each other class, above 0 and at most 1.
        generator: draws them; None: torch's global one.

    Returns:
        int64 [sampled], rising.

    Raises:
        ConfigError: a share outside (0, 1].

    Examples:
        >>> sample_classes(torch.tensor([7, 3]), 10, share=1.0)
        tensor([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    if not 0 < share <= 1:
        raise ConfigError("share above 0 and at most 1", repr(share), "sample_classes", "0.1 to 0.3 are common.")
    chosen = torch.rand(num_classes, generator=generator, device=labels.device) < share
    chosen[labels[labels >= 0]] = True
    return chosen.nonzero().squeeze(1)
