"""The objects and class centers on a sphere that can be looked at, and the same as a picture without a script."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from steradian.metrics import SphereProjection, sphere_projection
from steradian.report.markup import write_html

__all__ = ["SphereMap", "hemispheres", "map_sphere"]

MOST = 10_000
"""Objects that are shown; of more, as many are drawn."""
MOST_CENTERS = 400
_RADIUS = 150


@dataclass(frozen=True, eq=False)
class SphereMap:
    """Points of objects and centers, and what they belong to.

    Args:
        rows: of the objects that are shown, int64 [points].
        classes: the names of all classes that occur here [classes].
        labels: number of each shown object's class int64 [points].
        predicted: number of the class of its nearest center int64 [points].
        centers: numbers of the classes whose centers are shown int64 [centers].
        projection: where they lie, and how far that is from the truth.
    """

    rows: np.ndarray
    classes: np.ndarray
    labels: np.ndarray
    predicted: np.ndarray
    centers: np.ndarray
    projection: SphereProjection


def map_sphere(
    vectors: np.ndarray,
    labels: np.ndarray,
    predicted: np.ndarray,
    centers: np.ndarray,
    names: np.ndarray,
    *,
    random_state: int,
    most: int = MOST,
) -> SphereMap | None:
    """Project objects and the centers of the classes that occur among them; None for fewer than three points.

    Args:
        vectors: unit rows [objects, dim].
        labels: [objects].
        predicted: the class of each object's nearest center [objects].
        centers: unit rows [num_classes, dim].
        names: the class of each center [num_classes], sorted.
        random_state: of what is drawn.
        most: objects that are shown.

    Examples:
        >>> kinds = np.array(["a", "b"])
        >>> own = kinds[[0, 0, 1]]
        >>> map_sphere(np.eye(4)[[0, 0, 1]], own, own, np.eye(4)[:2], kinds, random_state=0).labels
        array([0, 0, 1])
    """
    rows = np.arange(len(vectors))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(random_state).permutation(len(rows))[:most])
    classes, numbers = np.unique(np.concatenate([labels[rows], predicted[rows]]), return_inverse=True)
    shown = np.flatnonzero(np.isin(classes, names))
    if len(shown) > MOST_CENTERS:
        frequency = np.bincount(numbers, minlength=len(classes))[shown]
        shown = np.sort(shown[np.argsort(-frequency, kind="stable")[:MOST_CENTERS]])
    if len(rows) + len(shown) < 3:
        return None
    own = centers[np.searchsorted(names, classes[shown])]
    projection = sphere_projection(vectors[rows], own, random_state=random_state)
    return SphereMap(rows, classes, numbers[: len(rows)], numbers[len(rows) :], shown, projection)


def hemispheres(shown: SphereMap) -> str:
    """Front and back of the sphere side by side as SVG, for paper and for browsers that cannot turn it.

    Args:
        shown: what to draw.
    """
    projection, sides = shown.projection, []
    for middle, sign, word in ((_RADIUS + 10, 1, "front"), (3 * _RADIUS + 40, -1, "back")):
        paths = [*_dots(projection.points, shown.labels, sign, middle, width=3.5)]
        if projection.centers is not None:
            paths += _dots(projection.centers, shown.centers, sign, middle, width=11)
        sides.append({"middle": middle, "word": word, "paths": paths})
    radii = [round(_RADIUS * share) for share in (1, np.sin(np.pi / 3), np.sin(np.pi / 6))]
    size = {"width": 4 * _RADIUS + 50, "height": 2 * _RADIUS + 36}
    return write_html("report/templates/hemispheres.svg", sides=sides, radii=radii, middle=_RADIUS + 10, **size)


def _dots(
    points: np.ndarray, numbers: np.ndarray, sign: int, middle: int, *, width: float
) -> Iterator[tuple[int, float, str]]:
    """One path a colour: a dot is a line of no length with round ends, so thousands of them stay small."""
    near = sign * points[:, 0] >= 0
    for colour in range(8):
        chosen = points[near & (numbers % 8 == colour)]
        places = zip(middle + sign * _RADIUS * chosen[:, 1], _RADIUS + 10 - _RADIUS * chosen[:, 2], strict=True)
        if len(chosen):
            yield colour, width, "".join(f"M{x:.0f} {y:.0f}h0" for x, y in places)
