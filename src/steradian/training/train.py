"""The training function."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from steradian.config import TrainingConfig
from steradian.data.batch import PreparedObjects
from steradian.data.prefetch import prefetched
from steradian.data.samplers import balanced_order, batches, grouped_order, plain_order, windowed_order
from steradian.model import SphereEncoder, SphericalClassifier
from steradian.ranks import ALONE, Ranks
from steradian.training.build_objective import choose_anchor
from steradian.training.checkpoint import Stage
from steradian.training.derive import samples_per_class
from steradian.training.held_out import RetrievalValidation
from steradian.training.imprint import imprint_centers, imprint_class_means
from steradian.training.joined_encoder import shared_batch
from steradian.training.learner import Learner
from steradian.training.objectives import OBJECTIVES, Derived
from steradian.training.progress import Progress
from steradian.training.schedule import margin_factor
from steradian.training.shared_work import refuse_empty_shares, spreads_centers, tell_shared_work
from steradian.training.training_state import BestWeights, History, TrainingState

__all__ = ["TrainingResult", "train"]

ASKED = 10
"""Steps after which several ranks ask whether a state is to be kept."""
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
    stage: Stage | None = None,
    ranks: Ranks = ALONE,
) -> TrainingResult:
    """Train encoder and class centers in place; the best weights by validation stand in them afterwards.

    Ctrl-C ends it early, and the best weights so far stay; several ranks end with nothing kept but the stage. Draws
    from torch's global generators; the caller seeds them, in each rank alike.

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
        stage: keeps the training on disk, and has what an earlier process kept, from which it goes on.
        ranks: that share each batch and many class centers; each has all objects, and ends with the same weights.

    Raises:
        TrainingError: a loss or the weights are not finite, or another rank has failed.
        InputError: a batch that has no object for each rank.
        SavedModelError: what was kept is of another fit, or damaged.
    """
    # -- What does not change from step to step
    progress, steps_an_epoch = progress or Progress(None), -(-len(objects) // config.batch_size)
    steps = derived.epochs * steps_an_epoch
    interval = max(min(steps_an_epoch, MIN_INTERVAL), -(-steps // VALIDATIONS))
    found = None if stage is None else stage.found()
    _set_out(encoder, classifier, objects, config, ranks, fresh=found is None)
    anchor = choose_anchor(objects.present)
    learner = Learner(encoder, classifier, config=config, derived=derived, steps=steps, anchor=anchor, ranks=ranks)
    settle, on_improvement = _settling(encoder, classifier, objects, config, on_improvement)
    best, history = BestWeights(learner.weights, config.patience, on_improvement), History(log_file)
    state = TrainingState(learner, best, history)
    _introduce(progress, objects, learner.weights, derived, validation)
    tell_shared_work(progress, objects, config, encoder, classifier, ranks)
    _take_up(found, state, progress, steps)

    # -- The steps
    interrupted = False
    with progress.steps(steps):
        try:
            for epoch in _take_steps(state, objects, config, derived.epochs, progress, ranks):
                if state.step % interval == 0 or state.step == steps:
                    _look(state, epoch, steps, interval, _score(validation, encoder, ranks), progress)
                if _is_due(stage, state.step, ranks):
                    _keep(stage, state, progress)
            _keep(stage, state, progress)
        except KeyboardInterrupt:
            if ranks.size > 1:
                raise
            interrupted = True
            progress.say(f"stopped by Ctrl-C at step {state.step} of {steps}")

    # -- The best weights
    encoder.eval()
    best_step = best.restore(state.step)
    classifier.gather()
    settle()
    _tell_end(state, best_step, steps, config.patience, progress)
    return TrainingResult(state.step, best_step, best.score, interrupted, history.records)


def _set_out(
    encoder: SphereEncoder,
    classifier: SphericalClassifier,
    objects: PreparedObjects,
    config: TrainingConfig,
    ranks: Ranks,
    *,
    fresh: bool,
) -> None:
    """Set the class centers, unless those of an earlier process will take their place, and spread them over ranks."""
    if objects.labels is None:
        raise ValueError("training needs class numbers")
    refuse_empty_shares(len(objects), -(-len(objects) // config.batch_size), ranks)
    if fresh and classifier.weight.requires_grad:
        imprint_centers(encoder, classifier, objects, random_state=config.random_state)
    if spreads_centers(config, classifier.num_classes, ranks):
        classifier.spread(ranks)


def _take_up(
    found: tuple[dict[str, torch.Tensor], dict[str, Any]] | None, state: TrainingState, progress: Progress, steps: int
) -> None:
    """Put the state in place that an earlier process kept, if it did."""
    if found is not None:
        state.load(*found)
        progress.say(f"taken up at step {state.step} of {steps}, where an earlier process left it")


def _tell_end(state: TrainingState, best_step: int, steps: int, patience: int, progress: Progress) -> None:
    """Say which weights were kept, and whether patience was lost."""
    best = state.best
    if best.patience_lost and state.step < steps:
        progress.say(f"stopped early: no better validation score in {patience} validations")
    words = "" if best.score is None else f", validation MAP@R {best.score:.3f}"
    progress.say(f"kept the weights of step {best_step} of {steps}{words}")


def _take_steps(
    state: TrainingState,
    objects: PreparedObjects,
    config: TrainingConfig,
    epochs: int,
    progress: Progress,
    ranks: Ranks,
) -> Iterator[int]:
    """Take the steps that are left as long as there is patience; yields the epoch of each, counted from 0."""
    plan = islice(_all_batches(objects, config, epochs=epochs), state.step, None)
    for epoch, batch in prefetched(lambda turn: (turn[0], shared_batch(objects, turn[1], ranks)), plan):
        if state.best.patience_lost:
            return
        loss = state.learner.learn(batch, state.step)
        state.step, state.losses = state.step + 1, state.losses + loss
        progress.advance(state.step, loss=loss)
        yield epoch


def _look(state: TrainingState, epoch: int, steps: int, interval: int, score: float | None, progress: Progress) -> None:
    """Check the weights, write a record, and keep the weights if they are the best."""
    state.learner.check(state.step)
    loss = state.losses / ((state.step - 1) % interval + 1)
    state.history.write(state.step, epoch, loss=loss, score=score)
    state.losses = 0.0
    progress.recorded(state.history.records[-1])
    state.best.see(score, state.step, patient=margin_factor(state.step, steps) < 1)


def _score(validation: RetrievalValidation | None, encoder: SphereEncoder, ranks: Ranks) -> float | None:
    """The validation score, which the first rank computes for all."""
    if validation is None:
        return None
    return ranks.from_first(lambda: validation.score(encoder))


def _is_due(stage: Stage | None, step: int, ranks: Ranks) -> bool:
    """Whether a state is to be kept after this step: the first rank's clock decides, asked now and then."""
    if stage is None or (ranks.size > 1 and step % ASKED):
        return False
    return ranks.agreed(stage.is_due)


def _keep(stage: Stage | None, state: TrainingState, progress: Progress) -> None:
    problem = None if stage is None else stage.keep(state.tensors(), state.values())
    if problem is not None:
        progress.say(f"the checkpoint could not be written, training goes on: {problem}")


def _settling(
    encoder: SphereEncoder,
    classifier: SphericalClassifier,
    objects: PreparedObjects,
    config: TrainingConfig,
    on_improvement: Callable[[], None] | None,
) -> tuple[Callable[[], None], Callable[[], None] | None]:
    """What gives the model its centers at the end, and `on_improvement` with these in place."""
    if OBJECTIVES[config.objective].learns_centers:
        return lambda: None, on_improvement and partial(_with_all_centers, classifier, on_improvement)
    settle = partial(imprint_class_means, encoder, classifier, objects)
    return settle, on_improvement and partial(_with_class_means, classifier, settle, on_improvement)


def _with_all_centers(classifier: SphericalClassifier, save: Callable[[], None]) -> None:
    """Save with the class centers of all ranks in place."""
    with classifier.whole():
        save()


def _with_class_means(classifier: SphericalClassifier, settle: Callable[[], None], save: Callable[[], None]) -> None:
    """Save with class means as centers; training goes on with what stood there, a softmax layer's weights perhaps."""
    learned = classifier.weight.detach().clone()
    settle()
    save()
    with torch.no_grad():
        classifier.weight.copy_(learned)


def _all_batches(objects: PreparedObjects, config: TrainingConfig, *, epochs: int) -> Iterator[tuple[int, np.ndarray]]:
    """The epoch and rows of every step."""
    labels = np.zeros(0) if objects.labels is None else objects.labels
    order: Callable[..., np.ndarray] = balanced_order if config.balanced else plain_order
    if (size := samples_per_class(config)) > 1:
        order = partial(grouped_order, size=size)
    if objects.windows is not None:
        windowed, windows = order, objects.windows
        order = lambda labels, **seeds: windowed_order(windowed, labels, windows, **seeds)  # noqa: E731
    for epoch in range(epochs):
        for rows in batches(order(labels, random_state=config.random_state, epoch=epoch), config.batch_size):
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
