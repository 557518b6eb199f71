"""How long `read_objects` takes for a row, and what memory, beside pyarrow's own reader of the same file."""

import ctypes
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

import steradian as sr

SCHEMA = sr.Schema(
    {
        "title": sr.Text("title"),
        "specs": sr.Tabular(numeric=["price", "stock"], categorical=["colour"]),
        "x": sr.Vector("x"),
    },
    label="kind",
    id="sku",
)


class Reading(NamedTuple):
    """One file read once, in a process of its own.

    Args:
        kind: "csv" or "parquet".
        rows: of the file.
        table: its bytes as a table of Arrow's.
        ours: microseconds a row of `read_objects`.
        pyarrow: microseconds a row of pyarrow's reader.
        peak: bytes that `read_objects` took beyond those of the process before.
    """

    kind: str
    rows: int
    table: int
    ours: float
    pyarrow: float
    peak: int

    def __str__(self) -> str:
        times = f"{self.ours:8.2f} {self.pyarrow:8.2f} {self.ours / self.pyarrow:6.1f}"
        return f"{self.kind:8} {self.rows:9,} {times} {self.peak / 1e6:8,.0f} {self.table / 1e6:8,.0f}"


def run(*, csv_rows: int = 100_000, parquet_rows: int = 1_000_000, verbose: bool = True) -> list[Reading]:
    """Measure and print: a CSV file with lists of 8 numbers, and a Parquet file with vectors of 128.

    Args:
        csv_rows: of the CSV file.
        parquet_rows: of the Parquet file.
        verbose: print.
    """
    if verbose:
        print(f"{'read':8} {'rows':>9} {'us a row':>8} {'pyarrow':>8} {'ratio':>6} {'peak MB':>8} {'table MB':>8}")
    found = []
    for kind, rows, width in (("csv", csv_rows, 8), ("parquet", parquet_rows, 128)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"table.{kind}")
            size = _write(path, rows, width)
            command = [sys.executable, "-m", "benchmarks.reading", str(path)]
            ours, pyarrow, peak = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        found.append(Reading(kind, rows, size, 1e6 * ours / rows, 1e6 * pyarrow / rows, peak))
        if verbose:
            print(found[-1], flush=True)
    return found


def _write(path: Path, rows: int, width: int) -> int:
    """Write a table of text, numbers, categories and vectors; its bytes."""
    rng = np.random.default_rng(0)
    words = np.array([f"word{number}" for number in range(2000)])
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(rng.normal(size=rows * width).astype(np.float32)), width)
    table = pa.table(
        {
            "sku": [f"k{row}" for row in range(rows)],
            "title": [" ".join(words[some]) for some in rng.integers(2000, size=(rows, 4))],
            "price": rng.normal(size=rows).round(3),
            "stock": rng.integers(1000, size=rows),
            "colour": np.array(["red", "green", "blue", "grey"])[rng.integers(4, size=rows)],
            "kind": np.array([f"class {number}" for number in range(100)])[rng.integers(100, size=rows)],
            "x": vectors,
        }
    )
    if path.suffix == ".parquet":
        parquet.write_table(table, path)
    else:
        lists = [json.dumps([round(number, 4) for number in row]) for row in vectors.to_pylist()]
        csv.write_csv(table.set_column(6, "x", pa.array(lists)), path)
    return int(table.nbytes)


def _measure(path: Path) -> tuple[float, float, int]:
    """Seconds of ours and of pyarrow's, and bytes of ours beyond the process."""
    # What is imported late belongs to no row.
    sr.read_objects({"sku": ["a"], "title": ["a"], "kind": ["a"], "x": [[1.0]]}, SCHEMA, partial=True)
    before = peak_bytes()
    begun = time.perf_counter()
    objects = sr.read_objects(path, SCHEMA)
    ours = time.perf_counter() - begun
    peak = peak_bytes() - before
    begun = time.perf_counter()
    plain = parquet.read_table(path) if path.suffix == ".parquet" else csv.read_csv(path)
    pyarrow = time.perf_counter() - begun
    if len(objects) != len(plain):
        raise RuntimeError(f"{len(objects)} rows were read of {len(plain)}")
    return ours, pyarrow, peak


def peak_bytes(*, anew: bool = False) -> int:
    """The most bytes that this process has had; `ru_maxrss` counts those of the process that began it too.

    Args:
        anew: forget what it had before now.
    """
    if anew:
        # What earlier work has left free within the process would hide what is taken next.
        getattr(ctypes.CDLL(None), "malloc_trim", int)(0)
        Path("/proc/self/clear_refs").write_text("5")
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return 1024 * int(line.split()[1])


if __name__ == "__main__":
    print(json.dumps(_measure(Path(sys.argv[1]))))
