"""Class centers spread over ranks: each sums over its own classes, and a few numbers a row make the whole of it."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.errors import ConfigError
from steradian.losses.blockwise_softmax import Bend
from steradian.losses.hard_negatives import nearest_others
from steradian.losses.streaming import Streamed, exact_type, stream_softmax
from steradian.ranks import ALONE, Ranks

__all__ = ["ClassSlices", "nearest_of_slices", "own_cosines", "sharded_softmax"]


@dataclass(frozen=True)
class ClassSlices:
    """Which classes each rank holds: a part of them in a row, as equally many as can be.

    Args:
        num_classes: of all ranks together, no fewer than there are ranks.
        ranks: the processes.

    Raises:
        ConfigError: fewer classes than ranks.

    Examples:
        >>> ClassSlices(10).own
        slice(0, 10, None)
    """

    num_classes: int
    ranks: Ranks = ALONE

    def __post_init__(self) -> None:
        if self.num_classes < self.ranks.size:
            got = f"{self.num_classes} classes on {self.ranks.size} ranks"
            raise ConfigError("a class for each rank", got, "class centers spread over ranks", "Start fewer processes.")

    @property
    def own(self) -> slice:
        """The classes of this rank."""
        return self.ranks.share(self.num_classes)

    @property
    def counts(self) -> list[int]:
        """Classes of each rank."""
        return self.ranks.counts(self.num_classes)

    def here(self, classes: Tensor) -> Tensor:
        """Class numbers within this rank's slice, -1 for those of others and for none."""
        own = self.own
        return torch.where((classes >= own.start) & (classes < own.stop), classes - own.start, -1)

    def wire(self, rows: int, own: int = 1) -> int:
        """Bytes that a rank sends in a step for so many rows, beside the rows themselves and their gradient.

        Args:
            rows: of all ranks.
            own: own classes a row, hard negatives among them.
        """
        return round(2 * 4 * rows * (3 + own) * (self.ranks.size - 1) / self.ranks.size)


def sharded_softmax(
    embeddings: Tensor,
    own: Tensor,
    *,
    class_centers: Tensor,
    slices: ClassSlices | None = None,
    classes: Tensor | None = None,
    bend: Bend | None = None,
    **options: Any,
) -> Streamed:
    """`stream_softmax` over the class centers of all ranks, of which each holds a slice.

    Every rank gives the same rows and gets the same numbers. A rank sends 3 + own numbers a row, twice; its own
    centers get their exact gradient, and its rows the part that its classes have in theirs, times the number of ranks:
    the mean over ranks is the whole, see `steradian.ranks`.

    Args:
        embeddings: unit rows [rows, embedding_dim], the same in each rank: see `gather_rows`.
        own: class numbers of all classes int64 [rows, own], the same in each rank.
        class_centers: of this rank's slice, [classes of the slice, embedding_dim] or with several centers a class.
        slices: who holds which classes; None: this rank has all.
        classes: int64 [sampled], rising, the class numbers that take part; of other ranks' slices they do not matter.
        bend: see `stream_softmax`.
        options: scale and others of `stream_softmax`; what `take_gradient` gets are numbers within the slice.

    Examples:
        >>> own, centers = torch.tensor([[0], [1]]), torch.eye(2)
        >>> sharded_softmax(torch.eye(2), own, class_centers=centers, slices=ClassSlices(2), scale=8.0).others.tolist()
        [0.0, 0.0]
    """
    if slices is None or slices.ranks.size == 1:
        return stream_softmax(embeddings, own, class_centers=class_centers, classes=classes, bend=bend, **options)
    if bend is not None:
        cosines, shaped = own_cosines(embeddings, own, class_centers=class_centers, slices=slices), bend

        def bend(each: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
            return shaped(each, cosines)

    if classes is not None:
        local = slices.here(classes)
        classes = local[local >= 0]
    rows = _Part.apply(embeddings, slices.ranks.size)  # type: ignore[no-untyped-call]
    if classes is not None and not len(classes):
        # None of the slice takes part; the rows stay in the graph, as all ranks exchange their gradients.
        nothing = rows.sum(dim=1) * 0
        parts = Streamed(nothing.detach() - torch.inf, nothing[:, None].expand(own.shape), nothing)
    else:
        parts = stream_softmax(
            rows, slices.here(own), class_centers=class_centers, classes=classes, bend=bend, **options
        )
    return Streamed(*_Join.apply(*parts, slices.ranks))  # type: ignore[no-untyped-call]


@torch.no_grad()
def own_cosines(embeddings: Tensor, own: Tensor, *, class_centers: Tensor, slices: ClassSlices | None = None) -> Tensor:
    """Cosines to the nearest center of each own class, without a gradient [rows, own]; 0 where there is none.

    Args:
        embeddings: as for `sharded_softmax`.
        own: likewise.
        class_centers: likewise.
        slices: likewise.

    Examples:
        >>> own_cosines(torch.eye(2), torch.tensor([[0], [-1]]), class_centers=torch.eye(2)).tolist()
        [[1.0], [0.0]]
    """
    here = own if slices is None else slices.here(own)
    centers = F.normalize(class_centers[here.clamp(min=0)].to(exact_type(embeddings, class_centers)), dim=-1)
    centers = centers.view(*own.shape, -1, centers.shape[-1])
    cosines = (centers * embeddings[:, None, None].to(centers)).sum(-1).amax(2)
    cosines = cosines.masked_fill(here < 0, 0.0)
    return cosines if slices is None else slices.ranks.summed(cosines)


@torch.no_grad()
def nearest_of_slices(
    embeddings: Tensor,
    labels: Tensor,
    *,
    class_centers: Tensor,
    count: int,
    classes: Tensor | None = None,
    slices: ClassSlices | None = None,
) -> Tensor:
    """`nearest_others` among the classes of all ranks; each slice must have more classes than are asked for.

    Args:
        embeddings: as for `sharded_softmax`.
        labels: int64 [rows].
        class_centers: as for `sharded_softmax`.
        count: how many.
        classes: as for `sharded_softmax`.
        slices: likewise.
    """
    options: dict[str, Any] = {"class_centers": class_centers, "count": count}
    if slices is None or slices.ranks.size == 1:
        return nearest_others(embeddings, labels, classes=classes, **options)
    ranks, local = slices.ranks, None if classes is None else slices.here(classes)
    found = nearest_others(
        embeddings, slices.here(labels), classes=None if local is None else local[local >= 0], **options
    )
    cosines = own_cosines(embeddings, found, class_centers=class_centers)
    every = [1] * ranks.size
    candidates = ranks.gathered(cosines[None], every).transpose(0, 1).flatten(1)
    names = ranks.gathered((found + slices.own.start)[None], every).transpose(0, 1).flatten(1)
    return names.gather(1, candidates.topk(count).indices)


class _Part(torch.autograd.Function):
    """The same rows, of whose gradient only a part comes back: times the number of ranks."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, size: int) -> Tensor:
        ctx.size = size
        return rows.view_as(rows)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.size, None


class _Join(torch.autograd.Function):
    """From the slices' logsumexp [rows], own cosines [rows, own] and sums [rows] to those of all classes."""

    @staticmethod
    def forward(ctx: Any, others: Tensor, own: Tensor, total: Tensor, ranks: Ranks) -> tuple[Tensor, Tensor, Tensor]:
        peak = ranks.largest(others.clone())
        # Of a row without others in any slice nothing is to be summed.
        peak = torch.where(peak.isfinite(), peak, 0.0)
        packed = torch.cat([(others - peak).exp()[:, None], own, total[:, None]], dim=1)
        exponentials, joined_own, joined_total = ranks.summed(packed).split([1, own.shape[1], 1], dim=1)
        joined = exponentials[:, 0].log() + peak
        ctx.save_for_backward(others, joined)
        return joined, joined_own.clone(), joined_total[:, 0].clone()

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor | None, ...]:
        others, joined = ctx.saved_tensors
        share = torch.where(others.isfinite(), (others - joined).exp(), 0.0)
        return upstream[0] * share, upstream[1], upstream[2], None
