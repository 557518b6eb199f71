from collections.abc import Callable
from typing import Any

from benchmarks.claim_protocol import CLOSED_FORM
from benchmarks.claims_report import summarise
from benchmarks.claims_speed import speed

MakeRecord = Callable[..., dict[str, Any]]


def tables(records: list[dict[str, Any]]) -> str:
    return speed(summarise(records), summarise(records, "closed_form"))


def closed_form(make_record: MakeRecord, score: float, name: str) -> dict[str, Any]:
    return make_record(CLOSED_FORM, [score], name=name, start="closed_form", choosing_seconds=0.3)


def test_nothing_is_said_of_a_closed_form_that_was_not_measured(make_record: MakeRecord) -> None:
    assert tables([make_record("cross_entropy", [0.0, 1.0]), make_record("clip", [0.0, 1.0])]) == ""


def test_a_ratio_is_that_of_the_fastest_rival_with_and_without_a_classifier_in_it(make_record: MakeRecord) -> None:
    # After 0.5, 1.5 and 2.5 seconds; the closed form takes 0.5.
    ends = {"cross_entropy": [0, 0, 1], "gmc_cross_entropy": [0, 1, 1], "clip": [0, 0, 1], "supcon": [0, 0, 0.5]}
    records = [make_record(method, scores) for method, scores in ends.items()]
    text = tables([*records, closed_form(make_record, 0.97, "made")])
    assert "| made | 97.0 | 100.0 | 0.50 (0.20) | 1.45 gmc_cross_entropy | 2.9 | 2.45 clip | 4.9 |" in text
    assert "At least 3 times as fast as every rival on 0 of 1 sets, as those of pairs alone on 1 of 1 sets." in text


def test_a_closed_form_that_does_not_get_there_is_not_there(make_record: MakeRecord) -> None:
    records = [make_record(method, [0.0, 1.0]) for method in ("cross_entropy", "clip")]
    records.append(closed_form(make_record, 0.9, "made"))
    assert "| made | 90.0 | 100.0 | never* | 1.45 clip | only theirs |" in tables(records)
    records.append(make_record("angular", [0.9, 1.0], start="closed_form", start_seconds=0.4))
    records.append(make_record("clip", [0.9, 0.9, 1.0], start="closed_form", start_seconds=0.4))
    text = tables(records)
    assert "| made | 90.0 | 100.0 | 1.00* | 1.45 clip | 1.5 |" in text
    assert "| made | 1.00 (0.60) | 2.00 (1.60) clip | 2.7 |" in text
    assert "| made | 90.0 | 100.0 | 100.0 clip |" in text


def test_where_the_closed_form_is_there_nothing_is_left_to_race_for(make_record: MakeRecord) -> None:
    records = [make_record(method, [0.0, 1.0]) for method in ("cross_entropy", "clip")]
    records += [make_record(name, [1.0, 1.0], start="closed_form", start_seconds=0.4) for name in ("angular", "clip")]
    text = tables([*records, closed_form(make_record, 1.0, "made")])
    assert "| made | 0.50 (0.10) | 0.50 (0.10) clip | all at the start |" in text


def test_sets_of_unseen_classes_are_shown_and_not_counted(make_record: MakeRecord) -> None:
    records = []
    for name in ("made", "made-unseen"):
        records += [make_record("cross_entropy", [0.0, 1.0], name=name), make_record("clip", [0.0, 0.5], name=name)]
        records.append(closed_form(make_record, 1.0, name))
    text = tables(records)
    assert "| made-unseen | 100.0 | 50.0 | 0.50 (0.20) | never | only ours | never | only ours |" in text
    assert "as every rival on 1 of 1 sets" in text
