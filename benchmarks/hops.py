"""How many files of the library a call goes through: what a reader opens to follow it."""

import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import numpy as np

import steradian as sr
from benchmarks.growth_cases import Case, Size, make_run

__all__ = ["GOALS", "files_touched", "run"]

GOALS = {"fit": 25, "transform": 12, "evaluate": 20, "step": 12}
FOLDER = str(Path(sr.__file__).parent)
Result = TypeVar("Result")


def files_touched(call: Callable[[], Result]) -> tuple[Result, list[str]]:
    """What a call gives, and the files of the library of which it runs a function, in the order of the first one.

    Args:
        call: takes nothing.
    """
    found: dict[str, None] = {}

    def note(frame: FrameType, event: str, _: Any) -> None:
        name = frame.f_code.co_filename
        # A module's own code runs once, when it is imported.
        if event == "call" and name.startswith(FOLDER) and frame.f_code.co_name != "<module>":
            found.setdefault(name[len(FOLDER) + 1 :])

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        return call(), list(found)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def run(*, names: bool = False) -> dict[str, int]:
    """Print the counts of fit, transform, evaluate and a training step on two vector modalities, beside the goals.

    Args:
        names: print the files too.

    Returns:
        The counts by call.
    """
    rng = np.random.default_rng(0)
    cells = {name: list(rng.normal(size=(90, 4))) for name in "xy"}
    schema = sr.Schema({"x": sr.Vector("x"), "y": sr.Vector("y")}, label="label")
    objects = sr.read_objects({**cells, "label": np.repeat(["a", "b", "c"], 30)}, schema)
    model, fitting = files_touched(lambda: sr.SphereEmbedder(epochs=1, verbose=False).fit(objects))
    _, embedding = files_touched(lambda: model.transform(objects))
    _, evaluating = files_touched(lambda: sr.evaluate(model, objects, floor="none", verbose=False))
    found = {"fit": fitting, "transform": embedding, "evaluate": evaluating, "step": _of_a_step()}
    print("files of the library that a call goes through")
    print(f"{'call':10} {'files':>6} {'goal':>6}")
    for call, files in found.items():
        print(f"{call:10} {len(files):>6} {GOALS[call]:>6}")
        if names:
            print("\n".join(f"    {file}" for file in files))
    return {call: len(files) for call, files in found.items()}


def _of_a_step() -> list[str]:
    step = make_run(Case("angular", Size(2, 32, 3), whole_step=True))
    step()
    return files_touched(step)[1]
