"""The notebook of the claims runs without Jupyter, whatever results there are, and was run before it was committed."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pytest
import torch

from benchmarks import claims, growth
from benchmarks.growth_cases import Grid
from benchmarks.judge import Verdict
from benchmarks.reader_claims import UNSEEN

NOTEBOOK = Path(__file__).parents[2] / "examples" / "claims.ipynb"
BOOK = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
CELLS = [cell for cell in BOOK["cells"] if cell["cell_type"] == "code"]
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:home|mnt|opt|root|tmp|Users|work)/")
TINY = Grid((2, 4, 6), (8, 256), (5, 1000), (5, 12), objects_of_step=8)


def run_cells(results: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Verdict]:
    """The verdicts, after every cell has run in the order of the notebook."""
    monkeypatch.setenv("STERADIAN_QUICK", "1")
    monkeypatch.setenv("STERADIAN_RESULTS", str(results))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    matplotlib.use("Agg")
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with plt.rc_context():
        for cell in CELLS:
            exec(compile("".join(cell["source"]), cell["id"], "exec"), namespace)
            plt.close("all")
    verdicts: list[Verdict] = namespace["verdicts"]
    return verdicts


@pytest.mark.slow
def test_it_runs_in_its_own_folder_without_any_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = run_cells(tmp_path, NOTEBOOK.parent, monkeypatch)
    shown = capsys.readouterr().out
    for name in ("claims.jsonl", "growth.json", "against_plain.json", "reader_claims.json"):
        assert re.search(rf"no {name} .*: python -m benchmarks \w+", shown), name
    assert {verdict.result for verdict in verdicts if verdict.section == "faster"} == {"not measured"}
    exact = next(verdict.result for verdict in verdicts if "exact sum" in verdict.claim)
    assert exact == "held"


@pytest.mark.slow
def test_it_runs_at_the_root_with_the_results_of_quick_measurements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    claims.run([], None, tmp_path, methods=["angular", "cross_entropy", "clip"], quick=True)
    torch.set_num_threads(threads)
    kinds = ["angular", "clip", "supcon"]
    growth.run(kinds, grid=TINY, rounds=1, json_file=tmp_path / "growth.json")  # type: ignore[arg-type]
    made = {
        "plain.json": {"made": {"whole": {"LR": [90.0]}}},
        "against_plain.json": {"made": {"epochs=0": {"scores": {"whole": [91.0]}}}},
        "reader_claims.json": {"made": [{"question": UNSEEN, "set": "made", "ours": [90.0], "rivals": {"a": [80.0]}}]},
    }
    for name, content in made.items():
        (tmp_path / name).write_text(json.dumps(content), encoding="utf-8")
    verdicts = run_cells(tmp_path, NOTEBOOK.parents[1], monkeypatch)
    assert "python -m benchmarks" not in capsys.readouterr().out
    found = {verdict.claim: verdict.result for verdict in verdicts}
    assert found["cost grows linearly at most"] in ("held", "depends", "not held")
    assert found["faster than every purely contrastive rival"] in ("held", "not held")
    assert found["whole objects as good as the best of four plain models or better"] == "held"
    assert found[f"{UNSEEN}: as good as the best rival or better"] == "held"


def test_what_is_committed_was_run() -> None:
    assert (BOOK["nbformat"], BOOK["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in BOOK["cells"]]
    assert len(set(ids)) == len(ids)
    assert [cell["id"] for cell in CELLS if not cell["outputs"]] == []
    assert [cell["execution_count"] for cell in CELLS] == list(range(1, len(CELLS) + 1))
    drawn = [cell["id"] for cell in CELLS if any("image/png" in output.get("data", {}) for output in cell["outputs"])]
    assert {"circle", "sphere", "sum", "subsets", "gram", "missing"} <= set(drawn)


def test_what_is_committed_shows_no_error_warning_or_path_of_one_machine() -> None:
    outputs = [(cell["id"], output) for cell in CELLS for output in cell["outputs"]]
    assert [
        name for name, output in outputs if output["output_type"] == "error" or output.get("name") == "stderr"
    ] == []
    for _, output in outputs:
        output.get("data", {}).pop("image/png", None)
    assert [name for name, output in outputs if MACHINE_PATH.search(json.dumps(output))] == []
    assert NOTEBOOK.stat().st_size < 3_000_000
