"""When to answer "unknown", and whether confidence can be believed."""

from typing import Any

import numpy as np

from steradian.calibration import Calibration
from steradian.metrics import expected_calibration_error
from steradian.report.figures import reliability
from steradian.report.markup import Section, name, section
from steradian.report.measurements import Measurements

__all__ = ["threshold_section"]

BINS, POINTS = 15, 40
"""Bins of confidence, as many as Guo et al. take, and operating points that are shown."""


def threshold_section(findings: Measurements) -> Section:
    """Operating points of a calibration, and the reliability diagram.

    Args:
        findings: what was measured.
    """
    calibration = findings.model.fitted_.calibration
    points = [] if calibration is None else _operating_points(findings, calibration)
    return section("thresholds", calibration=calibration, points=points, bins=BINS, **_reliability(findings))


def _operating_points(findings: Measurements, calibration: Calibration) -> list[list[str]]:
    predictions = findings.predictions
    present = findings.model.fitted_.present(findings.objects)
    accepted = predictions.angles <= calibration.thresholds(present)
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
                point.shown_threshold,
                f"{exactly.sum():,}",
                _share(here & known, exactly & known),
                _share(here & ~known, exactly & ~known),
                _share(here & predictions.right, here),
            ]
        )
    return rows


def _share(part: np.ndarray, whole: np.ndarray) -> str:
    return f"{part.sum() / whole.sum():.1%}" if whole.any() else "-"


def _reliability(findings: Measurements) -> dict[str, Any]:
    known, right = findings.predictions.known, findings.predictions.right
    if not known.any():
        return {"figure": None}
    confidence, right = findings.predictions.confidence[known], right[known]
    places = np.maximum(np.ceil(confidence * BINS).astype(np.int64) - 1, 0)
    counts = np.bincount(places, minlength=BINS)
    filled = counts > 0
    mean = np.bincount(places, weights=confidence, minlength=BINS)[filled] / counts[filled]
    accuracy = np.bincount(places, weights=right, minlength=BINS)[filled] / counts[filled]
    rows = [
        [f"{place / BINS:.2f} to {(place + 1) / BINS:.2f}", f"{counts[place]:,}", f"{m:.3f}", f"{a:.3f}"]
        for place, m, a in zip(np.flatnonzero(filled), mean, accuracy, strict=True)
    ]
    return {
        "figure": reliability(mean, accuracy, counts[filled]),
        "error": expected_calibration_error(confidence, right, bins=BINS),
        "rows": rows,
    }
