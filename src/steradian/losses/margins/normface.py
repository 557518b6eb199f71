"""No margin: the target cosine itself."""

import torch
from torch import Tensor

from steradian.losses.margins.margin import BatchRows, Margin

__all__ = ["NormFace", "normface"]


def normface(cosines: Tensor) -> Tensor:
    """The target cosine itself: no margin. NormFace, Wang et al. 2017 (arXiv 1704.06369).

    Args:
        cosines: cosines to the target class [...], in any float type.

    Returns:
        The cosines [...] in float32 or float64.

    Examples:
        >>> normface(torch.tensor([1.0, 0.5], dtype=torch.bfloat16))
        tensor([1.0000, 0.5000])
    """
    return cosines if cosines.dtype == torch.float64 else cosines.float()


class NormFace(Margin):
    """The kind "normface", which has no margin."""

    def forward(self, cosines: Tensor, rows: BatchRows) -> Tensor:
        """See `normface`."""
        return normface(cosines)
