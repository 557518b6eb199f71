"""How much memory there is: the least of machine, container and limit."""

import subprocess
import sys

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
