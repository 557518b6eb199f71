"""The measurement of wrong labels, on a set made up."""

from pathlib import Path

import numpy as np
import pytest

import steradian as sr
from benchmarks.label_trouble import exchange_labels, run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 40)
    views = {f"modality_v{view}": rng.normal(size=(4, 5))[labels] + 0.5 * rng.normal(size=(160, 5)) for view in (0, 1)}
    np.savez(tmp_path / "made.npz", label=labels, **views)
    return tmp_path


def test_a_run_prints_a_row_for_each_case_and_method(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["made"], folder, seeds=1, share=0.1, embedding_dim=8, width=16, heads=2, epochs=15)
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split()[:3] == ["set", "case", "method"]
    assert [row[13:35].strip() for row in rows] == [
        *["held out, as it came"] * 2,
        *["held out"] * 2,
        *["training part"] * 2,
        "training part, unseen",
    ]
    assert {len(row) for row in rows} == {len(head)}
    wrong, listed, found, precision, recall, _, noise, _ = map(float, rows[2][57:].split()[1:])
    assert (wrong, precision, recall) == (
        6,
        pytest.approx(found / listed, abs=1e-3),
        pytest.approx(found / 6, abs=1e-3),
    )
    assert found >= 4
    assert 0.05 < noise < 0.2


def test_exchanged_labels_are_others_and_known() -> None:
    table = {"v": np.zeros((50, 2)), "label": np.repeat(["a", "b"], 25)}
    objects = sr.read_objects(table, sr.Schema({"v": sr.Vector("v")}))
    noisy, wrong = exchange_labels(objects, 0.1, seed=3)
    np.testing.assert_array_equal(noisy.labels != objects.labels, wrong)
    assert wrong.sum() == 5
