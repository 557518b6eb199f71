"""Writers that are killed lose nothing; a writer that writes in place would be found out."""

import os
from pathlib import Path

import pytest

from benchmarks import kills

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def test_nothing_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    lost = kills.run(9)
    assert not any(lost.values())
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        [name, "3", "kills", "0", "lost"] for name in ("model", "index", "scores")
    ]


def test_a_file_that_is_written_in_place_is_lost(tmp_path: Path) -> None:
    def write(number: int) -> None:
        with (tmp_path / "file").open("w") as file:
            for _ in range(200_000):
                file.write(str(number % 10))

    (tmp_path / "file").write_text("0" * 200_000)
    torn = 0
    for kill in range(30):
        kills._killed(write, after=0.002 * kill)
        torn += len((tmp_path / "file").read_text()) < 200_000
    assert torn > 0
