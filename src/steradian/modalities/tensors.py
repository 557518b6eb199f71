"""Where torch begins: arrays as tensors on a device."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

__all__ = ["to_tensors"]


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
