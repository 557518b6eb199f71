"""Class centers and the loss over the angles to them in one module, for any encoder and any training loop."""

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from steradian.config import MarginGradient
from steradian.errors import ConfigError, InputError
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
    stream_softmax,
)
from steradian.losses.angular_softmax import check_inputs, refuse_not_finite
from steradian.losses.blockwise_softmax import GradientTaker
from steradian.losses.matmul import Precision
from steradian.losses.stream_plan import MEMORY_BUDGET
from steradian.model.classifier import SphericalClassifier

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
        classifier: class centers to use in place of new ones.

    Raises:
        ConfigError: an option out of its range, one that this kind does not take, or a margin or scale that is no plain
            number, such as a Parameter: they are not learnt.

    Example:
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
    ) -> None:
        super().__init__()
        weights, counts = _as_tensor(class_weights), _as_tensor(class_counts)
        _check({**locals(), "class_weights": weights, "class_counts": counts})
        self.classifier = classifier or SphericalClassifier(num_classes, embedding_dim, subcenters=subcenters)
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
        centers = self.classifier.weight
        labels = self._numbered(labels, embeddings.device)
        check_inputs(embeddings, labels, centers, where="AngularMarginLoss", several=self.threshold is not None)
        exact = embeddings if embeddings.dtype == torch.float64 else embeddings.float()
        norms = torch.linalg.vector_norm(exact, dim=-1)
        # A row of zeros has no direction that a gradient could turn; it would get one of 1e12.
        units = exact / torch.where(norms > 0, norms, torch.inf)[:, None]
        options = {"class_centers": centers, "take_gradient": take_gradient, **self._options}
        rows = BatchRows(norms, labels, strength)
        options["margin"] = lambda cosines: self.psi(cosines, rows)
        if self.threshold is not None:
            losses = angular_multilabel_loss(units, labels, scale=self.scale, threshold=self.threshold, **options)
            return self._reduce(losses, None, embeddings)
        if self.training:
            self.psi.observe(units, rows, centers)
            self._follow(units, labels)
        sampled, hard = None, self.hard_negatives
        if self.training and self.class_share < 1.0:
            sampled = sample_classes(labels, len(centers), share=self.class_share)
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

    @torch.no_grad()
    def _follow(self, units: Tensor, labels: Tensor) -> None:
        """Move the scale of AdaCos by one batch."""
        if self.adacos is not None:
            # NOTE[DIFF]: the scale of this batch is of use from the next on; AdaCos computes all logits twice.
            seen = stream_softmax(units, labels[:, None], class_centers=self.classifier.weight, scale=self.scale)
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


def _check(options: dict[str, Any]) -> None:
    """Refuse options that cannot be, all of them at once."""
    mistakes = {name: wanted for name, (fine, wanted) in _bounds(options).items() if not fine}
    if options["multi_label"]:
        mistakes |= _left_out_with_several_labels(options)
    elif options["scale"] == "adacos" and options["class_share"] < 1:
        mistakes["class_share"] = '1 with scale="adacos", which needs all classes'
    if mistakes:
        raise ConfigError(
            want="; ".join(f"{name} {wanted}" for name, wanted in mistakes.items()),
            got=", ".join(f"{name}={' '.join(repr(options[name]).split()):.80}" for name in mistakes),
            where="AngularMarginLoss",
            fix="Change these options; the others are fine. Margin and scale are plain numbers and are not learnt.",
        )


def _bounds(options: dict[str, Any]) -> dict[str, tuple[bool, str]]:
    """For each option whether it is fine, and what it must be."""
    classes, dim = options["num_classes"], options["embedding_dim"]
    margin = MARGINS.get(options["kind"]) if isinstance(options["kind"], str) else None
    shape = (classes, dim) if options["subcenters"] == 1 else (classes, options["subcenters"], dim)

    def fits(name: str) -> bool:
        return options[name] is None or margin is None or name in margin.options

    def takers(name: str) -> str:
        return ", ".join(f'"{kind}"' for kind, each in MARGINS.items() if name in each.options)

    return {
        "num_classes": (_at_least(options["num_classes"], 2), "at least 2"),
        "embedding_dim": (_at_least(options["embedding_dim"], 2), "at least 2"),
        "kind": (margin is not None, f"one of {', '.join(MARGINS)}"),
        "margin": (
            _none_or(options["margin"], 0, math.pi / 2) and fits("margin"),
            f"in radians, 0 <= margin < pi / 2 (28.6 degrees are 0.5), for {takers('margin')}",
        ),
        "cosine_margin": (
            _none_or(options["cosine_margin"], 0, 2) and fits("cosine_margin"),
            f"in [0, 2), for {takers('cosine_margin')}",
        ),
        "angle_factor": (
            _none_or(options["angle_factor"], 1, math.inf) and fits("angle_factor"),
            f"at least 1, for {takers('angle_factor')}",
        ),
        "scale": (_is_scale(options["scale"]), 'above 0, "adacos" or None'),
        "subcenters": (_at_least(options["subcenters"], 1), "at least 1"),
        "gradient": (options["gradient"] in get_args(MarginGradient), '"exact" or "detached"'),
        "smoothing": (_none_or(options["smoothing"], 0, 1), "in [0, 1)"),
        "hard_negatives": (_at_least(options["hard_negatives"], 0, below=classes), "fewer than there are classes"),
        "class_share": (
            _is_number(options["class_share"]) and 0 < options["class_share"] <= 1,
            "above 0 and at most 1",
        ),
        "precision": (options["precision"] in get_args(Precision), '"float32" or "bfloat16"'),
        "reduction": (options["reduction"] in ("mean", "sum", "none"), '"mean", "sum" or "none"'),
        "class_weights": (
            _one_each(options["class_weights"], classes) and _are_weights(options["class_weights"]),
            "a finite number from 0 a class, one of them above 0, without a gradient",
        ),
        "class_counts": (
            _one_each(options["class_counts"], classes) and fits("class_counts"),
            f"a number a class, for {takers('class_counts')}",
        ),
        "classifier": (
            options["classifier"] is None or options["classifier"].weight.shape == shape,
            f"one with a weight of shape {shape}",
        ),
    }


def _left_out_with_several_labels(options: dict[str, Any]) -> dict[str, str]:
    """The options that a row of several labels leaves no meaning, and what they must be."""
    plain: dict[str, Any] = {
        "class_weights": None,
        "class_counts": None,
        "class_share": 1,
        "smoothing": 0,
        "hard_negatives": 0,
        "gradient": "exact",
        "scale": None if options["scale"] == "adacos" else options["scale"],
    }
    mistakes = {
        name: "left out with multi_label"
        for name, value in plain.items()
        if options[name] is not value and options[name] != value
    }
    margin = MARGINS.get(options["kind"]) if isinstance(options["kind"], str) else None
    if margin is not None and not margin.by_angle_alone:
        mistakes["kind"] = "one that depends on the angle alone, with multi_label"
    return mistakes


def _is_number(value: object) -> bool:
    """Whether a value is a plain real number, and no tensor, which might be learnt."""
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_scale(value: Any) -> bool:
    return (
        value == "adacos" if isinstance(value, str) else value is None or (_is_number(value) and 0 < value < math.inf)
    )


def _at_least(value: object, least: int, *, below: object = None) -> bool:
    if not isinstance(value, Integral) or isinstance(value, bool):
        return False
    # What is no number of classes is refused as such.
    return least <= int(value) and (not isinstance(below, Integral) or int(below) < 1 or int(value) < int(below))


def _none_or(value: float | None, least: float, below: float) -> bool:
    return value is None or (_is_number(value) and least <= value < below)


def _as_tensor(values: Tensor | Sequence[float] | None) -> Tensor | None:
    """Numbers as a tensor; an empty one for what is none."""
    try:
        return None if values is None else torch.as_tensor(values)
    except (TypeError, ValueError, RuntimeError):
        return torch.empty(0)


def _are_weights(values: Tensor | None) -> bool:
    return values is None or (
        not values.requires_grad and bool((values.isfinite() & (values >= 0)).all()) and bool((values > 0).any())
    )


def _one_each(values: Tensor | None, classes: int) -> bool:
    return values is None or (isinstance(values, Tensor) and values.shape == (classes,))
