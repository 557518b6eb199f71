"""What training will need for the class centers, known before it starts."""

from dataclasses import dataclass, replace

import torch

from steradian.config import ModelConfig, TrainingConfig
from steradian.data.machine_memory import machine_memory
from steradian.errors import ConfigError
from steradian.losses import MARGINS, StreamPlan, plan_stream
from steradian.training.class_targets import ClassLabels, class_count
from steradian.training.derive import derive
from steradian.training.objectives import OBJECTIVES, Derived

__all__ = ["MemoryEstimate", "available_memory", "derive_within_memory", "estimate_memory", "refuse_beyond_memory"]


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that the class centers and what belongs to them will take in training.

    Args:
        centers: of the class centers.
        gradient: of their gradient.
        moments: of their optimizer.
        best: of the copy of the best ones so far, 0 without validation.
        plan: how the loss uses memory beside these.
        num_classes: of how many classes.

    Examples:
        >>> print(estimate_memory(1_000, model=ModelConfig(), config=TrainingConfig(), modalities=2, device="cpu"))
        class centers 0.5 MB, gradient 0.5, moments 1.0, best copy 0.5, loss 4.0
    """

    centers: int
    gradient: int
    moments: int
    best: int
    plan: StreamPlan
    num_classes: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.centers + self.gradient + self.moments + self.best + self.plan.size

    def __str__(self) -> str:
        sizes = (self.centers, self.gradient, self.moments, self.best, self.plan.size)
        unit, name = (1e6, "MB") if self.total < 1e9 else (1e9, "GB")
        shown = (f"{size / unit:,.{1 if size < 100 * unit else 0}f}" for size in sizes)
        return "class centers {} {}, gradient {}, moments {}, best copy {}, loss {}".format(next(shown), name, *shown)


def estimate_memory(
    num_classes: int,
    *,
    model: ModelConfig,
    config: TrainingConfig,
    modalities: int,
    device: str,
    validated: bool = True,
) -> MemoryEstimate:
    """The estimate for a training with these options.

    Args:
        num_classes: at least 2.
        model: gives the width and number of the centers.
        config: gives the batch, the optimizer and the share of classes.
        modalities: of the schema.
        device: "cpu", "cuda" or "mps".
        validated: whether the best weights are kept beside the current ones.
    """
    rows = config.batch_size * (1 if modalities == 1 else modalities + 2)
    fused = config.center_optimizer == "rowwise"
    count = num_classes * model.subcenters
    centers = 4 * count * model.dim
    objective = OBJECTIVES[config.objective]
    if objective.streams:
        plan = plan_stream(
            rows,
            max(1, round(num_classes * config.class_share)),
            model.dim,
            centers_a_class=model.subcenters,
            device=device,
            keepable=model.subcenters == 1 and not MARGINS[config.margin_kind].bends,
            gradient=not fused,
        )
    else:
        held = objective.numbers_held(config.batch_size, rows=rows, num_classes=num_classes, modalities=modalities)
        plan = StreamPlan(tiles=1, tile_classes=num_classes, kept_in_gradient=0, kept_in_workspace=1, size=4 * held)
    return MemoryEstimate(
        centers=centers,
        gradient=0 if fused else centers,
        moments=8 * count if fused else 2 * centers,
        best=centers if validated else 0,
        plan=plan,
        num_classes=num_classes,
    )


def available_memory(device: torch.device) -> int | None:
    """Bytes that this machine, container or device has in all; None where it does not say.

    Args:
        device: where the class centers will be.
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[1])
    return machine_memory() if device.type == "cpu" else None


def refuse_beyond_memory(estimate: MemoryEstimate, available: int | None, *, config: TrainingConfig) -> None:
    """Refuse a training whose class centers alone cannot fit, before anything is allocated.

    Args:
        estimate: what it needs.
        available: bytes there are; None: let it try.
        config: for the advice.

    Raises:
        ConfigError: it needs more than there is.
    """
    if available is None or estimate.total <= available:
        return
    saved = estimate.gradient + estimate.moments
    objective = OBJECTIVES[config.objective]
    if not objective.streams:
        fix = 'Choose a smaller batch_size or embedding_dim, or objective="angular", which holds fewer cosines.'
    elif "center_optimizer" in objective.options and config.center_optimizer == "adamw":
        fix = f'center_optimizer="rowwise" saves {saved / 1e9:,.1f} GB; so does a smaller embedding_dim.'
    else:
        fix = "Choose a smaller embedding_dim, fewer subcenters, or a machine with more memory."
    raise ConfigError(
        want=f"class centers and their training within {available / 1e9:,.1f} GB",
        got=f"{estimate.total / 1e9:,.1f} GB: {estimate}",
        where=f"fit with {estimate.num_classes:,} classes",
        fix=fix,
    )


def derive_within_memory(
    config: TrainingConfig,
    labels: ClassLabels,
    *,
    model: ModelConfig,
    modalities: int,
    device: torch.device,
    validated: bool,
    holders: int = 1,
) -> Derived:
    """What `derive` says, with the memory that the class centers will take among its reasons.

    Args:
        config: the training's options.
        labels: of the training objects, each class at least once.
        model: the model's configuration, its dropout filled in.
        modalities: of the schema.
        device: where it will run.
        validated: whether the best weights are kept beside the current ones.
        holders: ranks that the class centers are spread over.

    Raises:
        ConfigError: it needs more than there is.
    """
    num_classes = class_count(labels)
    derived = derive(config, labels, num_classes=num_classes, model=model)
    estimate = estimate_memory(
        -(-num_classes // holders),
        model=model,
        config=config,
        modalities=modalities,
        device=device.type,
        validated=validated,
    )
    refuse_beyond_memory(estimate, available_memory(device), config=config)
    stream = (f"softmax in {estimate.plan}",) if OBJECTIVES[config.objective].streams else ()
    return replace(derived, reasons=(*derived.reasons, str(estimate), *stream))
