"""Softmax cross entropy over scaled cosines with a margin on the target, without a rows x classes matrix."""

import math
from collections.abc import Callable, Sequence
from typing import Any, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.config import MarginGradient
from steradian.errors import ConfigError, InputError
from steradian.losses.blockwise_softmax import Bend, GradientTaker
from steradian.losses.margins import arcface
from steradian.losses.matmul import Precision
from steradian.losses.sharded_softmax import ClassSlices, nearest_of_slices, sharded_softmax
from steradian.losses.stream_plan import MEMORY_BUDGET
from steradian.losses.transforms import is_compiled, is_transformed

__all__ = ["Margin", "angular_softmax_loss"]

Margin = Callable[[Tensor], Tensor]
"""Target cosines [rows] -> psi [rows], as the functions of `losses.margins` are once their options are given."""


def angular_softmax_loss(
    embeddings: Tensor,
    labels: Tensor,
    *,
    class_centers: Tensor,
    scale: float,
    margin: float | Margin = 0.0,
    gradient: MarginGradient = "exact",
    smoothing: float = 0.0,
    class_weights: Tensor | Sequence[float] | None = None,
    hard_negatives: int = 0,
    hard_margin: float = 0.06,
    bend: Bend | None = None,
    classes: Tensor | None = None,
    precision: Precision = "float32",
    memory_budget: int = MEMORY_BUDGET,
    take_gradient: GradientTaker | None = None,
    slices: ClassSlices | None = None,
) -> Tensor:
    """Cross entropy of each row over scale * cosines, psi in the place of the target's; never all cosines at once.

    Args:
        embeddings: unit rows [rows, embedding_dim]; the cosines are computed in float32 or float64.
        labels: int64 [rows], 0 <= label < num_classes.
        class_centers: [num_classes, embedding_dim] of any length, or [num_classes, centers a class, embedding_dim].
        scale: factor of the cosines (1 / temperature).
        margin: radians, see `arcface`; or a function of the target cosines, as partial(cosface, cosine_margin=0.35).
        gradient: "exact", or "detached": psi's slope against the cosine is taken as 1, as in ArcFace's public code.
        smoothing: share of the target probability that is spread over all classes (label smoothing), 0 to below 1.
        class_weights: [num_classes], factors of the rows' whole losses by their label; also as a list.
        hard_negatives: nearest other classes a row that get a margin too, for one more product; 5 in inter-top-k's
            paper (Zhao et al. 2021, arXiv 2110.05042).
        hard_margin: radians taken off the angles to them; 0.06 beside a margin of 0.2 in that paper.
        bend: makes the other classes' logits, see `curricular`; `scale` is then the target's only.
        classes: int64 [sampled], rising, the labels among them: only these classes take part, see `sample_classes`.
        precision: "bfloat16" for the large products; target cosines and sums stay float32.
        memory_budget: bytes to take beside the gradient of the class centers.
        take_gradient: receives the centers' gradient tile by tile, see `stream_softmax`.
        slices: the centers are those of this rank, see `sharded_softmax`; rows and labels are the same in all ranks.

    Returns:
        The loss of each row [rows].

    Raises:
        InputError: shapes that do not belong together, no row, a label out of range, or fewer than two classes.
        ConfigError: an option out of its range, or a margin or scale with a gradient.

    Examples:
        >>> angular_softmax_loss(torch.eye(2), torch.tensor([0, 1]), class_centers=torch.eye(2), scale=8.0)
        tensor([0.0003, 0.0003])
    """
    num_classes = len(class_centers) if slices is None else slices.num_classes
    taking_part = num_classes if classes is None else len(classes)
    check_inputs(embeddings, labels, class_centers, where="angular_softmax_loss", num_classes=num_classes)
    _refuse_learned("angular_softmax_loss", margin=margin, scale=scale)
    _check_options(scale, gradient, smoothing, precision, class_weights, num_classes=num_classes)
    options: dict[str, Any] = {"precision": precision, "memory_budget": memory_budget, "take_gradient": take_gradient}
    options |= {"class_centers": class_centers, "classes": classes, "slices": slices, "bend": bend}
    nearest: dict[str, Any] = {
        "hard_negatives": hard_negatives,
        "hard_margin": hard_margin,
        "available": taking_part - 1,
    }
    target, others, others_sum = _stream(embeddings, labels, scale=scale, with_sum=smoothing > 0, **nearest, **options)
    psi = margin(target).view(target.shape) if callable(margin) else arcface(target, margin)
    if gradient == "detached":
        psi = target + (psi - target).detach()
    # Unlike a full logsumexp less the target exact where that wins by far; torch's threshold of 20 would drop 2e-9.
    losses = F.softplus(others - scale * psi, threshold=40.0)
    if smoothing > 0:
        mean = (others_sum + scale * psi) / taking_part
        losses = losses + smoothing * (scale * psi - mean)
    return losses if class_weights is None else losses * torch.as_tensor(class_weights, device=labels.device)[labels]


def _stream(
    embeddings: Tensor,
    labels: Tensor,
    *,
    scale: float,
    hard_negatives: int,
    hard_margin: float,
    available: int,
    **options: Any,
) -> tuple[Tensor, Tensor, Tensor]:
    """Target cosines, logsumexp and sum of the others' logits, the nearest of them with their margin [rows] each."""
    own = labels[:, None]
    if not 0 <= hard_negatives <= available:
        want = f"hard_negatives from 0 to {available}, no more than there are other classes"
        raise ConfigError(want, repr(hard_negatives), "angular_softmax_loss", "5 is common; 0 turns it off.")
    if hard_negatives:
        shared = {name: options[name] for name in ("class_centers", "classes", "slices")}
        nearest = nearest_of_slices(embeddings, labels, count=hard_negatives, **shared)
        own = torch.cat([own, nearest], dim=1)
    others, cosines, others_sum = sharded_softmax(embeddings, own, scale=scale, **options)
    if hard_negatives:
        nearer = scale * arcface(cosines[:, 1:], cosines.new_full((), -hard_margin))
        others, others_sum = torch.logaddexp(others, nearer.logsumexp(1)), others_sum + nearer.sum(1)
    return cosines[:, 0], others, others_sum


def check_inputs(
    embeddings: Tensor,
    labels: Tensor,
    class_centers: Tensor,
    *,
    where: str,
    num_classes: int | None = None,
    several: bool = False,
) -> None:
    """Refuse what cannot be a batch; labels [rows] or, where a row has several and -1 is none, [rows, own]."""
    if embeddings.ndim != 2 or not len(embeddings):
        raise InputError("embeddings [rows, embedding_dim], at least one row", _shape(embeddings), where, "Stack them.")
    if class_centers.ndim not in (2, 3):
        want = "class centers [num_classes, embedding_dim] or [num_classes, centers a class, embedding_dim]"
        raise InputError(want, _shape(class_centers), where, "Give one of these shapes.")
    rows, num_classes = len(embeddings), num_classes or len(class_centers)
    if num_classes < 2:
        raise InputError("at least 2 class centers", str(num_classes), where, "Add classes.")
    if class_centers.shape[-1] != embeddings.shape[1]:
        raise InputError(
            want="embeddings and class centers of one width",
            got=f"{embeddings.shape[1]} and {class_centers.shape[-1]}",
            where=where,
            fix="Give both the same embedding_dim.",
        )
    if several and (labels.ndim != 2 or len(labels) != rows):
        want = f"labels [{rows}, most labels a row]"
        raise InputError(want, _shape(labels), where, "Call label_rows(labels) first.")
    if not several and labels.shape != (rows,):
        raise InputError(f"one label a row, shape ({rows},)", _shape(labels), where, "Flatten the labels.")
    if labels.dtype != torch.int64:
        raise InputError("labels of type int64", str(labels.dtype), where, "Call labels.long() on class numbers.")
    if is_compiled() or is_transformed():
        return
    lowest = -1 if several else 0
    if labels.numel() and (int(labels.min()) < lowest or int(labels.max()) >= num_classes):
        raise InputError(
            want=f"labels in {lowest}..{num_classes - 1}",
            got=f"{int(labels.min())}..{int(labels.max())}",
            where=where,
            fix="Number the classes from 0 in the order of the class centers.",
        )


def _refuse_learned(where: str, **options: object) -> None:
    """Refuse numbers that ask for a gradient: a margin would fall below zero, where the loss is least."""
    for name, value in options.items():
        if isinstance(value, Tensor) and value.requires_grad:
            fix = "Margin and scale are not learnt: pass plain numbers, or .detach() them."
            raise ConfigError(f"a {name} without a gradient", f"{name}={type(value).__name__}", where, fix)


def refuse_not_finite(losses: Tensor, embeddings: Tensor, class_centers: Tensor, *, where: str) -> None:
    """Name the first row, or class, that made a loss [rows] NaN or infinite; an accelerator is not waited for."""
    if is_compiled() or is_transformed() or losses.device.type != "cpu" or bool(losses.detach().isfinite().all()):
        return
    for what, vectors in (("embedding", embeddings), ("class center", class_centers.flatten(1))):
        bad = (~vectors.detach().isfinite().all(dim=1)).nonzero()
        if len(bad):
            raise InputError(
                want=f"{what}s of finite numbers",
                got=f"{len(bad)} of {len(vectors)} with NaN or an infinite one",
                where=f"{where}, {'row' if what == 'embedding' else 'class'} {int(bad[0])} (counted from 0)",
                fix="Look for a division by zero before it, or lower the learning rate.",
            )


def _check_options(
    scale: float, gradient: str, smoothing: float, precision: str, class_weights: Any, *, num_classes: int
) -> None:
    where = "angular_softmax_loss"
    if isinstance(scale, str) or not 0 < scale < math.inf:
        raise ConfigError("a scale above 0", repr(scale), where, "default_scale(num_classes) is one that works.")
    if gradient not in get_args(MarginGradient):
        raise ConfigError('gradient "exact" or "detached"', repr(gradient), where, "Choose one of them.")
    if not 0 <= smoothing < 1:
        raise ConfigError("smoothing in [0, 1)", repr(smoothing), where, "0.1 is common; 0 turns it off.")
    if precision not in get_args(Precision):
        raise ConfigError('precision "float32" or "bfloat16"', repr(precision), where, "Choose one of them.")
    if class_weights is not None and torch.as_tensor(class_weights).shape != (num_classes,):
        want = f"a weight for each of {num_classes} classes"
        raise InputError(
            want, _shape(torch.as_tensor(class_weights)), where, "Give them in the order of the class centers."
        )


def _shape(tensor: Tensor) -> str:
    return str(tuple(tensor.shape))
