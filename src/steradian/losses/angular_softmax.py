"""Softmax cross entropy over scaled cosines with an angular margin on the target."""

import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import InputError
from steradian.losses.margins import arcface

__all__ = ["angular_softmax_loss"]


def angular_softmax_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    class_centers: Tensor,
    scale: float,
    margin: float = 0.0,
) -> Tensor:
    """Cross entropy of each row over scale * cosines, with the margin on the target's angle.

    Written as softplus(logsumexp over the other classes - scale * psi), which stays exact where the target wins by
    far: subtracting the target from a full logsumexp does not.

    Args:
        embeddings: unit rows [rows, embedding_dim]; the cosines are computed in float32 or float64.
        labels: int64 [rows], 0 <= label < num_classes.
        class_centers: unit rows [num_classes, embedding_dim].
        scale: factor of the cosines (1 / temperature).
        margin: radians, see `arcface`.

    Returns:
        The loss of each row [rows].

    Raises:
        InputError: shapes that do not belong together, a label out of range, or fewer than two classes.

    Example:
        >>> angular_softmax_loss(torch.eye(2), torch.tensor([0, 1]), class_centers=torch.eye(2), scale=8.0)
        tensor([0.0003, 0.0003])
    """
    _check(embeddings, labels, class_centers)
    exact = torch.promote_types(torch.float32, torch.promote_types(embeddings.dtype, class_centers.dtype))
    # Half precision steps by several degrees near a center, so autocast must not reach the cosines.
    with torch.autocast(embeddings.device.type, enabled=False):
        cosines = embeddings.to(exact) @ class_centers.to(exact).T
        target = cosines.gather(1, labels[:, None]).squeeze(1)
        others = (scale * cosines).scatter(1, labels[:, None], float("-inf")).logsumexp(1)
        # Below its threshold softplus is exact; at torch's 20 it would drop 2e-9, at 40 less than float64 can hold.
        return F.softplus(others - scale * arcface(target, margin), threshold=40.0)


def _check(embeddings: Tensor, labels: Tensor, class_centers: Tensor) -> None:
    rows, dim = embeddings.shape
    num_classes = len(class_centers)
    where = "angular_softmax_loss"
    if num_classes < 2:
        raise InputError("at least 2 class centers", str(num_classes), where, "Add classes.")
    if class_centers.shape[1] != dim:
        raise InputError(
            want=f"class centers of width {dim}, the embeddings' width",
            got=str(class_centers.shape[1]),
            where=where,
            fix="Give both the same embedding_dim.",
        )
    if labels.shape != (rows,):
        raise InputError(f"one label a row, shape ({rows},)", str(tuple(labels.shape)), where, "Flatten the labels.")
    if rows and (int(labels.min()) < 0 or int(labels.max()) >= num_classes):
        raise InputError(
            want=f"labels in 0..{num_classes - 1}",
            got=f"{int(labels.min())}..{int(labels.max())}",
            where=where,
            fix="Number the classes from 0 in the order of the class centers.",
        )
