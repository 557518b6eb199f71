"""`steradian embed` of a table of several files."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest


@pytest.fixture
def parts(shelf: Path, tmp_path: Path) -> Path:
    for name in ("a", "b"):
        content = (shelf / "test.csv").read_text()
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "in" / f"{name}.csv").write_text(content.replace("s1", f"{name}1"))
    return tmp_path / "in"


@pytest.mark.parametrize("named", [["."], ["*.csv"], ["a.csv", "b.csv"]])
def test_several_files_become_parts_which_are_not_made_twice(
    shelf: Path, run, parts: Path, tmp_path: Path, named: list[str]
) -> None:
    words = ["embed", shelf / "size", *(parts / name for name in named), "--out", tmp_path / "out"]
    code, told, complaints = run(*words)
    assert (code, complaints) == (0, "")
    assert told.splitlines()[-1].endswith(
        f"120 vectors of width 8 to 2 parts in {tmp_path / 'out'}; 0 parts had been there"
    )
    assert pq.read_table(tmp_path / "out").num_rows == 120
    _, told, _ = run(*words)
    assert told == f"wrote 0 vectors of width 8 to 0 parts in {tmp_path / 'out'}; 2 parts had been there\n"
    _, told, complaints = run("embed", shelf / "size", parts / "[a]*.csv", "--out", tmp_path / "out")
    assert told.endswith("1 part had been there\n") and "1 part in" in complaints


def test_a_file_without_rows_has_no_part(shelf: Path, run, parts: Path, tmp_path: Path) -> None:
    (tmp_path / "none.csv").write_text((parts / "a.csv").read_text().splitlines()[0] + "\n")
    words = ["embed", shelf / "size", parts / "a.csv", tmp_path / "none.csv", "--out", tmp_path / "out"]
    code, told, complaints = run(*words)
    assert (code, complaints) == (0, "") and f"{tmp_path / 'none.csv'}: 0 objects\n" in told
    assert told.endswith("to 1 part in " + str(tmp_path / "out") + "; 0 parts had been there\n")


def test_one_file_and_files_into_one_stay_as_they_were(shelf: Path, run, parts: Path, tmp_path: Path) -> None:
    assert run("embed", shelf / "size", parts / "a.csv", "--out", tmp_path / "index")[0] == 0
    assert (tmp_path / "index" / "index.json").exists()
    assert run("embed", shelf / "size", parts, "--out", tmp_path / "all.parquet")[0] == 0
    assert pq.read_table(tmp_path / "all.parquet").num_rows == 120
    assert run("embed", shelf / "size", parts / "a.csv", parts / "b.csv", "--out", tmp_path / "a.npy")[0] == 0
