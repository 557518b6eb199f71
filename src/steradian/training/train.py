"""The training function."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from steradian.config import CENTER_OBJECTIVES, TrainingConfig
from steradian.data.batch import PreparedObjects
from steradian.data.prefetch import prefetched
from steradian.data.samplers import balanced_order, batches, grouped_order, plain_order
from steradian.model import SphereEncoder, SphericalClassifier
from steradian.training.build_objective import choose_anchor
from steradian.training.derived import Derived, class_group
from steradian.training.imprint import imprint_centers, imprint_class_means
from steradian.training.learner import Learner
from steradian.training.progress import Progress
from steradian.training.schedule import margin_factor
from steradian.training.validation import RetrievalValidation

__all__ = ["TrainingResult", "train"]

VALIDATIONS, MIN_INTERVAL = 30, 20
"""Validations of a whole training at most; between two lie so many steps at least, or an epoch where that is less."""


@dataclass(frozen=True)
class TrainingResult:
    """How a training went.

    Args:
        steps: steps done.
        best_step: the step whose weights were kept.
        best_score: its validation score, None without validation.
        interrupted: stopped by Ctrl-C.
        history: a record at every 30th of the steps, with the mean loss since the last and the validation score.
        choice: how the closed form and the networks beside it were chosen; None where a network stands alone.
        ended: whether this is the end; False in a model that was saved while training went on.
    """

    steps: int
    best_step: int
    best_score: float | None
    interrupted: bool
    history: list[dict[str, Any]] = field(repr=False)
    choice: dict[str, Any] | None = field(default=None, repr=False)
    ended: bool = True


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

    Ctrl-C ends it early, and the best weights so far stay. Draws from torch's global generators; the caller seeds them.

    Args:
        encoder: both levels.
        classifier: the class centers; without a gradient they are fixed.
        objects: training objects with class numbers.
        config: the options.
        derived: scale, margin and epochs.
        validation: gives the score for early stopping; None: train to the end and keep the last weights.
        progress: shows it.
        log_file: one JSON object a line, a line for each record of the history.
        on_improvement: called when the weights in place are the best so far; without validation the latest are.

    Raises:
        TrainingError: a loss or the weights are not finite.
    """
    # -- What does not change from step to step
    if objects.labels is None:
        raise ValueError("training needs class numbers")
    progress = progress or Progress(None)
    steps_an_epoch = -(-len(objects) // config.batch_size)
    steps = derived.epochs * steps_an_epoch
    interval = max(min(steps_an_epoch, MIN_INTERVAL), -(-steps // VALIDATIONS))
    anchor = choose_anchor(objects.present)
    learner = Learner(encoder, classifier, config=config, derived=derived, steps=steps, anchor=anchor)
    settle, on_improvement = _settling(encoder, classifier, objects, config, on_improvement)
    keeper, recorder = _Keeper(learner.weights, config.patience, on_improvement), _Recorder(log_file)
    _introduce(progress, objects, learner.weights, derived, validation)
    if classifier.directions.requires_grad:
        imprint_centers(encoder, classifier, objects, seed=config.seed)

    # -- The steps
    step, losses, interrupted = 0, 0.0, False
    progress.begin(steps)
    try:
        plan = _all_batches(objects.labels, config, epochs=derived.epochs)
        for epoch, batch in prefetched(lambda turn: (turn[0], objects.batch(turn[1])), plan):
            loss = learner.learn(batch, step)
            step, losses = step + 1, losses + loss
            progress.advance(step, loss=loss)
            if step % interval == 0 or step == steps:
                learner.check(step)
                score = None if validation is None else validation.score(encoder)
                recorder.write(step, epoch, loss=losses / ((step - 1) % interval + 1), score=score)
                losses = 0.0
                progress.validated(score)
                keeper.see(score, step, patient=margin_factor(step, steps) < 1)
            if keeper.patience_lost and step < steps:
                progress.say(f"stopped early: no better validation score in {config.patience} validations")
                break
    except KeyboardInterrupt:
        interrupted = True
        progress.say(f"stopped by Ctrl-C at step {step} of {steps}")

    # -- The best weights
    encoder.eval()
    best_step = step if keeper.best_score is None else keeper.restore()
    settle()
    best = "" if keeper.best_score is None else f", validation MAP@R {keeper.best_score:.3f}"
    progress.say(f"kept the weights of step {best_step} of {steps}{best}")
    return TrainingResult(step, best_step, keeper.best_score, interrupted, recorder.history)


def _settling(
    encoder: SphereEncoder,
    classifier: SphericalClassifier,
    objects: PreparedObjects,
    config: TrainingConfig,
    on_improvement: Callable[[], None] | None,
) -> tuple[Callable[[], None], Callable[[], None] | None]:
    """What gives the model its centers at the end, and `on_improvement` with these in place."""
    if config.objective in CENTER_OBJECTIVES:
        return lambda: None, on_improvement
    settle = partial(imprint_class_means, encoder, classifier, objects)
    return settle, on_improvement and partial(_with_class_means, classifier, settle, on_improvement)


def _with_class_means(classifier: SphericalClassifier, settle: Callable[[], None], save: Callable[[], None]) -> None:
    """Save with class means as centers; training goes on with what stood there, a softmax layer's weights perhaps."""
    learned = classifier.directions.detach().clone()
    settle()
    save()
    with torch.no_grad():
        classifier.directions.copy_(learned)


def _all_batches(labels: np.ndarray, config: TrainingConfig, *, epochs: int) -> Iterator[tuple[int, np.ndarray]]:
    """The epoch and rows of every step."""
    order = balanced_order if config.balanced else plain_order
    if (size := class_group(config)) > 1:
        order = partial(grouped_order, size=size)
    for epoch in range(epochs):
        for rows in batches(order(labels, seed=config.seed, epoch=epoch), config.batch_size):
            yield epoch, rows


def _introduce(
    progress: Progress,
    objects: PreparedObjects,
    weights: nn.Module,
    derived: Derived,
    validation: RetrievalValidation | None,
) -> None:
    """Say what is trained on what, and what was derived."""
    parameters = list(weights.parameters())
    held_out = "" if validation is None else f", {validation.queries} to validate on"
    progress.say(f"{len(objects)} objects to train on{held_out}")
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

    def see(self, score: float | None, step: int, *, patient: bool) -> None:
        """Take note of a score; while the margin still rises (`patient`), a worse one does not count."""
        if score is None:
            if self._on_improvement is not None:
                self._on_improvement()
            return
        # Of equal scores the later one is kept: it has been trained with more of the margin.
        if self.best_score is not None and score < self.best_score:
            self._unimproved += not patient
            return
        for name, value in self.weights.state_dict().items():
            if name in self._state:
                self._state[name].copy_(value)
            else:
                self._state[name] = value.detach().clone()
        self._unimproved = 0 if self.best_score is None or score > self.best_score else self._unimproved + (not patient)
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

    def write(self, step: int, epoch: int, *, loss: float, score: float | None) -> None:
        seconds = round(time.monotonic() - self._begun, 3)
        record = {
            "step": step,
            "epoch": epoch,
            "seconds": seconds,
            "loss": loss,
            "score": score,
        }
        self.history.append(record)
        if self._log_file is not None:
            # The first record replaces an older log, so a training that never begins leaves that alone.
            self._log_file.parent.mkdir(parents=True, exist_ok=True)
            with self._log_file.open("w" if len(self.history) == 1 else "a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")
