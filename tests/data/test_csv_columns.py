"""CSV columns, against a slow reading of every cell by Python."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from steradian import Image, Schema, Tabular, Text
from steradian.data.columns import from_cells
from steradian.data.csv_columns import list_columns, text_columns, to_csv_column

LISTS = [
    *("[1, 2]", " [3]", "[null, 2]", "[NaN]", "[1.5e3,-2]", "[0, -0]", "[123456789012345678]", "[]", "[[1]]"),
    *('["a"]', "[1, [2]]", "[1e400]", "[1234567890123456789012]", "[true]", None),
]
NO_LISTS = ["[.5]", "[1.]", "[007]", "[+1]", "[1,]", "[,]", "[1 2]", "[", "[1]]", "[0x1]"]


def plain(column: np.ndarray) -> list[Any]:
    return [cell.tolist() if isinstance(cell, np.ndarray) else cell for cell in column]


def read(cells: list[str | None], **options: bool) -> np.ndarray:
    chunks = [pa.array(cells[:2], pa.string()), pa.array(cells[2:], pa.string())]
    return to_csv_column(pa.chunked_array(chunks), **{"text": False, "lists": False, "cell_by_cell": False, **options})


@pytest.mark.parametrize("cell", [cell for cell in LISTS if cell], ids=str)
@pytest.mark.parametrize("beside", ["[7, 8]", "[0.25]"])
def test_lists_are_what_python_reads(cell: str, beside: str) -> None:
    cells = [cell, None, beside, cell]
    expected = from_cells(None if text is None else json.loads(text) for text in cells)
    got = read(cells)
    assert got.dtype == expected.dtype and repr(plain(got)) == repr(plain(expected))


@pytest.mark.parametrize("cell", NO_LISTS)
def test_what_python_does_not_read_stays_text(cell: str) -> None:
    assert read([cell, "[1]", None]).tolist() == [cell, "[1]", None]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([" 1", "2 ", None], [1, 2, np.nan]),
        (["1", "2"], [1, 2]),
        (["1", " 007"], ["1", " 007"]),
        (["1e3", "nan"], [1000, np.nan]),
        (["12345678901234567890 ", "1"], ["12345678901234567890 ", "1"]),
        ([" true", "False"], [True, False]),
        ([None, None], [None, None]),
    ],
    ids=str,
)
def test_numbers_and_booleans_are_known_whatever_blanks_stand_around(cells: list[Any], expected: list[Any]) -> None:
    assert repr(read(cells).tolist()) == repr(np.array(expected).tolist())


def test_one_cell_of_another_kind() -> None:
    assert read(["1", "x", "[2]"]).tolist() == ["1", "x", "[2]"]
    assert read(["1", "x", "[2]", "007"], cell_by_cell=True).tolist() == [1.0, "x", [2], "007"]
    assert read(["1", "2"], text=True, cell_by_cell=True).tolist() == ["1", "2"]
    assert read(['["a", "b"]', "c", "[1]", None], text=True, lists=True).tolist() == [["a", "b"], "c", "[1]", None]


def test_what_the_schema_says_of_columns() -> None:
    specs = Tabular(numeric=["year"], categorical=["year", "colour"])
    schema = Schema({"title": Text("title", "kind"), "photo": Image("photo"), "specs": specs}, label="l", id="title")
    assert text_columns(schema) == {"l", "title", "kind", "photo", "colour"}
    assert list_columns(schema) == {"kind", "photo"}


@pytest.mark.parametrize("text", [True, False])
def test_a_column_without_a_cell_holds_no_lists(text: bool) -> None:
    empty = pa.chunked_array([pa.nulls(2)])
    assert to_csv_column(empty, text=text, lists=True, cell_by_cell=False).tolist() == [None, None]
