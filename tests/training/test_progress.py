"""What a person sees: plain lines in a file, a bar on a terminal."""

import io

import pytest
from rich.console import Console

from steradian import progress_bar
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
    with Progress(None) as shown:
        shown.say("a line")
        shown.begin(3)
        shown.advance(1, loss=1.0)
        shown.recorded({"score": 0.5})
    assert capsys.readouterr() == ("", "")


def test_lines_are_printed_as_they_are() -> None:
    out, file = console(terminal=False)
    lines = ["[red]no markup[/red] 1.234 'quoted'", "a long line " * 30]
    with Progress(out) as shown:
        for line in lines:
            shown.say(line)
    assert file.getvalue() == "".join(f"{line}\n" for line in lines)


def test_in_a_file_a_line_comes_every_ten_seconds_with_the_time_left(clock: list[float]) -> None:
    out, file = console(terminal=False)
    with Progress(out) as shown:
        shown.begin(60)
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
    with Progress(out) as shown:
        shown.begin(40)
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
    with pytest.raises(error), Progress(out) as shown:
        shown.begin(40)
        shown.advance(1, loss=1.0)
        raise error
    assert shown._bar is not None and shown._bar._bar is not None
    assert shown._bar._bar.live.is_started is False


def test_a_score_that_is_gone_is_not_shown(clock: list[float]) -> None:
    out, file = console(terminal=False)
    with Progress(out) as shown:
        shown.begin(2)
        shown.recorded({"score": 0.25})
        shown.recorded({"score": None})
        clock[0] += 11
        shown.advance(1, loss=1.0)
    assert file.getvalue() == "training: 1 of 2, 11 s left, loss 1.000\n"
