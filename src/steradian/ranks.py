"""Several processes that compute one thing: who holds which part, and what they tell each other.

One convention holds for gradients, that of torch's DistributedDataParallel: what every rank computes for itself, it
computes in full, and gradients of weights are averaged over the ranks. So whoever computes only a part of a gradient
multiplies it by the number of ranks, and the gradient of gathered rows is the sum of what the ranks say.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor, nn

from steradian.errors import ConfigError, SteradianError, TrainingError

__all__ = ["ALONE", "Ranks", "failures_told", "gather_rows", "launched_ranks"]

T = TypeVar("T")

PAUSE, LOOK, PATIENCE = 5e-5, 0.5, 2.0
"""Seconds between two looks at a message on its way, and at whether a rank has failed; how long its words may take."""
FAILED = "steradian failed"
"""Where a rank that fails leaves its words."""


@dataclass(frozen=True)
class Ranks:
    """The processes of a group, or this one alone.

    Args:
        group: a process group of torch.distributed, gloo for tensors of a CPU and NCCL for those of a GPU; None: alone.

    Examples:
        >>> Ranks().size, Ranks().share(10)
        (1, slice(0, 10, None))
    """

    group: dist.ProcessGroup | None = None

    @classmethod
    def all(cls) -> Ranks:
        """Those of the process group that was initialised; alone where there is none."""
        there = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        return cls(dist.group.WORLD) if there else cls()

    @property
    def size(self) -> int:
        """How many they are."""
        return 1 if self.group is None else self.group.size()

    @property
    def rank(self) -> int:
        """The number of this one, from 0."""
        return 0 if self.group is None else self.group.rank()

    @property
    def device(self) -> torch.device:
        """Where tensors that travel must be."""
        nccl = self.group is not None and dist.get_backend(self.group) == "nccl"
        return torch.device("cuda", torch.cuda.current_device()) if nccl else torch.device("cpu")

    def counts(self, count: int) -> list[int]:
        """How many of so many things each rank holds: as equally many as can be."""
        return [count * (rank + 1) // self.size - count * rank // self.size for rank in range(self.size)]

    def share(self, count: int) -> slice:
        """Which of so many things this rank holds: a part of them in a row."""
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def summed(self, tensor: Tensor) -> Tensor:
        """The sum over the ranks, which takes the place of each one's tensor."""
        return self._reduced(tensor, dist.ReduceOp.SUM)

    def largest(self, tensor: Tensor) -> Tensor:
        """The largest of the ranks' numbers, which take the place of each one's."""
        return self._reduced(tensor, dist.ReduceOp.MAX)

    def of_first(self, tensor: Tensor) -> Tensor:
        """The first rank's tensor, which takes the place of each one's of the same shape."""
        # As a sum: zeros of the others.
        return self.summed(tensor if self.rank == 0 else tensor.zero_())

    def gathered(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """The ranks' rows one behind the other [sum of counts, ...].

        Args:
            rows: of this rank [its count, ...].
            counts: rows of each rank.
        """
        if self.size == 1:
            return rows
        own = _padded(rows, max(counts)).to(self.device)
        parts = [torch.empty_like(own) for _ in counts]
        self._wait(dist.all_gather(parts, own, group=self.group, async_op=True))
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)]).to(rows.device)

    def scattered(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """This rank's rows of the sum over the ranks [its count, ...].

        Args:
            rows: of all ranks, one behind the other [sum of counts, ...].
            counts: rows of each rank.
        """
        if self.size == 1:
            return rows
        rows_here, own = rows.contiguous().to(self.device), counts[self.rank]
        parts = rows_here.new_empty(self.size * own, *rows.shape[1:])
        # Gloo's own reduce_scatter sends twice as much, and does not say when it is done.
        sizes = [own] * self.size, list(counts)
        self._wait(dist.all_to_all_single(parts, rows_here, *sizes, group=self.group, async_op=True))
        return parts.view(self.size, own, *rows.shape[1:]).sum(dim=0).to(rows.device)

    def agreed(self, value: T) -> T:
        """The first rank's value, of plain ones that JSON can hold."""
        return value if self.size == 1 else json.loads(self.texts(json.dumps(value) if self.rank == 0 else "")[0])

    def from_first(self, compute: Callable[[], T]) -> T:
        """What the first rank computes, of plain values that JSON can hold; the others wait for it."""
        return self.agreed(compute()) if self.rank == 0 else self.agreed(cast(T, None))

    def texts(self, text: str) -> list[str]:
        """The texts of all ranks."""
        content = torch.tensor(list(text.encode()), dtype=torch.uint8)
        counts = self.gathered(torch.tensor([len(content)]), [1] * self.size).tolist()
        joined = self.gathered(content, counts).numpy().tobytes()
        starts = [sum(counts[:rank]) for rank in range(self.size)]
        return [joined[start : start + count].decode() for start, count in zip(starts, counts, strict=True)]

    def average_gradients(self, weights: Iterable[nn.Parameter]) -> None:
        """Replace each gradient by the mean over the ranks; a rank without one counts as zero, unless none has it.

        Args:
            weights: the same in each rank, in the same order.
        """
        if self.size == 1:
            return
        learning = [weight for weight in weights if weight.requires_grad]
        has = torch.tensor([float(weight.grad is not None) for weight in learning])
        grads = [torch.zeros_like(weight) if weight.grad is None else weight.grad for weight in learning]
        flat = torch.cat([*(grad.reshape(-1).float() for grad in grads), has.to(grads[0].device)])
        means = self.summed(flat) / self.size
        has = means[-len(learning) :].cpu()
        parts = means[: -len(learning)].split([weight.numel() for weight in learning])
        for weight, part, there in zip(learning, parts, has.tolist(), strict=True):
            weight.grad = part.view_as(weight).to(weight.dtype) if there else None

    def refuse_differences(self, entries: dict[str, str], *, where: str) -> None:
        """Refuse ranks that do not say the same.

        Args:
            entries: what must be the same, by name; of long things their digest.
            where: for the message.

        Raises:
            ConfigError: an entry that differs, with the first rank that says something else than rank 0.
        """
        first, *others = map(json.loads, self.texts(json.dumps(entries)))
        for rank, other in enumerate(others, start=1):
            names = [name for name in first if other[name] != first[name]]
            if names:
                raise ConfigError(
                    want=f"the same {' and '.join(names)} in all {self.size} ranks",
                    got="; ".join(f"{name} {first[name]} in rank 0, {other[name]} in rank {rank}" for name in names),
                    where=where,
                    fix="Give every process the same files, options and installed versions.",
                )

    def _reduced(self, tensor: Tensor, operation: Any) -> Tensor:
        if self.size > 1:
            moved = tensor.contiguous().to(self.device)
            self._wait(dist.all_reduce(moved, operation, group=self.group, async_op=True))
            if moved.data_ptr() != tensor.data_ptr():
                tensor.copy_(moved)
        return tensor

    def _wait(self, work: Any) -> None:
        """Wait for a message, and no longer once a rank has failed; Ctrl-C is heard meanwhile."""
        try:
            looked = time.monotonic()
            while self.device.type == "cpu" and not work.is_completed():
                time.sleep(PAUSE)
                if time.monotonic() - looked > LOOK:
                    looked = time.monotonic()
                    _raise_failure()
            work.wait()
        except RuntimeError as error:
            began = time.monotonic()
            while time.monotonic() - began < PATIENCE:
                _raise_failure(error)
                time.sleep(0.1)
            raise _ended("a connection that broke: " + str(error).splitlines()[0][:200]) from error


ALONE = Ranks()


class _Gather(torch.autograd.Function):
    """Rows of all ranks; back come the sums of their gradients."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, ranks: Ranks, counts: list[int]) -> Tensor:
        ctx.ranks, ctx.counts = ranks, counts
        return ranks.gathered(rows, counts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        return ctx.ranks.scattered(gradient, ctx.counts), None, None


def gather_rows(
    rows: Tensor, group: dist.ProcessGroup | Ranks | None = None, *, counts: Sequence[int] | None = None
) -> Tensor:
    """The rows of all ranks, one behind the other, differentiable: [all rows, ...].

    A rank gets back the sum of all ranks' gradients for its own rows. So where each rank computes the same loss of all
    rows, and the gradients of an encoder are averaged over the ranks, as DistributedDataParallel does, they are those
    of one process with all rows.

    Args:
        rows: of this rank, any number of them [rows, ...].
        group: of the ranks; None: all of them, or this process alone.
        counts: rows of each rank, where that is known; None asks them.

    Raises:
        TrainingError: another rank has failed.

    Examples:
        >>> gather_rows(torch.eye(2))
        tensor([[1., 0.],
                [0., 1.]])
    """
    ranks = group if isinstance(group, Ranks) else Ranks.all() if group is None else Ranks(group)
    if ranks.size == 1:
        return rows
    if counts is None:
        counts = ranks.gathered(torch.tensor([len(rows)], device=rows.device), [1] * ranks.size).tolist()
    gathered: Tensor = _Gather.apply(rows.contiguous(), ranks, list(counts))  # type: ignore[no-untyped-call]
    return gathered


@contextmanager
def failures_told() -> Iterator[None]:
    """Let all ranks know when this one fails, so that none waits for it; tell here of another one that has failed."""
    try:
        yield
    except _Ended:
        raise
    except BaseException as error:
        if Ranks.all().size > 1:
            if isinstance(error, KeyboardInterrupt):
                # Where one rank fails, torchrun ends the others.
                _raise_failure(error)
            words = str(error) if isinstance(error, SteradianError) else f"{type(error).__name__}: {error}"
            _store().set(FAILED, json.dumps([dist.get_rank(), words]))
        raise


@contextmanager
def launched_ranks() -> Iterator[Ranks]:
    """The ranks that torchrun has started, with their process group; this process alone where it has not.

    Raises:
        ConfigError: they do not find each other, as where their port is in use.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or dist.is_initialized():
        yield Ranks.all()
        return
    cuda = torch.cuda.is_available()
    if cuda:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    try:
        dist.init_process_group("nccl" if cuda else "gloo")
    except (RuntimeError, ValueError) as error:
        address = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
        raise ConfigError(
            want=f"{os.environ['WORLD_SIZE']} processes that find each other at {address}",
            got=str(error).splitlines()[0][:200],
            where="the variables of torchrun",
            fix="Start with torchrun --standalone, or give another --master-port if this one is in use.",
        ) from error
    with failures_told():
        yield Ranks.all()
    dist.destroy_process_group()


def _store() -> Any:
    return dist.distributed_c10d._get_default_store()


def _raise_failure(error: BaseException | None = None) -> None:
    """Raise what another rank has failed with, if one has."""
    if not _store().check([FAILED]):
        return
    rank, words = json.loads(_store().get(FAILED))
    if rank != dist.get_rank():
        raise _ended(f"rank {rank} failed: {words.rstrip('.')}") from error


class _Ended(TrainingError):
    """Another rank has failed."""


def _ended(got: str) -> TrainingError:
    where = f"rank {dist.get_rank()} of {dist.get_world_size()}"
    return _Ended("all ranks to go on", got, where, "Fix what that rank says, and start all processes anew.")


def _padded(rows: Tensor, count: int) -> Tensor:
    """So many rows, contiguous, zeros behind."""
    return (
        rows.contiguous()
        if len(rows) == count
        else torch.cat([rows, rows.new_zeros(count - len(rows), *rows.shape[1:])])
    )
