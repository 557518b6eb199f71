"""Fits that were killed end as the others; one that begins anew in another way would be found out."""

import os
import time
from pathlib import Path

import pytest

from benchmarks import killed_fits

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")]


def test_a_killed_fit_is_taken_up_to_the_bit() -> None:
    assert killed_fits.run(1) == 0


def test_a_fit_that_depends_on_its_process_is_found_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fit_here(folder: Path, number: int) -> None:
        (folder / "checkpoint").mkdir(exist_ok=True)
        (folder / "checkpoint" / "network.json").touch()
        time.sleep(0.1)
        (folder / "digest").write_text(str(os.getpid()))

    monkeypatch.setattr(killed_fits, "fit_here", fit_here)
    assert killed_fits.run(3) == 3
    assert capsys.readouterr().out == "3 fits killed, 3 with a state to take up, 3 differ from those that were not\n"
