"""What every kind of margin is: the one class that a new kind subclasses."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from steradian.losses.blockwise_softmax import Bend

__all__ = ["BatchRows", "Margin"]


def _same(drawn: Tensor) -> Tensor:
    return drawn


@dataclass(frozen=True)
class BatchRows:
    """What a margin may know of the rows of a batch.

    Args:
        norms: lengths of the embeddings [rows].
        labels: class numbers int64 [rows]; with several labels a row [rows, most labels a row].
        strength: share of the margin, 0 to 1, while it rises.
        shared: from what was drawn for the rows to what all processes that share the batch take.
    """

    norms: Tensor
    labels: Tensor
    strength: float
    shared: Callable[[Tensor], Tensor] = _same


class Margin(nn.Module, ABC):
    """A kind of margin: what stands in the softmax in place of the cosine to the own class.

    A subclass in a file of its own, with a line in `MARGINS`, is all that a new kind needs: `AngularMarginLoss` and
    `SphereEmbedder(margin_kind=...)` then take its name.

    Args:
        margin: the radians by which it moves a target at a right angle.
    """

    options: ClassVar[tuple[str, ...]] = ("margin",)
    """Which of `AngularMarginLoss`'s "margin", "cosine_margin", "angle_factor" and "class_counts" it takes, as
    arguments of these names."""
    by_angle_alone: ClassVar[bool] = True
    """Whether nothing but the angle matters, so that a row may have several labels."""
    needs_lengths: ClassVar[bool] = False
    """Whether it reads the lengths of embeddings, of which the unit vectors of a `SphereEmbedder` say nothing."""
    bends: ClassVar[bool] = False
    """Whether it changes the logits of other classes too, see `bend`."""

    def __init__(self, margin: float) -> None:
        super().__init__()
        self.margin = margin

    @abstractmethod
    def forward(self, cosines: Tensor, rows: BatchRows) -> Tensor:
        """What takes the place of the cosines [rows] to the own class.

        Args:
            cosines: float32 or float64.
            rows: the same rows.
        """

    def observe(self, rows: BatchRows, own_cosines: Callable[[], Tensor]) -> None:
        """Move running statistics by a batch, in training; most kinds have none.

        Args:
            rows: of the batch.
            own_cosines: gives the cosine of each row to its nearest own center [rows].
        """

    def bend(self, scale: float, rows: BatchRows) -> Bend | None:
        """How the logits of the other classes change, for `bend` of `angular_softmax_loss`; None for not at all.

        Args:
            scale: factor of the cosines.
            rows: of the batch.
        """
        return None

    def penalty(self, rows: BatchRows) -> Tensor | None:
        """What is added to the loss of each row [rows], or None.

        Args:
            rows: of the batch.
        """
        return None
