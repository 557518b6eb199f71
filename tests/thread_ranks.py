"""Ranks that are threads of one process: what travels is handed over, all else is as between processes."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import torch
from torch import Tensor

from steradian.ranks import Ranks


class ThreadRanks(Ranks):
    """One of several threads.

    Args:
        number: of this one.
        slots: of each, for what it hands over.
        barrier: of all.
    """

    def __init__(self, number: int, slots: list[Any], barrier: Barrier) -> None:
        super().__init__()
        vars(self).update(number=number, slots=slots, barrier=barrier, sent=0)

    @property
    def size(self) -> int:
        return len(vars(self)["slots"])

    @property
    def rank(self) -> int:
        return int(vars(self)["number"])

    def _exchanged(self, tensor: Tensor) -> list[Tensor]:
        own = vars(self)
        own["slots"][self.rank] = tensor.detach().clone()
        own["barrier"].wait(10)
        found = [each.clone() for each in own["slots"]]
        own["barrier"].wait(10)
        own["sent"] += tensor.nbytes
        return found

    def _reduced(self, tensor: Tensor, operation: Any) -> Tensor:
        parts = torch.stack(self._exchanged(tensor))
        return tensor.copy_(parts.amax(0) if operation == torch.distributed.ReduceOp.MAX else parts.sum(0))

    def gathered(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        parts = self._exchanged(rows)
        assert [len(part) for part in parts] == list(counts)
        return torch.cat(parts)

    def scattered(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        return torch.stack(self._exchanged(rows)).sum(0).split(list(counts))[self.rank]


def in_threads(size: int, work: Callable[[ThreadRanks], Any]) -> list[Any]:
    """What each of so many ranks gives."""
    slots, barrier = [None] * size, Barrier(size)

    def run(number: int) -> Any:
        return work(ThreadRanks(number, slots, barrier))

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(run, range(size)))
