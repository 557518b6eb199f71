"""Requests gathered into batches for the one thread that runs the model."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from steradian.serve.counters import Counters
from steradian.serve.limits import Limits
from steradian.serve.served_model import ServedModel

__all__ = ["Batches", "BusyError"]


class BusyError(Exception):
    """More is asked than the server can answer now; the same request may succeed later."""


@dataclass(frozen=True)
class _Job:
    """Rows of a request, what is asked of them once they are encoded, and where the answer is waited for."""

    rows: Sequence[Mapping[str, Any]]
    ask: Callable[[Any], Any]
    answer: asyncio.Future[Any]


class Batches:
    """While the model answers one batch, the next one gathers; alone, a request does not wait.

    Args:
        model: asked by one thread only.
        limits: how many requests wait at most, how many rows make a batch, and how long an answer may take.
        counters: of batches.
    """

    def __init__(self, model: ServedModel, limits: Limits, counters: Counters) -> None:
        self._model, self._limits, self._counters = model, limits, counters
        self._waiting: asyncio.Queue[_Job] = asyncio.Queue(limits.max_waiting)

    async def ask(self, rows: Sequence[Mapping[str, Any]], ask: Callable[[Any], Any]) -> Any:
        """The answer to a question about rows.

        Args:
            rows: each a mapping of columns to cells.
            ask: from the encoded rows to the answer; called in the model's thread.

        Raises:
            BusyError: too many requests wait, or the answer takes too long.
            SteradianError: rows that cannot be used.
        """
        job = _Job(rows, ask, asyncio.get_running_loop().create_future())
        try:
            self._waiting.put_nowait(job)
        except asyncio.QueueFull:
            raise BusyError("too many requests wait for the model") from None
        try:
            async with asyncio.timeout(self._limits.timeout_seconds):
                return await job.answer
        except TimeoutError:
            raise BusyError(f"no answer within {self._limits.timeout_seconds:g} seconds") from None

    async def run(self) -> None:
        """Answer until cancelled; a batch that has begun is ended first."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="model") as thread:
            while True:
                jobs = [await self._waiting.get()]
                while sum(len(job.rows) for job in jobs) < self._limits.batch_rows and not self._waiting.empty():
                    jobs.append(self._waiting.get_nowait())
                # Who asked may have left, or been told that it took too long.
                jobs = [job for job in jobs if not job.answer.done()]
                if jobs:
                    answers = await loop.run_in_executor(thread, self._answers, jobs)
                    self._counters.count_batch(rows=sum(len(job.rows) for job in jobs), waiting=self._waiting.qsize())
                    for job, answer in zip(jobs, answers, strict=True):
                        _give(job.answer, answer)

    def _answers(self, jobs: Sequence[_Job]) -> list[Any]:
        """The answer to each job, or the exception that came of it."""
        try:
            encoded = self._model.encode([row for job in jobs for row in job.rows])
        # Nothing less: decoders raise what they like, and the jobs beside a bad one are to be answered.
        except Exception as error:
            return [error] if len(jobs) == 1 else [answer for job in jobs for answer in self._answers([job])]
        answers, start = [], 0
        for job in jobs:
            try:
                answers.append(job.ask(encoded[slice(start, start + len(job.rows))]))
            except Exception as error:
                answers.append(error)
            start += len(job.rows)
        return answers


def _give(future: asyncio.Future[Any], answer: Any) -> None:
    if future.done():
        return
    if isinstance(answer, Exception):
        future.set_exception(answer)
    else:
        future.set_result(answer)
