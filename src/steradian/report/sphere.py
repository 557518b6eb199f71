"""The objects and class centers on a sphere that can be looked at, and the same as a picture without a script."""

from dataclasses import dataclass

import numpy as np

from steradian.metrics import SphereProjection, sphere_projection
from steradian.report.markup import Html

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
    seed: int,
    most: int = MOST,
) -> SphereMap | None:
    """Project objects and the centers of the classes that occur among them; None for fewer than three points.

    Args:
        vectors: unit rows [objects, dim].
        labels: [objects].
        predicted: the class of each object's nearest center [objects].
        centers: unit rows [num_classes, dim].
        names: the class of each center [num_classes], sorted.
        seed: of what is drawn.
        most: objects that are shown.

    Example:
        >>> kinds = np.array(["a", "b"])
        >>> map_sphere(np.eye(4)[[0, 0, 1]], kinds[[0, 0, 1]], kinds[[0, 0, 1]], np.eye(4)[:2], kinds, seed=0).labels
        array([0, 0, 1])
    """
    rows = np.arange(len(vectors))
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).permutation(len(rows))[:most])
    classes, numbers = np.unique(np.concatenate([labels[rows], predicted[rows]]), return_inverse=True)
    shown = np.flatnonzero(np.isin(classes, names))
    if len(shown) > MOST_CENTERS:
        frequency = np.bincount(numbers, minlength=len(classes))[shown]
        shown = np.sort(shown[np.argsort(-frequency, kind="stable")[:MOST_CENTERS]])
    if len(rows) + len(shown) < 3:
        return None
    own = centers[np.searchsorted(names, classes[shown])]
    projection = sphere_projection(vectors[rows], own, seed=seed)
    return SphereMap(rows, classes, numbers[: len(rows)], numbers[len(rows) :], shown, projection)


def hemispheres(shown: SphereMap) -> Html:
    """Front and back of the sphere side by side as SVG, for paper and for browsers that cannot turn it.

    Args:
        shown: what to draw.
    """
    sides = []
    for side, (sign, word) in enumerate(((1, "front"), (-1, "back"))):
        middle = _RADIUS + 10 + side * (2 * _RADIUS + 30)
        circles = "".join(
            f'<circle cx="{middle}" cy="{_RADIUS + 10}" r="{radius:.0f}" fill="none" stroke="var(--line)"/>'
            for radius in (_RADIUS, _RADIUS * np.sin(np.pi / 3), _RADIUS * np.sin(np.pi / 6))
        )
        points = _dots(shown.projection.points, shown.labels, sign, middle, width=3.5)
        centers = shown.projection.centers
        marks = "" if centers is None else _dots(centers, shown.centers, sign, middle, width=11)
        word = f'<text x="{middle}" y="{2 * _RADIUS + 30}" text-anchor="middle">{word}</text>'
        sides.append(circles + points + marks + word)
    width, height = 4 * _RADIUS + 50, 2 * _RADIUS + 36
    head = f'<svg viewBox="0 0 {width} {height}" role="img" font-size="13" fill="currentColor" stroke-linecap="round">'
    title = "<title>Both sides of the sphere: objects as dots, class centers as larger ones.</title>"
    return Html(f"{head}{title}{''.join(sides)}</svg>")


def _dots(points: np.ndarray, numbers: np.ndarray, sign: int, middle: int, *, width: float) -> str:
    """One path a colour: a dot is a line of no length with round ends, so thousands of them stay small."""
    near = sign * points[:, 0] >= 0
    paths = []
    for colour in range(8):
        chosen = points[near & (numbers % 8 == colour)]
        places = zip(middle + sign * _RADIUS * chosen[:, 1], _RADIUS + 10 - _RADIUS * chosen[:, 2], strict=True)
        dots = "".join(f"M{x:.0f} {y:.0f}h0" for x, y in places)
        if dots:
            edge = f'<path d="{dots}" stroke="var(--ink)" stroke-width="{width + 3}" fill="none"/>' if width > 5 else ""
            paths.append(f'{edge}<path d="{dots}" stroke="var(--c{colour})" stroke-width="{width}" fill="none"/>')
    return "".join(paths)
