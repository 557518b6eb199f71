"""Parts of a column below each other, against one list of all cells."""

from steradian.data.column_parts import below_each_other, gathered
from steradian.data.columns import from_cells


def test_columns_below_each_other_are_as_one_list() -> None:
    for parts in ([[1, 2], [3]], [[1, 2], [0.5, None]], [["a"], [None]], [[None], [[1.0, 2.0]]], [[[1, 2]], [[3]]]):
        whole = below_each_other([from_cells(part) for part in parts])
        expected = from_cells([cell for part in parts for cell in part])
        assert whole.dtype == expected.dtype and repr(whole.tolist()) == repr(expected.tolist())
        part_by_part = gathered((from_cells(part) for part in parts), sum(map(len, parts)))
        assert part_by_part.dtype == whole.dtype and repr(part_by_part.tolist()) == repr(whole.tolist())
    assert gathered(iter([]), 0).tolist() == []
