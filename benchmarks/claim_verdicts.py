"""Every verdict on the claims, from all results: as data, and as lines of docs/claims.md."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.claim_costs import cost_lines, read_costs
from benchmarks.claim_records import read_records
from benchmarks.claims_report import Found, bars, summarise
from benchmarks.judge import Verdict, judge, judge_leads
from benchmarks.judged_costs import growth_verdicts
from benchmarks.judged_trainings import training_verdicts
from benchmarks.plain_models import BY_ERROR, WHOLE
from benchmarks.reader_claims import ACROSS, CLOSED_FORM, Comparison

__all__ = [
    "DOCUMENT",
    "RESULTS",
    "document_parts",
    "document_with",
    "plain_verdicts",
    "read_verdicts",
    "reader_verdicts",
    "verdict_lines",
    "write_verdicts",
]

RESULTS = Path(__file__).parent / "results"
DOCUMENT = Path(__file__).parents[1] / "docs" / "claims.md"


def read_verdicts(results: Path) -> list[Verdict]:
    """Every verdict that a folder of results has records for.

    Args:
        results: with claims.jsonl, growth.json, plain.json, against_plain.json and reader_claims.json, or some of them.
    """
    verdicts = [*training_verdicts(_found(results)), *growth_verdicts(_read(results / "growth.json"))]
    verdicts += plain_verdicts(_read(results / "plain.json"), _read(results / "against_plain.json"))
    return verdicts + reader_verdicts(_read(results / "reader_claims.json"))


def _found(results: Path) -> Found:
    return summarise(list(read_records(results / "claims.jsonl")))


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return found


def write_verdicts(results: Path, document: Path = DOCUMENT) -> None:
    """Write `verdicts.json` beside the results, and the same lines into the document.

    Args:
        results: as of `read_verdicts`.
        document: Markdown that has two marks for each part.
    """
    verdicts = read_verdicts(results)
    text = json.dumps([asdict(verdict) for verdict in verdicts], indent=1) + "\n"
    (results / "verdicts.json").write_text(text, encoding="utf-8")
    print("\n".join(map(str, verdicts)))
    written = document_with(document_parts(results), document.read_text(encoding="utf-8"))
    document.write_text(written, encoding="utf-8")


def document_parts(results: Path) -> dict[str, str]:
    """What is written into the document, Markdown by the name of its marks.

    Args:
        results: as of `read_verdicts`.
    """
    _, *rivals = bars(_found(results)).splitlines()
    return {
        "verdicts": "\n".join(verdict_lines(read_verdicts(results))),
        "rivals": "\n".join(rivals).strip(),
        "costs": "\n".join(cost_lines(read_costs(results))),
    }


def document_with(parts: Mapping[str, str], text: str) -> str:
    """The document with these parts between their marks.

    Args:
        parts: of `document_parts`.
        text: Markdown that has the two marks of each.
    """
    for name, lines in parts.items():
        begin, end = f"<!-- {name}: written by `python -m benchmarks verdicts` -->", f"<!-- end of {name} -->"
        between = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        text = between.sub(lambda _, new=f"{begin}\n\n{lines}\n\n{end}": new, text)
    return text


def verdict_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """A table in Markdown.

    Args:
        verdicts: of `read_verdicts`.
    """
    rows = [f"| {v.section} | {v.claim} | **{v.result}** | {v.number} |" for v in verdicts]
    return ["| | claim | | numbers |", "|---|---|---|---|", *rows]


def plain_verdicts(plain: Mapping[str, Any], ours: Mapping[str, Any]) -> list[Verdict]:
    """The closed form beside the best mean of plain models, whole objects and each modality alone.

    Args:
        plain: as `benchmarks plain` writes it.
        ours: as `benchmarks against_plain` writes it.
    """
    leads: dict[str, list[float]] = {"whole objects": [], "each modality alone": []}
    for name in (name for name in ours if name in plain):
        for part, scores in ours[name].get("epochs=0", {"scores": {}})["scores"].items():
            models = {model: np.mean(each) for model, each in plain[name].get(part, {}).items() if model != "kernels"}
            if models:
                sign = -1 if name in BY_ERROR else 1
                best = max(sign * float(mean) for mean in models.values())
                leads["whole objects" if part == WHOLE else "each modality alone"].append(
                    sign * float(np.mean(scores)) - best
                )
    return [
        judge_leads(f"{words} as good as the best of four plain models or better", found)
        for words, found in leads.items()
    ]


def reader_verdicts(records: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Verdict]:
    """What a reader asks first, and how far apart modalities lie by the closed form.

    Args:
        records: as `benchmarks reader` writes them.
    """
    comparisons = [Comparison(**record) for rows in records.values() for record in rows]
    verdicts = []
    for question in dict.fromkeys(comparison.question for comparison in comparisons):
        asked = [comparison for comparison in comparisons if comparison.question == question]
        leads = [float(np.mean(comparison.ours)) - comparison.best()[1] for comparison in asked]
        verdicts.append(judge_leads(f"{question}: as good as the best rival or better", leads))
    gaps = [
        (
            float(np.mean(comparison.gaps[CLOSED_FORM])),
            min(float(np.mean(comparison.gaps[n])) for n in comparison.rivals),
        )
        for comparison in comparisons
        if comparison.question == ACROSS
    ]
    wins = sum(mine < theirs for mine, theirs in gaps)
    number = f"smaller gap within classes on {wins} of {len(gaps)} sets"
    number += f"; median {np.median([mine / theirs for mine, theirs in gaps]):.1f} times theirs" if gaps else ""
    claim = "by the closed form modalities lie together more than by networks"
    return [*verdicts, judge("interpretable", claim, wins, len(gaps), number)]
