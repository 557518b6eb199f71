"""Progress of an evaluation on a terminal and elsewhere."""

from io import StringIO

import pytest
from rich.console import Console

from steradian.evaluation import steps as module
from steradian.evaluation.steps import Steps


def test_on_a_terminal_there_is_a_bar_that_goes_away() -> None:
    console = Console(width=80, file=StringIO(), force_terminal=True, color_system=None)
    with Steps(3, console=console) as steps:
        for name in ("photo", "[b]title[/b]", "a name that is far too long for the line it stands on"):
            steps.begin(name)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "2/3" in shown
    assert "a name that is far too long" in shown
    assert "stands on" not in shown


def test_elsewhere_there_are_lines_not_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    console = Console(width=80, file=StringIO())
    with Steps(4, console=console) as steps:
        for name in ("photo", "title", "[b]", "sound"):
            steps.begin(name)
            now[0] += 6
    assert console.file.getvalue() == "evaluating: 2 of 4 steps in 12 s, now [b]\n"  # type: ignore[attr-defined]


def test_nothing_is_shown_without_a_console(capsys: pytest.CaptureFixture[str]) -> None:
    with Steps(1, console=None) as steps:
        steps.begin("photo")
    assert capsys.readouterr() == ("", "")
