"""A saved model and tables as files, for all commands."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.cli import main

KINDS = ("cup", "jar", "lamp", "pan")


def rows_of(kinds: tuple[str, ...], *, each: int, start: int = 0) -> Iterator[dict[str, Any]]:
    """Objects of some kinds: a size that tells them apart, and a weight that does not."""
    rng = np.random.default_rng(start)
    for number in range(each * len(kinds)):
        kind = kinds[number % len(kinds)]
        size = 10.0 * KINDS.index(kind) + rng.normal()
        yield {"sku": f"s{start + number}", "size": size, "weight": rng.normal(), "kind": kind}


@pytest.fixture(scope="session")
def write_rows() -> Callable[..., Path]:
    def write(path: Path, rows: list[dict[str, Any]]) -> Path:
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, [*rows[0]])
            writer.writeheader()
            writer.writerows(rows)
        return path

    return write


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory, write_rows: Callable[..., Path]) -> Path:
    """A folder with a calibrated model of three kinds by size, another one by weight, and tables."""
    folder = tmp_path_factory.mktemp("shelf")
    train = write_rows(folder / "train.csv", [*rows_of(KINDS[:3], each=20)])
    test = write_rows(folder / "test.csv", [*rows_of(KINDS[:3], each=20, start=100)])
    write_rows(folder / "new.csv", [*rows_of(KINDS[3:], each=5, start=200)])
    for name in ("size", "weight"):
        schema = sr.Schema({name: sr.Tabular(numeric=[name])}, label="kind", id="sku")
        model = sr.SphereEmbedder(embedding_dim=8, epochs=0, verbose=False).fit(sr.read_objects(train, schema))
        if name == "size":
            model.calibrate(sr.read_objects(test, schema))
        model.save(folder / name)
    return folder


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """What a command answers: its exit code, what it printed, and what it complained of."""

    def run(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit:
            main([str(word) for word in words])
        printed = capsys.readouterr()
        return int(exit.value.code or 0), printed.out, printed.err

    return run
