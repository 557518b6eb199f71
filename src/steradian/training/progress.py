"""What a person sees of a training: a bar on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

__all__ = ["Progress"]

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Shows steps, loss, validation score and the time left.

    Args:
        console: where to show it; None shows nothing.
        followers: each takes the records of the history, with the number of the `network` counted from 1.

    Examples:
        >>> with Progress(None) as progress:
        ...     progress.begin(2)
        ...     progress.advance(1, loss=0.5)
    """

    def __init__(self, console: Console | None, followers: Sequence[Callable[[Mapping[str, Any]], None]] = ()) -> None:
        self._console, self._followers = console, followers
        self._networks = 0
        self._score: float | None = None
        self._steps = 0
        self._bar: Bar | None = None
        self._begun = self._shown = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        if self._console is not None:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def begin(self, steps: int) -> None:
        """Show the bar of this many steps."""
        self._steps, self._networks = steps, self._networks + 1
        self._begun = self._shown = time.monotonic()
        if self._console is not None and self._console.is_terminal:
            columns = (
                TextColumn("training"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[state]}"),
            )
            self._bar = Bar(*columns, TimeRemainingColumn(), console=self._console, transient=True)
            self._bar.add_task("training", total=steps, state="")
            self._bar.start()

    def advance(self, step: int, *, loss: float) -> None:
        """Show that `step` steps are done."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=step, state=self._state(loss))
        elif time.monotonic() - self._shown > SECONDS_BETWEEN_LINES:
            self._shown = time.monotonic()
            left = (self._shown - self._begun) / step * (self._steps - step)
            self.say(f"step {step}/{self._steps}  {self._state(loss)}  {left:.0f} s left")

    def recorded(self, record: Mapping[str, Any]) -> None:
        """Show the validation score of a record from now on, and tell the followers."""
        self._score = record["score"]
        for follower in self._followers:
            follower({"network": self._networks, **record})

    def _state(self, loss: float) -> str:
        return f"loss {loss:.3f}" + ("" if self._score is None else f"  validation MAP@R {self._score:.3f}")
