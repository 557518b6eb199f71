"""What a person sees of anything that takes long: a bar on a terminal, a line from time to time elsewhere."""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

__all__ = ["ProgressBar"]

SECONDS_BETWEEN_LINES = 10.0
STATE_WIDTH = 44


class ProgressBar:
    """Shows how much is done, the time that is left and a few words; it goes away at the end.

    Args:
        name: of the work, a word.
        total: how many steps or items there will be.
        console: where to show it; None shows nothing.
        after: seconds before the bar appears, for what may be done in a moment.

    Examples:
        >>> with ProgressBar("training", 2, console=None) as bar:
        ...     bar.show(1, "loss 0.500")
    """

    def __init__(self, name: str, total: int, *, console: "Console | None", after: float = 0.0) -> None:
        self._name, self._total, self._console, self._after = name, total, console, after
        self._begun = self._shown = time.monotonic()
        self._bar: Progress | None = None
        self._step = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, state: str) -> None:
        """Show that the steps so far are done and the next one runs.

        Args:
            state: its name.
        """
        self._step += 1
        self.show(self._step, state)

    def show(self, done: int, state: str = "") -> None:
        """Show that so much is done.

        Args:
            done: of `total`.
            state: what there is to say, cut to 44 characters.
        """
        if self._console is None:
            return
        now, state = time.monotonic(), state[:STATE_WIDTH]
        if self._console.is_terminal:
            if self._bar is None and now - self._begun >= self._after:
                self._bar = _started(self._name, self._total, self._console)
            if self._bar is not None:
                self._bar.update(self._bar.task_ids[0], completed=done, state=state)
        elif now - self._shown > SECONDS_BETWEEN_LINES:
            self._shown = now
            left = [f"{(now - self._begun) / done * (self._total - done):.0f} s left"] if done else []
            line = ", ".join([f"{self._name}: {done:,} of {self._total:,}", *left, *([state] if state else [])])
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)


def _started(name: str, total: int, console: "Console") -> "Progress":
    """A bar of rich."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    text = TextColumn("{task.fields[state]}", markup=False)
    columns = TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), text
    bar = Progress(*columns, console=console, transient=True)
    bar.add_task(name, total=total, state="")
    bar.start()
    return bar
