import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.new_classes import RETRAINED, Row, run


def test_a_run_measures_every_way_on_every_split(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(5), 10)
    modalities = {f"modality_{m}": np.eye(5)[labels] + 0.2 * rng.normal(size=(50, 5)) for m in "ab"}
    np.savez(tmp_path / "made.npz", label=labels, **modalities)  # type: ignore[arg-type]
    options = {"embedding_dim": 8, "width": 16, "heads": 2, "epochs": 2}
    file = tmp_path / "rows.json"
    rows = run(["made"], tmp_path, splits=2, held_back=2, examples=(3,), options=options, json_file=file)
    assert [row.method for row in rows] == [RETRAINED, "3 added", "trained with 3"]
    for row in rows:
        # Of ten test objects a split, four are of the classes held back.
        assert [len(row.all), len(row.new), len(row.old)] == [2, 2, 2]
        assert row.all == pytest.approx([0.4 * new + 0.6 * old for new, old in zip(row.new, row.old, strict=True)])
    assert [len(row.expected) for row in rows] == [0, 2, 0]
    assert [row["method"] for row in json.loads(file.read_text(encoding="utf-8"))] == [row.method for row in rows]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and max(map(len, lines)) <= 80


def test_the_ratio_is_of_mean_accuracies() -> None:
    reference = Row("made", RETRAINED, [0.8, 1.0], [0.5, 1.0], [1.0, 1.0], [])
    row = Row("made", "5 added", [0.72, 0.9], [0.4, 0.6], [1.0, 1.0], [0.3, 0.4])
    assert row.cells(reference) == ["made", "5 added", "81.0", "50.0", "100.0", "90.0", "35.0"]
    assert reference.cells(reference)[-2:] == ["100.0", "-"]


def test_a_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"absent\.npz is not there"):
        run(["absent"], tmp_path, splits=1)
