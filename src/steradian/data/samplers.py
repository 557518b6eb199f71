"""Which rows form which batch: pure functions of the seed and the epoch, so that any step can be found again."""

from collections.abc import Iterator

import numpy as np

__all__ = ["balanced_order", "batches", "grouped_order", "plain_order"]


def plain_order(labels: np.ndarray, *, random_state: int, epoch: int) -> np.ndarray:
    """Every row once, shuffled: int64 [objects].

    Args:
        labels: class numbers [objects].
        random_state: of the whole training.
        epoch: counted from 0; each has its own order.

    Examples:
        >>> sorted(plain_order(np.array([0, 0, 1]), random_state=0, epoch=0).tolist())
        [0, 1, 2]
    """
    return np.random.default_rng((random_state, epoch)).permutation(len(labels))


def balanced_order(labels: np.ndarray, *, random_state: int, epoch: int) -> np.ndarray:
    """As many rows as there are objects, in rounds that take one row of every class: int64 [objects].

    A class starts over, newly shuffled, when its rows are used up, so small classes come as often as large ones.

    Args:
        labels: class numbers [objects].
        random_state: of the whole training.
        epoch: counted from 0; each has its own order.

    Examples:
        >>> labels = np.array([0, 0, 0, 1])
        >>> np.bincount(labels[balanced_order(labels, random_state=0, epoch=0)]).tolist()
        [2, 2]
    """
    rng = np.random.default_rng((random_state, epoch))
    _, counts = np.unique(labels, return_counts=True)
    members = np.split(np.argsort(labels, kind="stable"), counts.cumsum()[:-1])
    rounds = -(-len(labels) // len(members))
    columns = [
        np.concatenate([rng.permutation(rows) for _ in range(-(-rounds // len(rows)))])[:rounds] for rows in members
    ]
    order = rng.permuted(np.stack(columns, axis=1), axis=1)
    return order.reshape(-1)[: len(labels)]


def grouped_order(labels: np.ndarray, *, random_state: int, epoch: int, size: int) -> np.ndarray:
    """Every row once, in groups of one class that stand together: int64 [objects].

    So a batch holds several objects of the classes it holds, which losses over pairs of rows learn from.

    Args:
        labels: class numbers [objects].
        random_state: of the whole training.
        epoch: counted from 0; each has its own order and groups.
        size: rows of a group; a class's last one may be smaller.

    Examples:
        >>> labels = np.array([0, 1] * 4)
        >>> sorted(labels[grouped_order(labels, random_state=0, epoch=0, size=2)].reshape(4, 2).tolist())
        [[0, 0], [0, 0], [1, 1], [1, 1]]
    """
    rng = np.random.default_rng((random_state, epoch))
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    _, starts, counts = np.unique(labels[order], return_index=True, return_counts=True)
    place = np.arange(len(labels)) - np.repeat(starts, counts)
    # A number for each group: that of its first row in the sorted order.
    group = np.arange(len(labels)) - place % size
    rank = rng.permutation(len(labels))
    return order[np.argsort(rank[group], kind="stable")]


def batches(order: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Cut an order into batches of nearly equal size, none above `batch_size`.

    Args:
        order: int64 [objects].
        batch_size: rows of a batch at most.

    Examples:
        >>> [len(rows) for rows in batches(np.arange(10), 4)]
        [4, 3, 3]
    """
    return iter(np.array_split(order, -(-len(order) // batch_size)))
