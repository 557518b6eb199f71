"""What the trainings of `benchmarks claims` say: targets, times, scores and geometry, as tables and pictures."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.claim_costs import read_costs
from benchmarks.claim_protocol import CLOSED_FORM, OBJECTIVES
from benchmarks.claim_records import FROM_CLOSED_FORM, RANDOM, start_of

__all__ = [
    "CONTRASTIVE",
    "DEFAULTS",
    "HYBRID",
    "SHARES",
    "Found",
    "Method",
    "finite",
    "group_trainings",
    "ratio",
    "report",
    "summarise",
]

SHARES = (0.9, 0.95, 0.99)
"""Of cross entropy's final validation score: the targets."""
DEFAULTS = "angular, defaults"
"""The library's defaults, untuned; "angular" is tuned as its rivals are."""
CONTRASTIVE = ("supcon", "triplet", "clip", "anchor_clip", "gmc", "symile", "gram", "gmc_cross_entropy")
"""The rivals of the bars: those that learn from pairs, with labels."""
HYBRID = "gmc_cross_entropy"
"""The one that has a softmax classifier in it."""


@dataclass(frozen=True)
class Method:
    """One method on one set, over seeds.

    Args:
        name: as in `OBJECTIVES`.
        trainings: how many count.
        seconds: median CPU seconds to each target, infinite where half of the trainings or more do not reach it.
        beyond: the same without those of the closed form, where that is the start.
        choosing: median CPU seconds in which the closed form chose its penalties.
        steps: the same in steps.
        reached: share of trainings that reach each target.
        milliseconds: CPU of a whole step, the median; NaN of the closed form, which has none.
        area: mean validation score over the steps.
        validation: mean final validation score.
        accuracy: mean and standard deviation on the test part.
        map_at_r: the same.
        linear_probe: the same, None where classes are unseen.
        geometry: means of the numbers of `Geometry`.
        options: of the trainings.
    """

    name: str
    trainings: int
    seconds: tuple[float, ...]
    beyond: tuple[float, ...]
    choosing: float
    steps: tuple[float, ...]
    reached: tuple[float, ...]
    milliseconds: float
    area: float
    validation: float
    accuracy: tuple[float, float]
    map_at_r: tuple[float, float]
    linear_probe: tuple[float, float] | None
    geometry: Mapping[str, float | None]
    options: Mapping[str, Any]


Found = Mapping[str, tuple[tuple[float, ...], Sequence[Method]]]
"""For each set its targets and its methods."""


def summarise(records: Iterable[Mapping[str, Any]], start: str = RANDOM) -> Found:
    """For each set its targets, which are those of random starts, and its methods.

    Args:
        records: of `read_records`.
        start: of `STARTS`, of the trainings that count.
    """
    records = list(records)
    references, found = group_trainings(records), {}
    for name, groups in group_trainings(records, start).items():
        if "cross_entropy" not in references.get(name, {}):
            continue
        reference = float(np.mean([record["scores"][-1] for record in references[name]["cross_entropy"]]))
        targets = tuple(share * reference for share in SHARES)
        order = [CLOSED_FORM, DEFAULTS, *OBJECTIVES]
        methods = [_method(method, groups[method], targets) for method in order if method in groups]
        found[name] = targets, methods
    return found


def group_trainings(
    records: Iterable[Mapping[str, Any]], start: str = RANDOM
) -> dict[str, dict[str, list[Mapping[str, Any]]]]:
    """The tested trainings of each set and method, those of the defaults as a method of its own.

    Args:
        records: of `read_records`.
        start: of `STARTS`; the closed form alone, which starts from nothing, stands beside either, on the same splits.
    """
    tested = [r for r in records if r["tested"] and (start_of(r) == start or r["method"] == CLOSED_FORM)]
    tuned = {(r["set"], r["method"]): r["trial"] for r in tested if r["method"] != "angular" or r["trial"] > 0}
    sets: dict[str, dict[str, list[Mapping[str, Any]]]] = {}
    for record in tested:
        groups = sets.setdefault(record["set"], {})
        if record["method"] == "angular" and record["trial"] == 0:
            groups.setdefault(DEFAULTS, []).append(record)
        if record["trial"] == tuned.get((record["set"], record["method"]), 0):
            groups.setdefault(record["method"], []).append(record)
    return {name: _on_the_same_splits(groups) for name, groups in sets.items()}


def _on_the_same_splits(groups: dict[str, list[Mapping[str, Any]]]) -> dict[str, list[Mapping[str, Any]]]:
    """The trainings of a set, and the closed form of those splits alone that any of them has."""
    seeds = {record["seed"] for method, records in groups.items() if method != CLOSED_FORM for record in records}
    closed = [record for record in groups.get(CLOSED_FORM, []) if not seeds or record["seed"] in seeds]
    others = {method: records for method, records in groups.items() if method != CLOSED_FORM}
    return {CLOSED_FORM: closed, **others} if closed else others


def _method(name: str, records: Sequence[Mapping[str, Any]], targets: Sequence[float]) -> Method:
    times = np.array([[_reached(record, target, "seconds") for target in targets] for record in records])
    starts = np.array([record.get("start_seconds", 0.0) for record in records])
    steps = np.array([[_reached(record, target, "steps") for target in targets] for record in records])
    probes = [record["linear_probe"] for record in records]
    return Method(
        name=name,
        trainings=len(records),
        # Censored trainings count as infinitely slow, so the median is that of Kaplan and Meier with one end for all.
        seconds=tuple(np.median(times, axis=0).tolist()),
        beyond=tuple(np.median(times - starts[:, None], axis=0).tolist()),
        choosing=float(np.median([record.get("choosing_seconds", 0.0) for record in records])),
        steps=tuple(np.median(steps, axis=0).tolist()),
        reached=tuple(np.isfinite(times).mean(axis=0).tolist()),
        milliseconds=float(np.median([_milliseconds(record) for record in records])),
        area=float(np.mean([_area(record) for record in records])),
        validation=float(np.mean([record["scores"][-1] for record in records])),
        accuracy=_mean_and_spread([record["accuracy"] for record in records]),
        map_at_r=_mean_and_spread([record["map_at_r"] for record in records]),
        linear_probe=None if None in probes else _mean_and_spread(probes),
        geometry=_geometry([record["geometry"] for record in records]),
        options=records[0]["options"],
    )


def _area(record: Mapping[str, Any]) -> float:
    scores, steps = record["scores"], record["steps"]
    return float(np.trapezoid(scores, steps) / steps[-1]) if len(steps) > 1 else float(scores[0])


def _milliseconds(record: Mapping[str, Any]) -> float:
    if len(record["steps"]) == 1:
        return np.nan
    return 1000 * (record["seconds"][-1] - record["seconds"][0]) / record["steps"][-1]


def _reached(record: Mapping[str, Any], target: float, unit: str) -> float:
    """Where the best score so far passes the target, between two looks in a straight line; infinite if it does not."""
    best = np.maximum.accumulate(record["scores"])
    if best[-1] < target:
        return np.inf
    after = int(np.argmax(best >= target))
    if after == 0:
        return float(record[unit][0])
    share = (target - best[after - 1]) / (best[after] - best[after - 1])
    before, behind = record[unit][after - 1], record[unit][after]
    return float(before + share * (behind - before))


def _mean_and_spread(values: Sequence[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values))


def _geometry(found: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Means over trainings of every number, those within `angles` and `gap` too."""
    flat = [dict(_flat(each)) for each in found]
    means: dict[str, float | None] = {}
    for key in flat[0]:
        values = [each[key] for each in flat if each.get(key) is not None]
        means[key] = float(np.mean(values)) if len(values) == len(flat) else None
    return means


def _flat(record: Mapping[str, Any], prefix: str = "") -> Iterable[tuple[str, float | None]]:
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        elif value is None or (isinstance(value, (int, float)) and not isinstance(value, bool)):
            yield prefix + key, value


def _as_json(value: Any) -> Any:
    """As JSON has it: a target that was never reached, after infinitely many seconds, is null."""
    if isinstance(value, Mapping):
        return {key: _as_json(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def report(records: Sequence[Mapping[str, Any]], out: Path) -> str:
    """Write `claims.json`, `claims.md` and the pictures; the text of `claims.md`.

    Args:
        records: of `read_records`.
        out: a folder that exists.
    """
    found, started = summarise(records), summarise(records, FROM_CLOSED_FORM)
    plain = {
        name: {
            "targets": targets,
            "methods": [vars(method) for method in methods],
            FROM_CLOSED_FORM: [vars(method) for method in started.get(name, ((), []))[1]],
        }
        for name, (targets, methods) in found.items()
    }
    (out / "claims.json").write_text(json.dumps(_as_json(plain), indent=1) + "\n", encoding="utf-8")
    costs = read_costs(out)
    parts = [_times_table(name, *pair, costs.get(name, {})) for name, pair in found.items()]
    parts += [_geometry_table(name, pair[1]) for name, pair in found.items()]
    # Imported late: pictures alone need matplotlib, and those who only summarise do not.
    from benchmarks import claims_plots, claims_speed

    text = "\n\n".join([*parts, bars(found), claims_speed.speed(found, started)]).rstrip() + "\n"
    (out / "claims.md").write_text(text, encoding="utf-8")
    claims_plots.draw(out, found, records)
    return text


def _times_table(
    name: str, targets: Sequence[float], methods: Sequence[Method], costs: Mapping[str, tuple[float, int]]
) -> str:
    shown = ", ".join(f"{100 * target:.1f}" for target in targets)
    lines = [
        f"### {name}: targets {shown} % ({methods[-1].trainings} trainings each)",
        "",
        "| method | s to 90 | 95 | 99 % | steps to 95 | ms a step | objective | MB | accuracy | MAP@R | probe |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for method in methods:
        seconds = " | ".join(finite(value, 2) for value in method.seconds)
        probe = "" if method.linear_probe is None else f"{100 * method.linear_probe[0]:.1f}"
        step = f"{method.milliseconds:.0f}" if np.isfinite(method.milliseconds) else ""
        alone = costs.get("angular" if method.name == DEFAULTS else method.name)
        cost = " | " if alone is None else f"{alone[0]:.2f} | {alone[1] / 1e6:.2f}"
        lines.append(
            f"| {method.name} | {seconds} | {finite(method.steps[1], 0)} | {step} | {cost} "
            f"| {_percent(method.accuracy)} | {_percent(method.map_at_r)} | {probe} |"
        )
    return "\n".join(lines)


GEOMETRY = {
    "angles.overlap": "overlap",
    "angles.decidability": "d'",
    "nc1": "NC1",
    "alignment": "alignment",
    "uniformity": "uniformity",
    "effective_rank": "rank",
    "ami": "AMI",
    "gap.within_class": "gap",
}


def _geometry_table(name: str, methods: Sequence[Method]) -> str:
    lines = [
        f"### {name}: geometry of the test objects",
        "",
        f"| method | {' | '.join(GEOMETRY.values())} |",
        "|---" * (len(GEOMETRY) + 1) + "|",
    ]
    for method in methods:
        cells = " | ".join(_number(method.geometry.get(key)) for key in GEOMETRY)
        lines.append(f"| {method.name} | {cells} |")
    return "\n".join(lines)


def bars(found: Found) -> str:
    """Ours, untuned and tuned, against the best contrastive rival of each set.

    Args:
        found: of `summarise`.
    """
    lines = [
        "### Against the best contrastive rival",
        "",
        "Seconds to 95 and 99 % are the fastest rival's over ours: of those that learn from pairs alone, then with",
        "GMC + CE, which has a softmax classifier in it.",
        "",
        "| set | ours | seeds | 95 % | 99 % | 95, GMC + CE | 99 % | accuracy, ours less best rival | MAP@R | gap |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, (_, methods) in found.items():
        rivals = [method for method in methods if method.name in CONTRASTIVE]
        for ours in (method for method in methods if method.name in (DEFAULTS, "angular")):
            if not rivals:
                continue
            pure = [rival for rival in rivals if rival.name != HYBRID]
            pairs = [(theirs, t) for theirs in (pure or rivals, rivals) for t in (1, 2)]
            times = [ratio(min(rival.seconds[t] for rival in theirs), ours.seconds[t]) for theirs, t in pairs]
            best = max(rivals, key=lambda rival: rival.accuracy[0])
            accuracy = f"{100 * (ours.accuracy[0] - best.accuracy[0]):+.1f} ({best.name})"
            map_at_r = f"{100 * (ours.map_at_r[0] - max(rival.map_at_r[0] for rival in rivals)):+.1f}"
            gaps = [rival.geometry.get("gap.within_class") for rival in (ours, best)]
            gap = "" if None in gaps else f"{gaps[0] / gaps[1]:.2f}"  # type: ignore[operator]
            row = [name, ours.name, str(ours.trainings), *times, accuracy, map_at_r, gap]
            lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def ratio(theirs: float, ours: float) -> str:
    """Theirs over ours, or who got there at all.

    Args:
        theirs: seconds, infinite where a target was never reached.
        ours: the same.
    """
    if not np.isfinite([theirs, ours]).any():
        return "neither"
    if not np.isfinite([theirs, ours]).all():
        return "only ours" if np.isfinite(ours) else "only theirs"
    found = theirs / max(ours, 1e-9)
    return f"{found:.1f}" if found >= 0.1 else f"{found:.1g}"


def finite(value: float, digits: int) -> str:
    """A number, or "never" where it is infinite.

    Args:
        value: seconds or steps.
        digits: behind the point.
    """
    return f"{value:.{digits}f}" if np.isfinite(value) else "never"


def _percent(pair: tuple[float, float]) -> str:
    return f"{100 * pair[0]:.1f} +- {100 * pair[1]:.1f}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"
