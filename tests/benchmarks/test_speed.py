"""The table of speed: what it measures, what it prints, how it counts growth."""

import pytest

from benchmarks.speed import MEASURES, WORK, Timing, exponent, run


def test_the_quick_form_measures_everything_at_two_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    timings = run(quick=True, rounds=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(timings) + 3
    names = {timing.work for timing in timings}
    assert {"search, 1 queries", "search, 1000 queries", "retrieval scores", "evaluate", "audit"} <= names
    assert len(timings) == 2 * len(names)
    assert all(timing.ours > 0 for timing in timings)
    searches = [timing for timing in timings if timing.work.startswith("search")]
    assert all(timing.peer and timing.floor for timing in searches)
    assert WORK.keys() == MEASURES.keys()


def test_the_exponent_is_the_power_of_the_size() -> None:
    assert exponent(Timing("work", 10, 0.5), Timing("work", 40, 8.0)) == pytest.approx(2.0)
