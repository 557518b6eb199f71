"""Work done ahead in the background: what comes next is ready when it is asked for."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["prefetched"]

In = TypeVar("In")
Out = TypeVar("Out")


def prefetched(make: Callable[[In], Out], inputs: Iterable[In], *, ahead: int = 2, threads: int = 1) -> Iterator[Out]:
    """What `map(make, inputs)` gives, the same and in the same order, made ahead by background threads.

    An error of `make` is raised where its entry would have come. Closing the iterator, or an exception such as Ctrl-C
    in the loop over it, drops what was made ahead and waits for no more than what is just being made.

    Args:
        make: is called in the background, so it must not draw from torch's global generator.
        inputs: is read here, never in the background.
        ahead: entries made before they are asked for, and so held in memory beside the one in use.
        threads: entries made at a time; `make` must allow it.

    Examples:
        >>> list(prefetched(abs, [-1, 2, -3]))
        [1, 2, 3]
    """
    # Python ends such threads at exit by itself, and there is no queue that could be left full.
    pool = ThreadPoolExecutor(threads, thread_name_prefix="prefetch")
    pending: deque[Future[Out]] = deque()
    try:
        for entry in inputs:
            pending.append(pool.submit(make, entry))
            if len(pending) > ahead:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
