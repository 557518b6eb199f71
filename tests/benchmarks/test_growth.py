import json
import math
from pathlib import Path

import pytest
import torch

from benchmarks.growth import run
from benchmarks.growth_cases import OBJECTIVES, Case, Grid, Measured, Size, make_run
from benchmarks.growth_report import break_even, fit_exponent

TINY = Grid((2, 4, 6), (8, 256), (5, 4096), (5, 12), objects_of_step=8)


def test_a_run_writes_tables_of_80_columns_plots_and_every_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    threads = torch.get_num_threads()
    run(["angular", "clip", "gram"], grid=TINY, rounds=1, json_file=tmp_path / "all.json", folder=tmp_path)
    assert torch.get_num_threads() == threads
    text = (tmp_path / "growth.md").read_text(encoding="utf-8")
    assert text in capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    assert len(list(tmp_path.glob("*.png"))) == len(TINY.sweeps)
    found = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert {len(case["seconds"]) for case in found["cases"]} == {1}
    assert all(case["peak_bytes"] > 0 for case in found["cases"] if case["what"] == "objective")
    # Also where the gradient of the class centers lies on pages that torch's allocator knows nothing of.
    many = [case for case in found["cases"] if case["classes"] == 4096]
    assert many and all(case["peak_bytes"] > 4 * 4096 * 128 for case in many)
    assert len(found["exponents"]) == 3 * len(TINY.sweeps)
    assert len(found["break_even"]) == len(TINY.break_even_sizes)


@pytest.mark.parametrize("kind", OBJECTIVES)
def test_an_objective_leaves_gradients_of_what_it_looks_at(kind: str) -> None:
    given = make_run(Case(kind, Size(3, 8, 5)))  # type: ignore[arg-type]
    given()
    modality_vectors = given.leaves[0].grad
    assert modality_vectors is not None and modality_vectors.abs().sum() > 0
    given.drop_gradients()
    assert all(leaf.grad is None for leaf in given.leaves)


def test_an_unknown_objective_is_refused() -> None:
    with pytest.raises(SystemExit, match="no objective arcface"):
        run(["arcface"], grid=TINY, rounds=1)


def test_the_exponent_of_a_power_is_found() -> None:
    assert fit_exponent([2, 4, 16], [3 * n**1.5 for n in (2, 4, 16)]) == pytest.approx(1.5)
    assert fit_exponent([2], [1.0]) is None


@pytest.mark.parametrize(("clip", "classes"), [(2.5, 30.0), (0.5, 0.0), (9.0, math.inf)])
def test_break_even_lies_between_the_numbers_of_classes_around_it(clip: float, classes: float) -> None:
    size = Size(4, 64, 100)
    times = {Case("clip", size): clip} | {Case("angular", size._replace(classes=n)): n / 20 + 1 for n in (10, 20, 40)}
    measured = Measured({case: [seconds] for case, seconds in times.items()}, {})
    found = break_even(measured, size, [10, 20, 40])
    assert found.classes == pytest.approx(classes)
    assert found.by_products == pytest.approx(64 * 12 / 10)
