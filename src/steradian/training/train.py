"""The training function."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from steradian.config import TrainingConfig
from steradian.data.batch import PreparedObjects
from steradian.data.samplers import balanced_order, batches, plain_order
from steradian.errors import TrainingError
from steradian.model import SphereEncoder, SphericalClassifier
from steradian.training.derived import Derived
from steradian.training.device import choose_precision
from steradian.training.objective import Objective
from steradian.training.optimizer import make_optimizer
from steradian.training.progress import Progress
from steradian.training.schedule import learning_rate_factor, margin_factor
from steradian.training.validation import RetrievalValidation

__all__ = ["TrainingResult", "train"]

VALIDATIONS = 30
"""Validations of a whole training at most."""


@dataclass(frozen=True)
class TrainingResult:
    """How a training went.

    Args:
        steps: steps done.
        best_step: the step whose weights were kept.
        best_score: its validation score, None without validation.
        interrupted: stopped by Ctrl-C.
        history: a record for each validation, or each epoch without one.
    """

    steps: int
    best_step: int
    best_score: float | None
    interrupted: bool
    history: list[dict[str, Any]] = field(repr=False)


def train(
    encoder: SphereEncoder,
    classifier: SphericalClassifier,
    *,
    objects: PreparedObjects,
    config: TrainingConfig,
    derived: Derived,
    validation: RetrievalValidation | None = None,
    progress: Progress | None = None,
    log_file: Path | None = None,
    on_improvement: Callable[[], None] | None = None,
) -> TrainingResult:
    """Train encoder and class centers in place; the best weights by validation stand in them afterwards.

    Ctrl-C ends the training early and keeps the best weights so far. Draws from torch's global generators, which the
    caller seeds.

    Args:
        encoder: both levels.
        classifier: the class centers.
        objects: training objects with class numbers.
        config: the options.
        derived: scale, margin and epochs.
        validation: gives the score for early stopping; None: train to the end and keep the last weights.
        progress: shows it.
        log_file: one JSON object a line, a line for each record of the history.
        on_improvement: called when the weights in place are the best so far.

    Raises:
        TrainingError: the loss is not finite.
    """
    # -- What does not change from step to step ----------------------------------------------------------------------
    labels = objects.labels
    if labels is None:
        raise ValueError("training needs class numbers")
    device = next(encoder.parameters()).device
    half = choose_precision(config.precision, device) == torch.bfloat16
    progress = progress or Progress(None)
    objective = Objective(config.modality_weight, config.subset_weight, derived.scale)
    optimizer = make_optimizer(encoder, classifier, config)
    top_rates = [group["lr"] for group in optimizer.param_groups]
    encoder_parameters = list(encoder.parameters())
    order = balanced_order if config.balanced else plain_order
    steps = derived.epochs * -(-len(objects) // config.batch_size)
    interval = max(-(-len(objects) // config.batch_size), -(-steps // VALIDATIONS))
    keeper = _Keeper(nn.ModuleList([encoder, classifier]), config.patience, on_improvement)
    recorder = _Recorder(log_file)

    _introduce(progress, objects, keeper.weights, derived, validation)

    # -- The steps ---------------------------------------------------------------------------------------------------
    encoder.train()
    step, interrupted, loss_sum, loss_count = 0, False, 0.0, 0
    progress.begin(steps)
    try:
        for epoch in range(derived.epochs):
            for rows in batches(order(labels, seed=config.seed, epoch=epoch), config.batch_size):
                factor = learning_rate_factor(step, steps)
                for group, rate in zip(optimizer.param_groups, top_rates, strict=True):
                    group["lr"] = rate * factor
                margin = derived.margin * margin_factor(step, steps)

                batch = objects.batch(rows).to(device)
                with torch.autocast(device.type, dtype=torch.bfloat16, enabled=half):
                    encoded = encoder.encode(batch)
                    loss = objective(encoder, encoded, _known(batch.labels), classifier=classifier, margin=margin)
                value = _finite(loss, step, config)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                clip_grad_norm_(encoder_parameters, config.clip)
                optimizer.step()

                step, loss_sum, loss_count = step + 1, loss_sum + value, loss_count + 1
                progress.advance(step, loss=value)
                if step % interval == 0 or step == steps:
                    score = None if validation is None else validation.score(encoder)
                    recorder.write(step, epoch, loss=loss_sum / loss_count, margin=margin, score=score)
                    loss_sum, loss_count = 0.0, 0
                    if score is not None:
                        progress.validated(score)
                        keeper.see(score, step)
            if keeper.patience_lost and step < steps:
                progress.say(f"stopped early: no better validation score since step {keeper.best_step}")
                break
    except KeyboardInterrupt:
        interrupted = True
        progress.say(f"stopped by Ctrl-C at step {step} of {steps}; the best weights so far are kept")

    # -- The best weights --------------------------------------------------------------------------------------------
    encoder.eval()
    best_step = keeper.restore() if keeper.best_score is not None else step
    if keeper.best_score is None and on_improvement is not None:
        on_improvement()
    return TrainingResult(step, best_step, keeper.best_score, interrupted, recorder.history)


def _introduce(
    progress: Progress,
    objects: PreparedObjects,
    weights: nn.Module,
    derived: Derived,
    validation: RetrievalValidation | None,
) -> None:
    """Say what is trained on what, and what was derived."""
    parameters = list(weights.parameters())
    held_out = "none" if validation is None else f"{validation.queries}"
    progress.say(f"{len(objects)} objects to train on, {held_out} to validate on")
    count, size = sum(p.numel() for p in parameters), sum(p.nbytes for p in parameters)
    progress.say(f"{count:,} weights, {size:,} bytes, on {parameters[0].device}")
    for reason in derived.reasons:
        progress.say(reason)


class _Keeper:
    """Remembers the best weights by validation score."""

    def __init__(self, weights: nn.Module, patience: int, on_improvement: Callable[[], None] | None) -> None:
        self.weights, self._patience, self._on_improvement = weights, patience, on_improvement
        self._state: dict[str, Tensor] = {}
        self._unimproved = 0
        self.best_score: float | None = None
        self.best_step = 0

    @property
    def patience_lost(self) -> bool:
        return self._unimproved >= self._patience

    def see(self, score: float, step: int) -> None:
        # Of equal scores the later one is kept: it has been trained with more of the margin.
        if self.best_score is not None and score < self.best_score:
            self._unimproved += 1
            return
        self._state = {name: value.detach().clone() for name, value in self.weights.state_dict().items()}
        self._unimproved = 0 if self.best_score is None or score > self.best_score else self._unimproved + 1
        self.best_score, self.best_step = score, step
        if self._on_improvement is not None:
            self._on_improvement()

    def restore(self) -> int:
        self.weights.load_state_dict(self._state)
        return self.best_step


class _Recorder:
    """The history, in memory and as JSON lines."""

    def __init__(self, log_file: Path | None) -> None:
        self._begun = time.monotonic()
        self._log_file = log_file
        self.history: list[dict[str, Any]] = []
        if log_file is not None:
            log_file.write_text("", encoding="utf-8")

    def write(self, step: int, epoch: int, *, loss: float, margin: float, score: float | None) -> None:
        seconds = round(time.monotonic() - self._begun, 3)
        record = {
            "step": step,
            "epoch": epoch,
            "seconds": seconds,
            "loss": loss,
            "margin": margin,
            "score": score,
        }
        self.history.append(record)
        if self._log_file is not None:
            with self._log_file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")


def _finite(loss: Tensor, step: int, config: TrainingConfig) -> float:
    value = float(loss.detach())
    if not math.isfinite(value):
        raise TrainingError(
            want="a finite loss",
            got=str(value),
            where=f"training step {step} (counted from 0)",
            fix=f"Try learning_rate={config.learning_rate / 10:g}, or look for extreme values in the data.",
        )
    return value


def _known(labels: Tensor | None) -> Tensor:
    if labels is None:
        raise ValueError("training needs class numbers")
    return labels
