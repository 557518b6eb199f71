"""Files that a call goes through."""

import pytest
import torch

from benchmarks import hops
from steradian.metrics import to_angles


def test_a_call_touches_its_own_files_and_what_it_calls(capsys: pytest.CaptureFixture[str]) -> None:
    value, files = hops.files_touched(lambda: float(to_angles(torch.ones(1).numpy())[0]))
    assert value == 0 and files == ["metrics/angles.py"]
    found = hops.run(names=True)
    assert found.keys() == hops.GOALS.keys() and found["transform"] < found["evaluate"]
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["call", "files", "goal"] and "    training/objectives/angular.py" in lines
