"""What a person sees: plain lines in a file, a bar on a terminal."""

import io
import sys
import threading

import numpy as np
import pytest
from rich.console import Console

from steradian import SphereEmbedder, progress_bar
from steradian.training import Progress


def console(*, terminal: bool) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, force_terminal=terminal, width=100, color_system=None), file


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that it is, to be set."""
    now = [100.0]
    monkeypatch.setattr(progress_bar.time, "monotonic", lambda: now[0])
    return now


def test_without_a_console_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Progress(None)
    shown.say("a line")
    with shown.steps(3):
        shown.advance(1, loss=1.0)
        shown.recorded({"score": 0.5})
    assert capsys.readouterr() == ("", "")


def test_lines_are_printed_as_they_are() -> None:
    out, file = console(terminal=False)
    lines = ["[red]no markup[/red] 1.234 'quoted'", "a long line " * 30]
    for line in lines:
        Progress(out).say(line)
    assert file.getvalue() == "".join(f"{line}\n" for line in lines)


def test_in_a_file_a_line_comes_every_ten_seconds_with_the_time_left(clock: list[float]) -> None:
    out, file = console(terminal=False)
    shown = Progress(out)
    with shown.steps(60):
        for step in range(1, 31):
            clock[0] += 1.0
            shown.advance(step, loss=2.0 / step)
            if step == 15:
                shown.recorded({"score": 0.25})
    assert file.getvalue().splitlines() == [
        "training: 11 of 60, 49 s left, loss 0.182",
        "training: 22 of 60, 38 s left, loss 0.091  validation MAP@R 0.250",
    ]


def test_on_a_terminal_there_is_a_bar_that_goes_away() -> None:
    out, file = console(terminal=True)
    shown = Progress(out)
    with shown.steps(40):
        shown.recorded({"score": 0.75})
        shown.advance(7, loss=0.5)
        assert shown._bar is not None and shown._bar._bar is not None
        shown._bar._bar.refresh()
        shown.say("above the bar")
        during = file.getvalue()
    assert "7/40" in during
    assert "loss 0.500  validation MAP@R 0.750" in during
    assert "above the bar" in during
    assert file.getvalue().endswith("\x1b[2K"), "the last thing done is to clear the line"


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_bar_stops_whatever_happens(error: type[BaseException]) -> None:
    out, _ = console(terminal=True)
    shown = Progress(out)
    with pytest.raises(error), shown.steps(40):
        shown.advance(1, loss=1.0)
        raise error
    assert shown._bar is not None and shown._bar._bar is not None
    assert shown._bar._bar.live.is_started is False


def test_a_score_that_is_gone_is_not_shown(clock: list[float]) -> None:
    out, file = console(terminal=False)
    shown = Progress(out)
    with shown.steps(2):
        shown.recorded({"score": 0.25})
        shown.recorded({"score": None})
        clock[0] += 11
        shown.advance(1, loss=1.0)
    assert file.getvalue() == "training: 1 of 2, 11 s left, loss 1.000\n"


def test_the_next_network_begins_without_the_score_of_the_last(clock: list[float]) -> None:
    out, file = console(terminal=False)
    shown = Progress(out)
    with shown.steps(2):
        shown.recorded({"score": 0.25})
    with shown.steps(2):
        clock[0] += 11
        shown.advance(1, loss=1.0)
    assert file.getvalue() == "training: 1 of 2, 11 s left, loss 1.000\n"


def test_after_a_fit_the_terminal_is_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each network has a bar, and none stays: one that did would take what is printed later."""
    out, file = console(terminal=True)
    monkeypatch.setattr("steradian.embedder.Console", lambda: out)
    labels = np.arange(40) % 2
    values = np.random.default_rng(0).normal(size=(40, 3)) + labels[:, None]
    before, threads = sys.stdout, threading.active_count()
    SphereEmbedder(embedding_dim=8, width=8, heads=2, epochs=1).fit(values, labels)
    assert "training" in file.getvalue()
    assert sys.stdout is before and threading.active_count() == threads
