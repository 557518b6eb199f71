"""What a person sees of a training: a bar on a terminal, plain lines elsewhere."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console

from steradian.progress_bar import ProgressBar

__all__ = ["Progress"]


class Progress:
    """Shows steps, loss, validation score and the time left.

    Args:
        console: where to show it; None shows nothing.
        followers: each takes the records of the history, with the number of the `network` counted from 1.

    Examples:
        >>> progress = Progress(None)
        >>> with progress.steps(2):
        ...     progress.advance(1, loss=0.5)
    """

    def __init__(self, console: Console | None, followers: Sequence[Callable[[Mapping[str, Any]], None]] = ()) -> None:
        self._console, self._followers = console, followers
        self._networks = 0
        self._score: float | None = None
        self._bar: ProgressBar | None = None

    def say(self, line: str) -> None:
        """Print a line above the bar."""
        if self._console is not None:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    @contextmanager
    def steps(self, total: int) -> Iterator[None]:
        """Show the bar of a network's steps while they are taken; it is gone afterwards, whatever happens."""
        self._networks, self._score = self._networks + 1, None
        with ProgressBar("training", total, console=self._console) as self._bar:
            yield

    def advance(self, step: int, *, loss: float) -> None:
        """Show that `step` steps are done."""
        if self._bar is not None:
            score = "" if self._score is None else f"  validation MAP@R {self._score:.3f}"
            self._bar.show(step, f"loss {loss:.3f}{score}")

    def recorded(self, record: Mapping[str, Any]) -> None:
        """Show the validation score of a record from now on, and tell the followers."""
        self._score = record["score"]
        for follower in self._followers:
            follower({"network": self._networks, **record})
