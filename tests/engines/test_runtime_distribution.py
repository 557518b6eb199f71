"""steradian-runtime in an environment of its own, without torch: small, the same vectors, and a server."""

import json
import os
import subprocess
import sys
import tomllib
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

import steradian as sr

pytest.importorskip("onnx")

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
SCRIPT = """
import importlib.util, json, sys
import numpy as np
from steradian.runtime import RuntimeModel

assert not [name for name in ("torch", "scipy", "sklearn", "pyarrow") if importlib.util.find_spec(name)]
np.save(sys.argv[3], RuntimeModel.load(sys.argv[1]).embed(json.loads(sys.argv[2])))
"""
ROWS = [
    {"title": "red shoe", "motion": [[0.5], [1.5], [0.5]]},
    {"price": 3.0, "title": "blue hat"},
    {"motion": [[2.0], [1.0]]},
]


def tried(*command: str | Path) -> None:
    """Run what needs a package index; without one there is nothing to test."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, env=ENVIRONMENT)
    if done.returncode:
        pytest.skip(f"{command[0]} failed: {done.stderr.strip().splitlines()[-1]}")


def megabytes(environment: Path) -> float:
    """Of all that is installed, but for what installs it."""
    (packages,) = environment.glob("lib/python*/site-packages")
    files = [path for path in packages.rglob("*") if path.is_file() and not path.is_symlink()]
    tools = "pip", "setuptools", "pkg_resources", "_distutils_hack"
    return sum(f.stat().st_size for f in files if not f.relative_to(packages).parts[0].startswith(tools)) / 1e6


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel is installed."""
    folder = tmp_path_factory.mktemp("runtime")
    tried(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT / "runtime")
    tried(sys.executable, "-m", "venv", folder / "environment")
    (wheel,) = folder.glob("*.whl")
    install(folder / "environment", wheel)
    return folder


def install(environment: Path, wheel: str | Path) -> None:
    pip = environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"
    tried(*pip, "--constraint", ROOT / "constraints.txt", wheel)


@pytest.fixture(scope="module")
def model() -> sr.SphereEmbedder:
    rng = np.random.default_rng(0)
    labels = np.arange(24) % 3
    cells = {
        "title": [["red shoe", "blue hat", "green coat"][label] for label in labels],
        "motion": [np.cumsum(rng.normal(size=(9 + row, 1)), axis=0) for row in range(24)],
        "price": labels + rng.normal(size=24),
        "label": labels,
    }
    modalities = {"title": sr.Text("title"), "motion": sr.Series("motion"), "specs": sr.Tabular(numeric=["price"])}
    options = {"width": 16, "heads": 2, "embedding_dim": 8, "epochs": 0, "verbose": False, "closed_form": False}
    return sr.SphereEmbedder(**options).fit(sr.read_objects(cells, sr.Schema(modalities)))


@pytest.mark.timeout(600)
def test_an_environment_without_torch_makes_the_same_vectors(
    environment: Path, model: sr.SphereEmbedder, tmp_path: Path
) -> None:
    model.export(tmp_path / "served")
    python, found = environment / "environment" / "bin" / "python", tmp_path / "found.npy"
    command = [python, "-W", "error", "-c", SCRIPT, tmp_path / "served", json.dumps(ROWS), found]
    alone = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT)
    assert alone.stderr == ""
    np.testing.assert_allclose(np.load(found), model.transform(ROWS), atol=1e-4)
    size = megabytes(environment / "environment")
    print(f"steradian-runtime and what it needs: {size:.0f} MB")
    assert size < 250


@pytest.mark.timeout(600)
def test_with_its_extras_it_serves(environment: Path, model: sr.SphereEmbedder, tmp_path: Path) -> None:
    (wheel,) = environment.glob("*.whl")
    install(environment / "environment", f"{wheel}[serve,audio]")
    size = megabytes(environment / "environment")
    print(f"with the extras serve and audio, as in the container: {size:.0f} MB")
    assert size < 400
    model.export(tmp_path / "served")
    sr.Index.from_vectors(np.eye(8)).save(tmp_path / "served" / "index")
    command = [environment / "environment" / "bin" / "steradian", "serve", tmp_path / "served", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as server:
        try:
            line = server.stdout.readline() if server.stdout else ""
            assert line.startswith("serving")
            content, kind = json.dumps({"rows": ROWS}).encode(), {"content-type": "application/json"}
            request = urllib.request.Request(f"{line.split()[2]}/embed", content, kind)
            vectors = json.loads(urllib.request.urlopen(request).read())["vectors"]
            np.testing.assert_allclose(vectors, model.transform(ROWS), atol=1e-4)
        finally:
            server.terminate()


def test_it_asks_for_no_other_versions_than_the_whole_package() -> None:
    projects = [
        tomllib.loads((folder / "pyproject.toml").read_text())["project"] for folder in (ROOT / "runtime", ROOT)
    ]
    small, whole = (
        {
            Requirement(line).name: str(Requirement(line).specifier)
            for lines in (project["dependencies"], *project["optional-dependencies"].values())
            for line in lines
        }
        for project in projects
    )
    assert {name: whole[name] for name in small} == small
