import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.claim_protocol import CLOSED_FORM
from benchmarks.claim_records import STARTS
from benchmarks.claims_report import CONTRASTIVE, DEFAULTS, bars, report, summarise

MakeRecord = Callable[..., dict[str, Any]]
METHODS = "angular", "cross_entropy", "gmc"


def methods_of(records: list[dict[str, Any]], name: str = "made") -> dict[str, Any]:
    _, methods = summarise(records)[name]
    return {method.name: method for method in methods}


def test_targets_are_shares_of_what_cross_entropy_ends_with(make_record: MakeRecord) -> None:
    records = [make_record("cross_entropy", [0.1, 0.9, last], seed=seed) for seed, last in enumerate((0.7, 0.9))]
    targets, _ = summarise([*records, make_record("clip", [0.0, 1.0])])["made"]
    assert targets == pytest.approx((0.9 * 0.8, 0.95 * 0.8, 0.99 * 0.8))


def test_a_set_without_cross_entropy_has_no_targets(make_record: MakeRecord) -> None:
    assert summarise([make_record("clip", [0.1, 0.5])]) == {}


def test_tuning_does_not_count(make_record: MakeRecord) -> None:
    tuning = make_record("cross_entropy", [1.0, 1.0], tested=False)
    assert methods_of([tuning, make_record("cross_entropy", [0.0, 0.5])])["cross_entropy"].trainings == 1


def test_a_target_is_reached_between_two_looks_by_the_best_score_so_far(make_record: MakeRecord) -> None:
    # Looks after 0, 10, 20 and 30 steps and 0.5, 1.5, 2.5 and 3.5 seconds. The targets are 0.9, 0.95 and 0.99.
    records = [make_record("cross_entropy", [0.0, 0.0, 0.0, 1.0]), make_record("gmc", [0.95, 0.2, 0.8, 1.0])]
    found = methods_of(records)
    assert found["cross_entropy"].seconds == pytest.approx((3.4, 3.45, 3.49))
    assert found["cross_entropy"].steps == pytest.approx((29.0, 29.5, 29.9))
    # The dip after the first look is forgotten, and so is what it takes to come back.
    assert found["gmc"].seconds == pytest.approx((0.5, 0.5, 2.5 + 0.04 / 0.05))


def test_a_training_that_never_gets_there_counts_as_infinitely_slow(make_record: MakeRecord) -> None:
    records = [make_record("cross_entropy", [0.0, 1.0])]
    ends = {"supcon": (0.5, 1.0, 1.0), "triplet": (0.5, 0.5, 1.0), "clip": (0.5, 1.0)}
    records += [make_record(name, [0.0, last], seed=n) for name, lasts in ends.items() for n, last in enumerate(lasts)]
    found = methods_of(records)
    assert found["supcon"].seconds == pytest.approx((1.4, 1.45, 1.49))
    assert found["supcon"].reached == pytest.approx((2 / 3,) * 3)
    assert found["triplet"].seconds == (math.inf,) * 3
    assert found["clip"].seconds == (math.inf,) * 3


def test_defaults_and_tuned_are_told_apart_and_may_be_the_same(make_record: MakeRecord) -> None:
    records = [make_record("cross_entropy", [0.0, 1.0]), make_record("angular", [0.0, 0.8])]
    same = methods_of(records)
    assert same[DEFAULTS].validation == same["angular"].validation == 0.8
    apart = methods_of([*records, make_record("angular", [0.0, 0.9], trial=4)])
    assert apart[DEFAULTS].validation == 0.8
    assert apart["angular"].validation == 0.9


def test_unseen_classes_have_no_probe(make_record: MakeRecord) -> None:
    found = methods_of([make_record("cross_entropy", [0.0, 1.0], linear_probe=None)])
    assert found["cross_entropy"].linear_probe is None


@pytest.mark.parametrize(
    ("ours", "rival", "shown"), [(1.0, 0.5, "only ours"), (0.5, 1.0, "only theirs"), (0.5, 0.5, "neither")]
)
def test_bars_say_who_got_there(make_record: MakeRecord, ours: float, rival: float, shown: str) -> None:
    assert "clip" in CONTRASTIVE
    ends = {"cross_entropy": 1.0, "angular": ours, "clip": rival}
    text = bars(summarise([make_record(method, [0.0, last]) for method, last in ends.items()]))
    assert f"| made | {DEFAULTS} | 1 | {shown} | {shown} |" in text


def test_starts_are_told_apart_and_the_closed_form_stands_beside_both(make_record: MakeRecord) -> None:
    closed = make_record(CLOSED_FORM, [0.9], start="closed_form", choosing_seconds=0.2)
    started = make_record("gmc", [0.9, 0.95], start="closed_form", start_seconds=0.4)
    records = [make_record("cross_entropy", [0.0, 1.0]), make_record("gmc", [0.0, 0.5]), closed, started]
    own, same = methods_of(records), summarise(records, "closed_form")
    assert list(own) == [CLOSED_FORM, "cross_entropy", "gmc"]
    assert own[CLOSED_FORM].seconds == (0.5, math.inf, math.inf)
    assert (own[CLOSED_FORM].choosing, own[CLOSED_FORM].area) == (0.2, 0.9)
    assert own["gmc"].validation == 0.5
    targets, (_, gmc) = same["made"]
    assert targets == summarise(records)["made"][0]
    assert (gmc.name, gmc.validation) == ("gmc", 0.95)
    assert gmc.seconds == pytest.approx((0.5, 1.5, math.inf))
    assert gmc.beyond == pytest.approx((0.1, 1.1, math.inf))


def test_the_closed_form_counts_on_the_splits_that_the_others_have(make_record: MakeRecord) -> None:
    closed = [make_record(CLOSED_FORM, [score], seed=seed, start="closed_form") for seed, score in ((0, 0.9), (1, 0.5))]
    records = [make_record("cross_entropy", [0.0, 1.0], seed=seed) for seed in (0, 1)]
    started = make_record("gmc", [0.9, 0.95], start="closed_form")
    own, same = (summarise([*closed, *records, started], start)["made"][1][0] for start in STARTS)
    assert (own.name, own.trainings, own.validation) == (CLOSED_FORM, 2, 0.7)
    assert (same.name, same.trainings, same.validation) == (CLOSED_FORM, 1, 0.9)


def test_what_is_written_is_json_with_both_starts(make_record: MakeRecord, tmp_path: Path) -> None:
    records = [make_record(method, [0.5, 0.9], start=start) for start in STARTS for method in METHODS]
    text = report([*records, make_record(CLOSED_FORM, [0.9], start="closed_form")], tmp_path)
    assert "| closed form | 0.50 | 0.50 | 0.50 | 0 |  |" in text
    found = json.loads((tmp_path / "claims.json").read_text(encoding="utf-8"))["made"]
    for methods in (found["methods"], found["closed_form"]):
        assert [method["name"] for method in methods] == [CLOSED_FORM, DEFAULTS, "angular", "cross_entropy", "gmc"]
        assert [method["milliseconds"] is None for method in methods] == [True, False, False, False, False]
