import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks.claim_verdicts import (
    DOCUMENT,
    RESULTS,
    document_parts,
    document_with,
    plain_verdicts,
    read_verdicts,
    reader_verdicts,
    verdict_lines,
)
from benchmarks.claims_report import summarise
from benchmarks.judge import judge, judge_leads
from benchmarks.judged_trainings import best_rivals, speed_verdicts
from benchmarks.reader_claims import ACROSS, CLOSED_FORM, UNSEEN

MakeRecord = Callable[..., dict[str, Any]]


def test_what_is_committed_is_what_the_results_say() -> None:
    verdicts = read_verdicts(RESULTS)
    assert json.loads((RESULTS / "verdicts.json").read_text(encoding="utf-8")) == [asdict(each) for each in verdicts]
    text, parts = DOCUMENT.read_text(encoding="utf-8"), document_parts(RESULTS)
    assert document_with(parts, text) == text
    assert all(part in text for part in parts.values())
    assert {verdict.section for verdict in verdicts} == {"faster", "separable", "interpretable", "light", "good"}


def test_only_what_lies_between_the_marks_is_written() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    changed = document_with({"verdicts": "\n".join(verdict_lines([judge("good", "a claim", 1, 1, "1 of 1")]))}, text)
    before, after = text.split("<!-- verdicts")[0], text.split("<!-- end of verdicts -->")[1]
    assert changed.startswith(before)
    assert changed.endswith(after)
    assert "| good | a claim | **held** | 1 of 1 |" in changed


def test_without_results_nothing_is_measured(tmp_path: Path) -> None:
    assert {verdict.result for verdict in read_verdicts(tmp_path)} == {"not measured"}


@pytest.mark.parametrize(("wins", "of", "result"), [(2, 2, "held"), (1, 2, "depends"), (0, 2, "not held")])
def test_a_claim_holds_everywhere_somewhere_or_nowhere(wins: int, of: int, result: str) -> None:
    assert judge("good", "a claim", wins, of, "").result == result


def test_a_tenth_of_a_point_behind_is_as_good() -> None:
    assert judge_leads("a claim", [0.0, -0.1, -0.2]).wins == 2


def test_a_lead_of_less_than_five_percent_of_the_time_is_none(make_record: MakeRecord) -> None:
    # Looks after 0.5, 1.5, ... seconds: 0.95 is reached later by the one that climbs later.
    records = [
        make_record("cross_entropy", [0.0, 0.0, 1.0]),
        make_record("angular", [0.0, 1.0, 1.0]),
        make_record("clip", [0.0, 0.0, 1.0]),
    ]
    classical = speed_verdicts(summarise(records))[0]
    assert (classical.result, classical.wins, classical.of) == ("held", 1, 1)
    records[1] = make_record("angular", [0.0, 0.0, 1.0])
    assert speed_verdicts(summarise(records))[0].result == "not held"


def test_the_best_rival_of_each_measure(make_record: MakeRecord) -> None:
    records = [make_record(name, [0.0, 1.0]) for name in ("cross_entropy", "angular", "clip", "gmc")]
    records[2]["accuracy"] = records[1]["accuracy"] + 0.1
    ((name, mine, theirs, rival),) = best_rivals(summarise(records), "accuracy")
    assert (name, theirs - mine, rival) == ("made", pytest.approx(10.0), "CLIP, all pairs")


def test_errors_are_better_when_small() -> None:
    plain = {"breast_tcga": {"whole": {"LR": [10.0], "SVM": [4.0], "kernels": [0.0]}}, "made": {"v": {"LR": [80.0]}}}
    ours = {
        "breast_tcga": {"epochs=0": {"scores": {"whole": [3.0]}}},
        "made": {"epochs=0": {"scores": {"v": [79.0], "w": [1.0]}}},
        "not among plain": {"epochs=0": {"scores": {"whole": [1.0]}}},
    }
    whole, alone = plain_verdicts(plain, ours)
    assert (whole.result, whole.number) == ("held", "1 of 1; leads +1.0 to +1.0, median +1.0 points")
    assert (alone.result, alone.number) == ("not held", "0 of 1; leads -1.0 to -1.0, median -1.0 points")


def test_a_readers_questions_each_have_a_verdict() -> None:
    unseen = {"question": UNSEEN, "set": "made", "ours": [90.0, 80.0], "rivals": {"a": [80.0, 80.0], "b": [86.0, 86.0]}}
    gaps = {CLOSED_FORM: [0.2], "gmc": [0.4]}
    across = {"question": ACROSS, "set": "made", "ours": [50.0], "rivals": {"gmc": [60.0]}, "gaps": gaps}
    found = reader_verdicts({"made": [unseen, across]})
    assert [verdict.result for verdict in found] == ["not held", "not held", "held"]
    assert found[0].number == "0 of 1; leads -1.0 to -1.0, median -1.0 points"
    assert found[2].number == "smaller gap within classes on 1 of 1 sets; median 0.5 times theirs"
