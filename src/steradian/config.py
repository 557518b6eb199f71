"""The options of a model and of its training, each with its default and where that comes from."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from difflib import get_close_matches
from numbers import Integral, Real
from types import NoneType
from typing import Any, Literal, Self, get_args

from steradian.errors import ConfigError

__all__ = ["ModelConfig", "TrainingConfig"]

FusionKind = Literal["certified", "context", "free"]
Precision = Literal["auto", "float32", "bfloat16"]
MarginGradient = Literal["exact", "detached"]
CenterOptimizer = Literal["adamw", "rowwise"]
SubsetPolicy = Literal["both", "half", "observed"]
Positives = Literal["class", "object"]
_CHOICES = {
    "precision": Precision,
    "margin_gradient": MarginGradient,
    "center_optimizer": CenterOptimizer,
    "subset_policy": SubsetPolicy,
    "positives": Positives,
}
_NUMBERS = {int: (Integral, "an integer"), float: (Real, "a number")}


class _Config:
    """Plain values in and out, unknown keys refused."""

    @classmethod
    def from_dict(cls, entries: Mapping[str, Any], *, where: str) -> Self:
        """The configuration of these entries.

        Raises:
            ConfigError: unknown keys, all of them at once, each with the nearest known one.
        """
        known = [field.name for field in fields(cls)]  # type: ignore[arg-type]
        unknown = [key for key in entries if key not in known]
        if unknown:
            near = {key: get_close_matches(key, known, n=1) for key in unknown}
            hints = [f"{key!r} -> {match[0]!r}" for key, match in near.items() if match]
            raise ConfigError(
                want=f"keys of {', '.join(known)}",
                got=", ".join(repr(key) for key in unknown),
                where=where,
                fix=f"Did you mean {', '.join(hints)}?" if hints else "Remove them.",
            )
        return cls(**entries)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]

    def _refuse_what_is_no_number(self) -> None:
        mistakes = []
        for option in fields(self):  # type: ignore[arg-type]
            kinds, value = get_args(option.type) or (option.type,), getattr(self, option.name)
            wanted = next((pair for kind, pair in _NUMBERS.items() if kind in kinds), None)
            if wanted and not isinstance(value, wanted[0]) and not (value is None and NoneType in kinds):
                mistakes.append((option.name, wanted[1]))
        self._refuse(mistakes)

    def _refuse(self, mistakes: list[tuple[str, str]]) -> None:
        """Tell all mistakes at once: (option, what it must be)."""
        if mistakes:
            raise ConfigError(
                want="; ".join(f"{name} {wanted}" for name, wanted in mistakes),
                got=", ".join(f"{name}={getattr(self, name)!r}" for name, _ in mistakes),
                where=type(self).__name__,
                fix="Change these options; the others are fine.",
            )


USUAL_DIM, LARGEST_DIM = 128, 512
"""Of the unit vectors, least and most where it is derived."""


@dataclass(frozen=True)
class ModelConfig(_Config):
    """The two-level transformer."""

    embedding_dim: int | None = None
    """Length of the unit vector; None: the power of two that gives every class a direction of its own, from 128 to
    512."""
    closed_form: bool = True
    """Solve for the vectors of fixed features first; the network may then only improve on them. It takes a margin
    softmax over one center a class and no other fusion than "certified"; else the network stands alone."""
    width: int = 64
    """Length of a token on both levels."""
    depth: int = 1
    """Transformer blocks of each modality's encoder (level 1)."""
    fusion_depth: int = 1
    """Transformer blocks of the fusion (level 2)."""
    heads: int = 4
    """Attention heads of every block."""
    dropout: float | None = None
    """Share zeroed within the blocks in training; None: 0.3 below 1,000 training objects, 0.1 from 10,000, else 0.2."""
    input_dropout: float | None = None
    """Share of a modality's raw features zeroed in training; None: 0.1 more than the default of `dropout`."""
    fusion: FusionKind | None = None
    """How modalities become one vector; see docs/design.md. None: "certified", but "context" where left-out objects
    are surely better by it than by a closed form and networks beside it."""
    context_limit: float = 0.2
    """Length of the context against the sum of modalities, for fusion="context"."""
    subcenters: int = 1
    """Centers a class, of which the nearest counts; 3 helps where labels are noisy or classes fall into parts."""

    @property
    def kind_of_fusion(self) -> FusionKind:
        """The fusion; "certified" where nothing chose another."""
        return self.fusion or "certified"

    @property
    def dim(self) -> int:
        """The length of the unit vector; 128 where nothing derived it."""
        return USUAL_DIM if self.embedding_dim is None else self.embedding_dim

    def __post_init__(self) -> None:
        self._refuse_what_is_no_number()
        counts = ("width", "depth", "fusion_depth", "heads", "subcenters")
        mistakes = [(name, "at least 1") for name in counts if getattr(self, name) < 1]
        if self.embedding_dim is not None and self.embedding_dim < 2:
            mistakes.append(("embedding_dim", "at least 2, or None"))
        if self.heads >= 1 and self.width % self.heads:
            mistakes.append(("width", f"a multiple of heads={self.heads}"))
        shares = {name: getattr(self, name) for name in ("dropout", "input_dropout")}
        mistakes += [
            (n, "in [0, 1), or None") for n, share in shares.items() if share is not None and not 0 <= share < 1
        ]
        if self.fusion not in (None, *get_args(FusionKind)):
            mistakes.append(("fusion", f"one of {', '.join(get_args(FusionKind))}, or None"))
        if not 0 <= self.context_limit < 1:
            mistakes.append(("context_limit", "in [0, 1)"))
        self._refuse(mistakes)


@dataclass(frozen=True)
class TrainingConfig(_Config):
    """The objective, the optimizer and the data order."""

    epochs: int | None = None
    """Passes over the training objects; 0: the closed form alone, in seconds. None: 60, beside a closed form 20, but
    between 400 and 6000 steps in all, and at least one pass."""
    batch_size: int = 64
    """Objects a step."""
    balanced: bool = False
    """Draw as many objects of every class, instead of each object once an epoch."""
    samples_per_class: int | None = None
    """Objects of a class that come one after the other, so that a batch holds several of it; None: 4 for objectives
    that pair the objects of a class, else 1."""
    learning_rate: float = 3e-3
    """Of the encoders, at the top of the schedule; chosen on held-out training objects, see docs/lab-log.md."""
    center_learning_rate: float = 3e-2
    """Of the class centers, unless the closed form fixes them: 10 times the encoders', since a center moves only when
    its class comes by (docs/lab-log.md)."""
    weight_decay: float = 0.05
    """Of the matrices; class centers, norms, biases, gates and embeddings have none."""
    objective: str = "angular"
    """What is minimised: the margin softmax over class centers, one of its rivals (docs/objectives.md), or one of your
    own that stands in OBJECTIVES."""
    positives: Positives = "class"
    """What a rival without class centers pulls together: objects of a class, or, without labels, an object's parts."""
    scale: float | None = None
    """Factor of the cosines; None: twice what a target probability of 0.99 needs, at least 8; a rival's is its
    paper's."""
    margin: float | None = None
    """Additive angular margin in radians; None: 0.2, or a quarter of the centers' spacing where that is less; a
    rival's is its paper's."""
    margin_kind: str = "arcface"
    """What the margin does to the target's cosine; each kind moves a target at a right angle by `margin` radians."""
    margin_gradient: MarginGradient = "exact"
    """"detached": the margin changes how much a row matters, not the direction of its gradient."""
    label_smoothing: float = 0.0
    """Share of the target probability that is spread over all classes."""
    class_share: float = 1.0
    """Share of the other classes drawn each step; below 1 for many classes, with center_optimizer="rowwise"."""
    center_optimizer: CenterOptimizer = "adamw"
    """Of the class centers. "rowwise": moves them tile by tile in the backward pass, with no gradient of their size and
    one moment a center in place of two a number."""
    modality_weight: float = 0.5
    """Weight of the mean loss of the single modalities' vectors."""
    subset_weight: float = 0.5
    """Weight of the loss of one random subset of modalities an object; 0: no object is seen through a subset."""
    subset_policy: SubsetPolicy = "both"
    """Who is seen through a random subset. "both": every object, beside its whole. "half": half of each batch, the
    others whole; the same loss on average for half the fusion. "observed": as "both", but what is missing is what
    another object of the batch lacks, so that subsets come as often as the training table has them."""
    alignment_weight: float | None = None
    """Weight of pulling modalities' vectors and whole objects of one class together, and others apart, within the batch
    (GMC's term with class numbers); 0: none. None: 1 where classes are more than the objects of a batch, else 0.3."""
    validation_fraction: float | None = None
    """Share of the objects held out for early stopping; None: 0.1 of 5,000 or more in large classes, else 0."""
    patience: int = 10
    """Validations without a better score before training stops."""
    max_grad_norm: float = 1.0
    """Largest norm of the gradient of the encoders."""
    device: str = "auto"
    """"auto" (CUDA, then MPS, then CPU) or a torch device."""
    precision: Precision = "auto"
    """Of the encoders; cosines are always float32. "auto": bfloat16 on CUDA, float32 elsewhere."""
    random_state: int = 0
    """Of everything random, 0 or more; the same seed gives the same model, bit for bit, on one machine's CPU with as
    many threads: another number of them adds in another order."""

    def __post_init__(self) -> None:
        self._refuse_what_is_no_number()
        mistakes = [(n, "at least 1") for n in ("batch_size", "patience") if getattr(self, n) < 1]
        optional = {"samples_per_class": self.samples_per_class}
        if self.epochs is not None and self.epochs < 0:
            mistakes.append(("epochs", "0 or more, or None"))
        mistakes += [(n, "at least 1, or None") for n, count in optional.items() if count is not None and count < 1]
        positive = ("learning_rate", "center_learning_rate", "max_grad_norm")
        mistakes += [(n, "above 0") for n in positive if not getattr(self, n) > 0]
        weights = ("weight_decay", "modality_weight", "subset_weight")
        mistakes += [(n, "0 or more") for n in weights if not getattr(self, n) >= 0]
        if self.alignment_weight is not None and not self.alignment_weight >= 0:
            mistakes.append(("alignment_weight", "0 or more, or None"))
        if self.random_state < 0:
            mistakes.append(("random_state", "0 or more"))
        if self.scale is not None and not self.scale > 0:
            mistakes.append(("scale", "above 0, or None"))
        if self.margin is not None and not 0 <= self.margin < 1.5:
            mistakes.append(("margin", "in radians in [0, 1.5), or None"))
        if self.validation_fraction is not None and not 0 <= self.validation_fraction < 1:
            mistakes.append(("validation_fraction", "a share in [0, 1), or None"))
        mistakes += [
            (name, f"one of {', '.join(get_args(choices))}")
            for name, choices in _CHOICES.items()
            if getattr(self, name) not in get_args(choices)
        ]
        names = {name: getattr(self, name) for name in ("objective", "margin_kind")}
        mistakes += [(n, "a name") for n, name in names.items() if not (isinstance(name, str) and name.isidentifier())]
        if not 0 <= self.label_smoothing < 1:
            mistakes.append(("label_smoothing", "in [0, 1)"))
        if not 0 < self.class_share <= 1:
            mistakes.append(("class_share", "above 0 and at most 1"))
        elif self.class_share < 1 and self.center_optimizer != "rowwise":
            mistakes.append(("class_share", 'below 1 only with center_optimizer="rowwise"'))
        mistakes += self._contradictions()
        self._refuse(mistakes)

    def _contradictions(self) -> Iterator[tuple[str, str]]:
        """Options that another one leaves no meaning; what the objective does is told when it is built."""
        one_row = self.modality_weight == 0 and (self.subset_weight == 0 or self.subset_policy == "half")
        if self.positives == "object" and one_row:
            yield "positives", '"class" where every object is one row; or give modality_weight'
        if self.balanced and (self.samples_per_class or 1) > 1:
            yield "samples_per_class", "1 with balanced=True, which has an order of its own"
