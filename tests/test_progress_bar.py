"""One bar for all that takes long, on a terminal and elsewhere."""

from io import StringIO

import pytest
from rich.console import Console

from steradian import progress_bar as module
from steradian.progress_bar import ProgressBar


def written(console: Console) -> str:
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that it is, to be set."""
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def test_on_a_terminal_there_is_a_bar_that_goes_away() -> None:
    console = Console(width=100, file=StringIO(), force_terminal=True, color_system=None)
    with ProgressBar("evaluating", 3, console=console) as bar:
        for name in ("photo", "[b]title[/b]", "a name that is far too long for the line it stands on"):
            bar.begin(name)
    shown = written(console)
    assert "evaluating" in shown and "2/3" in shown
    assert "a name that is far too long" in shown and "stands on" not in shown
    assert shown.endswith("\x1b[2K"), "the last thing done is to clear the line"


def test_what_is_done_in_a_moment_has_no_bar(clock: list[float]) -> None:
    console = Console(width=100, file=StringIO(), force_terminal=True, color_system=None)
    with ProgressBar("encoding", 3, console=console, after=2.0) as bar:
        bar.show(1)
        assert written(console) == ""
        clock[0] += 2
        bar.show(2)
    assert "encoding" in written(console)


def test_elsewhere_there_are_lines_not_too_often(clock: list[float]) -> None:
    console = Console(width=80, file=StringIO())
    with ProgressBar("evaluating", 4, console=console) as bar:
        for name in ("photo", "title", "[b]", "sound"):
            bar.begin(name)
            clock[0] += 6
    assert written(console) == "evaluating: 2 of 4, 12 s left, [b]\n"


def test_before_anything_is_done_no_time_is_left_to_tell(clock: list[float]) -> None:
    console = Console(width=80, file=StringIO())
    with ProgressBar("encoding", 9_000, console=console) as bar:
        clock[0] += 11
        bar.show(0)
    assert written(console) == "encoding: 0 of 9,000\n"


def test_nothing_is_shown_without_a_console(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar("evaluating", 1, console=None) as bar:
        bar.begin("photo")
    assert capsys.readouterr() == ("", "")
