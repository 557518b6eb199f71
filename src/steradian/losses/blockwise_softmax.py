"""One sweep over all class centers, tile by tile, forward and back: the arithmetic under the streaming softmax."""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from steradian.losses.matmul import Precision, add_product, product
from steradian.losses.stream_plan import plan_stream
from steradian.losses.workspace import give_workspace, gradient_memory, take_workspace

__all__ = ["Bend", "GradientTaker", "Sweep"]

STEEPEST = 72.0
"""Up to this largest logit, exp of it can be summed in float32 as it is, over eight million classes, and its inverse
still multiplied with a gradient of 65536, where loss scalers start.
"""

LOWEST = -1e30
"""A logit that adds nothing to a sum of exponentials and, unlike -inf, has a gradient."""

SHORTEST = 1e-12
"""Directions shorter than this count as this long, as in torch's normalize."""

Bend = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(cosines [classes, rows], own cosines [rows, own]) -> logits and slopes d logit / d cosine, both of the cosines'
shape, contiguous and fresh: they will be written to. The own cosines count as constants.
"""

GradientTaker = Callable[[slice | Tensor, Tensor], None]
"""(class numbers, the gradient of their centers): may move these centers at once, and write to the gradient, whose
memory the next call uses again.
"""


class Tile(NamedTuple):
    """Classes first to last - 1 of those that take part, their centers, and those of the own classes among them."""

    number: int
    first: int
    last: int
    entries: slice
    centers: slice


class Sweep:
    """Exponentials of all logits but those of the rows' own classes, and what follows from them backwards.

    Args:
        embeddings: unit rows [rows, embedding_dim].
        centers: directions [num_classes, embedding_dim] or [num_classes, centers a class, embedding_dim].
        own: int64 [rows, own], -1 where there is none.
        scale: factor of the cosines where no `bend` makes logits of them.
        classes: the class numbers that take part, rising; None: all.
        bend: makes logits of cosines.
        with_sum: whether the others' logits are summed too.
        precision: of the large products.
        memory_budget: in bytes.
        needed: whether a second sweep will follow for the gradient of the embeddings, and of the centers.
        dense: whether that one makes a gradient of the centers' shape.
        sparse: whether a gradient of some classes alone may be a sparse tensor.
    """

    def __init__(
        self,
        embeddings: Tensor,
        centers: Tensor,
        *,
        own: Tensor,
        scale: float,
        classes: Tensor | None,
        bend: Bend | None,
        with_sum: bool,
        precision: Precision,
        memory_budget: int,
        needed: tuple[bool, bool],
        dense: bool,
        sparse: bool = False,
    ) -> None:
        self._embeddings, self._centers, self._needed, self._sparse = embeddings, centers, needed, sparse
        self._scale, self._bend, self._with_sum, self._precision = scale, bend, with_sum, precision
        # The caller may use this tensor again before the second sweep.
        self._classes = None if classes is None else classes.clone()
        self._count = len(centers) if classes is None else len(classes)
        self._a_class = centers.shape[1] if centers.ndim == 3 else 1
        rows, dim = embeddings.shape
        self._steep = scale > STEEPEST or bend is not None
        # With one center a class and scale * cosine for a logit, exponentials need no more than a number a row each.
        self._plain = self._a_class == 1 and not self._steep and not with_sum
        self.plan = plan_stream(
            rows,
            self._count,
            dim,
            own=own.shape[1],
            centers_a_class=self._a_class,
            device=embeddings.device.type,
            element_size=embeddings.element_size(),
            memory_budget=memory_budget,
            keepable=self._a_class == 1 and bend is None and (needed[1] or (needed[0] and not self._plain)),
            gradient=dense,
        )
        self._workspace: Tensor | None = None
        self._gradient: Tensor | None = None
        self._pulls: Tensor | None = None
        self._kept: list[Tensor] = []
        self._shift = embeddings.new_zeros(rows)
        self._shifts: list[Tensor] = []
        self._inverse_lengths = embeddings.new_empty(self._count * self._a_class)
        # A power of two costs a third of what exp does where torch leaves exp to MKL on a processor of AMD.
        factor = 1.0 if bend else scale / math.log(2) if self._plain else scale
        self._columns = (embeddings * factor).T
        self._find_own(own)
        self._open(keeping=True)

    # -- The first sweep -----------------------------------------------------------------------------------------------

    def logsumexp(self) -> tuple[Tensor, Tensor]:
        """(logsumexp of the others' logits [rows], their sum [rows]); the sum is zero unless asked for.

        A plain sweep multiplies the exponentials with the centers while they are at hand: that is the embeddings'
        gradient but for a factor a row.
        """
        rows = len(self._embeddings)
        # Thousands of tiles add up: in float64, which MPS lacks, their number does no harm.
        exact = torch.float32 if self._columns.device.type == "mps" else torch.float64
        sums = torch.full((rows,), -torch.inf if self._steep else 0.0, dtype=exact, device=self._columns.device)
        total = self._embeddings.new_zeros(rows)
        if self._plain and self._needed[0]:
            self._pulls = torch.zeros_like(self._embeddings)
        for tile in self._tiles():
            self._measure(tile)
            units = self._units(tile)
            exponentials, _, _ = self._exponentials(tile, units, total if self._with_sum else None)
            if self._steep:
                sums = torch.logaddexp(sums, exponentials.sum(0).log_() + self._shift)
                self._shifts.append(self._shift if tile.number < len(self._kept) else self._shift[:0])
            else:
                sums += exponentials.sum(0)
            if self._pulls is not None:
                add_product(self._pulls, exponentials.T, units, precision=self._precision)
        return (sums if self._steep else sums.log_()).to(self._embeddings), total

    # -- The second sweep ----------------------------------------------------------------------------------------------

    def gradients(
        self,
        others: Tensor,
        *,
        of_others: Tensor,
        of_own: Tensor,
        of_sum: Tensor,
        take: GradientTaker | None,
    ) -> tuple[Tensor | None, Tensor | None]:
        """Gradients of embeddings and centers, given those of logsumexp, own cosines and sum."""
        if self._workspace is None:
            self._open(keeping=False)
        try:
            return self._gradients(others, of_others=of_others, of_own=of_own, of_sum=of_sum, take=take)
        finally:
            self.close()

    def _gradients(
        self, others: Tensor, *, of_others: Tensor, of_own: Tensor, of_sum: Tensor, take: GradientTaker | None
    ) -> tuple[Tensor | None, Tensor | None]:
        embeddings = self._embeddings
        # A row without others has -inf there, and nothing that could have a gradient.
        least = torch.where(others.isfinite(), others, torch.inf)
        shares = of_others * (-least).exp() * self._scale
        right = embeddings * shares[:, None] if self._plain else embeddings
        of_entries = of_own[self._objects, self._slots][:, None]
        to_own = of_entries * self._own_turns
        to_rows = torch.zeros_like(embeddings)
        turning, pulling = self._needed[1], self._needed[0] and self._pulls is None
        gradient = self._gradient_memory() if turning and take is None else None
        for tile in self._tiles() if turning or pulling else ():
            weights = self._weights(tile, least=least, of_others=of_others, of_sum=of_sum)
            if pulling:
                add_product(to_rows, weights.T, self._units(tile), precision=self._precision)
            if turning:
                turned = product(weights, right, precision=self._precision, out=self._turned[: len(weights)])
                # In the gradient the exponentials of this very tile may have been; they have been used.
                self._turn(tile, turned, out=turned if gradient is None else gradient[tile.centers])
                if take is not None:
                    turned.index_add_(0, self._own_centers[tile.entries] - tile.centers.start, to_own[tile.entries])
                    take(self._numbers(tile), turned.view(-1, *self._centers.shape[1:]))
        if gradient is not None:
            gradient.index_add_(0, self._own_centers, to_own)
        if not self._needed[0]:
            return None, self._shaped(gradient)
        to_rows = to_rows if self._pulls is None else self._pulls * shares[:, None]
        return to_rows.index_add_(0, self._objects, of_entries * self._own_units), self._shaped(gradient)

    def close(self) -> None:
        """Leave the workspace to the next; a sweep that is closed can still give gradients, computing all anew."""
        if self._workspace is not None:
            give_workspace(self._workspace)
        self._workspace = self._gradient = None
        self._kept = []

    # -- Tiles ---------------------------------------------------------------------------------------------------------

    def _tiles(self) -> Iterator[Tile]:
        """In an order in which a gradient never overwrites exponentials that are still to be read."""
        size = self.plan.tile_classes
        for number, first in enumerate(range(0, self._count, size)):
            entries = slice(self._entry_bounds[number], self._entry_bounds[number + 1])
            last = min(first + size, self._count)
            yield Tile(number, first, last, entries, slice(first * self._a_class, last * self._a_class))

    def _numbers(self, tile: Tile) -> slice | Tensor:
        return slice(tile.first, tile.last) if self._classes is None else self._classes[tile.first : tile.last]

    def _directions(self, tile: Tile) -> Tensor:
        """[centers of the tile, embedding_dim]."""
        return self._centers[self._numbers(tile)].reshape(-1, self._centers.shape[-1])

    def _measure(self, tile: Tile) -> None:
        """The inverse lengths of a tile's centers, while these are on their way through the cache."""
        lengths = self._inverse_lengths[tile.centers]
        torch.linalg.vector_norm(self._directions(tile), dim=1, out=lengths)
        lengths.clamp_(min=SHORTEST).reciprocal_()

    def _units(self, tile: Tile) -> Tensor:
        directions = self._directions(tile)
        return torch.mul(directions, self._inverse_lengths[tile.centers, None], out=self._unit_rows[: len(directions)])

    # -- Exponentials --------------------------------------------------------------------------------------------------

    def _exponentials(
        self, tile: Tile, units: Tensor, total: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """(exponentials [classes, rows], slopes of the logits, which center of a class is nearest)."""
        memory = self._kept[tile.number] if tile.number < len(self._kept) else self._fresh[: len(units)]
        logits = product(units, self._columns, precision=self._precision, out=memory)
        slopes = nearest = None
        if self._a_class > 1:
            logits, nearest = logits.view(-1, self._a_class, logits.shape[1]).max(1)
        if self._bend is not None:
            logits, slopes = self._bend(logits, self.own_cosines)
        cells = self._cells[tile.entries]
        if total is not None:
            total += logits.sum(0)
            total.index_add_(0, self._objects[tile.entries], logits.view(-1)[cells], alpha=-1)
        logits.view(-1).index_fill_(0, cells, -torch.inf)
        if self._steep:
            # Where a row has only own classes in a tile, any finite shift will do.
            self._shift = logits.amax(0).clamp(min=LOWEST)
            logits -= self._shift
        return logits.exp2_() if self._plain else logits.exp_(), slopes, nearest

    def _weights(self, tile: Tile, *, least: Tensor, of_others: Tensor, of_sum: Tensor) -> Tensor:
        """The gradient of the tile's cosines [centers, rows], in a plain sweep but for a factor a row."""
        if tile.number < len(self._kept):
            exponentials, slopes, nearest = self._kept[tile.number], None, None
            self._shift = self._shifts[tile.number] if self._steep else self._shift
        else:
            exponentials, slopes, nearest = self._exponentials(tile, self._units(tile))
        if self._plain:
            return exponentials
        weights = exponentials.mul_(of_others * (self._shift - least).exp())
        if self._with_sum:
            weights += of_sum
            weights.view(-1).index_fill_(0, self._cells[tile.entries], 0.0)
        weights *= self._scale if slopes is None else slopes
        return weights if nearest is None else self._spread(weights, nearest)

    def _spread(self, weights: Tensor, nearest: Tensor) -> Tensor:
        """From classes to centers: the nearest center of a class has all of its gradient."""
        classes, rows = weights.shape
        spread = weights.new_zeros(classes, self._a_class, rows)
        return spread.scatter_(1, nearest[:, None], weights[:, None]).view(-1, rows)

    def _turn(self, tile: Tile, gradient: Tensor, *, out: Tensor) -> None:
        """From the gradient of unit rows to that of directions, whose length changes nothing."""
        directions, inverse = self._directions(tile), self._inverse_lengths[tile.centers, None]
        along = torch.mul(gradient, directions, out=self._unit_rows[: len(gradient)]).sum(1, keepdim=True)
        gradient.addcmul_(directions, along.mul_(inverse).mul_(inverse), value=-1)
        torch.mul(gradient, inverse, out=out)

    # -- Own classes ---------------------------------------------------------------------------------------------------

    def _find_own(self, own: Tensor) -> None:
        """Own cosines row by row, and all (class, row) pairs that are no others, by class."""
        own = own.contiguous()
        positions = own if self._classes is None else torch.searchsorted(self._classes, own)
        objects, slots = (own >= 0).nonzero(as_tuple=True)
        order = positions[objects, slots].argsort(stable=True)
        self._objects, self._slots = objects[order], slots[order]
        self._positions = positions[self._objects, self._slots]
        starts = torch.arange(0, self._count, self.plan.tile_classes, device=own.device)
        # Their place in the exponentials of their tile.
        self._cells = self._positions % self.plan.tile_classes * len(own) + self._objects
        self._entry_bounds = [*torch.searchsorted(self._positions, starts).tolist(), len(self._positions)]

        directions = self._centers[own[self._objects, self._slots]].reshape(
            len(order), self._a_class, self._centers.shape[-1]
        )
        lengths = torch.linalg.vector_norm(directions, dim=-1, keepdim=True).clamp(min=SHORTEST)
        units, rows = directions / lengths, self._embeddings[self._objects]
        cosines, nearest = (units * rows[:, None]).sum(-1).max(1)
        winners = torch.arange(len(order), device=own.device), nearest
        self._own_units, self._own_centers = units[winners], self._positions * self._a_class + nearest
        self._own_turns = (rows - cosines[:, None] * self._own_units) / lengths[winners]
        self.own_cosines = self._embeddings.new_zeros(own.shape)
        self.own_cosines[self._objects, self._slots] = cosines

    # -- Memory --------------------------------------------------------------------------------------------------------

    def _open(self, *, keeping: bool) -> None:
        """Take a workspace and cut it up: unit rows, gradients, exponentials, and what is kept of these."""
        rows, dim = self._embeddings.shape
        plan = self.plan
        centers = plan.tile_classes * self._a_class
        kept = plan.kept_in_workspace * plan.tile_classes * rows if keeping else 0
        sizes = [centers * dim, centers * dim, centers * rows, kept]
        self._workspace = take_workspace(sum(sizes), self._embeddings)
        units, turned, fresh, room = self._workspace[: sum(sizes)].split(sizes)
        self._unit_rows, self._turned = units.view(centers, dim), turned.view(centers, dim)
        self._fresh = fresh.view(centers, rows)
        if keeping:
            self._gradient = self._gradient_memory() if plan.kept_in_gradient else None
            self._kept = self._places(room)

    def _places(self, room: Tensor) -> list[Tensor]:
        """Where each kept tile's exponentials stand, in the gradient of the centers first.

        There a tile's gradient lies no later than its exponentials, so those of later tiles stay whole.
        """
        rows, dim = self._embeddings.shape
        size = self.plan.tile_classes
        places = []
        for number in range(self.plan.kept):
            first, classes = number * size, min(size, self._count - number * size)
            if number < self.plan.kept_in_gradient and self._gradient is not None:
                memory, begin = self._gradient.view(-1), first * max(rows, dim)
            else:
                memory, begin = room, (number - self.plan.kept_in_gradient) * size * rows
            places.append(memory[begin : begin + classes * rows].view(classes, rows))
        return places

    def _gradient_memory(self) -> Tensor:
        shape = (self._count * self._a_class, self._centers.shape[-1])
        return gradient_memory(self._centers, shape) if self._gradient is None else self._gradient

    def _shaped(self, gradient: Tensor | None) -> Tensor | None:
        """As autograd wants it: of the centers' shape, sparse where only some classes took part."""
        if gradient is None:
            return None
        gradient = gradient.view(-1, *self._centers.shape[1:])
        if self._classes is None:
            return gradient
        sparse = torch.sparse_coo_tensor(
            self._classes[None], gradient, self._centers.shape, is_coalesced=True, check_invariants=False
        )
        return sparse if self._sparse else sparse.to_dense()
