"""Where objects and class centers lie: angles within and between classes, the sphere, the distances of centers."""

import base64
import math

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage

from steradian.metrics import to_angles
from steradian.report.figures import heat_map, histograms
from steradian.report.findings import Findings
from steradian.report.markup import Html, Section, html, name, nothing, plain, plot, plot_name, table
from steradian.report.sphere import SphereMap, hemispheres

__all__ = ["angle_section", "center_section", "sphere_section"]

CHIPS = 24
"""Classes up to which each has a button; of more, a list is chosen from."""
HEAT = 100
CLOSEST, CLOSEST_WITHOUT_MAP = 12, 20


def angle_section(findings: Findings) -> Section:
    """Histograms of the angles within and between classes.

    Args:
        findings: what was measured.
    """
    lead = (
        "Two objects of one class should be close, two of different classes far apart: the less the two hills "
        "overlap, the better."
    )
    found = findings.angles
    if found is None or not (found.within_pairs and found.between_pairs):
        why = "There are no two objects of one class, or no two classes, so there is nothing to compare."
        return Section("angles", "Angles within and between classes", lead, nothing(why))
    shares = {"two objects of one class": found.within, "two of different classes": found.between}
    rows = [
        ["one class", f"{found.within_pairs:,}", f"{found.within_mean:.3f}", f"95% below {found.within_95:.3f}"],
        [
            "different classes",
            f"{found.between_pairs:,}",
            f"{found.between_mean:.3f}",
            f"95% above {found.between_5:.3f}",
        ],
    ]
    body = html(
        plot(
            "plot-angles",
            histograms(found.edges, shares, x="angle in radians"),
            caption=f"Overlap {found.overlap:.3f} (0 is best), decidability {found.decidability:.2f} (the more the "
            "better). A right angle is π/2.",
        ),
        table("Angles of pairs of objects, in radians", ["pairs of", "pairs", "mean", "tail"], rows),
    )
    return Section("angles", "Angles within and between classes", lead, body)


def sphere_section(findings: Findings) -> Section:
    """The sphere to turn, and its two sides for paper.

    Args:
        findings: what was measured.
    """
    lead = (
        "Each dot is an object, each large mark the center of a class; drag to turn, or use the arrow keys, and "
        "point at a dot to see whose it is."
    )
    shown = findings.sphere
    if shown is None:
        return Section("sphere", "The sphere", lead, nothing("There are fewer than three points to show."))
    found = shown.projection
    true_dim = findings.vectors.shape[1]
    distortion = (
        f"The model's sphere has {true_dim} dimensions, this one 3. Half of all angles differ by less than "
        f"{_angle(found.median_error)} from the true ones, 95% by less than {_angle(found.error_95)}; rank correlation "
        f"{found.rank_correlation:.2f}. Read it as a sketch: the tables tell the true angles."
    )
    if true_dim <= 3:
        distortion = "The model's own sphere has no more dimensions than this one: all angles are true."
    left_out = (
        ""
        if len(shown.rows) == len(findings.objects)
        else f" {len(shown.rows):,} of {len(findings.objects):,} objects are shown."
    )
    repeated = " Colours and marks repeat among so many classes." if len(shown.classes) > 32 else ""
    body = html(
        Html('<div class="turning">'),
        _chooser(findings, shown),
        plot(
            "plot-sphere", _packed(findings, shown), caption=distortion + left_out + repeated, height=520, kind="sphere"
        ),
        Html('</div><div class="static">'),
        hemispheres(shown),
        html(Html("<p>"), distortion, Html("</p></div>")),
    )
    return Section("sphere", "The sphere", lead, body)


def _angle(radians: float) -> str:
    return f"{radians:.2f} radians ({math.degrees(radians):.0f}°)"


def _packed(findings: Findings, shown: SphereMap) -> dict[str, object]:
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


def _chooser(findings: Findings, shown: SphereMap) -> Html:
    """Buttons, or a list to choose from, that leave one class or what is predicted wrongly in colour."""
    wrong = findings.predictions.known.any() and not findings.predictions.right.all()
    present = np.unique(shown.labels).tolist()
    head = Html('<div class="chips" data-chooses="plot-sphere" role="group" aria-label="What is in colour">')
    if len(present) > CHIPS:
        options = [
            html(Html(f'<option value="{number}">'), plain(shown.classes[number])[:60], Html("</option>"))
            for number in present
        ]
        first = Html('<option value="all">all classes</option>')
        first = html(first, Html('<option value="wrong">wrong predictions</option>')) if wrong else first
        return html(head, Html("<label>In colour: <select>"), first, *options, Html("</select></label></div>"))
    buttons = [_chip("all", Html("all"), pressed=True)]
    buttons += [_chip("wrong", Html("wrong predictions"))] if wrong else []
    for number in present:
        swatch = Html(f'<span class="swatch s{number // 8 % 4}" style="background: var(--c{number % 8})"></span>')
        buttons.append(_chip(str(number), html(swatch, name(shown.classes[number], 24))))
    return html(head, *buttons, Html("</div>"))


def _chip(value: str, words: Html, *, pressed: bool = False) -> Html:
    return html(
        Html(f'<button type="button" value="{value}" aria-pressed="{str(pressed).lower()}">'), words, Html("</button>")
    )


def center_section(findings: Findings) -> Section:
    """A heat map of the angles of class centers, and the closest pairs.

    Args:
        findings: what was measured.
    """
    lead = "The smaller the angle between two class centers, the easier the model takes one class for the other."
    centers, names = findings.centers, findings.model.classes_
    # Blocks, so that many classes do not need all pairs at once.
    closest = _closest_pairs(centers, CLOSEST if len(names) <= HEAT else CLOSEST_WITHOUT_MAP)
    picture = Html("")
    if len(names) <= HEAT:
        order = _kin_order(centers)
        angles = to_angles(centers[order] @ centers[order].T)
        caption = (
            "Angles of class centers in radians: bright yellow is close, dark blue is far. The classes are in such an "
            "order that close ones stand together."
        )
        height = min(640, 260 + 14 * len(names))
        picture = plot("plot-centers", heat_map(names[order], angles), caption=caption, height=height, narrow=True)
    rows = [
        [name(names[one]), name(names[other]), f"{angle:.3f}", f"{math.degrees(angle):.0f}°"]
        for one, other, angle in closest
    ]
    spacing = table("The closest pairs of class centers", ["class", "and", "radians", "degrees"], rows, words=2)
    return Section("centers", "Distances of class centers", lead, html(picture, spacing))


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
