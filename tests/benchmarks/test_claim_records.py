import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.claim_records import FROM_CLOSED_FORM, Records, read_records, start_of


def test_a_line_that_was_cut_off_costs_that_training_alone(tmp_path: Path, make_record: Callable[..., Any]) -> None:
    path = tmp_path / "claims.jsonl"
    first, second, third = (make_record("clip", [0.1, 0.5], seed=seed) for seed in range(3))
    Records(path).add(first)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(second)[:40])
    records = Records(path)
    key = {"set": "made", "method": "clip", "trial": 0, "tested": True}
    assert records.find(**key, seed=0) == first
    assert records.find(**key, seed=1) is None
    records.add(second)
    records.add(third)
    assert list(read_records(path)) == [first, second, third]
    assert Records(path).find(**key, seed=1) == second


def test_a_file_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert list(read_records(tmp_path / "claims.jsonl")) == []


def test_a_record_that_names_no_start_had_a_random_one(tmp_path: Path, make_record: Callable[..., Any]) -> None:
    path = tmp_path / "claims.jsonl"
    old, new = make_record("clip", [0.1, 0.5]), make_record("clip", [0.6, 0.7], start=FROM_CLOSED_FORM)
    for record in (old, new):
        Records(path).add(record)
    assert [start_of(record) for record in (old, new)] == ["random", "closed_form"]
    key = {"set": "made", "method": "clip", "trial": 0, "seed": 0, "tested": True}
    assert Records(path).find(**key) == Records(path).find(**key, start="random") == old
    assert Records(path).find(**key, start=FROM_CLOSED_FORM) == new
