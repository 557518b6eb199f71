"""A margin beside which hard classes weigh more as training goes on."""

from collections.abc import Callable

import torch
from torch import Tensor

from steradian.losses.blockwise_softmax import Bend
from steradian.losses.margins.arcface import arcface
from steradian.losses.margins.margin import BatchRows, Margin

__all__ = ["CurricularFace", "curricular"]

SLOW = 0.01
"""Share of a new batch in the running mean of the target cosines, the paper's."""


def curricular(scale: float, stage: float, *, margin: float) -> Bend:
    """Other classes' logits that weigh hard ones more as training goes on.

    CurricularFace, Huang et al. 2020 (arXiv 2004.00288). Where another class is nearer than the target with its
    margin, cosine > cos(angle + margin), its logit is scale * cosine * (stage + cosine), elsewhere scale * cosine.

    Args:
        scale: factor of the cosines.
        stage: t of the paper, from 0 on: the running mean of the target cosines, each step moving it by 0.01.
        margin: radians, that of the target.

    Returns:
        For `bend` of `angular_softmax_loss`; the comparison takes no gradient.

    NOTE[DIFF]: past 180 degrees the target goes on falling, as in `arcface`; the paper's cosine rises again.

    Examples:
        >>> curricular(8.0, 0.5, margin=0.2)(torch.tensor([[0.9], [0.1]]), torch.tensor([[0.8]]))[0]
        tensor([[10.0800],
                [ 0.8000]])
    """

    def bend(cosines: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        hard = cosines > arcface(own[:, 0], margin)
        logits = torch.where(hard, scale * cosines * (stage + cosines), scale * cosines)
        return logits, torch.where(hard, scale * (stage + 2 * cosines), scale)

    return bend


class CurricularFace(Margin):
    """The kind "curricularface".

    Args:
        margin: radians.
    """

    by_angle_alone = False
    bends = True
    stage: Tensor

    def __init__(self, margin: float) -> None:
        super().__init__(margin)
        self.register_buffer("stage", torch.zeros(()))

    def forward(self, cosines: Tensor, rows: BatchRows) -> Tensor:
        """See `arcface`."""
        return arcface(cosines, self.margin * rows.strength)

    @torch.no_grad()
    def observe(self, rows: BatchRows, own_cosines: Callable[[], Tensor]) -> None:
        """Move the running mean of the cosines to the nearest own center."""
        self.stage.lerp_(own_cosines().mean().to(self.stage), SLOW)

    def bend(self, scale: float, rows: BatchRows) -> Bend:
        """See `curricular`."""
        return curricular(scale, float(self.stage), margin=self.margin * rows.strength)
