"""What `benchmarks growth` says of the objective's cost."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.claims_report import CONTRASTIVE
from benchmarks.growth_report import EQUAL, LOOKS
from benchmarks.judge import Verdict, judge

__all__ = ["growth_verdicts"]

LINEAR = 1.1
"""A slope fitted to a handful of times is no more exact than that."""


def growth_verdicts(growth: Mapping[str, Any]) -> list[Verdict]:
    """Slopes and costs of the objective alone.

    Args:
        growth: as `benchmarks growth` writes it; empty where it was not measured.
    """
    if not growth:
        return [judge("light", "cost grows linearly at most", 0, 0, "")]
    places = {
        "objects": ("N", "objective"),
        "modalities": ("M", "objective"),
        "modalities, whole step": ("M", "step"),
        "classes": ("C", "objective"),
    }
    slopes = {name: found for name, at in places.items() if (found := _slope(growth, "angular", *at)) is not None}
    linear, told = sum(slope <= LINEAR for slope in slopes.values()), _words(slopes)
    theirs = {LOOKS[name][0]: found for name in CONTRASTIVE if (found := _slope(growth, name, "M")) is not None}
    slower = sum(slope > slopes["modalities"] + 0.1 for slope in theirs.values())
    against = ", ".join(f"{name} {slope:.2f}" for name, slope in theirs.items())
    cells = [ratio for row in growth["break_even"] for ratio in row["ratios"].values()]
    cheaper = sum(ratio < EQUAL for ratio in cells)
    sizes = f"in {cheaper} of {len(cells)} sizes of M, N and C up to 10,000 classes"
    return [
        judge("light", "cost grows linearly at most", linear, len(slopes), f"slopes {told}"),
        judge(
            "light",
            "grows slower in modalities than contrastive rivals",
            slower,
            len(theirs),
            f"{slopes['modalities']:.2f} against {against}",
        ),
        judge("light", "takes less time than contrastive rivals (N = 256, C = 100)", *_costs(growth, "seconds")),
        judge("light", "takes less memory than contrastive rivals (N = 256, C = 100)", *_costs(growth, "peak_bytes")),
        judge("light", "cheaper than CLIP over all pairs", cheaper, len(cells), sizes),
    ]


def _words(slopes: Mapping[str, float]) -> str:
    return ", ".join(f"{slope:.2f} in {name}" for name, slope in slopes.items())


def _slope(growth: Mapping[str, Any], kind: str, letter: str, what: str = "objective") -> float | None:
    """Of an objective over the larger sizes, with the largest batch; None where it was not measured."""
    fits = [f for f in growth["exponents"] if (f["objective"], f["in"], f["what"]) == (kind, letter, what)]
    if not fits:
        return None
    fit = max(fits, key=lambda fit: max(map(int, re.findall(r"\d+", fit["fixed"].replace(",", "")))))
    slope: float = fit["all"] if fit["upper"] is None else fit["upper"]
    return slope


def _costs(growth: Mapping[str, Any], key: str) -> tuple[int, int, str]:
    """Contrastive rivals whose objective costs more than ours, at the fewest and the most modalities."""
    alone = [c for c in growth["cases"] if (c["objects"], c["classes"], c["what"]) == (256, 100, "objective")]
    sizes = sorted({case["modalities"] for case in alone})
    wins, of, texts = 0, 0, []
    for size in dict.fromkeys((sizes[0], sizes[-1])) if sizes else ():
        cost = {case["objective"]: float(np.median(case[key])) for case in alone if case["modalities"] == size}
        dearer = [cost[name] > cost["angular"] for name in CONTRASTIVE if name in cost]
        wins, of = wins + sum(dearer), of + len(dearer)
        texts.append(f"M = {size}: less than {sum(dearer)} of {len(dearer)}")
    return wins, of, ", ".join(texts)
