"""What each modality adds to the cosine of a fused vector, exactly."""

from dataclasses import dataclass

import numpy as np

__all__ = ["Contributions", "contributions"]

_LEAST_LENGTH = 1e-12


@dataclass(frozen=True, eq=False)
class Contributions:
    """A cosine as a sum.

    Args:
        modalities: what each modality adds, float64 [objects, modalities].
        context: what the context adds, float64 [objects]; zeros without one.
        agreement: the length of the weighted sum of the modalities, float64 [objects]: 1 where they all point the same
            way, 0 where they cancel. The context is not in it.
    """

    modalities: np.ndarray
    context: np.ndarray
    agreement: np.ndarray

    @property
    def cosines(self) -> np.ndarray:
        """Their sum: the cosine of the fused vector to its target [objects]."""
        return np.asarray(self.modalities.sum(axis=1) + self.context)


def contributions(
    vectors: np.ndarray, gates: np.ndarray, targets: np.ndarray, *, context: np.ndarray | None = None
) -> Contributions:
    """The cosine of z = unit(sum of a_m u_m + c) to a target w as a sum over modalities.

        z . w = sum over m of a_m (u_m . w) / |sum of a_m u_m + c|  +  c . w / |sum of a_m u_m + c|

    Computed in float64.

    Args:
        vectors: unit vectors [objects, modalities, dim].
        gates: their weights a_m >= 0 with sum 1 [objects, modalities]; 0 where a modality is absent.
        targets: unit vectors [objects, dim].
        context: a vector that is added [objects, dim], or None.

    Examples:
        >>> found = contributions(np.eye(2)[None], np.array([[0.6, 0.4]]), np.array([[1.0, 0.0]]))
        >>> found.modalities.round(3), found.agreement.round(3)
        (array([[0.832, 0.   ]]), array([0.721]))
    """
    parts = vectors.astype(np.float64) * gates.astype(np.float64)[:, :, None]
    fused = parts.sum(axis=1)
    added = np.zeros_like(fused) if context is None else context.astype(np.float64)
    directions = targets.astype(np.float64) / np.maximum(np.linalg.norm(fused + added, axis=1), _LEAST_LENGTH)[:, None]
    return Contributions(
        modalities=np.einsum("omd,od->om", parts, directions),
        context=(added * directions).sum(axis=1),
        agreement=np.linalg.norm(fused, axis=1),
    )
