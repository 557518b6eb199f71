"""What each objective of the claims costs alone, at the modalities, objects and classes of a set."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.claim_protocol import OBJECTIVES
from benchmarks.claim_sets import SETS, load_claim_set
from benchmarks.growth import measure
from benchmarks.growth_cases import Case, Size

__all__ = ["ALONE", "Costs", "cost_lines", "read_costs", "run"]

ALONE = tuple(method for method, (fixed, _) in OBJECTIVES.items() if "alignment_weight" not in fixed)
"""Methods that are an objective with its own terms; whose objects are positives changes little."""
Costs = Mapping[str, Mapping[str, tuple[float, int]]]
"""By set and method: milliseconds of CPU forward and backward, and bytes at most beyond what was there before."""


def run(names: Sequence[str], folder: Path, out: Path, *, rounds: int = 5) -> None:
    """Write `OUT/costs.json`; what it holds of other sets stays.

    Args:
        names: of `SETS`; all by default.
        folder: of the shared data sets.
        out: a folder that exists.
        rounds: of which the median counts.
    """
    costs = {name: dict(methods) for name, methods in read_costs(out).items()}
    for name in names or SETS:
        data = load_claim_set(name, folder, seed=0)
        size = Size(data.fit.present.shape[1], data.batch_size, data.num_classes)
        kinds = {method: OBJECTIVES[method][0].get("objective", "angular") for method in ALONE}
        found = measure([Case(kind, size) for kind in dict.fromkeys(kinds.values())], rounds)
        costs[name] = {
            method: (round(found.ms(Case(kind, size)), 3), found.peaks[Case(kind, size)])
            for method, kind in kinds.items()
        }
        print(f"{name:18} {size}: {costs[name]}", flush=True)
        (out / "costs.json").write_text(json.dumps(costs, indent=1) + "\n", encoding="utf-8")


def read_costs(out: Path) -> Costs:
    """What a folder holds; nothing where it was not measured.

    Args:
        out: as of `run`.
    """
    file = out / "costs.json"
    found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return {name: {m: (float(ms), int(size)) for m, (ms, size) in methods.items()} for name, methods in found.items()}


def cost_lines(costs: Costs) -> list[str]:
    """A table in Markdown: a row a method, a column a set, milliseconds and megabytes.

    Args:
        costs: of `read_costs`.
    """
    methods = [method for method in ALONE if "no labels" not in method]
    rows = [
        [method, *(f"{own[method][0]:.1f}, {own[method][1] / 1e6:.1f}" for own in costs.values())] for method in methods
    ]
    return [f"| {' | '.join(row)} |" for row in (["ms, MB", *costs], ["---"] * (1 + len(costs)), *rows)]
