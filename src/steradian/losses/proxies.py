"""Losses of class centers without a softmax over classes: the rivals of the margin family."""

import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import InputError
from steradian.losses.angular_softmax import check_inputs
from steradian.losses.blockwise_softmax import LOWEST
from steradian.losses.stream_plan import MEMORY_BUDGET
from steradian.losses.streaming import exact_type, stream_softmax

__all__ = ["circle_loss", "proxy_anchor_loss"]


def circle_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    class_centers: Tensor,
    scale: float = 256.0,
    relaxation: float = 0.25,
    memory_budget: int = MEMORY_BUDGET,
) -> Tensor:
    """Circle loss with class-level labels: pairs of a row and a center, each at its own pace.

    Sun et al. 2020 (arXiv 2002.10857), with m the relaxation: softplus(logsumexp over others of
    scale [c + m]+ (c - m) - scale [1 + m - t]+ (t - 1 + m)), t the target's cosine; the factors in brackets take no
    gradient.

    Args:
        embeddings: unit rows [rows, embedding_dim].
        labels: int64 [rows].
        class_centers: see `angular_softmax_loss`.
        scale: 256 for faces, 80 for fine-grained retrieval in the paper.
        relaxation: a difference of cosines, 0.25 for faces, 0.4 for fine-grained retrieval in the paper.
        memory_budget: bytes beside the gradient of the class centers.

    Returns:
        The loss of each row [rows].

    Raises:
        InputError: shapes that do not belong together, no row, a label out of range, or fewer than two classes.

    Examples:
        >>> circle_loss(torch.eye(2), torch.tensor([0, 1]), class_centers=torch.eye(2), scale=8.0)
        tensor([0.3133, 0.3133])
    """
    check_inputs(embeddings, labels, class_centers, where="circle_loss")

    def bend(cosines: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
        slopes = scale * (cosines + relaxation).clamp(min=0.0)
        return slopes * (cosines - relaxation), slopes

    streamed = stream_softmax(
        embeddings,
        labels[:, None],
        class_centers=class_centers,
        scale=scale,
        bend=bend,
        memory_budget=memory_budget,
    )
    target = streamed.own[:, 0]
    pace = (1.0 + relaxation - target).clamp(min=0.0).detach()
    return F.softplus(streamed.others - scale * pace * (target - 1.0 + relaxation), threshold=40.0)


def proxy_anchor_loss(
    embeddings: Tensor, labels: Tensor, *, class_centers: Tensor, scale: float = 32.0, cosine_margin: float = 0.1
) -> Tensor:
    """Proxy-Anchor: every class center pulls its rows and pushes all others, the hardest the most.

    Kim et al. 2020 (arXiv 2003.13911): the mean over the batch's classes of log(1 + sum over their rows
    exp(-scale (c - margin))), and the mean over all classes of log(1 + sum over other rows exp(scale (c + margin))).
    Holds all cosines [rows, num_classes].

    Args:
        embeddings: unit rows [rows, embedding_dim].
        labels: int64 [rows].
        class_centers: [num_classes, embedding_dim] of any length.
        scale: alpha of the paper, 32.
        cosine_margin: delta of the paper, 0.1; a difference of cosines.

    Returns:
        The loss of the batch, a scalar.

    Raises:
        InputError: shapes that do not belong together, no row, a label out of range, or fewer than two classes.

    Examples:
        >>> proxy_anchor_loss(torch.eye(2), torch.tensor([0, 1]), class_centers=torch.eye(2), scale=8.0)
        tensor(1.1718)
    """
    check_inputs(embeddings, labels, class_centers, where="proxy_anchor_loss")
    if class_centers.ndim != 2:
        want, got = "class centers [num_classes, embedding_dim]", str(tuple(class_centers.shape))
        raise InputError(want, got, "proxy_anchor_loss", "Give one center a class.")
    exact = exact_type(embeddings, class_centers)
    with torch.autocast(embeddings.device.type, enabled=False):
        cosines = embeddings.to(exact) @ F.normalize(class_centers.to(exact), dim=-1).T
    own = F.one_hot(labels, len(class_centers)).bool()
    pulls = torch.where(own, -scale * (cosines - cosine_margin), LOWEST).logsumexp(0)
    pushes = torch.where(own, LOWEST, scale * (cosines + cosine_margin)).logsumexp(0)
    return F.softplus(pulls, threshold=40.0)[own.any(0)].mean() + F.softplus(pushes, threshold=40.0).mean()
