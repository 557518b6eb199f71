"""Seconds of the closed form to a target against those of the contrastive rivals, from random weights and from it."""

from collections.abc import Iterable, Mapping

import numpy as np

from benchmarks.claim_protocol import CLOSED_FORM
from benchmarks.claim_sets import UNSEEN
from benchmarks.claims_report import CONTRASTIVE, DEFAULTS, HYBRID, SHARES, Found, Method, finite, ratio

__all__ = ["FASTER", "speed"]

FASTER = 3.0
"""Times that ours is to be as fast as the fastest rival."""
TARGETS = 1, 2
"""Of `SHARES`."""
Methods = Mapping[str, Method]
"""Of a set, by name."""

OWN = f"""Ours is the closed form; where it does not get there (*), the angular objective from it. In brackets it is
without its choice of penalties, as the rivals' seconds are without their tuning. A ratio is the fastest rival's seconds
over ours, {FASTER:g} or more to be held. Scores are those at the end, on the validation part."""
SAME = """Seconds from the very start, and in brackets those beyond the common one, of which the ratio is."""


def speed(found: Found, started: Found) -> str:
    """The tables; empty where the closed form was not measured.

    Args:
        found: of `summarise`, from random weights.
        started: likewise, from the closed form.
    """
    own = {name: {method.name: method for method in methods} for name, (_, methods) in found.items()}
    own = {name: methods for name, methods in own.items() if CLOSED_FORM in methods}
    same = {name: {method.name: method for method in methods} for name, (_, methods) in started.items()}
    # The closed form alone has not started anything.
    same = {name: methods for name, methods in same.items() if name in own and len(methods) > 1}
    if not own:
        return ""
    parts = [f"### The closed form, and rivals from random weights\n\n{OWN}"]
    parts += [_own_table(own, same, target) for target in TARGETS]
    if same:
        parts += [f"### All from the closed form\n\n{SAME}", *(_same_table(same, target) for target in TARGETS)]
        parts.append(_accuracy_table(same))
    return "\n\n".join(parts)


def _own_table(own: Mapping[str, Methods], same: Mapping[str, Methods], target: int) -> str:
    lines = [
        f"| to {100 * SHARES[target]:.0f} % of CE | its score | best rival's | ours, s | fastest rival | ratio "
        "| of pairs | ratio |",
        "|---|---|---|---|---|---|---|---|",
    ]
    pairs = [name for name in CONTRASTIVE if name != HYBRID]
    met = {"every rival": 0, "those of pairs alone": 0}
    for name, methods in own.items():
        closed, ours = methods[CLOSED_FORM], _ours(methods, same.get(name, {}), target)
        best = max((methods[rival].validation for rival in CONTRASTIVE if rival in methods), default=np.nan)
        cells = [f"{100 * closed.validation:.1f}", f"{100 * best:.1f}", _seconds_of_ours(closed, ours, target)]
        for whom, rivals in zip(met, (CONTRASTIVE, pairs), strict=True):
            rival = _fastest(methods, rivals, target)
            theirs = rival.seconds[target] if rival else np.inf
            met[whom] += not name.endswith(UNSEEN) and bool(ours < np.inf and theirs >= FASTER * ours)
            cells += [_named(rival, finite(theirs, 2)), ratio(theirs, ours)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    known = sum(not name.endswith(UNSEEN) for name in own)
    shown = ", ".join(f"as {whom} on {number} of {known} sets" for whom, number in met.items())
    return "\n".join([*lines, "", f"At least {FASTER:g} times as fast {shown}."])


def _same_table(same: Mapping[str, Methods], target: int) -> str:
    lines = [
        f"| to {100 * SHARES[target]:.0f} % of CE | angular, s | fastest rival, s | ratio |",
        "|---|---|---|---|",
    ]
    for name, methods in same.items():
        ours, rival = methods.get(DEFAULTS), _fastest(methods, CONTRASTIVE, target)
        cells = [_beyond(ours, target), _named(rival, _beyond(rival, target)), _ratio_beyond(methods, rival, target)]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _accuracy_table(same: Mapping[str, Methods]) -> str:
    lines = ["| test accuracy | closed form | angular from there | best rival from there |", "|---|---|---|---|"]
    for name, methods in same.items():
        best = max((methods[rival] for rival in CONTRASTIVE if rival in methods), key=_accuracy, default=None)
        cells = [_percent(methods.get(CLOSED_FORM)), _percent(methods.get(DEFAULTS)), _named(best, _percent(best))]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _accuracy(method: Method) -> float:
    return method.accuracy[0]


def _percent(method: Method | None) -> str:
    return "" if method is None else f"{100 * _accuracy(method):.1f}"


def _ours(methods: Methods, started: Methods, target: int) -> float:
    """Seconds of the closed form to a target, or of the angular objective from it."""
    alone = methods[CLOSED_FORM].seconds[target]
    return alone if np.isfinite(alone) or DEFAULTS not in started else started[DEFAULTS].seconds[target]


def _seconds_of_ours(closed: Method, ours: float, target: int) -> str:
    if not np.isfinite(closed.seconds[target]):
        return finite(ours, 2) + "*"
    return f"{ours:.2f} ({ours - closed.choosing:.2f})"


def _fastest(methods: Methods, names: Iterable[str], target: int) -> Method | None:
    """The method that is first at a target; None where none gets there."""
    there = [methods[name] for name in names if name in methods and np.isfinite(methods[name].seconds[target])]
    return min(there, key=lambda method: method.seconds[target], default=None)


def _ratio_beyond(methods: Methods, rival: Method | None, target: int) -> str:
    if CLOSED_FORM in methods and np.isfinite(methods[CLOSED_FORM].seconds[target]):
        return "all at the start"
    ours = methods[DEFAULTS].beyond[target] if DEFAULTS in methods else np.inf
    return ratio(rival.beyond[target] if rival else np.inf, ours)


def _beyond(method: Method | None, target: int) -> str:
    if method is None or not np.isfinite(method.seconds[target]):
        return "never"
    return f"{method.seconds[target]:.2f} ({method.beyond[target]:.2f})"


def _named(method: Method | None, text: str) -> str:
    return text if method is None else f"{text} {method.name}"
