"""Objects that lie far out in their own class, measured by what is usual there."""

import numpy as np

__all__ = ["class_offsets", "find_outliers", "main_centers"]

LIMIT = 3.5
"""Robust standard deviations: Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993."""
NEXT_CENTER = 0.5
"""An object less than half as far from its own center as from the next one is firmly its class's."""
MAIN = 0.25
"""The share of a class's objects that makes a sub-center one of the class's main ones; the dominant one always is."""
OWN = 5
"""A group of so many objects has as much say in what is usual in it as all objects together."""
LEAST_OBJECTS = 10
"""Fewer do not show what is usual."""


def main_centers(vectors: np.ndarray, numbers: np.ndarray, centers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The main sub-centers of each class, those to which many of its objects are nearest.

    Sub-centers gather what does not fit the rest of a class, so an object near a rare one is not near its class.
    Source: Deng et al., "Sub-center ArcFace", ECCV 2020, who keep one dominant sub-center and drop what lies more than
    75 degrees from it. Here a class may have several modes, and the limit comes from the data.

    Args:
        vectors: unit vectors [objects, embedding_dim].
        numbers: the class of each, int64 [objects].
        centers: unit [num_classes, subcenters, embedding_dim].

    Returns:
        Which are main ones, bool [num_classes, subcenters], none in a class without objects; the cosines of each object
        to the sub-centers of its class, float64 [objects, subcenters].
    """
    cosines = np.empty((len(vectors), centers.shape[1]))
    for place in range(centers.shape[1]):
        cosines[:, place] = np.einsum("nd,nd->n", vectors, centers[numbers, place])
    counts = np.zeros(centers.shape[:2])
    np.add.at(counts, (numbers, cosines.argmax(axis=1)), 1)
    totals, most = counts.sum(axis=1, keepdims=True), counts.max(axis=1, keepdims=True)
    return (counts > 0) & ((counts == most) | (counts >= MAIN * totals)), cosines


def class_offsets(angles: np.ndarray, *groupings: np.ndarray) -> np.ndarray:
    """How much farther each object lies than is usual in its groups, in robust standard deviations, float64 [objects].

    From each angle the median of its group is taken, by each grouping in turn, and what remains is divided by 1.4826
    times the median of what is above 0: the upper half alone, since angles have a longer tail above. Small groups
    borrow from all objects. Objects that all lie alike have 0.

    Args:
        angles: to the own center in radians [objects].
        groupings: of which group each object is, such as its class, int [objects].

    Examples:
        >>> angles = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 1.9])
        >>> class_offsets(angles, np.zeros(6, dtype=int)).round(2).tolist()
        [-1.12, -0.67, -0.22, 0.22, 0.67, 6.97]
    """
    offsets = angles.astype(np.float64)
    for groups in groupings:
        offsets = offsets - _usual(offsets, groups)
    above = offsets[offsets > 1e-6]
    return offsets / (1.4826 * np.median(above)) if len(above) else np.zeros(len(angles))


def find_outliers(offsets: np.ndarray, angles: np.ndarray, next_angles: np.ndarray) -> np.ndarray:
    """The objects that lie too far out, the farthest first: int64 [outliers].

    Args:
        offsets: of `class_offsets` [objects].
        angles: to the own center in radians [objects].
        next_angles: to the next class's center [objects].
    """
    if len(offsets) < LEAST_OBJECTS:
        return np.zeros(0, dtype=np.int64)
    rows = np.flatnonzero((offsets > LIMIT) & (angles > NEXT_CENTER * next_angles))
    return rows[np.argsort(-offsets[rows], kind="stable")]


def _usual(values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """For each object the median of its group, drawn towards that of all objects where the group is small."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    everyone, medians = np.median(values), np.empty(len(values))
    for rows in np.split(order, starts[1:]):
        medians[rows] = (len(rows) * np.median(values[rows]) + OWN * everyone) / (len(rows) + OWN)
    return medians
