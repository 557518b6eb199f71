"""How several ranks share a training: whether they spread the class centers, and what that takes."""

from torch import nn

from steradian.config import TrainingConfig
from steradian.data.batch import PreparedObjects
from steradian.errors import InputError
from steradian.model import SphericalClassifier
from steradian.ranks import Ranks
from steradian.training.objectives import OBJECTIVES
from steradian.training.progress import Progress

__all__ = ["refuse_empty_shares", "spreads_centers", "tell_shared_work", "wire_a_step"]

MANY = 256
"""Classes from which on a rank holds a part of the centers; of fewer each computes all, which takes no message."""


def spreads_centers(config: TrainingConfig, num_classes: int, ranks: Ranks) -> bool:
    """Whether each rank holds a slice of the class centers.

    Args:
        config: the objective must stream over them.
        num_classes: of the model.
        ranks: the processes.
    """
    many = num_classes >= max(MANY, 2 * ranks.size)
    return ranks.size > 1 and many and OBJECTIVES[config.objective].streams


def refuse_empty_shares(objects: int, steps_an_epoch: int, ranks: Ranks) -> None:
    """Refuse batches that have no object for each rank.

    Args:
        objects: training objects.
        steps_an_epoch: batches of nearly equal size that they are cut into.
        ranks: the processes.

    Raises:
        InputError: such batches.
    """
    least = objects // steps_an_epoch
    if least < ranks.size:
        raise InputError(
            want=f"an object of each batch for each of {ranks.size} ranks",
            got=f"{objects} objects in batches of {least}",
            where="training on several ranks",
            fix="Start fewer processes, or give a larger batch_size.",
        )


def wire_a_step(objects: int, modalities: int, embedding_dim: int, *, weights: int, spread: bool, size: int) -> int:
    """Bytes that a rank sends in a step, where messages of N ranks take the least that they can.

    Rows are gathered and their gradients scattered, (N - 1) / N of them each; gradients of weights are summed, twice
    as much; so are four numbers a row where class centers are spread.

    Args:
        objects: of a batch, of all ranks.
        modalities: of the schema.
        embedding_dim: length of a vector.
        weights: of the encoders.
        spread: whether class centers are.
        size: number of ranks.

    Examples:
        >>> wire_a_step(64, 2, 128, weights=1_000_000, spread=False, size=2)
        4131072
    """
    rows = objects * (1 if modalities == 1 else modalities + 2)
    numbers = 2 * rows * embedding_dim + 2 * weights + (8 * rows if spread else 0)
    return round(4 * numbers * (size - 1) / size)


def tell_shared_work(
    progress: Progress,
    objects: PreparedObjects,
    config: TrainingConfig,
    encoder: nn.Module,
    classifier: SphericalClassifier,
    ranks: Ranks,
) -> None:
    """Say who holds what, and what goes over the wire, where there are several ranks.

    Args:
        progress: shows it.
        objects: training objects.
        config: the options.
        encoder: both levels.
        classifier: its class centers, spread or not.
        ranks: the processes.
    """
    if ranks.size == 1:
        return
    batch, modalities = min(config.batch_size, len(objects)), objects.present.shape[1]
    spread = classifier.slices is not None
    width, weights = classifier.weight.shape[-1], sum(weight.numel() for weight in encoder.parameters())
    sent = wire_a_step(batch, modalities, width, weights=weights, spread=spread, size=ranks.size)
    held_bytes = classifier.weight.nbytes
    if classifier.weight.requires_grad:
        # Gradient and two moments of a number, or two numbers a center.
        rowwise = config.center_optimizer == "rowwise"
        held_bytes += 8 * classifier.weight[..., 0].numel() if rowwise else 3 * held_bytes
    part = f"{len(classifier.weight):,} of " if spread else ""
    progress.say(
        f"{ranks.size} ranks, each {batch / ranks.size:g} objects a step and {part}{classifier.num_classes:,} class "
        f"centers in {held_bytes / 1e6:,.1f} MB with gradient and moments; {sent / 1e6:,.2f} MB a step on the wire"
    )
