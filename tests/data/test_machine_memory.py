"""How much memory there is: the least of machine, container and limit."""

import subprocess
import sys
from pathlib import Path

import pytest

from steradian.data import machine_memory as module
from steradian.data.machine_memory import machine_memory


def test_a_limit_of_the_address_space_counts() -> None:
    code = (
        "import resource; from steradian.data.machine_memory import machine_memory; whole = machine_memory();"
        "resource.setrlimit(resource.RLIMIT_AS, (9 << 30, 9 << 30)); print(whole, machine_memory())"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    whole, limited = map(int, run.stdout.split())
    assert limited == min(whole, 9 << 30)
    assert machine_memory() == whole


@pytest.mark.parametrize("version", [0, 1])
def test_a_container_s_limit_counts_in_both_versions(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = tmp_path / "memory.max", tmp_path / "memory.limit_in_bytes"
    monkeypatch.setattr(module, "CGROUPS", places)
    whole = machine_memory()
    places[version].write_text(f"{1 << 20}\n")
    assert machine_memory() == 1 << 20
    places[version].write_text(("max", str((1 << 63) - 4096))[version] + "\n")
    assert machine_memory() == whole
