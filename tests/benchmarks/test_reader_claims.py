import numpy as np
import pytest

import steradian as sr
from benchmarks.reader_claims import ACROSS, CLOSED_FORM, MISSING, UNSEEN, Comparison, draw_present, measure_set

MODALITIES = ("a", "b")


@pytest.fixture(scope="module")
def comparisons() -> dict[str, Comparison]:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(9), 8)
    columns = {name: rng.normal(size=(9, 5))[labels] + rng.normal(size=(72, 5)) / 4 for name in MODALITIES}
    schema = sr.Schema({name: sr.Vector(name) for name in MODALITIES})
    objects = sr.read_objects({**columns, "label": labels}, schema)
    return {each.question: each for each in measure_set("made", objects, splits=1, epochs=1)}


def test_easy_classes_are_found_by_all_ways(comparisons: dict[str, Comparison]) -> None:
    assert set(comparisons) == {UNSEEN, MISSING, ACROSS}
    for question in (UNSEEN, MISSING):
        name, theirs = comparisons[question].best()
        assert name in comparisons[question].rivals
        assert comparisons[question].ours[0] > 80
        assert theirs > 80


def test_across_modalities_gaps_stand_beside_scores(comparisons: dict[str, Comparison]) -> None:
    across = comparisons[ACROSS]
    assert set(across.gaps) == {CLOSED_FORM, *across.rivals}
    assert all(0 <= gap <= 2 for gaps in across.gaps.values() for gap in gaps)
    assert "gaps: closed form" in str(across)


def test_nine_tenths_are_dropped_and_no_object_is_empty() -> None:
    present = draw_present((2000, 4), seed=0)
    assert present.any(axis=1).all()
    # One of four is kept where the draw kept none: .1 + .9^4 / 4 of each.
    assert present.mean() == pytest.approx(0.1 + 0.9**4 / 4, abs=0.01)
