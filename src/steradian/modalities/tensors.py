"""Where torch begins: arrays as tensors on a device."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

__all__ = ["laid_out", "to_tensors"]


def to_tensors(arrays: Mapping[str, np.ndarray], device: torch.device | str = "cpu") -> dict[str, Tensor]:
    """The same values as tensors; on a CPU they share the arrays' memory.

    Args:
        arrays: by name, of what `Items` gives; nobody else may change them.
        device: where the tensors are to stand.

    Examples:
        >>> to_tensors({"codes": np.arange(2)})
        {'codes': tensor([0, 1])}
    """
    return {name: torch.from_numpy(array).to(device) for name, array in arrays.items()}


def laid_out(rows: Tensor, mask: Tensor) -> Tensor:
    """Rows [places that are real, width] where the mask [...] is, and zeros elsewhere [..., width].

    Args:
        rows: float, in the order of the real places.
        mask: bool of any shape, True where a place is real.

    Examples:
        >>> laid_out(torch.ones(1, 2), torch.tensor([True, False]))
        tensor([[1., 1.],
                [0., 0.]])
    """
    real = mask.long()
    places = real.flatten().cumsum(0).reshape(real.shape) * real
    # On a CPU the gradients of an embedding take half the time of those of indexing, and graphs of ONNX have it.
    return F.embedding(places, torch.cat([rows.new_zeros(1, rows.shape[1]), rows]))
