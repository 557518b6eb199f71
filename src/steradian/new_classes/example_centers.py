"""Class centers made from the vectors of a few examples, and how near the examples are to centers made without them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.cluster import KMeans

from steradian.errors import InputError
from steradian.metrics.class_means import mean_rows

__all__ = ["Imprint", "imprint"]


@dataclass(frozen=True, eq=False)
class Imprint:
    """The centers of a class and the examples that they are the mean directions of.

    Args:
        name: of the class.
        vectors: of its examples, unit rows float64 [examples, dim].
        parts: which center each of them belongs to, int64 [examples].
        centers: unit rows float64 [parts, dim].
    """

    name: Any
    vectors: np.ndarray
    parts: np.ndarray
    centers: np.ndarray

    def cosines_without_itself(self) -> np.ndarray:
        """The cosine of each example to the nearest center, its own center made without it: float64 [examples].

        The parts stay as they are. An example that is a part alone leaves no center behind; where it is the whole
        class, there is none at all, and the cosine is -1.
        """
        counts = np.bincount(self.parts)
        sums = mean_rows(self.vectors, self.parts) * counts[:, None]
        own = (self.vectors * _unit(sums[self.parts] - self.vectors)).sum(axis=1)
        cosines = self.vectors @ self.centers.T
        cosines[np.arange(len(self.parts)), self.parts] = np.where(counts[self.parts] > 1, own, -1.0)
        return np.asarray(cosines.max(axis=1))


def imprint(vectors: np.ndarray, subcenters: int = 1, *, name: Any) -> Imprint:
    """Make the centers of a class from its examples; their order has no influence.

    A center is the mean direction of its part of the examples. With sub-centers, the parts are as many k-means clusters
    as there are sub-centers, or as different examples where these are fewer.

    Args:
        vectors: of the examples, unit rows [examples, dim].
        subcenters: the centers that a class may have.
        name: of the class.

    Raises:
        InputError: vectors that cancel out.

    Examples:
        >>> imprint(np.array([[1.0, 0.0], [0.0, 1.0]]), name="cup").centers.round(3)
        array([[0.707, 0.707]])
        >>> found = imprint(np.array([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6], [-0.1, 0.99]]), 2, name="cup")
        >>> [bool(found.parts[0] == part) for part in found.parts]
        [True, False, True, False]
        >>> Imprint("cup", np.eye(2), np.array([0, 0]), np.full((1, 2), 0.5**0.5)).cosines_without_itself()
        array([0., 0.])
    """
    vectors = vectors.astype(np.float64)
    parts = _parts(vectors, subcenters)
    means = mean_rows(vectors, parts)
    # What is shorter is rounding, and has no direction.
    if np.linalg.norm(means, axis=1).min() < 1e-6:
        raise InputError(
            want="examples whose vectors have a mean direction",
            got=f"{len(vectors)} that cancel out",
            where=f"add_classes, class {name!r}",
            fix="Give more examples of it.",
        )
    return Imprint(name, vectors, parts, _unit(means))


def _parts(vectors: np.ndarray, subcenters: int) -> np.ndarray:
    """int64 [examples], every number from 0 to the largest."""
    # Sorted, and each once, so that neither order nor repetition changes what is drawn; less than 1e-6 is rounding.
    different, places, counts = np.unique(vectors.round(6), axis=0, return_inverse=True, return_counts=True)
    number = min(subcenters, len(different))
    if number < 2:
        return np.zeros(len(vectors), dtype=np.int64)
    found = KMeans(number, n_init=10, random_state=0).fit(different, sample_weight=counts)
    return np.asarray(found.labels_[places.ravel()], dtype=np.int64)


def _unit(rows: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, np.finfo(float).tiny))
