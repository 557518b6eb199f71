"""Where objects and class centers lie: angles within and between classes, the sphere, the distances of centers."""

import base64
import math

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage

from steradian.metrics import to_angles
from steradian.report.figures import heat_map, histograms
from steradian.report.markup import Section, name, plot_name, section
from steradian.report.measurements import Measurements
from steradian.report.sphere import SphereMap, hemispheres

__all__ = ["angle_section", "center_section", "sphere_section"]

CHIPS = 24
"""Classes up to which each has a button; of more, a list is chosen from."""
HEAT = 100
CLOSEST, CLOSEST_WITHOUT_MAP = 12, 20


def angle_section(findings: Measurements) -> Section:
    """Histograms of the angles within and between classes.

    Args:
        findings: what was measured.
    """
    found = findings.angles
    if found is None or not (found.within_pairs and found.between_pairs):
        return section("angles", found=None)
    shares = {"two objects of one class": found.within, "two of different classes": found.between}
    return section("angles", found=found, figure=histograms(found.edges, shares, x="angle in radians"))


def sphere_section(findings: Measurements) -> Section:
    """The sphere to turn, and its two sides for paper.

    Args:
        findings: what was measured.
    """
    shown = findings.sphere
    if shown is None:
        return section("sphere", shown=None)
    return section(
        "sphere",
        shown=shown,
        dim=findings.vectors.shape[1],
        half=_angle(shown.projection.median_error),
        most=_angle(shown.projection.error_95),
        objects=len(findings.objects),
        present=np.unique(shown.labels).tolist(),
        chips=CHIPS,
        wrong=findings.predictions.known.any() and not findings.predictions.right.all(),
        figure=_packed(findings, shown),
        sides=hemispheres(shown),
    )


def _angle(radians: float) -> str:
    return f"{radians:.2f} radians ({math.degrees(radians):.0f}°)"


def _packed(findings: Measurements, shown: SphereMap) -> dict[str, object]:
    """Points as one run of float32, words as numbers of classes: 10,000 objects stay below half a megabyte."""
    centers = shown.projection.centers
    points = shown.projection.points if centers is None else np.concatenate([shown.projection.points, centers])
    return {
        "points": base64.b64encode(points.astype("<f4").tobytes()).decode("ascii"),
        "classes": [plot_name(each, 40) for each in shown.classes],
        "labels": shown.labels.tolist(),
        "predicted": shown.predicted.tolist(),
        "angles": [round(float(angle), 3) for angle in findings.predictions.angles[shown.rows]],
        "ids": [plot_name(each) for each in findings.objects.ids[shown.rows]],
        "centers": shown.centers.tolist(),
        "eye": _eye(points),
        "wrong": bool(findings.predictions.known.any() and not findings.predictions.right.all()),
        "judged": bool(findings.predictions.known.any()),
        "nearest": "predicted" if findings.predictions.known.all() else "nearest known class",
    }


def _eye(points: np.ndarray) -> dict[str, float]:
    """A place to look from: above the middle of all points, not over a pole, where up and down are lost."""
    middle = points.mean(axis=0) + np.array([1e-3, 1e-3, 0.0])
    side = middle[:2] / np.linalg.norm(middle[:2])
    tilt = float(np.clip(np.arctan2(middle[2], np.linalg.norm(middle[:2])), -1.0, 1.0))
    x, y, z = 1.38 * np.array([*(side * np.cos(tilt)), np.sin(tilt)])
    return {"x": float(x), "y": float(y), "z": float(z)}


def center_section(findings: Measurements) -> Section:
    """A heat map of the angles of class centers, and the closest pairs.

    Args:
        findings: what was measured.
    """
    centers, names = findings.centers, findings.model.classes_
    # Blocks, so that many classes do not need all pairs at once.
    closest = _closest_pairs(centers, CLOSEST if len(names) <= HEAT else CLOSEST_WITHOUT_MAP)
    rows = [
        [name(names[one]), name(names[other]), f"{angle:.3f}", f"{math.degrees(angle):.0f}°"]
        for one, other, angle in closest
    ]
    figure = None
    if len(names) <= HEAT:
        order = _kin_order(centers)
        figure = heat_map(names[order], to_angles(centers[order] @ centers[order].T))
    return section("centers", figure=figure, height=min(640, 260 + 14 * len(names)), rows=rows)


def _kin_order(centers: np.ndarray) -> np.ndarray:
    """The classes as the leaves of a tree of their centers, so that what is close stands together."""
    if len(centers) < 3:
        return np.arange(len(centers))
    return np.asarray(leaves_list(linkage(centers, method="average", optimal_ordering=True)))


def _closest_pairs(centers: np.ndarray, most: int) -> list[tuple[int, int, float]]:
    """Rows of two centers and their angle in radians, the smallest first."""
    found: list[tuple[float, int, int]] = []
    for start in range(0, len(centers), 1024):
        cosines = centers[start : start + 1024] @ centers.T
        # Each pair once: only centers that come later.
        cosines[np.arange(len(centers)) <= np.arange(start, start + len(cosines))[:, None]] = -np.inf
        best = np.argpartition(-cosines, min(most, cosines.size) - 1, axis=None)[:most]
        rows, columns = np.unravel_index(best, cosines.shape)
        values = cosines[rows, columns].tolist()
        found += zip(values, (rows + start).tolist(), columns.tolist(), strict=True)
    found = sorted((entry for entry in found if np.isfinite(entry[0])), key=lambda entry: (-entry[0], *entry[1:]))
    return [(one, other, math.acos(min(1.0, max(-1.0, cosine)))) for cosine, one, other in found[:most]]
