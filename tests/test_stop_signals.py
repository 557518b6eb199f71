"""A request to end is as Ctrl-C, once; whoever has other plans with a signal keeps them."""

import os
import signal
import threading
from collections.abc import Iterator

import pytest

from steradian import stop_signals
from steradian.stop_signals import signals_as_ctrl_c

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@pytest.fixture(params=["SIGTERM", "SIGHUP"])
def number(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    number = signal.Signals[request.param]
    before = signal.signal(number, signal.SIG_DFL)
    yield number
    signal.signal(number, before)


def test_a_signal_interrupts_and_is_named(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt, match=number.name), signals_as_ctrl_c():
        signal.raise_signal(number)
    assert signal.getsignal(number) == signal.SIG_DFL


def test_a_signal_that_comes_twice_interrupts_once_and_one_after_a_while_again(number, monkeypatch) -> None:
    clock = iter([10.0, 10.5, 12.0])
    monkeypatch.setattr(stop_signals.time, "monotonic", lambda: next(clock))
    with signals_as_ctrl_c():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
        signal.raise_signal(number)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)


def test_a_signal_that_is_ignored_stays_so(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_IGN)
    with signals_as_ctrl_c():
        signal.raise_signal(number)
    assert signal.getsignal(number) == signal.SIG_IGN


def test_outside_the_main_thread_nothing_is_taken(number: signal.Signals) -> None:
    seen: list[object] = []

    def look() -> None:
        with signals_as_ctrl_c():
            seen.append(signal.getsignal(number))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert seen == [signal.SIG_DFL]
