"""The trainings of `benchmarks claims`, a line of JSON each."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

__all__ = ["FROM_CLOSED_FORM", "RANDOM", "STARTS", "Records", "read_records", "start_of"]

RANDOM, FROM_CLOSED_FORM = STARTS = "random", "closed_form"
"""What a training starts from: random weights, or these beside the closed form."""


class Records:
    """A file of trainings, found by what was trained.

    Args:
        path: of the file; need not exist.
    """

    KEY = ("set", "method", "trial", "seed", "tested", "start")

    def __init__(self, path: Path) -> None:
        self._path = path
        self._found = {self._key(record): record for record in read_records(path)}

    def find(self, **wanted: Any) -> dict[str, Any] | None:
        """The training with this set, method, trial, seed, tested and start; a random start where none is named."""
        return self._found.get(self._key(wanted))

    def add(self, record: dict[str, Any]) -> None:
        """Write a training behind the others."""
        self._found[self._key(record)] = record
        with self._path.open("a", encoding="utf-8") as file:
            # Behind a line that was cut off, this one would be lost with it.
            file.write(("" if self._ends_a_line() else "\n") + json.dumps(record) + "\n")

    def _ends_a_line(self) -> bool:
        text = self._path.read_bytes()
        return not text or text.endswith(b"\n")

    def _key(self, record: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(record[name] if name != "start" else start_of(record) for name in self.KEY)


def start_of(record: Mapping[str, Any]) -> str:
    """What a training started from, one of `STARTS`; a record of the time before there was a choice does not say it.

    Args:
        record: of `read_records`.
    """
    start: str = record.get("start", RANDOM)
    return start


def read_records(path: Path) -> Iterator[dict[str, Any]]:
    """The trainings that a file holds; a line that was cut off is left out.

    Args:
        path: of `claims.jsonl`; need not exist.
    """
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue
