"""The blocks of docs/scale.md for Ray, Daft and Spark, run by these with a worker killed at its first batch."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bulk

PACKAGES = {"ray": "ray", "daft": "daft", "spark": "pyspark"}
ROWS = 2000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, np.ndarray]:
    folder = tmp_path_factory.mktemp("bulk")
    return folder, bulk.make_rows(folder, ROWS, files=4)[0]


@pytest.mark.timeout(400)
@pytest.mark.parametrize("engine", bulk.ENGINES)
def test_engines_give_the_vectors_of_transform(made: tuple[Path, np.ndarray], engine: str) -> None:
    if importlib.util.find_spec(PACKAGES[engine]) is None:
        pytest.skip(f"{PACKAGES[engine]} is not installed: pip install 'steradian[engines]'")
    if engine == "spark" and shutil.which("java") is None:
        pytest.skip("Spark needs a Java: apt-get install default-jre-headless")
    folder, expected = made
    shutil.rmtree(folder / "vectors", ignore_errors=True)
    started = bulk.embed_with(engine, folder, kill_after=0)
    lost, twice, most = bulk.difference(folder, expected)
    assert (lost, twice) == (0, 0) and most < 1e-6
    assert (folder / "marks" / "killed").exists()
    # Daft works in the process itself; the others try the killed worker's task again.
    assert started == (2 if engine == "daft" else 1)
    assert len(bulk.adapter(engine).splitlines()) <= 18
