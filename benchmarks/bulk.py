"""Vectors of many rows by the engines of docs/scale.md, once with a worker killed, beside `transform`."""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import parquet

import steradian as sr

__all__ = ["ENGINES", "adapter", "difference", "embed_with", "make_rows", "run"]

ENGINES = ("ray", "daft", "spark")
ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
MADE = 'sr.BatchEmbedder("model")'


def run(rows: int, engines: list[str]) -> None:
    """Embed so many rows with each engine, undisturbed and with a worker killed, and print how it went.

    Args:
        rows: in all.
        engines: some of `ENGINES`; none: all.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        expected, seconds = make_rows(folder, rows)
        print(f"{rows:,} rows; transform {seconds:.0f} s", flush=True)
        for engine in engines or ENGINES:
            for killed in (False, True):
                shutil.rmtree(folder / "vectors", ignore_errors=True)
                began = time.perf_counter()
                tries = embed_with(engine, folder, kill_after=3 if killed else None)
                words = f"{time.perf_counter() - began:5.0f} s  started {tries}x"
                lost, twice, most = difference(folder, expected)
                how = "a worker killed" if killed else "undisturbed"
                print(f"{engine:6} {how:16} {words}  lost {lost}  twice {twice}  difference {most:.1e}", flush=True)


def make_rows(folder: Path, rows: int, *, files: int = 16) -> tuple[np.ndarray, float]:
    """Write a table of so many files and a model of it; the vectors by `transform`, and the seconds that it took.

    Args:
        folder: of the table and the model.
        rows: in all.
        files: of the table.
    """
    kinds = np.arange(rows) % 10
    points = np.random.default_rng(0).normal(size=(rows, 8)).astype(np.float32) + 2 * np.eye(10, 8)[kinds]
    names = np.array([f"kind {kind}" for kind in range(10)])[kinds]
    (folder / "table").mkdir(parents=True)
    for number, part in enumerate(np.array_split(np.arange(rows), files)):
        columns = {"id": part, "label": names[part], "size": points[part].tolist()}
        parquet.write_table(pa.table(columns), folder / "table" / f"{number:03}.parquet")
    schema = sr.Schema({"size": sr.Vector("size")}, label="label", id="id")
    some = sr.read_objects({"id": np.arange(500), "label": names[:500], "size": points[:500]}, schema)
    model = sr.SphereEmbedder(embedding_dim=16, epochs=0, verbose=False).fit(some)
    model.save(folder / "model")
    began = time.perf_counter()
    vectors = model.transform(sr.read_objects(folder / "table", schema))
    return vectors, time.perf_counter() - began


def adapter(engine: str) -> str:
    """The block of docs/scale.md that uses an engine.

    Args:
        engine: of `ENGINES`.
    """
    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    (block,) = [block for block in BLOCK.findall(text) if re.search(rf"^(import|from) (py)?{engine}\b", block, re.M)]
    return str(block)


def embed_with(engine: str, folder: Path, *, kill_after: int | None = None) -> int:
    """Run an engine's block in a process of its own, again if it failed; how often it was started.

    Args:
        engine: of `ENGINES`.
        folder: of `make_rows`, where the block runs.
        kill_after: the process that asks for the next batch after so many of them is killed; None kills none.
    """
    code = adapter(engine)
    if kill_after is not None:
        marks = folder / "marks"
        shutil.rmtree(marks, ignore_errors=True)
        marks.mkdir()
        own = f"from benchmarks.bulk import KilledOnce\n{code}"
        code = own.replace(MADE, f"KilledOnce({MADE}, {str(marks)!r}, {kill_after})")
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(Path(sr.__file__).parents[1])]),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    }
    for started in (1, 2):
        words = [sys.executable, "-W", "ignore", "-c", code]
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode == 0:
            return started
    raise RuntimeError(f"{engine} failed:\n{done.stderr[-4000:]}")


def difference(folder: Path, expected: np.ndarray) -> tuple[int, int, float]:
    """The rows that are lost, those that are there twice, and the largest difference of a number.

    Args:
        folder: in which an engine has worked.
        expected: the vectors, in the order of the ids [rows, embedding_dim].
    """
    found = parquet.read_table(folder / "vectors", columns=["id", "vector"])
    ids = found["id"].to_numpy()
    vectors = found["vector"].combine_chunks().flatten().to_numpy().reshape(len(ids), -1)
    different = len(np.unique(ids))
    return len(expected) - different, len(ids) - different, float(np.abs(vectors - expected[ids]).max())


class KilledOnce:
    """A function whose process is killed once, as by a machine without memory, after some calls of all processes.

    Args:
        function: from a batch to a batch.
        marks: an empty folder, of which all processes know.
        after: so many calls.
    """

    def __init__(self, function: Any, marks: str, after: int) -> None:
        self.function, self.marks, self.after = function, Path(marks), after

    def __call__(self, batch: Any) -> Any:
        """What the function says, unless this is the call at which the process ends."""
        found = self.function(batch)
        if len(os.listdir(self.marks)) >= self.after and not (self.marks / "killed").exists():
            (self.marks / "killed").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        (self.marks / f"{time.time_ns()}-{os.getpid()}").touch()
        return found
