"""The published tables beside the library's defaults and plain models, on the same splits where they are known."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from benchmarks import shared_sets
from benchmarks.shared_sets import OURS, Row

__all__ = ["run"]

PUBLISHED = {
    "handwritten": "ECML 99.40",
    "pie_faces": "ECML 94.71, EDL 84.33, MCDO 83.96",
    "scene15": "ECML 76.19",
    "leaves100": "best single view 88.9",
    "bdgp": "single views 84.6 and 53.4",
    "breast_tcga": "DIABLO about .068 balanced error (recalled)",
}
"""Accuracy in percent. ECML and the methods beside it: Xu et al. 2024 (RCML, AAAI), whose protocol scales by minima and
maxima of all objects, test ones too, and draws its splits without a seed: near, not the same."""


def run(names: Sequence[str], folder: Path | None, *, splits: int, out: Path) -> None:
    """Print the table of `shared_sets.run`; write it beside published figures as Markdown, and every split as JSON.

    Args:
        names: of `PUBLISHED`; all by default.
        folder: of the sets; None takes the variable STERADIAN_DATA.
        splits: random splits of sets without an official one.
        out: a folder to write to.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows: list[Row] = []
    for name in names or PUBLISHED:
        rows += shared_sets.run([name], folder, splits=splits, options=[], tune=False)
        (out / "tables.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")
        (out / "tables.md").write_text(markdown(rows), encoding="utf-8")
    print(f"wrote {out / 'tables.md'} and {out / 'tables.json'}")


def markdown(rows: Sequence[Row]) -> str:
    """A table with a row a set: ours, the best plain model on the same splits, and what is published.

    Args:
        rows: of `shared_sets.run`.
    """
    lines = ["| set | steradian | best plain model | published |", "|---|---|---|---|"]
    for name in dict.fromkeys(row.set for row in rows):
        methods = [row for row in rows if row.set == name]
        (ours,) = (row for row in methods if row.method == OURS)
        by_error = name == "breast_tcga"
        plain = max((row for row in methods if row.method != OURS), key=lambda row: _score(row, by_error=by_error))
        cells = [_shown(ours, by_error=by_error), f"{_shown(plain, by_error=by_error)} ({plain.method})"]
        lines.append(f"| {name} | {' | '.join(cells)} | {PUBLISHED[name]} |")
    return "\n".join(lines) + "\n"


def _score(row: Row, *, by_error: bool) -> float:
    return -float(np.mean(row.balanced_errors)) if by_error else float(np.mean(row.accuracies))


def _shown(row: Row, *, by_error: bool) -> str:
    values, digits = (row.balanced_errors, 3) if by_error else (row.accuracies, 2)
    return f"{np.mean(values):.{digits}f} +- {np.std(values):.{digits}f}"
