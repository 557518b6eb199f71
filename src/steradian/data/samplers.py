"""Which rows form which batch: pure functions of the seed and the epoch, so that any step can be found again."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["Windows", "balanced_order", "batches", "grouped_order", "plain_order", "windowed_order"]


@dataclass(frozen=True)
class Windows:
    """How rows that stay on disk may be shuffled: many row groups at a time, so that each is read once an epoch.

    Args:
        groups: the number of the row group in which each row stands, int64 [objects].
        rows: of a window.
    """

    groups: np.ndarray
    rows: int

    def at(self, rows: np.ndarray) -> "Windows":
        """Those of some of the rows.

        Args:
            rows: int64 [rows].
        """
        return Windows(self.groups[rows], self.rows)


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


def windowed_order(
    order: Callable[..., np.ndarray], labels: np.ndarray, windows: Windows, *, random_state: int, epoch: int
) -> np.ndarray:
    """Row groups in random order, cut into windows, and within each window the rows in an order of their own.

    Where all rows fit one window, it is the order that rows in memory have.

    Args:
        order: of the rows of a window, such as `plain_order`.
        labels: class numbers [objects].
        windows: where the rows stand, and how many make a window.
        random_state: of the whole training.
        epoch: counted from 0; each has its own order.

    Examples:
        >>> windows = Windows(np.array([0, 0, 1, 1]), 2)
        >>> order = windowed_order(plain_order, np.zeros(4), windows, random_state=3, epoch=0)
        >>> windows.groups[order]
        array([1, 1, 0, 0])
    """
    if len(labels) <= windows.rows:
        return order(labels, random_state=random_state, epoch=epoch)
    rng = np.random.default_rng((random_state, epoch))
    places = rng.permutation(int(windows.groups.max()) + 1)
    rows = np.argsort(places[windows.groups], kind="stable")
    parts = np.array_split(rows, -(-len(rows) // windows.rows))
    seeds = rng.integers(2**31, size=len(parts)).tolist()
    return np.concatenate(
        [part[order(labels[part], random_state=seed, epoch=epoch)] for part, seed in zip(parts, seeds, strict=True)]
    )


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
