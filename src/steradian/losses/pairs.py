"""Losses between the rows of a batch, without class centers: the rivals of one vector an object."""

import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import InputError
from steradian.losses.full_precision import in_full_precision

__all__ = ["supcon_loss", "triplet_loss"]


@in_full_precision
def supcon_loss(embeddings: Tensor, labels: Tensor, *, scale: float | Tensor) -> Tensor:
    """Supervised contrastive loss: of each row, the mean of its positives' log softmax over all other rows, negated.

    Khosla et al. 2020 (SupCon, arXiv 2004.11362), L_out; quadratic in the rows.

    Args:
        embeddings: unit rows [rows, embedding_dim].
        labels: int64 [rows]; rows of one label are positives of each other.
        scale: 1 / temperature; 10 in the paper.

    Returns:
        The loss of each row [rows], 0 where a row has no positive.

    Raises:
        InputError: shapes that do not belong together.

    Examples:
        >>> supcon_loss(torch.eye(2).repeat(2, 1), torch.tensor([0, 1, 0, 1]), scale=5.0)
        tensor([0.0134, 0.0134, 0.0134, 0.0134])
    """
    _check(embeddings, labels, where="supcon_loss")
    itself = torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    logits = (scale * embeddings @ embeddings.T).masked_fill(itself, -torch.inf)
    positives = (labels[:, None] == labels) & ~itself
    chosen = torch.where(positives, -F.log_softmax(logits, dim=1), 0.0).sum(dim=1)
    return chosen / positives.sum(dim=1).clamp(min=1)


@in_full_precision
def triplet_loss(embeddings: Tensor, labels: Tensor, *, cosine_margin: float = 0.1) -> Tensor:
    """Triplet loss with semi-hard negatives, over all pairs of an anchor and a positive.

    Schroff et al. 2015 (FaceNet, arXiv 1503.03832): max(0, |a - p|^2 - |a - n|^2 + alpha), of unit vectors twice
    max(0, cos(a, n) - cos(a, p) + alpha / 2); their alpha 0.2 is the margin 0.1 here. The negative is the nearest of
    those farther than the positive, or where there is none the farthest of all, as in TensorFlow's form of it.

    Args:
        embeddings: unit rows [rows, embedding_dim].
        labels: int64 [rows].
        cosine_margin: a difference of cosines.

    Returns:
        The mean over each row's positives [rows], 0 where a row has no positive or no negative.

    Raises:
        InputError: shapes that do not belong together.

    Examples:
        >>> rows = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.6, 0.8]])
        >>> triplet_loss(rows, torch.tensor([0, 0, 1]), cosine_margin=0.3)
        tensor([0.1000, 0.4600, 0.0000])
    """
    _check(embeddings, labels, where="triplet_loss")
    cosines = embeddings @ embeddings.T
    same = labels[:, None] == labels
    pairs = same & ~torch.eye(len(labels), dtype=torch.bool, device=labels.device)
    # Each row's negatives from the farthest to the nearest, its positives before them as if farther than all.
    sorted_negatives = cosines.masked_fill(same, -torch.inf).sort(dim=1).values
    first = same.sum(dim=1, keepdim=True)
    farther = torch.searchsorted(sorted_negatives.detach(), cosines.detach()) - 1
    negatives = sorted_negatives.gather(1, torch.maximum(farther, first).clamp(max=len(labels) - 1))
    losses = (negatives - cosines + cosine_margin).clamp(min=0)
    return torch.where(pairs & (first < len(labels)), losses, 0.0).sum(dim=1) / pairs.sum(dim=1).clamp(min=1)


def _check(embeddings: Tensor, labels: Tensor, *, where: str) -> None:
    if embeddings.ndim != 2 or labels.shape != embeddings.shape[:1]:
        got = f"{tuple(embeddings.shape)} and {tuple(labels.shape)}"
        raise InputError("embeddings [rows, embedding_dim] and labels [rows]", got, where, "Give one label a row.")
