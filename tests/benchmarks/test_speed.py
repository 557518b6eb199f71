"""The table of speed: what it measures, what it prints, how it counts growth."""

import pytest

from benchmarks.reading import Reading
from benchmarks.speed import MEASURES, WORK, Timing, exponent, run


def test_the_quick_form_measures_everything_at_two_sizes(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Processes take most of the time: reading has a test of its own, and the command line has many.
    commands: list[list[str]] = []
    monkeypatch.setattr("benchmarks.speed.subprocess.run", lambda command, **_: commands.append(command))
    timings = run([work for work in WORK if work != "reading"], quick=True, rounds=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(timings) + 5
    assert [command[1:4] for command in commands[::2]] == 2 * [["-m", "steradian", "search"]]
    assert all(len(line) <= 80 for line in lines)
    names = {timing.work for timing in timings}
    assert {"search, 1 queries", "search, 1000 queries", "retrieval scores", "evaluate", "audit", "audit, MB"} <= names
    assert len(timings) == 2 * len(names)
    assert {"training step, text", "loss of 256 rows by classes", "evaluate, 10 objects a class"} <= names
    assert all(timing.ours > 0 for timing in timings)
    searches = [timing for timing in timings if timing.work.startswith("search")]
    assert all(timing.peer and timing.floor for timing in searches)
    assert WORK.keys() == MEASURES.keys()


def test_the_exponent_is_the_power_of_the_size() -> None:
    assert exponent(Timing("work", 10, 0.5), Timing("work", 40, 8.0)) == pytest.approx(2.0)


def test_reading_is_told_in_seconds_and_megabytes(monkeypatch: pytest.MonkeyPatch) -> None:
    read = Reading("csv", 1000, table=2_000_000, ours=30.0, pyarrow=10.0, peak=3_000_000)
    monkeypatch.setattr("benchmarks.reading.run", lambda **_: [read])
    seconds, megabytes = MEASURES["reading"](1000, 1)
    assert (seconds.ours, seconds.peer, seconds.ratio) == pytest.approx((0.03, 0.01, 3.0))
    assert (megabytes.ours, megabytes.floor, megabytes.ratio) == pytest.approx((3.0, 2.0, 1.5))
