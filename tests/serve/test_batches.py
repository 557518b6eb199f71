"""Batches: what waits together is answered together, a bad job harms no other, and a full queue says so."""

import asyncio
import threading
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

import pytest

from steradian.errors import InputError
from steradian.serve import Limits
from steradian.serve.batches import Batches, BusyError
from steradian.serve.counters import Counters


class Doubling:
    """Encodes numbers as twice themselves, one thread at a time, and remembers the size of each batch."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.threads: set[str] = set()
        self.go = threading.Event()
        self.go.set()

    def encode(self, rows: Sequence[Mapping[str, Any]]) -> list[int]:
        self.go.wait(5)
        self.sizes.append(len(rows))
        self.threads.add(threading.current_thread().name)
        if any(row["x"] < 0 for row in rows):
            raise InputError("a number from 0", "one below", "x", "Give another.")
        return [2 * row["x"] for row in rows]


def rows(*numbers: int) -> list[dict[str, int]]:
    return [{"x": number} for number in numbers]


def run(model: Doubling, scenario: Any, **limits: Any) -> Any:
    async def whole() -> Any:
        batches = Batches(model, Limits(**limits), Counters())  # type: ignore[arg-type]
        task = asyncio.create_task(batches.run())
        try:
            return await scenario(batches)
        finally:
            model.go.set()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    return asyncio.run(whole())


def test_what_gathers_meanwhile_is_one_batch() -> None:
    model = Doubling()

    async def scenario(batches: Batches) -> list[Any]:
        model.go.clear()
        asked = [asyncio.create_task(batches.ask(rows(n, n), list)) for n in range(6)]
        await asyncio.sleep(0.05)
        model.go.set()
        return list(await asyncio.gather(*asked))

    assert run(model, scenario, batch_rows=6) == [[2 * n, 2 * n] for n in range(6)]
    # The first batch began with what had come until then.
    assert sum(model.sizes) == 12 and max(model.sizes) == 6 and len(model.sizes) <= 3
    assert len(model.threads) == 1


def test_a_bad_job_harms_no_other() -> None:
    async def scenario(batches: Batches) -> list[Any]:
        def angry(_: Any) -> None:
            raise RuntimeError("no")

        asked: list[Coroutine[Any, Any, Any]] = [batches.ask(rows(n), sum) for n in (1, -1, 3)]
        return list(await asyncio.gather(*asked, batches.ask(rows(4), angry), return_exceptions=True))

    answers = run(Doubling(), scenario)
    assert answers[0] == 2 and answers[2] == 6
    assert isinstance(answers[1], InputError) and isinstance(answers[3], RuntimeError)


def test_a_full_queue_and_a_late_answer_are_told() -> None:
    model = Doubling()

    async def scenario(batches: Batches) -> None:
        model.go.clear()
        first = asyncio.create_task(batches.ask(rows(1), sum))
        await asyncio.sleep(0.02)
        waiting = [asyncio.create_task(batches.ask(rows(n), sum)) for n in (2, 3)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError, match="too many requests wait"):
            await batches.ask(rows(4), sum)
        with pytest.raises(BusyError, match=r"no answer within 0.1 seconds"):
            await first
        await asyncio.gather(*waiting, return_exceptions=True)
        model.go.set()
        await asyncio.sleep(0.05)
        assert await batches.ask(rows(5), sum) == 10

    run(model, scenario, max_waiting=2, timeout_seconds=0.1)
    # Those that were told that it took too long are not computed any more.
    assert model.sizes == [1, 1]
