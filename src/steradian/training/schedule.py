"""How learning rates and the margin move over a training."""

import math

__all__ = ["default_epochs", "learning_rate_factor", "margin_factor"]

WARM_UP = 0.05
"""Share of the steps in which the learning rate rises; 5 to 10% is usual for transformers."""

RAMP = (0.2, 0.4)
"""Shares of the steps between which the margin rises from none to its full size (METHOD: WeSpeaker, Shopee 1st)."""

MIN_STEPS, MAX_STEPS, USUAL_EPOCHS = 400, 6000, 60


def learning_rate_factor(step: int, steps: int) -> float:
    """The share of the top learning rate at a step: a linear rise, then half a cosine down to 0.

    Args:
        step: counted from 0.
        steps: of the whole training.

    Examples:
        >>> [round(learning_rate_factor(step, 100), 2) for step in (0, 4, 52, 99)]
        [0.2, 1.0, 0.51, 0.0]
    """
    warm_up = max(1, round(WARM_UP * steps))
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.5 * (1.0 + math.cos(math.pi * (step - warm_up) / max(1, steps - warm_up)))


def margin_factor(step: int, steps: int) -> float:
    """The share of the full margin at a step: 0, then a linear rise, then 1.

    Args:
        step: counted from 0.
        steps: of the whole training.

    Examples:
        >>> [round(margin_factor(step, 100), 2) for step in (0, 20, 30, 40, 99)]
        [0.0, 0.0, 0.5, 1.0, 1.0]
    """
    start, end = RAMP
    return min(1.0, max(0.0, (step / steps - start) / (end - start)))


def default_epochs(objects: int, batch_size: int, *, usual: int = USUAL_EPOCHS) -> int:
    """60 passes, or as many as are usual, but between 400 and 6000 steps in all, and at least one pass.

    Args:
        objects: how many to train on.
        batch_size: objects a step.
        usual: passes over a table that is neither small nor large.

    Examples:
        >>> default_epochs(500, 64), default_epochs(5000, 64), default_epochs(100_000, 64)
        (60, 60, 4)
    """
    steps_an_epoch = -(-objects // batch_size)
    steps = min(MAX_STEPS, max(MIN_STEPS, usual * steps_an_epoch))
    return max(1, round(steps / steps_an_epoch))
