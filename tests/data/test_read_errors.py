"""Items that cannot be read are found and left out, as if a person had put None in their cells."""

import io
import sys
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from steradian import InputError, ObjectTable, Schema, Series, Tabular, Text, Vector, read_objects
from steradian.data import FittedModality, Modality, ReadValues, is_missing
from steradian.data.columns import from_cells, to_objects
from steradian.data.modality import Columns
from steradian.data.read_errors import salvage

module = sys.modules["steradian.data.read_errors"]


@dataclass(frozen=True)
class Letter(Modality):
    """A column of strings or lists of them; those with an X can be read, but not decoded."""

    column: str

    holds_lists = True

    @property
    def columns(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.column,)

    def read(self, columns: Columns) -> ReadValues:
        letters = to_objects(self._letter(cell) for cell in columns[self.column])
        return ReadValues({"letter": letters}, np.array([letter is not None for letter in letters], dtype=bool))

    def _letter(self, cell: Any) -> Any:
        if isinstance(cell, list):
            return [item for item in map(self._letter, cell) if item is not None] or None
        if not isinstance(cell, (str, np.ndarray)) and not is_missing(cell):
            raise InputError("a string", repr(cell), "here", "Fix it.")
        return None if is_missing(cell) else cell

    def probe(self, item: Any) -> None:
        probed.append(item)
        if "X" in item:
            raise InputError("no X", repr(item), "there", "Fix it.")

    def fit(self, values: Any) -> FittedModality:
        raise NotImplementedError


probed: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_probed() -> None:
    probed.clear()


def cleaned(modality: Modality, **columns: Any) -> tuple[dict[str, Any], list[tuple[int, str]]]:
    """The columns as lists, and the place and column of each fault."""
    given = {name: column if isinstance(column, np.ndarray) else from_cells(column) for name, column in columns.items()}
    before = {name: column.tolist() for name, column in given.items()}
    kept, read, faults = salvage(modality, given)
    for name, column in given.items():
        np.testing.assert_equal(column.tolist(), before[name])
    again = modality.read(kept)
    np.testing.assert_array_equal(again.present, read.present)
    return {name: column.tolist() for name, column in kept.items()}, [(place, name) for place, name, _ in faults]


# -- As by hand

GOOD, BAD, GONE = "good", "bad", "gone"
STATES = st.sampled_from([GOOD, GOOD, BAD, GONE])
CELLS: dict[str, dict[str, Any]] = {
    "price": {GOOD: 2.5, BAD: "n/a", GONE: None},
    "colour": {GOOD: "red", BAD: 1.5, GONE: None},
    "omics": {GOOD: [1.0, 2.0], BAD: [1.0, float("inf")], GONE: None},
    "age": {GOOD: 3.0, BAD: "old", GONE: None},
    "title": {GOOD: "a shoe", BAD: 7, GONE: None},
    "brand": {GOOD: "b", BAD: b"b", GONE: ""},
    "motion": {GOOD: [[1.0], [2.0]], BAD: [[1.0], ["x"]], GONE: None},
    "letter": {GOOD: "A", BAD: "X", GONE: None},
}
SCHEMA = Schema(
    {
        "specs": Tabular(numeric=["price"], categorical=["colour"]),
        "omics": Vector("omics", "age"),
        "title": Text("title", "brand"),
        "motion": Series("motion"),
        "letter": Letter("letter"),
    }
)


def assert_same(first: ObjectTable, second: ObjectTable) -> None:
    np.testing.assert_array_equal(first.present, second.present)
    for m, (name, values) in enumerate(first.values.items()):
        for key, array in values.items():
            there = first.present[:, m]
            for one, other in zip(array[there], second.values[name][key][there], strict=True):
                np.testing.assert_array_equal(one, other)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(CELLS, STATES)), min_size=1, max_size=7))
@settings(max_examples=60)
def test_it_is_as_if_the_bad_cells_had_been_emptied_by_hand(rows: list[dict[str, str]]) -> None:
    table = {name: [CELLS[name][row[name]] for row in rows] for name in CELLS}
    by_hand = {
        name: [cells[GONE] if row[name] == BAD else cells[row[name]] for row in rows] for name, cells in CELLS.items()
    }
    # A vector counts whole or not at all.
    for place, row in enumerate(rows):
        if GOOD not in (row["omics"], row["age"]) or row["omics"] != row["age"]:
            by_hand["omics"][place] = by_hand["age"][place] = None
    there = [i for i in range(len(rows)) if any(by_hand[name][i] for name in CELLS)]
    if not there:
        with pytest.raises(InputError, match=r"want (an object of which something can be read|at least one modality)"):
            read_objects(table, SCHEMA, labelled=False, on_error="missing")
        return
    expected = read_objects({name: [c[i] for i in there] for name, c in by_hand.items()}, SCHEMA, labelled=False)
    found = read_objects(table, SCHEMA, labelled=False, on_error="missing")
    assert_same(found, expected)
    assert found.rows.tolist() == there
    assert sorted(found.unreadable.left_out) == [i for i in range(len(rows)) if i not in there]
    one_by_one = {
        (i, name)
        for i, row in enumerate(rows)
        for name, state in row.items()
        if state == BAD and name not in ("omics", "age")
    }
    told = {(item.row, item.column) for item in found.unreadable.items if item.modality != "omics"}
    # Where all cells of a modality are bad, they are told of as one.
    assert {(row, column) for row, columns in told for column in columns.split(", ")} == one_by_one
    # What was cleaned can be read again as it stands.
    assert_same(read_objects(found.columns, SCHEMA, labelled=False), expected)


# -- Which cells are at fault


@pytest.mark.parametrize(
    ("modality", "columns", "kept", "faults"),
    [
        (Tabular(numeric=["a", "b"]), {"a": [1, "x"], "b": [3, 4]}, {"a": [1, None], "b": [3, 4]}, [(1, "a")]),
        (
            Tabular(numeric=["a", "b"]),
            {"a": [1, "x"], "b": ["y", "z"]},
            {"a": [1, None], "b": [None] * 2},
            [(0, "b"), (1, "a, b")],
        ),
        (Text("a", "b"), {"a": ["x", 5], "b": [None, "y"]}, {"a": ["x", None], "b": [None, "y"]}, [(1, "a")]),
        (
            Vector("a", "b"),
            {"a": [1.0, 2.0], "b": [3.0, np.inf]},
            {"a": [1.0, np.nan], "b": [3.0, np.nan]},
            [(1, "a, b")],
        ),
        (Vector("a", "b"), {"a": [1.0, 2.0], "b": [3.0, None]}, {"a": [1.0, np.nan], "b": [3.0, np.nan]}, [(1, "a")]),
        (Vector("a"), {"a": [[1, 2], [3, 4], [5, 6, 7]]}, {"a": [[1, 2], [3, 4], None]}, [(2, "a")]),
        (Series("a"), {"a": [[1, 2], [[3, 4]], [5]]}, {"a": [[1, 2], None, [5]]}, [(1, "a")]),
        (Series("a"), {"a": [[1.0, np.inf], [1.0, 2.0]]}, {"a": [[np.nan, np.nan], [1.0, 2.0]]}, [(0, "a")]),
        (Letter("a"), {"a": ["A", 5, None, "X"]}, {"a": ["A", None, None, None]}, [(1, "a"), (3, "a")]),
    ],
)
def test_what_is_left_out(modality: Modality, columns: Any, kept: Any, faults: Any) -> None:
    found, told = cleaned(modality, **columns)
    np.testing.assert_equal(
        {name: [np.asarray(c).tolist() if c is not None else None for c in column] for name, column in found.items()},
        kept,
    )
    assert told == faults


def test_dates_beside_a_bad_number_stay_dates() -> None:
    when = np.array(["2020-01-01", "2020-01-02"], dtype="datetime64[D]")
    kept, _, faults = salvage(Tabular(numeric=["when", "price"]), {"when": when, "price": to_objects([1, "x"])})
    assert kept["when"] is when and [fault.column for fault in faults] == ["price"]


def test_sound_columns_are_not_copied() -> None:
    columns = {"a": np.ones((3, 2)), "b": np.zeros(3)}
    kept, _, faults = salvage(Vector("a", "b"), columns)
    assert kept["a"] is columns["a"] and kept["b"] is columns["b"] and faults == []


def test_bad_rows_are_found_by_halving(monkeypatch: pytest.MonkeyPatch) -> None:
    cells: list[Any] = list(range(1024))
    cells[700] = "x"
    sizes: list[int] = []
    read = Tabular.read
    monkeypatch.setattr(Tabular, "read", lambda self, columns: sizes.append(len(columns["a"])) or read(self, columns))
    assert cleaned(Tabular(numeric=["a"]), a=cells)[1] == [(700, "a")]
    assert len(sizes) < 40 and sum(sizes) < 8 * 1024


@pytest.mark.parametrize(
    ("modality", "columns", "complaint"),
    [
        (Vector("a"), {"a": [[1, 2], [3]]}, "want vectors of one length"),
        (Vector("a"), {"a": np.array(["2020-01-01"], dtype="datetime64[D]")}, "want numbers"),
    ],
)
def test_where_there_is_no_majority_or_the_whole_column_is_wrong(
    modality: Modality, columns: Any, complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        salvage(modality, {name: from_cells(c) if isinstance(c, list) else c for name, c in columns.items()})


# -- Lists and decoding


@pytest.mark.parametrize(
    ("cell", "kept", "faults"),
    [
        (["A", "X", "B"], ["A", "B"], 1),
        (["A", 5, None, "X"], ["A", None], 2),
        (["X", "XX"], None, 2),
        (["A", None], ["A", None], 0),
        ([5, 6], None, 1),
    ],
)
def test_of_a_list_the_sound_items_stay(cell: Any, kept: Any, faults: int) -> None:
    found, told = cleaned(Letter("a"), a=[cell, "C"])
    assert found["a"] == [kept, "C"]
    assert told == [(0, "a")] * faults


def test_what_stands_in_several_rows_is_tried_once_and_told_of_everywhere() -> None:
    assert cleaned(Letter("a"), a=["A", "X", "A", ["X", "A"], None])[1] == [(1, "a"), (3, "a")]
    assert sorted(probed) == ["A", "X"]


def test_rows_of_a_numeric_array_are_all_tried() -> None:
    seen = np.arange(24).reshape(6, 4)
    assert cleaned(Letter("a"), a=seen)[1] == []
    assert sorted(item.tolist() for item in probed) == seen.tolist()


def test_items_are_decoded_by_several_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    both = threading.Barrier(3)
    monkeypatch.setattr(Letter, "probe", lambda self, item: both.wait(10) and None)
    assert cleaned(Letter("a"), a=["A", "B", "C"])[1] == []


def test_other_errors_than_of_the_input_are_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def probe(self: Letter, item: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Letter, "probe", probe)
    with pytest.raises(RuntimeError, match="a bug"):
        cleaned(Letter("a"), a=["A"])


@pytest.mark.parametrize("terminal", [True, False])
def test_what_takes_long_shows_a_bar_on_a_terminal(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal)
    monkeypatch.setattr("rich.console.Console", lambda stderr: console)
    monkeypatch.setattr(module, "SECONDS_BEFORE_BAR", -1.0)
    cleaned(Letter("a"), a=["A", "B"])
    assert ("trying every item" in out.getvalue()) == terminal
    out.truncate(0)
    monkeypatch.setattr(module, "SECONDS_BEFORE_BAR", 60.0)
    cleaned(Letter("a"), a=["A", "B"])
    assert "trying" not in out.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("bad", [np.nan, np.inf, "n/a"])
def test_of_many_columns_the_one_at_fault_is_told(bad: Any) -> None:
    columns = {f"g{number}": to_objects([1.0, 2.0, 3.0]) for number in range(500)}
    columns["g77"][1] = bad
    _, read, ((place, column, message),) = salvage(Vector(*columns), columns)
    assert read.present.tolist() == [True, False, True]
    assert place == 1 and len(column) < 40
    assert "in column 'g77'" in message and message.endswith("columns of the row are left out")
