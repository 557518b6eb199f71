"""Signals that ask a program to end, taken as Ctrl-C, which keeps what there is."""

import math
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["signals_as_ctrl_c"]

NAMES = ("SIGTERM", "SIGHUP")
"""Of the signals, sent by batch systems and closed terminals; Windows has only the first."""
ONE_REQUEST = 1.0
"""Seconds in which several signals count as one."""


@contextmanager
def signals_as_ctrl_c() -> Iterator[None]:
    """Raise `KeyboardInterrupt` with the signal's name at each request to end.

    Signals that are ignored, as under `nohup`, or have a handler stay as they are, and so do all of them outside the
    main thread.

    Examples:
        >>> import signal
        >>> with signals_as_ctrl_c():
        ...     try:
        ...         signal.raise_signal(signal.SIGTERM)
        ...     except KeyboardInterrupt as request:
        ...         print("stopped by", request)
        stopped by SIGTERM
    """
    last = -math.inf

    def interrupt(number: int, frame: FrameType | None) -> None:
        # One request may come twice, to the process and to its group; the second must not end the saving.
        nonlocal last
        before, last = last, time.monotonic()
        if last - before > ONE_REQUEST:
            raise KeyboardInterrupt(signal.Signals(number).name)

    numbers = [getattr(signal, name) for name in NAMES if hasattr(signal, name)]
    main = threading.current_thread() is threading.main_thread()
    taken = [number for number in numbers if main and signal.getsignal(number) == signal.SIG_DFL]
    for number in taken:
        signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number in taken:
            signal.signal(number, signal.SIG_DFL)
