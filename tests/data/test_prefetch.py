"""Work done ahead: the same entries in the same order, never more than asked for, and no thread left behind."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steradian.data.prefetch import prefetched


def running() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("prefetch")]


@given(st.lists(st.integers(), max_size=12), st.integers(0, 4), st.integers(1, 4))
def test_it_gives_what_map_gives(inputs: list[int], ahead: int, threads: int) -> None:
    assert list(prefetched(lambda x: 2 * x, inputs, ahead=ahead, threads=threads)) == [2 * x for x in inputs]
    assert running() == []


def test_the_order_is_kept_when_later_entries_are_made_sooner() -> None:
    def make(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number

    assert list(prefetched(make, range(9), ahead=4, threads=3)) == list(range(9))


def test_entries_are_made_in_the_background_and_inputs_read_here() -> None:
    readers: list[threading.Thread] = []

    def inputs() -> Iterator[int]:
        for number in range(3):
            readers.append(threading.current_thread())
            yield number

    makers = list(prefetched(lambda _: threading.current_thread(), inputs()))
    assert set(readers) == {threading.main_thread()}
    assert threading.main_thread() not in makers and len(set(makers)) == 1


@pytest.mark.parametrize("ahead", [0, 1, 3])
def test_so_many_are_made_ahead_and_no_more(ahead: int) -> None:
    made: list[int] = []
    for taken, _ in enumerate(prefetched(made.append, range(10), ahead=ahead), 1):
        wanted, late = min(taken + ahead, 10), time.monotonic() + 10
        while len(made) < wanted and time.monotonic() < late:
            time.sleep(0.001)
        assert len(made) == wanted


def test_the_next_is_made_while_this_one_is_used() -> None:
    here, there = threading.Event(), threading.Event()

    def make(number: int) -> int:
        # The second is done only when the loop is at the first, and the loop goes on only when the second is done.
        if number == 1:
            assert here.wait(10)
            there.set()
        return number

    for number in prefetched(make, range(2), ahead=1):
        here.set()
        assert number == 1 or there.wait(10)


def test_an_error_comes_where_its_entry_would_have_come() -> None:
    entries = prefetched(lambda x: 6 // x, [3, 2, 0, 1])
    assert [next(entries), next(entries)] == [2, 3]
    with pytest.raises(ZeroDivisionError):
        next(entries)
    assert list(entries) == [] and running() == []


def test_an_error_of_the_inputs_is_told_too() -> None:
    def inputs() -> Iterator[int]:
        yield 1
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        list(prefetched(abs, inputs(), ahead=0))
    assert running() == []


@pytest.mark.parametrize("stop", [KeyboardInterrupt, GeneratorExit])
def test_leaving_early_ends_the_thread(stop: type[BaseException]) -> None:
    made: list[int] = []
    entries = prefetched(made.append, range(1000), ahead=2)
    next(entries)
    with pytest.raises(stop):
        entries.throw(stop)  # type: ignore[attr-defined]
    assert running() == [] and len(made) <= 4


def test_a_loop_that_is_left_ends_the_thread() -> None:
    for number in prefetched(abs, range(1000)):
        if number == 3:
            break
    assert running() == []


def test_python_ends_while_an_iterator_is_still_open() -> None:
    program = (
        "from steradian.data.prefetch import prefetched\nimport time\n"
        "entries = prefetched(lambda n: time.sleep(0.01) or n, range(10**9), ahead=3)\n"
        "print(next(entries), next(entries))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0 1\n", "")
