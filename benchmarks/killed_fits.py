"""Fits that are killed at any instant and started again with their checkpoint: do they end as if they never were?

Started by torchrun, this file is a rank of such a fit.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

import steradian as sr
from steradian.ranks import launched_ranks
from steradian.training import checkpoint

__all__ = ["fit_here", "run", "run_ranks"]

FITS: tuple[dict[str, Any], ...] = ({"closed_form": False, "epochs": 20}, {"epochs": 7})
"""200 steps of a network alone, and 70 of each network beside a closed form."""
LONGEST = 120.0
"""Seconds after which a process that should have ended is told as one that hangs."""


def run(kills: int) -> int:
    """Kill so many fits of one process at random instants; print how many differ afterwards, and give their number.

    Args:
        kills: in all.
    """
    differ = taken_up = 0
    # What the fits need, loaded once; the first optimizer of a process asks for torch's compiler.
    _ = sr.SphereEmbedder, import_module("torch._dynamo")
    with tempfile.TemporaryDirectory() as place:
        expected, seconds = [], []
        for number in range(len(FITS)):
            whole = Path(place, f"whole{number}")
            child, began = _forked(whole, number), _first_step(whole)
            _ended(child)
            seconds.append(time.monotonic() - began)
            expected.append((whole / "digest").read_text())
        for kill in range(kills):
            number, folder = int(kill % 5 == 4), Path(place, f"killed{kill}")
            child = _forked(folder, number)
            _first_step(folder)
            time.sleep(random.Random(kill).uniform(0, seconds[number]))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            taken_up += any(folder.glob("checkpoint/*.json"))
            _ended(_forked(folder, number))
            differ += (folder / "digest").read_text() != expected[number]
            if kill % 10 == 9:
                print(f"{kill + 1} killed, {taken_up} taken up, {differ} differ", flush=True)
    print(f"{kills} fits killed, {taken_up} with a state to take up, {differ} differ from those that were not")
    return differ


def run_ranks(kills: int) -> int:
    """The same with two ranks: by turns one rank killed, all of them, and Ctrl-C at torchrun.

    Args:
        kills: in all.
    """
    differ, ends, taken_up = 0, [], 0
    with tempfile.TemporaryDirectory() as place:
        whole = Path(place, "whole")
        torchrun, began = _launched(whole), _first_step(whole)
        _ended_launch(torchrun)
        seconds, expected = time.monotonic() - began, (whole / "digest").read_text()
        for kill in range(kills):
            folder = Path(place, f"killed{kill}")
            torchrun = _launched(folder)
            _first_step(folder)
            time.sleep(random.Random(kill).uniform(0, seconds))
            way = ("one rank", "all", "Ctrl-C")[kill % 3]
            ends.append((way, _stopped(torchrun, folder, way)))
            taken_up += any(folder.glob("checkpoint/*.json"))
            _ended_launch(_launched(folder))
            differ += (folder / "digest").read_text() != expected
    print(f"{kills} fits of two ranks stopped, {taken_up} with a state to take up, {differ} differ from the other")
    for way in ("one rank", "all", "Ctrl-C"):
        times = [seconds for each, seconds in ends if each == way]
        print(f"  {way:9} all processes had ended after {max(times, default=0):.1f} s at most, of {len(times)}")
    return differ


def fit_here(folder: Path, number: int) -> None:
    """Fit, with a state kept fifty times a second, and leave a digest of all weights and of the history.

    Args:
        folder: of the checkpoint and the digest.
        number: of the fit, in `FITS`.
    """
    # By default half a minute lies between two states.
    checkpoint.EVERY = 0.02
    rng, kinds = np.random.default_rng(0), np.arange(320) % 8
    vectors = {name: (rng.normal(size=(320, 6)) + 2 * np.eye(8, 6)[kinds]).tolist() for name in ("a", "b")}
    vectors["b"] = [None if row % 3 == 0 else vector for row, vector in enumerate(vectors["b"])]
    schema = sr.Schema({name: sr.Vector(name) for name in ("a", "b")}, label="kind")
    objects = sr.read_objects({**vectors, "kind": kinds}, schema)
    options = {"width": 8, "embedding_dim": 8, "batch_size": 32, "validation_fraction": 0.0, "verbose": False}
    model = sr.SphereEmbedder(**options, **FITS[number]).fit(objects, checkpoint=folder / "checkpoint")
    fitted, digest = model.fitted_, sha256()
    for module in (fitted.encoder, fitted.classifier):
        for name, tensor in sorted(module.state_dict().items()):
            digest.update(name.encode() + tensor.numpy().tobytes())
    history = [
        {key: value for key, value in record.items() if "second" not in key} for record in fitted.training.history
    ]
    digest.update(json.dumps(history).encode())
    (folder / "digest").write_text(digest.hexdigest())


def _forked(folder: Path, number: int) -> int:
    """The process of a fit."""
    folder.mkdir(exist_ok=True)
    child = os.fork()
    if child == 0:
        try:
            fit_here(folder, number)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def _ended(child: int) -> None:
    _, status = os.waitpid(child, 0)
    if status:
        raise RuntimeError(f"a fit ended with {status}")


def _launched(folder: Path) -> "subprocess.Popen[str]":
    """Torchrun with two ranks."""
    folder.mkdir(exist_ok=True)
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m", "benchmarks.killed_fits"]
    roots = [str(Path(__file__).parents[1]), str(Path(sr.__file__).parents[1])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(roots), "OMP_NUM_THREADS": "1"}
    said = (folder / "said").open("w")
    command = [sys.executable, *words, str(folder)]
    return subprocess.Popen(command, env=environment, stdout=said, stderr=said, text=True, start_new_session=True)


def _first_step(folder: Path) -> float:
    """When the first state was kept."""
    began = time.monotonic()
    while not any(folder.glob("checkpoint/*.json")):
        if time.monotonic() - began > LONGEST:
            raise RuntimeError(f"no state was kept in {LONGEST:.0f} seconds")
        time.sleep(0.01)
    return time.monotonic()


def _stopped(torchrun: "subprocess.Popen[str]", folder: Path, way: str) -> float:
    """Stop it, and give the seconds until all processes had ended."""
    ranks = [int(path.read_text()) for path in sorted(folder.glob("rank*"))]
    targets = {"one rank": ranks[1:], "all": [torchrun.pid, *ranks], "Ctrl-C": [torchrun.pid]}[way]
    began = time.monotonic()
    for process in targets:
        os.kill(process, signal.SIGINT if way == "Ctrl-C" else signal.SIGKILL)
    torchrun.wait(LONGEST)
    while any(Path("/proc", str(rank)).exists() for rank in ranks):
        if time.monotonic() - began > LONGEST:
            raise RuntimeError("a rank goes on")
        time.sleep(0.02)
    return time.monotonic() - began


def _ended_launch(torchrun: "subprocess.Popen[str]") -> None:
    if torchrun.wait(LONGEST):
        raise RuntimeError((Path(torchrun.args[-1]) / "said").read_text()[-3000:])  # type: ignore[index]


if __name__ == "__main__":
    with launched_ranks() as group:
        place = Path(sys.argv[1])
        (place / f"rank{group.rank}").write_text(str(os.getpid()))
        fit_here(place, 0)
