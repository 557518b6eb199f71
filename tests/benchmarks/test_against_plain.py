"""Ours beside plain models, on a set made up here."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import against_plain


def test_ours_stands_beside_what_was_measured_of_plain_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), 20)
    views = {f"modality_{name}": (rng.normal(size=(60, 4)) + 3 * labels[:, None]).astype(np.float32) for name in "ab"}
    np.savez(tmp_path / "made.npz", label=labels, **views)
    plain = {"whole": {"LR": [90.0, 92.0], "SVM": [80.0, 81.0], "kernels": [95.0, 96.0]}}
    monkeypatch.setattr(against_plain, "plain_scores", lambda name: plain)
    against_plain.run(["made"], tmp_path, splits=2, epochs=0, file=tmp_path / "out.json")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4 and "LR 91.00+-1.0" in lines[1] and "95.50+-0.5" in lines[1]
    kept = json.loads((tmp_path / "out.json").read_text())["made"]["epochs=0"]
    assert set(kept["scores"]) == {"whole", "a", "b"} and all(len(each) == 2 for each in kept["scores"].values())
    assert np.mean(kept["scores"]["whole"]) > 90
