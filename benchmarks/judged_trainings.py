"""What the trainings of `benchmarks claims` say of speed, separation, evenness, one place and the cost of a step."""

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.claims_plots import METHODS
from benchmarks.claims_report import CONTRASTIVE, DEFAULTS, HYBRID, Found, Method
from benchmarks.growth_report import EQUAL
from benchmarks.judge import Verdict, judge

__all__ = [
    "MEASURES",
    "PURE",
    "best_rivals",
    "place_verdicts",
    "seconds_to_95",
    "separable_verdicts",
    "simplex_verdicts",
    "speed_verdicts",
    "step_verdicts",
    "training_verdicts",
]

PURE = tuple(name for name in CONTRASTIVE if name != HYBRID)
CLASSICAL = ("supcon", "triplet", "clip", "anchor_clip")


def training_verdicts(found: Found) -> list[Verdict]:
    """All of these.

    Args:
        found: of `summarise`.
    """
    parts = speed_verdicts, separable_verdicts, simplex_verdicts, place_verdicts, step_verdicts
    return [verdict for part in parts for verdict in part(found)]


def _pick(methods: Sequence[Method], names: Sequence[str]) -> list[Method]:
    return [method for method in methods if method.name in names]


def seconds_to_95(methods: Sequence[Method], names: Sequence[str]) -> tuple[float, str]:
    """Of the fastest, infinite where none arrives, and its name.

    Args:
        methods: of a set.
        names: of those that count.
    """
    reached = [(method.seconds[1], METHODS[method.name].label) for method in _pick(methods, names)]
    return min((pair for pair in reached if pair[0] < np.inf), default=(np.inf, ""))


def speed_verdicts(found: Found) -> list[Verdict]:
    """On how many sets ours is the faster, of those where either reaches the target.

    Args:
        found: of `summarise`.
    """
    claims = {
        "faster than SupCon, triplets and CLIP": CLASSICAL,
        "faster than every purely contrastive rival": PURE,
        "faster than every contrastive rival, GMC + CE among them": CONTRASTIVE,
        "faster than plain cross entropy": ("cross_entropy",),
        "the margin makes it faster than normalised cross entropy": ("normalised_cross_entropy",),
    }
    verdicts = []
    for claim, names in claims.items():
        sets = [methods for _, methods in found.values() if _pick(methods, names)]
        pairs = [(seconds_to_95(methods, [DEFAULTS])[0], seconds_to_95(methods, names)[0]) for methods in sets]
        pairs = [(mine, theirs) for mine, theirs in pairs if min(mine, theirs) < np.inf]
        ratios = [theirs / mine for mine, theirs in pairs if max(mine, theirs) < np.inf]
        wins = sum(mine < EQUAL * theirs for mine, theirs in pairs)
        number = f"first on {wins} of {len(pairs)} sets"
        number += (
            f"; where both arrive, their seconds are {np.median(ratios):.1f} times ours (median)" if ratios else ""
        )
        verdicts.append(judge("faster", claim, wins, len(pairs), number))
    return verdicts


MEASURES: dict[str, Callable[[Method], float]] = {
    "d'": lambda method: _number_or_nan(method.geometry["angles.decidability"]),
    "overlap": lambda method: -_number_or_nan(method.geometry["angles.overlap"]),
    "accuracy": lambda method: 100 * method.accuracy[0],
    "MAP@R": lambda method: 100 * method.map_at_r[0],
    "probe": lambda method: np.nan if method.linear_probe is None else 100 * method.linear_probe[0],
}
"""More is better."""


def _number_or_nan(value: float | None) -> float:
    """NaN where there was nothing to measure: of emoji, no two test objects are of one class."""
    return np.nan if value is None else value


def best_rivals(found: Found, measure: str) -> list[tuple[str, float, float, str]]:
    """Set, ours, the best contrastive rival's score and its name, of each set that has both.

    Args:
        found: of `summarise`.
        measure: of `MEASURES`; of "overlap" the scores are negative.
    """
    score, rows = MEASURES[measure], []
    for name, (_, methods) in found.items():
        ours, rivals = _pick(methods, [DEFAULTS]), _pick(methods, CONTRASTIVE)
        if ours and rivals and not np.isnan(score(ours[0])):
            best = max(rivals, key=score)
            rows.append((name, score(ours[0]), score(best), METHODS[best.name].label))
    return rows


def separable_verdicts(found: Found) -> list[Verdict]:
    """Against the best contrastive rival of each set, on classes that were trained on and on others.

    Args:
        found: of `summarise`.
    """
    claims = {
        "classes further apart than by any contrastive rival": ("d'", False),
        "more accurate by the nearest class mean than any contrastive rival": ("accuracy", False),
        "finds more than any contrastive rival": ("MAP@R", False),
        "a linear probe gets more out of its vectors": ("probe", False),
        "classes never trained on are told apart better too": ("d'", True),
        "classes never trained on are found better": ("MAP@R", True),
    }
    verdicts = []
    for claim, (measure, unseen) in claims.items():
        rows = [row for row in best_rivals(found, measure) if row[0].endswith("-unseen") == unseen]
        leads = [mine - theirs for _, mine, theirs, _ in rows]
        wins, digits = sum(lead > 0 for lead in leads), 2 if measure == "d'" else 1
        number = f"ahead on {wins} of {len(rows)} sets"
        number += f"; median lead {np.median(leads):+.{digits}f} in {measure}" if rows else ""
        verdicts.append(judge("separable", claim, wins, len(rows), number))
    return verdicts


def _with_most_accurate(found: Found) -> list[tuple[Method, Method]]:
    """Ours and the most accurate contrastive rival: one that tells nothing apart can look even for nothing."""
    pairs = []
    for _, methods in found.values():
        ours, rivals = _pick(methods, [DEFAULTS]), _pick(methods, CONTRASTIVE)
        if ours and rivals:
            pairs.append((ours[0], max(rivals, key=lambda method: method.accuracy[0])))
    return pairs


def simplex_verdicts(found: Found) -> list[Verdict]:
    """How evenly classes lie, and whether a center says the same as its class's mean.

    Args:
        found: of `summarise`.
    """
    ratios = [
        _number_or_nan(mine.geometry["nc2_means"]) / _number_or_nan(theirs.geometry["nc2_means"])
        for mine, theirs in _with_most_accurate(found)
    ]
    wins = sum(ratio < 1 for ratio in ratios)
    number = f"on {wins} of {len(ratios)} sets"
    number += f"; median spread of their cosines {np.median(ratios):.2f} of theirs" if ratios else ""
    even = judge("interpretable", "class means of test objects nearer to a simplex", wins, len(ratios), number)
    ours = [method for _, methods in found.values() for method in _pick(methods, [DEFAULTS])]
    differ = [share for method in ours if (share := method.geometry.get("nc4")) is not None]
    wins, most = sum(share < 0.05 for share in differ), max(differ, default=np.nan)
    number = (
        f"center and mean differ for less than 5 % of test objects on {wins} of {len(differ)} sets, most {most:.1%}"
    )
    return [even, judge("interpretable", "a center says the same as the mean of its class", wins, len(differ), number)]


def place_verdicts(found: Found) -> list[Verdict]:
    """Whether modalities lie in one place: the gap within classes over the distance between classes.

    Args:
        found: of `summarise`.
    """
    pairs = [(_relative_gap(mine), _relative_gap(theirs)) for mine, theirs in _with_most_accurate(found)]
    pairs = [(mine, theirs) for mine, theirs in pairs if not np.isnan([mine, theirs]).any()]
    wins = sum(mine < theirs for mine, theirs in pairs)
    number = f"smaller relative gap on {wins} of {len(pairs)} sets"
    number += f"; median gap / theirs {np.median([mine / theirs for mine, theirs in pairs]):.1f}" if pairs else ""
    claim = "modalities lie together more than by the best contrastive rival"
    return [judge("interpretable", claim, wins, len(pairs), number)]


def _relative_gap(method: Method) -> float:
    gap, angle = method.geometry.get("gap.within_class"), method.geometry["angles.between_mean"]
    return np.nan if gap is None or not angle else gap / (2 * float(np.sin(angle / 2)))


def step_verdicts(found: Found) -> list[Verdict]:
    """CPU milliseconds of a whole step, beside every contrastive rival's.

    Args:
        found: of `summarise`.
    """
    pairs = [
        (mine.milliseconds, theirs.milliseconds)
        for _, methods in found.values()
        for mine in _pick(methods, [DEFAULTS])
        for theirs in _pick(methods, CONTRASTIVE)
    ]
    wins = sum(mine < EQUAL * theirs for mine, theirs in pairs)
    number = f"in {wins} of {len(pairs)} comparisons"
    return [judge("light", "a whole step is cheaper than contrastive rivals'", wins, len(pairs), number)]
