"""Class centers that a fit keeps, so that its vectors can be searched among those of an earlier model."""

from dataclasses import dataclass, field

import numpy as np

__all__ = ["KeptCenters", "used_coordinates"]


@dataclass(frozen=True)
class KeptCenters:
    """Centers that no fit moves.

    Args:
        centers: unit rows float32 [num_classes, embedding_dim].
        learnt: how many coordinates the earlier model's closed form learnt; what its features are like stands behind.
    """

    centers: np.ndarray = field(repr=False)
    learnt: int


def used_coordinates(centers: np.ndarray) -> int:
    """How many leading coordinates hold anything but zeros.

    Args:
        centers: rows [num_classes, embedding_dim].

    Examples:
        >>> used_coordinates(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))
        2
    """
    return int(np.flatnonzero(np.abs(centers).max(axis=0) > 0)[-1]) + 1
