"""Rows that stay on disk, against the same rows in memory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from steradian import InputError
from steradian.data import stored_rows
from steradian.data.stored_rows import StoredRows, stored_columns

GROUPS = [[7, 5], [6]]
WHOLE = np.arange(18.0) * 10
Make = Callable[..., tuple[StoredRows, list[tuple[str, int]]]]


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Make:
    """18 rows in three row groups of two files, and what is read of them."""

    def made(*, piece: int = 3 * 8, kept: int = 6 * 8) -> tuple[StoredRows, list[tuple[str, int]]]:
        monkeypatch.setattr(stored_rows, "PIECE", piece)
        monkeypatch.setattr(stored_rows, "KEPT_MOST", kept)
        reads: list[tuple[str, int]] = []

        def read(path: Path, group: int, rows: int, name: str) -> Iterator[np.ndarray]:
            first = {("a", 0): 0, ("a", 1): 7, ("b", 0): 12}[path.stem, group]
            length = GROUPS["ab".index(path.stem)][group]
            for start in range(first, first + length, rows):
                reads.append((path.stem, start))
                yield WHOLE[start : min(start + rows, first + length)]

        return StoredRows([Path("a.parquet"), Path("b.parquet")], read, GROUPS, {"x": 8.0}), reads

    return made


@pytest.mark.parametrize(
    "rows",
    [None, np.arange(18), np.arange(18)[::-1], np.array([17, 0, 0, 9]), np.array([5]), np.array([], dtype=np.int64)],
)
@pytest.mark.parametrize("piece", [1, 24, 1000])
def test_rows_are_those_of_the_whole(make: Make, rows: np.ndarray | None, piece: int) -> None:
    stored, _ = make(piece=piece)
    assert len(stored) == 18 and stored.starts[-1] == 18
    for _ in range(2):
        np.testing.assert_array_equal(stored.column("x", rows), WHOLE if rows is None else WHOLE[rows])


def test_a_pass_in_order_reads_each_piece_once(make: Make) -> None:
    stored, reads = make()
    for row in range(18):
        stored.column("x", np.array([row]))
    assert [start for _, start in reads] == [0, 3, 6, 7, 10, 12, 15]


def test_what_was_read_last_stays(make: Make) -> None:
    stored, reads = make()
    stored.column("x", np.array([12, 17]))
    stored.column("x", np.array([13, 16]))
    assert len(reads) == 2
    stored.column("x", None)
    assert stored._held <= 6 * 8


def test_row_groups_are_counted_over_files(make: Make) -> None:
    stored, _ = make(piece=8)
    np.testing.assert_array_equal(stored.row_groups(np.arange(18)), np.repeat([0, 1, 2], [7, 5, 6]))


def test_more_rows_than_the_memory_holds_are_refused(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_rows, "machine_memory", lambda: 100)
    stored, _ = make()
    with pytest.raises(InputError, match=r"half of the memory.*18 rows.*objects\[:100_000\]"):
        stored.column("x", None)
    assert len(stored.column("x", np.arange(6))) == 6


def test_columns_are_read_for_the_rows_that_are_asked_for(make: Make) -> None:
    stored, reads = make()
    few = stored_columns(stored).at(slice(12, None)).at(np.array([5, 0]))
    assert reads == [] and few.lengths == {"x": 2}
    np.testing.assert_array_equal(few["x"], [170, 120])
    assert reads == [("b", 12), ("b", 15)]
