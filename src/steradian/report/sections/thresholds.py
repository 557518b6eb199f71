"""When to answer "unknown", and whether confidence can be believed."""

import numpy as np

from steradian.metrics import expected_calibration_error
from steradian.report.figures import reliability
from steradian.report.findings import Findings
from steradian.report.markup import Html, Section, html, name, nothing, plot, table

__all__ = ["threshold_section"]

BINS, POINTS = 15, 40
"""Bins of confidence, as many as Guo et al. take, and operating points that are shown."""


def threshold_section(findings: Findings) -> Section:
    """Operating points of a calibration, and the reliability diagram.

    Args:
        findings: what was measured.
    """
    lead = (
        "An object farther from every class center than the accept angle is unknown; on the diagonal, a confidence"
        " of 0.8 is right in 8 of 10 cases."
    )
    body = html(_operating_points(findings), Html("<h3>Can confidence be believed?</h3>"), _reliability(findings))
    return Section("thresholds", "Thresholds and confidence", lead, body)


def _operating_points(findings: Findings) -> Html:
    calibration, predictions = findings.model.fitted_.calibration, findings.predictions
    if calibration is None:
        return nothing(
            "The model has no thresholds yet: model.calibrate(validation) fits them on labelled objects held out of "
            "training, and the report then shows how many of the evaluated objects are accepted."
        )
    present = findings.model.fitted_.present(findings.objects)
    accepted = predictions.angles <= calibration.accept_angles(present)
    names = list(findings.model.schema_.modalities)
    rows = []
    for point in calibration.points[:POINTS]:
        exactly = (present == [key in point.subset for key in names]).all(axis=1)
        subset = "everything" if len(point.subset) == len(names) else " + ".join(point.subset)
        here, known = exactly & accepted, predictions.known
        rows.append(
            [
                name(subset),
                f"{point.objects:,}",
                f"{point.scale:.1f}",
                point.shown_angle,
                f"{exactly.sum():,}",
                _share(here & known, exactly & known),
                _share(here & ~known, exactly & ~known),
                _share(here & predictions.right, here),
            ]
        )
    heads = ["has exactly", "fitted on", "scale", "accept angle", "evaluated"]
    heads += ["known accepted", "unknown accepted", "right of these"]
    return html(
        Html("<p>"),
        " ".join([f"Promised on objects like those it was fitted on: {calibration.promise}.", *calibration.caveats]),
        Html("</p>"),
        table("Operating points, and what they do to the evaluated objects; angles in radians", heads, rows),
    )


def _share(part: np.ndarray, whole: np.ndarray) -> str:
    return f"{part.sum() / whole.sum():.1%}" if whole.any() else "-"


def _reliability(findings: Findings) -> Html:
    known, right = findings.predictions.known, findings.predictions.right
    if not known.any():
        return nothing("The model knows no class of the evaluated objects, so no prediction can be right.")
    confidence, right = findings.predictions.confidence[known], right[known]
    places = np.maximum(np.ceil(confidence * BINS).astype(np.int64) - 1, 0)
    counts = np.bincount(places, minlength=BINS)
    filled = counts > 0
    mean = np.bincount(places, weights=confidence, minlength=BINS)[filled] / counts[filled]
    accuracy = np.bincount(places, weights=right, minlength=BINS)[filled] / counts[filled]
    error = expected_calibration_error(confidence, right, bins=BINS)
    which = (
        "the calibrated scale"
        if findings.model.fitted_.calibration is not None
        else "the scale of training, which is not calibrated"
    )
    rows = [
        [f"{place / BINS:.2f} to {(place + 1) / BINS:.2f}", f"{counts[place]:,}", f"{m:.3f}", f"{a:.3f}"]
        for place, m, a in zip(np.flatnonzero(filled), mean, accuracy, strict=True)
    ]
    return html(
        plot(
            "plot-reliability",
            reliability(mean, accuracy, counts[filled]),
            caption=f"Accuracy by confidence, with {which}; the larger the dot, the more objects. Above the line the "
            f"model is too modest, below it too sure. Expected calibration error {error:.3f}, over {BINS} bins.",
            height=340,
            narrow=True,
        ),
        table("The same in numbers", ["confidence", "objects", "mean confidence", "accuracy"], rows),
    )
