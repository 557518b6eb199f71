"""Objects with several labels: every own class inside a threshold angle, every other outside."""

import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import InputError
from steradian.losses.angular_softmax import Margin, check_inputs
from steradian.losses.blockwise_softmax import LOWEST, GradientTaker
from steradian.losses.margins import arcface
from steradian.losses.matmul import Precision
from steradian.losses.sharded_softmax import ClassSlices, sharded_softmax
from steradian.losses.stream_plan import MEMORY_BUDGET

__all__ = ["angular_multilabel_loss", "label_rows"]


def angular_multilabel_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    class_centers: Tensor,
    scale: float,
    threshold: Tensor,
    margin: float | Margin = 0.0,
    precision: Precision = "float32",
    memory_budget: int = MEMORY_BUDGET,
    take_gradient: GradientTaker | None = None,
    slices: ClassSlices | None = None,
) -> Tensor:
    """Two sums a row against one threshold: the others' logits below it, the own classes' above it.

        log(1 + sum over others exp(scale (cosine - cos threshold)))
        + log(1 + sum over own exp(-scale (psi - cos threshold)))

    The form is that of Circle loss (Sun et al. 2020, arXiv 2002.10857) and ZLPR (Su et al. 2022, arXiv 2208.02955) with
    a threshold that is an angle and learned. After training an object has the labels whose centers are nearer than it.

    Args:
        embeddings: unit rows [rows, embedding_dim].
        labels: int64 [rows, most labels a row], -1 where a row has fewer and no class twice in a row; see
            `label_rows` for other forms.
        class_centers: see `angular_softmax_loss`.
        scale: factor of the cosines.
        threshold: radians, a tensor with one number; takes a gradient.
        margin: radians, or a function of the own cosines [rows, most labels a row].
        precision: of the large products.
        memory_budget: bytes beside the gradient of the class centers.
        take_gradient: see `stream_softmax`.
        slices: see `angular_softmax_loss`.

    Returns:
        The loss of each row [rows].

    Raises:
        InputError: shapes that do not belong together, no row, a label out of range, or fewer than two classes.

    Examples:
        >>> labels = torch.tensor([[0, 1], [2, -1]])
        >>> centers, threshold = torch.eye(3), torch.tensor(1.0)
        >>> angular_multilabel_loss(torch.eye(3)[1:], labels, class_centers=centers, scale=8.0, threshold=threshold)
        tensor([4.3491, 0.0512])
    """
    where = "angular_multilabel_loss"
    num_classes = len(class_centers) if slices is None else slices.num_classes
    check_inputs(embeddings, labels, class_centers, where=where, num_classes=num_classes, several=True)
    if threshold.numel() != 1:
        raise InputError("a threshold of one number", str(tuple(threshold.shape)), where, "Give one angle for all.")
    streamed = sharded_softmax(
        embeddings,
        labels,
        class_centers=class_centers,
        scale=scale,
        precision=precision,
        memory_budget=memory_budget,
        take_gradient=take_gradient,
        slices=slices,
    )
    psi = margin(streamed.own) if callable(margin) else arcface(streamed.own, margin)
    border = scale * threshold.to(psi.dtype).view(()).cos()
    own = torch.where(labels >= 0, -scale * psi, LOWEST)
    # Of a row that has every label there are no others.
    others = streamed.others.clamp(min=LOWEST)
    return F.softplus(others - border, threshold=40.0) + F.softplus(own.logsumexp(1) + border, threshold=40.0)


def label_rows(labels: Tensor | list[list[int]]) -> Tensor:
    """Labels in the form of `angular_multilabel_loss`.

    Args:
        labels: lists of class numbers, one a row, or a table of booleans [rows, num_classes].

    Returns:
        int64 [rows, most labels a row], rising, -1 at the end where a row has fewer; on the table's device.

    Raises:
        InputError: a tensor that is no table of booleans, or a number that is no class.

    Examples:
        >>> label_rows([[2, 0], []])
        tensor([[ 0,  2],
                [-1, -1]])
    """
    if isinstance(labels, Tensor):
        if labels.ndim != 2 or labels.dtype != torch.bool:
            got = f"{labels.dtype} {tuple(labels.shape)}"
            raise InputError("a bool tensor [rows, num_classes], or lists", got, "label_rows", "Call labels.bool().")
        numbered = [row.nonzero().squeeze(1).tolist() for row in labels]
    else:
        numbered = [sorted(set(row)) for row in labels]
        wrong = [number for row in numbered for number in row if not isinstance(number, int) or number < 0]
        if wrong:
            raise InputError("class numbers from 0", repr(wrong[0]), "label_rows", "Number the classes from 0.")
    device = labels.device if isinstance(labels, Tensor) else None
    most = max((len(row) for row in numbered), default=0)
    padded = [row + [-1] * (most - len(row)) for row in numbered]
    return torch.tensor(padded, dtype=torch.int64, device=device).view(len(numbered), most)
