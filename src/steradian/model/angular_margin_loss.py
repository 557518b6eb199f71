"""Class centers and the loss over the angles to them in one module, for any encoder and any training loop."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn

from steradian.config import MarginGradient
from steradian.errors import InputError
from steradian.losses import (
    MARGINS,
    BatchRows,
    StreamPlan,
    adacos_update,
    angular_multilabel_loss,
    angular_softmax_loss,
    default_margin,
    default_scale,
    label_rows,
    plan_stream,
    sample_classes,
)
from steradian.losses.angular_softmax import check_inputs, refuse_not_finite
from steradian.losses.blockwise_softmax import GradientTaker
from steradian.losses.matmul import Precision
from steradian.losses.sharded_softmax import own_cosines, sharded_softmax
from steradian.losses.stream_plan import MEMORY_BUDGET
from steradian.model.angular_margin_loss_options import as_tensor, check_options
from steradian.model.classifier import SphericalClassifier
from steradian.ranks import Ranks

__all__ = ["AngularMarginLoss"]

MARGIN_OPTIONS = "margin", "cosine_margin", "angle_factor", "class_counts"
"""What a kind of margin may take."""


class AngularMarginLoss(nn.Module):
    """Softmax loss with a margin on the angle to the own class center; the centers are its parameters.

    One number sets the margin: the radians by which it moves a target at a right angle. That is ArcFace's margin
    itself; CosFace subtracts its sine from the cosine, SphereFace multiplies the angle by 1 + margin / (pi / 2).

    Args:
        num_classes: at least 2.
        embedding_dim: length of an embedding.
        kind: which margin, a name in `steradian.losses.MARGINS`: "arcface", "cosface", "sphereface", "combined",
            "normface" (none), "curricularface", "elasticface", "adaface", "magface" or one of your own.
        margin: radians, 0 <= margin < pi / 2; None: 0.2, or a quarter of the centers' spacing where that is less. The
            papers take 0.3 to 0.5 with thousands of classes. "magface" takes its own, from 0.45 to 0.8.
        cosine_margin: a difference of cosines in place of sin(margin), for "cosface" and "combined".
        angle_factor: without a unit, in place of 1 + margin / (pi / 2), for "sphereface" and "combined".
        scale: factor of the cosines; None: twice what a target probability of 0.99 needs; "adacos": follows the angles
            of each batch (Zhang et al. 2019).
        subcenters: centers a class, 3 where labels are noisy (Deng et al. 2020).
        gradient: "exact" or "detached", see `angular_softmax_loss`; detached, no norm learns from MagFace's margins.
        smoothing: label smoothing, 0 to below 1.
        class_weights: [num_classes] factors of the losses, a tensor, an array or a list; the mean is weighed by them.
        class_counts: objects of each class [num_classes]: rare classes get the larger margins, in the proportions of
            `class_margins`, with `margin` as their mean and 1.5 rad at most.
        hard_negatives: nearest other classes a row that get a margin of 0.06 on top; 0 for none.
        class_share: of the other classes to draw each step, see `sample_classes`; below 1 the centers' gradient is
            sparse, for an optimizer such as torch.optim.SparseAdam.
        multi_label: labels are several a row; adds a learned threshold angle, see `angular_multilabel_loss`.
        precision: "bfloat16" for the large products.
        memory_budget: bytes to take beside the gradient of the class centers.
        reduction: "mean", "sum" or "none".
        classifier: class centers to use in place of new ones; they may be spread over ranks.
        group: a process group of torch.distributed whose ranks hold a slice of the class centers each; they must all be
            given the same rows, see `gather_rows`, and get the same loss. An optimizer of `classifier.weight` then
            belongs to the slice; its gradient must not be averaged. `classifier.gather()` makes one of the slices.

    Raises:
        ConfigError: an option out of its range, one that this kind does not take, or a margin or scale that is no plain
            number, such as a Parameter: they are not learnt.

    Examples:
        >>> loss = AngularMarginLoss(10, 64)
        >>> loss(torch.randn(32, 64), torch.arange(32) % 10).backward()
        >>> loss.classifier.weight.grad.shape, str(loss.plan(32))[:9]
        (torch.Size([10, 64]), 'workspace')
    """

    adacos: Tensor | None
    class_weights: Tensor | None

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int,
        *,
        kind: str = "arcface",
        margin: float | None = None,
        cosine_margin: float | None = None,
        angle_factor: float | None = None,
        scale: float | Literal["adacos"] | None = None,
        subcenters: int = 1,
        gradient: MarginGradient = "exact",
        smoothing: float = 0.0,
        class_weights: Tensor | Sequence[float] | None = None,
        class_counts: Tensor | Sequence[float] | None = None,
        hard_negatives: int = 0,
        class_share: float = 1.0,
        multi_label: bool = False,
        precision: Precision = "float32",
        memory_budget: int = MEMORY_BUDGET,
        reduction: Literal["mean", "sum", "none"] = "mean",
        classifier: SphericalClassifier | None = None,
        group: dist.ProcessGroup | None = None,
    ) -> None:
        super().__init__()
        weights, counts = as_tensor(class_weights), as_tensor(class_counts)
        check_options({**locals(), "class_weights": weights, "class_counts": counts})
        self.classifier = classifier or SphericalClassifier(
            num_classes, embedding_dim, subcenters=subcenters, ranks=Ranks(group)
        )
        self.kind, self.reduction, self.memory_budget = kind, reduction, memory_budget
        self.hard_negatives, self.class_share = hard_negatives, class_share
        self.margin = default_margin(num_classes, embedding_dim) if margin is None else margin
        given = self.margin, cosine_margin, angle_factor, counts
        taken: dict[str, Any] = {
            name: value
            for name, value in zip(MARGIN_OPTIONS, given, strict=True)
            if value is not None and name in MARGINS[kind].options
        }
        self.psi = MARGINS[kind](**taken)
        self._options: dict[str, Any] = {"precision": precision, "memory_budget": memory_budget}
        self._single: dict[str, Any] = {"gradient": gradient, "smoothing": smoothing}
        self._fixed_scale = default_scale(num_classes) if scale is None or scale == "adacos" else float(scale)
        self.register_buffer("adacos", torch.tensor(self._fixed_scale) if scale == "adacos" else None)
        self.register_buffer("class_weights", weights)
        self.threshold = nn.Parameter(torch.tensor(1.0)) if multi_label else None

    @property
    def scale(self) -> float:
        """Factor of the cosines, with scale="adacos" that of the next batch."""
        return self._fixed_scale if self.adacos is None else float(self.adacos)

    def forward(
        self,
        embeddings: Tensor,
        labels: Tensor | list[list[int]],
        *,
        strength: float = 1.0,
        take_gradient: GradientTaker | None = None,
    ) -> Tensor:
        """The loss of a batch: a scalar, or [rows] with reduction="none".

        Args:
            embeddings: [rows, embedding_dim] of any length; brought to unit length here.
            labels: int64 [rows]; with `multi_label` what `label_rows` takes or makes.
            strength: share of the margin, 0 to 1, to let it rise as training goes on.
            take_gradient: see `stream_softmax`.

        Raises:
            InputError: shapes that do not belong together, no row, a label out of range, or, on a CPU and where losses
                are summed up, an embedding or a class center that is not finite.
        """
        centers, num_classes = self.classifier.weight, self.classifier.num_classes
        labels, several = self._numbered(labels, embeddings.device), self.threshold is not None
        check_inputs(embeddings, labels, centers, where="AngularMarginLoss", num_classes=num_classes, several=several)
        exact = embeddings if embeddings.dtype == torch.float64 else embeddings.float()
        norms = torch.linalg.vector_norm(exact, dim=-1)
        # A row of zeros has no direction that a gradient could turn; it would get one of 1e12.
        units = exact / torch.where(norms > 0, norms, torch.inf)[:, None]
        options = {"class_centers": centers, "take_gradient": take_gradient, **self._options}
        options["slices"] = self.classifier.slices
        rows = BatchRows(norms, labels, strength, shared=self._of_first)
        options["margin"] = lambda cosines: self.psi(cosines, rows)
        if self.threshold is not None:
            losses = angular_multilabel_loss(units, labels, scale=self.scale, threshold=self.threshold, **options)
            return self._reduce(losses, None, embeddings)
        if self.training:
            self._observe(units, rows)
        sampled, hard = None, self.hard_negatives
        if self.training and self.class_share < 1.0:
            sampled = sample_classes(labels, num_classes, share=self.class_share)
            hard = min(hard, len(sampled) - 1)
        scale = self.scale
        options |= {"hard_negatives": hard, "bend": self.psi.bend(scale, rows), "classes": sampled, **self._single}
        losses = angular_softmax_loss(units, labels, scale=scale, **options)
        penalty = self.psi.penalty(rows)
        return self._reduce(losses if penalty is None else losses + penalty, labels, embeddings)

    def _numbered(self, labels: Tensor | list[list[int]], device: torch.device) -> Tensor:
        """Labels as class numbers [rows] or, with several a row, [rows, most labels a row]."""
        if self.threshold is not None and (not isinstance(labels, Tensor) or labels.dtype == torch.bool):
            return label_rows(labels).to(device)
        if not isinstance(labels, Tensor):
            fix = "Call torch.as_tensor(labels); with multi_label=True lists of labels are fine."
            raise InputError("an int64 tensor [rows]", type(labels).__name__, "the labels of AngularMarginLoss", fix)
        return labels.to(device)

    def plan(self, rows: int) -> StreamPlan:
        """How a batch of so many rows will use memory: whether all exponentials are kept, and the bytes taken."""
        directions = self.classifier.weight
        return plan_stream(
            rows,
            max(1, round(len(directions) * self.class_share)),
            directions.shape[-1],
            own=1 + self.hard_negatives,
            centers_a_class=directions.shape[1] if directions.ndim == 3 else 1,
            device=directions.device.type,
            memory_budget=self.memory_budget,
            keepable=directions.ndim == 2 and not self.psi.bends,
            gradient=self.class_share == 1.0,
        )

    def _of_first(self, drawn: Tensor) -> Tensor:
        """What the first of the ranks that share class centers has drawn."""
        slices = self.classifier.slices
        return drawn if slices is None else slices.ranks.of_first(drawn)

    @torch.no_grad()
    def _observe(self, units: Tensor, rows: BatchRows) -> None:
        """Move what the margin and AdaCos keep by one batch."""
        options: dict[str, Any] = {"class_centers": self.classifier.weight, "slices": self.classifier.slices}
        own = rows.labels[:, None]
        self.psi.observe(rows, lambda: own_cosines(units, own, **options)[:, 0])
        if self.adacos is not None:
            # NOTE[DIFF]: the scale of this batch is of use from the next on; AdaCos computes all logits twice.
            seen = sharded_softmax(units, own, scale=self.scale, **options)
            self.adacos.copy_(adacos_update(seen.others, seen.own[:, 0]))

    def _reduce(self, losses: Tensor, labels: Tensor | None, embeddings: Tensor) -> Tensor:
        weights = torch.ones_like(losses)
        if self.class_weights is not None and labels is not None:
            weights = self.class_weights[labels].to(losses)
        if self.reduction == "none":
            return losses * weights
        # A sum does not say which row spoilt it.
        refuse_not_finite(losses, embeddings, self.classifier.weight, where="AngularMarginLoss")
        total = (losses * weights).sum()
        # Where all rows of a batch weigh nothing, so does their mean.
        return total if self.reduction == "sum" else total / weights.sum().clamp(min=torch.finfo(total.dtype).tiny)
