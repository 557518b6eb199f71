"""When two objects are the same: nearer than pairs of different classes are, and no farther than pairs of one need."""

from itertools import combinations_with_replacement

import numpy as np

from steradian.calibration.operating_points import PairPoint
from steradian.calibration.threshold_rules import coverage_angle, false_accept_angle, narrowed, widened
from steradian.metrics import to_angles
from steradian.metrics.labelled_pairs import other_class_pairs, same_class_pairs

__all__ = ["PairFitter"]

MOST_OBJECTS = 4000
MOST_PAIRS, LEAST_PAIRS, ALL_PAIRS = 20_000, 2_000, 4_000_000
"""Pairs of different classes for two subsets: as many as make `ALL_PAIRS` over all two subsets, within bounds."""


class PairFitter:
    """Collects the vectors of one subset after another, then fits a threshold for each two of them.

    Args:
        labels: of all objects [objects].
        subsets: how many are to come at most.
        false_accept: the wanted share of pairs of different classes that are taken for the same.
        random_state: of the draw of objects and pairs.
        fits: a number of the fit that each object's vectors come from, int64 [objects]; two fits have no pairs. None:
            all are of one.
        enough: the share of pairs of one class that is enough: classes that were learnt stand so far apart that their
            pairs would allow angles at which objects of any other class are the same too. None allows these.

    Examples:
        >>> fitter = PairFitter(np.array(["cup", "jar"] * 10), subsets=1, false_accept=0.1, random_state=0)
        >>> fitter.add(("photo",), np.arange(20), np.tile(np.eye(2), (10, 1)))
        >>> (point,) = fitter.points()
        >>> point.pairs, point.true_accept
        (100, 1.0)
    """

    def __init__(
        self,
        labels: np.ndarray,
        *,
        subsets: int,
        false_accept: float,
        random_state: int,
        fits: np.ndarray | None = None,
        enough: float | None = None,
    ) -> None:
        rows = np.random.default_rng(random_state).permutation(len(labels))[:MOST_OBJECTS]
        self._rows = np.sort(rows)
        codes = np.unique(labels[self._rows], return_inverse=True)[1]
        twos = subsets * (subsets + 1) // 2
        most = max(LEAST_PAIRS, min(MOST_PAIRS, ALL_PAIRS // max(1, twos)))
        own = np.zeros(len(codes), dtype=np.int64) if fits is None else fits[self._rows]
        self._different = _of_one_fit(other_class_pairs(codes, max_pairs=most, random_state=random_state), own)
        self._same = _of_one_fit(same_class_pairs(codes, max_pairs=most, random_state=random_state), own)
        self._false_accept, self._enough = false_accept, enough
        self._subsets: list[tuple[str, ...]] = []
        self._vectors: list[np.ndarray] = []

    def add(self, subset: tuple[str, ...], rows: np.ndarray, vectors: np.ndarray) -> None:
        """Take the vectors of a subset.

        Args:
            subset: names of modalities.
            rows: int64 [rows], ascending: the objects that have it.
            vectors: unit rows [rows, dim].
        """
        kept = np.isin(rows, self._rows)
        # NaN where a drawn object has not all of the subset.
        drawn = np.full((len(self._rows), vectors.shape[1]), np.nan, dtype=np.float32)
        drawn[np.searchsorted(self._rows, rows[kept])] = vectors[kept]
        self._subsets.append(subset)
        self._vectors.append(drawn)

    def points(self) -> tuple[PairPoint, ...]:
        """One for each two subsets, also of a subset with itself, in the order in which they came."""
        twos = combinations_with_replacement(range(len(self._subsets)), 2)
        return tuple(self._point(first, second) for first, second in twos)

    def _point(self, first: int, second: int) -> PairPoint:
        different, same = (self._angles(first, second, pairs) for pairs in (self._different, self._same))
        angle = narrowed(false_accept_angle(different, false_accept=self._false_accept))
        if self._enough is not None:
            angle = min(angle, widened(coverage_angle(same, coverage=self._enough)))
        return PairPoint(
            first=self._subsets[first],
            second=self._subsets[second],
            pairs=len(different),
            threshold=angle,
            false_accept=float(np.mean(different <= angle)) if len(different) else 0.0,
            true_accept=float(np.mean(same <= angle)) if len(same) else None,
        )

    def _angles(self, first: int, second: int, pairs: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """In radians, of the pairs whose objects have what is asked of them; of two subsets, either way round."""
        left, right = pairs
        ways = [(left, right)] if first == second else [(left, right), (right, left)]
        cosines = np.concatenate(
            [np.einsum("pd,pd->p", self._vectors[first][one], self._vectors[second][other]) for one, other in ways]
        )
        return to_angles(cosines[~np.isnan(cosines)])


def _of_one_fit(pairs: tuple[np.ndarray, np.ndarray], fits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pairs whose vectors one fit has made."""
    first, second = pairs
    alike = fits[first] == fits[second]
    return first[alike], second[alike]
