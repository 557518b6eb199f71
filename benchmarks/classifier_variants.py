"""The classifier's loss over many classes, made in several ways: what `benchmarks.classifier` measures."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from steradian.losses.angular_softmax import angular_softmax_loss
from steradian.losses.blockwise_softmax import GradientTaker
from steradian.losses.defaults import PREFERRED_MARGIN, default_scale
from steradian.losses.margins import arcface
from steradian.losses.matmul import Precision

ROWS = 256
TILE = 1024

STERADIAN, BFLOAT16 = "steradian", "steradian bfloat16"
PLAIN, COMPILED, RIVAL = "plain torch", "torch.compile of plain", "pytorch-metric-learning"
FLOOR, TILED_FLOOR = "3 products", "3 products, tiled"


@dataclass(frozen=True)
class Size:
    """How many classes, and of what width."""

    classes: int
    dim: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """From a text such as 10kx128 or 1Mx128."""
        classes, dim = text.split("x")
        return cls(int(classes.replace("k", "000").replace("M", "000000")), int(dim))

    def __str__(self) -> str:
        return f"{self.classes}x{self.dim}".replace("000000x", "Mx").replace("000x", "kx")


@dataclass(frozen=True)
class Problem:
    """Unit rows, directions of class centers (both leaves that take a gradient), labels, and the scale for all."""

    embeddings: Tensor
    centers: Tensor
    labels: Tensor
    scale: float

    @classmethod
    def make(cls, size: Size, *, near: bool = False) -> Self:
        """Random rows as at the start of a training, or rows some 42 degrees from their centers as towards its end."""
        torch.manual_seed(0)
        centers = torch.randn(size.classes, size.dim, requires_grad=True)
        labels = torch.randint(0, size.classes, (ROWS,))
        rows = torch.randn(ROWS, size.dim)
        if near:
            rows = F.normalize(centers.detach()[labels], dim=1) + 0.9 / math.sqrt(size.dim) * rows
        return cls(F.normalize(rows, dim=1).requires_grad_(), centers, labels, default_scale(size.classes))


@dataclass(frozen=True)
class Variant:
    """One way to go.

    Args:
        run: forward and backward; gives the loss, or None.
        leaves: tensors whose gradient it leaves behind.
        note: to be told to the reader.
    """

    run: Callable[[], Tensor | None]
    leaves: tuple[Tensor, ...] = ()
    note: str = ""

    def seconds(self) -> float:
        """Run once; gradients are dropped afterwards, outside of the time taken."""
        begun = time.perf_counter()
        self.run()
        taken = time.perf_counter() - begun
        self.drop_gradients()
        return taken

    def drop_gradients(self) -> None:
        """Set all of them to None."""
        for leaf in self.leaves:
            leaf.grad = None


class VariantMissingError(Exception):
    """A rival that cannot run here, and why."""


def steradian_loss(
    problem: Problem, *, precision: Precision = "float32", take_gradient: GradientTaker | None = None
) -> Tensor:
    """The mean loss as the library computes it."""
    losses = angular_softmax_loss(
        problem.embeddings,
        problem.labels,
        class_centers=problem.centers,
        scale=problem.scale,
        margin=PREFERRED_MARGIN,
        precision=precision,
        take_gradient=take_gradient,
    )
    return losses.mean()


def plain_loss(embeddings: Tensor, centers: Tensor, labels: Tensor, scale: float) -> Tensor:
    """The mean loss as one writes it down, with all logits at once."""
    cosines = embeddings @ F.normalize(centers, dim=1).T
    target = cosines.gather(1, labels[:, None])
    return F.cross_entropy(scale * cosines.scatter(1, labels[:, None], arcface(target, PREFERRED_MARGIN)), labels)


def make_variant(name: str, problem: Problem) -> Variant:
    """The variant of this name, ready to run on the problem.

    Raises:
        VariantMissingError: a rival that cannot run here.
    """
    makers: dict[str, Callable[[Problem], Variant]] = {
        STERADIAN: _steradian,
        BFLOAT16: lambda problem: _steradian(problem, "bfloat16"),
        PLAIN: _plain,
        COMPILED: _compiled,
        RIVAL: _rival,
        FLOOR: _floor,
        TILED_FLOOR: _tiled_floor,
    }
    return makers[name](problem)


def _steradian(problem: Problem, precision: Precision = "float32") -> Variant:
    return _variant(lambda: steradian_loss(problem, precision=precision), problem.embeddings, problem.centers)


def _plain(problem: Problem, loss: Callable[..., Tensor] = plain_loss) -> Variant:
    inputs = problem.embeddings, problem.centers, problem.labels, problem.scale
    return _variant(lambda: loss(*inputs), problem.embeddings, problem.centers)


def _compiled(problem: Problem) -> Variant:
    torch._dynamo.reset()
    variant = _plain(problem, torch.compile(plain_loss, dynamic=False))
    try:
        seconds = variant.seconds()
    except Exception as error:
        raise VariantMissingError(str(error).strip().splitlines()[0]) from error
    return Variant(variant.run, variant.leaves, f"compiling took {seconds:.1f} s, not counted")


def _rival(problem: Problem) -> Variant:
    try:
        from pytorch_metric_learning.losses import ArcFaceLoss
    except ImportError as error:
        raise VariantMissingError("pip install -e '.[benchmarks]' has it") from error
    classes, dim = problem.centers.shape
    loss = ArcFaceLoss(classes, dim, margin=math.degrees(PREFERRED_MARGIN), scale=problem.scale)
    loss.W.data.copy_(problem.centers.detach().T)
    return _variant(lambda: loss(problem.embeddings, problem.labels), problem.embeddings, loss.W)


def _variant(forward: Callable[[], Tensor], *leaves: Tensor) -> Variant:
    def run() -> Tensor:
        loss = forward()
        loss.backward()
        return loss.detach()

    return Variant(run, leaves)


def _floor(problem: Problem) -> Variant:
    """The three matrix products without which there are no gradients, into memory that is there already."""
    rows, centers = problem.embeddings.detach(), problem.centers.detach()
    cosines, to_rows, to_centers = torch.zeros(len(centers), ROWS), torch.zeros_like(rows), torch.zeros_like(centers)

    def run() -> None:
        torch.mm(centers, rows.T, out=cosines)
        torch.mm(cosines.T, centers, out=to_rows)
        torch.mm(cosines, rows, out=to_centers)

    return Variant(run)


def _tiled_floor(problem: Problem) -> Variant:
    """The same, a tile of classes after the other."""
    rows, centers = problem.embeddings.detach(), problem.centers.detach()
    memory, to_rows, to_centers = torch.zeros(TILE, ROWS), torch.zeros_like(rows), torch.zeros_like(centers)

    def run() -> None:
        to_rows.zero_()
        for tile, to_tile in zip(centers.split(TILE), to_centers.split(TILE), strict=True):
            cosines = torch.mm(tile, rows.T, out=memory[: len(tile)])
            to_rows.addmm_(cosines.T, tile)
            torch.mm(cosines, rows, out=to_tile)

    return Variant(run)
