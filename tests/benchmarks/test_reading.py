"""The measurement of reading, on files of a few rows."""

import pytest

from benchmarks.reading import run


def test_both_kinds_of_file_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    found = run(csv_rows=30, parquet_rows=40)
    assert [(each.kind, each.rows) for each in found] == [("csv", 30), ("parquet", 40)]
    assert all(each.ours > 0 and each.pyarrow > 0 and each.table > 0 for each in found)
    assert len(capsys.readouterr().out.splitlines()) == 3
