"""What a person sees of a long evaluation: a bar on a terminal, a line from time to time elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

__all__ = ["Steps"]

SECONDS_BETWEEN_LINES = 10.0
NAME_WIDTH = 30


class Steps:
    """Shows how many steps are done and the name of the one that runs.

    Args:
        total: how many there will be.
        console: where to show them; None shows nothing.

    Examples:
        >>> with Steps(2, console=None) as steps:
        ...     steps.begin("photo + title")
    """

    def __init__(self, total: int, *, console: Console | None) -> None:
        self._total, self._begun = total, 0
        self._console = console
        self._started = self._shown = time.monotonic()
        self._bar: Progress | None = None
        if console is not None and console.is_terminal:
            columns = SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
            text = TextColumn("{task.description}", markup=False)
            self._bar = Progress(*columns, text, console=console, transient=True)
            self._bar.add_task("", total=total)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, name: str) -> None:
        """Show that the steps so far are done and this one runs."""
        done, self._begun = self._begun, self._begun + 1
        now = time.monotonic()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, description=name[:NAME_WIDTH])
        elif self._console is not None and now - self._shown > SECONDS_BETWEEN_LINES:
            self._shown = now
            seconds = f"{now - self._started:.0f} s"
            line = f"evaluating: {done} of {self._total} steps in {seconds}, now {name}"
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)
