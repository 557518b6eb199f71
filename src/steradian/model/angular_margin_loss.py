"""Class centers and the loss over the angles to them in one module, for any encoder and any training loop."""

import math
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from steradian.errors import ConfigError, InputError
from steradian.losses import (
    StreamPlan,
    adacos_update,
    adaface,
    adaface_quality,
    angular_multilabel_loss,
    angular_softmax_loss,
    arcface,
    class_margins,
    combined,
    cosface,
    curricular,
    default_margin,
    default_scale,
    elastic_margins,
    label_rows,
    magface_margins,
    magface_penalty,
    normface,
    plan_stream,
    sample_classes,
    sphereface,
    stream_softmax,
)
from steradian.losses.angular_softmax import MarginGradient
from steradian.losses.matmul import Precision
from steradian.losses.stream_plan import MEMORY_BUDGET
from steradian.losses.sweep import GradientTaker
from steradian.model.classifier import SphericalClassifier

__all__ = ["AngularMarginLoss", "MarginKind"]

MarginKind = Literal[
    "arcface", "cosface", "sphereface", "combined", "normface", "curricularface", "elasticface", "adaface", "magface"
]

SLOW = 0.01
"""Share of a new batch in the running statistics, CurricularFace's and AdaFace's."""

MAGFACE_PENALTY = 35.0
"""Weight of the penalty on short embeddings, MagFace's lambda_g."""


class AngularMarginLoss(nn.Module):
    """Softmax loss with a margin on the angle to the own class center; the centers are its parameters.

    One number sets the margin of every kind: the radians by which it moves a target at a right angle. That is ArcFace's
    margin itself; CosFace subtracts its sine from the cosine, SphereFace multiplies the angle by 1 + margin / (pi / 2).

    Args:
        num_classes: at least 2.
        embedding_dim: length of an embedding.
        kind: which margin, see the functions of these names in `steradian.losses`; "normface" has none.
        margin: radians, 0 <= margin < pi / 2; None: 0.2, or a quarter of the centers' spacing where that is less. The
            papers take 0.3 to 0.5 with thousands of classes. "magface" takes its own, from 0.45 to 0.8.
        cosine_margin: a difference of cosines in place of sin(margin), for "cosface" and "combined".
        angle_factor: without a unit, in place of 1 + margin / (pi / 2), for "sphereface" and "combined".
        scale: factor of the cosines; None: twice what a target probability of 0.99 needs; "adacos": follows the angles
            of each batch (Zhang et al. 2019).
        subcenters: centers a class, 3 where labels are noisy (Deng et al. 2020).
        gradient: "exact" or "detached", see `angular_softmax_loss`.
        smoothing: label smoothing, 0 to below 1.
        class_weights: [num_classes] factors of the losses; the mean is weighed by them.
        class_counts: objects of each class [num_classes]: rare classes get the larger margins, in the proportions of
            `class_margins` and with `margin` as their mean.
        hard_negatives: nearest other classes a row that get a margin of 0.06 on top; 0 for none.
        class_share: of the other classes to draw each step, see `sample_classes`; below 1 the centers' gradient is
            sparse, for an optimizer such as torch.optim.SparseAdam.
        multi_label: labels are several a row; adds a learned threshold angle, see `angular_multilabel_loss`.
        precision: "bfloat16" for the large products.
        memory_budget: bytes to take beside the gradient of the class centers.
        reduction: "mean", "sum" or "none".
        classifier: class centers to use in place of new ones.

    Raises:
        ConfigError: an option out of its range, or one that this kind does not take.

    Example:
        >>> loss = AngularMarginLoss(10, 64)
        >>> loss(torch.randn(32, 64), torch.arange(32) % 10).backward()
        >>> loss.classifier.directions.grad.shape, str(loss.plan(32))[:9]
        (torch.Size([10, 64]), 'workspace')
    """

    scale: Tensor
    class_weights: Tensor | None
    margin_shares: Tensor | None
    stage: Tensor
    norm_statistics: Tensor

    def __init__(
        self,
        num_classes: int,
        embedding_dim: int,
        *,
        kind: MarginKind = "arcface",
        margin: float | None = None,
        cosine_margin: float | None = None,
        angle_factor: float | None = None,
        scale: float | Literal["adacos"] | None = None,
        subcenters: int = 1,
        gradient: MarginGradient = "exact",
        smoothing: float = 0.0,
        class_weights: Tensor | None = None,
        class_counts: Tensor | None = None,
        hard_negatives: int = 0,
        class_share: float = 1.0,
        multi_label: bool = False,
        precision: Precision = "float32",
        memory_budget: int = MEMORY_BUDGET,
        reduction: Literal["mean", "sum", "none"] = "mean",
        classifier: SphericalClassifier | None = None,
    ) -> None:
        super().__init__()
        _check(locals())
        self.classifier = classifier or SphericalClassifier(num_classes, embedding_dim, subcenters=subcenters)
        self.kind, self.reduction, self.memory_budget, self.class_share = kind, reduction, memory_budget, class_share
        self.margin = default_margin(num_classes, embedding_dim) if margin is None else margin
        self.cosine_margin, self.angle_factor = cosine_margin, angle_factor
        self._options: dict[str, Any] = {"precision": precision, "memory_budget": memory_budget}
        self._single: dict[str, Any] = {"gradient": gradient, "smoothing": smoothing, "hard_negatives": hard_negatives}
        self._adacos = scale == "adacos"
        first = default_scale(num_classes) if scale is None or scale == "adacos" else scale
        self.register_buffer("scale", torch.tensor(first, dtype=torch.float64))
        self.register_buffer("class_weights", class_weights)
        shares = None if class_counts is None else class_margins(class_counts) / class_margins(class_counts).mean()
        self.register_buffer("margin_shares", shares)
        self.register_buffer("stage", torch.zeros(()))
        # AdaFace's public code starts from 20 and 100, norms of its face encoders; here the first batch sets them.
        self.register_buffer("norm_statistics", torch.full((2,), torch.nan))
        self.threshold = nn.Parameter(torch.tensor(1.0)) if multi_label else None

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
            InputError: shapes that do not belong together, no row, or a label out of range.
        """
        exact = embeddings if embeddings.dtype == torch.float64 else embeddings.float()
        norms = torch.linalg.vector_norm(exact, dim=-1)
        units = F.normalize(exact, dim=-1)
        centers = self.classifier.directions
        if self.threshold is not None or not isinstance(labels, Tensor):
            return self._several(units, norms, labels, strength=strength, take_gradient=take_gradient)
        if self.training:
            self._observe(units, norms, labels)
        sampled = None
        if self.training and self.class_share < 1.0:
            sampled = sample_classes(labels, len(centers), share=self.class_share)
        curriculum = None
        if self.kind == "curricularface":
            curriculum = curricular(float(self.scale), float(self.stage), margin=self.margin * strength)
        losses = angular_softmax_loss(
            units,
            labels,
            class_centers=centers,
            scale=float(self.scale),
            margin=lambda cosines: self._psi(cosines, norms, labels, strength),
            bend=curriculum,
            classes=sampled,
            take_gradient=take_gradient,
            **self._single,
            **self._options,
        )
        if self.kind == "magface":
            losses = losses + MAGFACE_PENALTY * magface_penalty(norms)
        return self._reduce(losses, labels)

    def _several(
        self,
        units: Tensor,
        norms: Tensor,
        labels: Tensor | list[list[int]],
        *,
        strength: float,
        take_gradient: GradientTaker | None,
    ) -> Tensor:
        if self.threshold is None:
            raise InputError(
                "an int64 tensor [rows]", "lists", "AngularMarginLoss", "Set multi_label=True for several."
            )
        numbered = isinstance(labels, Tensor) and labels.dtype != torch.bool
        rows = torch.as_tensor(labels if numbered else label_rows(labels), device=units.device)
        losses = angular_multilabel_loss(
            units,
            rows,
            class_centers=self.classifier.directions,
            scale=float(self.scale),
            threshold=self.threshold,
            margin=lambda cosines: self._psi(cosines, norms, rows, strength),
            take_gradient=take_gradient,
            **self._options,
        )
        return self._reduce(losses, None)

    def plan(self, rows: int) -> StreamPlan:
        """How a batch of so many rows will use memory: whether all exponentials are kept, and the bytes taken."""
        directions = self.classifier.directions
        return plan_stream(
            rows,
            max(1, round(len(directions) * self.class_share)),
            directions.shape[-1],
            centers_a_class=directions.shape[1] if directions.ndim == 3 else 1,
            device=directions.device.type,
            memory_budget=self.memory_budget,
            keepable=directions.ndim == 2 and self.kind != "curricularface",
            gradient=self.class_share == 1.0,
        )

    def _psi(self, cosines: Tensor, norms: Tensor, labels: Tensor, strength: float) -> Tensor:
        """What stands in the target's place."""
        margin = self.margin * strength
        own: float | Tensor = margin
        if self.margin_shares is not None:
            own = margin * self.margin_shares[labels].to(cosines)
        cosine_margin = math.sin(margin) if self.cosine_margin is None else self.cosine_margin * strength
        wider = margin / (math.pi / 2) if self.angle_factor is None else (self.angle_factor - 1.0) * strength
        match self.kind:
            case "normface":
                return normface(cosines)
            case "cosface":
                return cosface(cosines, cosine_margin)
            case "sphereface":
                return sphereface(cosines, 1.0 + wider)
            case "combined":
                added = 0.0 if self.cosine_margin is None else cosine_margin
                factor = 1.0 if self.angle_factor is None else 1.0 + wider
                return combined(cosines, angle_factor=factor, margin=own, cosine_margin=added)
            case "elasticface" if self.training:
                return arcface(cosines, strength * elastic_margins(cosines, self.margin, spread=self.margin / 40))
            case "adaface":
                mean, std = self.norm_statistics.unbind()
                return adaface(cosines, adaface_quality(norms, float(mean), float(std)), margin=margin)
            case "magface":
                return arcface(cosines, strength * magface_margins(norms))
        return arcface(cosines, own)

    @torch.no_grad()
    def _observe(self, units: Tensor, norms: Tensor, labels: Tensor) -> None:
        """Move the running statistics by one batch."""
        if self.kind == "adaface":
            now = torch.stack([norms.mean(), norms.std(correction=0)]).to(self.norm_statistics)
            moved = torch.lerp(self.norm_statistics, now, SLOW)
            self.norm_statistics.copy_(torch.where(self.norm_statistics.isnan(), now, moved))
        if self.kind != "curricularface" and not self._adacos:
            return
        # NOTE[DIFF]: the scale of this batch is of use from the next on; AdaCos computes all logits twice.
        seen = stream_softmax(units, labels[:, None], class_centers=self.classifier.directions, scale=float(self.scale))
        if self.kind == "curricularface":
            self.stage.lerp_(seen.own.mean().to(self.stage), SLOW)
        if self._adacos:
            self.scale.copy_(adacos_update(seen.others, seen.own[:, 0]))

    def _reduce(self, losses: Tensor, labels: Tensor | None) -> Tensor:
        weights = torch.ones_like(losses)
        if self.class_weights is not None and labels is not None:
            weights = self.class_weights[labels].to(losses)
        if self.reduction == "none":
            return losses * weights
        total = (losses * weights).sum()
        return total if self.reduction == "sum" else total / weights.sum()


def _check(options: dict[str, Any]) -> None:
    """Refuse options that cannot be, all of them at once."""
    kind, classifier = options["kind"], options["classifier"]
    kinds = get_args(MarginKind)
    shape = (options["num_classes"], options["embedding_dim"])
    wrong = {
        "num_classes": (options["num_classes"] >= 2, "at least 2"),
        "embedding_dim": (options["embedding_dim"] >= 2, "at least 2"),
        "kind": (kind in kinds, f"one of {', '.join(kinds)}"),
        "margin": (
            options["margin"] is None or (0 <= options["margin"] < math.pi / 2 and kind != "magface"),
            'in radians, 0 <= margin < pi / 2 (28.6 degrees are 0.5), and not for "magface"',
        ),
        "cosine_margin": (
            options["cosine_margin"] is None or (0 <= options["cosine_margin"] < 2 and kind in ("cosface", "combined")),
            'in [0, 2), for "cosface" and "combined"',
        ),
        "angle_factor": (
            options["angle_factor"] is None or (options["angle_factor"] >= 1 and kind in ("sphereface", "combined")),
            'at least 1, for "sphereface" and "combined"',
        ),
        "scale": (
            options["scale"] in (None, "adacos") or (not isinstance(options["scale"], str) and options["scale"] > 0),
            'above 0, "adacos" or None',
        ),
        "subcenters": (options["subcenters"] >= 1, "at least 1"),
        "class_share": (0 < options["class_share"] <= 1, "above 0 and at most 1"),
        "reduction": (options["reduction"] in ("mean", "sum", "none"), '"mean", "sum" or "none"'),
        "class_counts": (
            options["class_counts"] is None or kind in ("arcface", "combined"),
            'for "arcface" and "combined" only',
        ),
        "classifier": (
            classifier is None or (classifier.directions.shape[0], classifier.directions.shape[-1]) == shape,
            f"one of {shape[0]} classes and width {shape[1]}",
        ),
        "multi_label": (
            not options["multi_label"]
            or (
                kind in ("arcface", "cosface", "sphereface", "combined", "normface")
                and options["class_counts"] is None
                and options["class_weights"] is None
                and options["class_share"] == 1
            ),
            "without class_counts, class_weights, class_share or a kind that needs one label a row",
        ),
    }
    mistakes = {name: wanted for name, (fine, wanted) in wrong.items() if not fine}
    if mistakes:
        raise ConfigError(
            want="; ".join(f"{name} {wanted}" for name, wanted in mistakes.items()),
            got=", ".join(f"{name}={options[name]!r}" for name in mistakes),
            where="AngularMarginLoss",
            fix="Change these options; the others are fine.",
        )
