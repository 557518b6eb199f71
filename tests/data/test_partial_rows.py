"""Rows with only some of the schema's columns: what is absent is missing, what is misspelt is told."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from steradian import InputError, Schema, Tabular, Text, Vector, read_objects
from steradian.data.late_columns import LateColumns
from steradian.data.partial_rows import as_rows, with_absent_columns

SCHEMA = Schema(
    {
        "title": Text("title", "subtitle"),
        "specs": Tabular(numeric=["price"], categorical=["colour"]),
        "sensors": Vector("sensors"),
    },
    label="kind",
    id="sku",
)
ROWS: dict[str, Any] = {"title": ["red shoe", "boot"], "price": [20.0, 35.0], "shop": ["north", "south"]}


def present(source: Any) -> list[list[bool]]:
    return read_objects(source, SCHEMA, labelled=False, partial=True).present.tolist()


@pytest.mark.parametrize(
    "make",
    [pd.DataFrame, pl.DataFrame, pa.table, lambda table: pl.DataFrame(table).lazy()],
    ids=["pandas", "polars", "pyarrow", "lazy"],
)
def test_a_table_may_lack_columns_and_have_others(make: Any, tmp_path: Path) -> None:
    assert present(make(ROWS)) == [[True, True, False]] * 2
    pd.DataFrame(ROWS).to_csv(tmp_path / "table.csv", index=False)
    assert present(tmp_path / "table.csv") == [[True, True, False]] * 2


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"title": ["a", "b"]}, [[True, False, False]] * 2),
        ({"price": np.array([1.0, 2.0]), "kind": ["x", None]}, [[False, True, False]] * 2),
        ([{"title": "a"}, {"price": 3, "sensors": [0.1, 0.2]}], [[True, False, False], [False, True, True]]),
        ({"title": "a"}, [[True, False, False]]),
        ({"colour": "red", "sensors": [0.1, 0.2], "sku": 7}, [[False, True, True]]),
        ({"title": None, "price": np.float64(3)}, [[False, True, False]]),
    ],
    ids=str,
)
def test_dicts_are_columns_or_rows(source: Any, expected: list[list[bool]]) -> None:
    assert present(source) == expected


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ({"titel": ["a"], "price": [1]}, r"want columns of title, .* got 'titel'. Did you mean 'title'\?"),
        ([{"title": "a", "Colour": "red"}], r"got 'Colour'. Did you mean 'colour'\?"),
        ({"title": "a", "weather": "fine"}, "got 'weather'. Leave it out, or give all the columns"),
        (pd.DataFrame({"titles": ["a"], "price": [1]}), r"got 'titles'. Did you mean 'title'\?"),
        (pd.DataFrame({"weather": ["fine"]}), "want a column of title, subtitle, .* got the columns 'weather'"),
        ({"title": ["a", None], "sensors": [[1.0], None]}, "want at least one modality of .* got none in 1 of 2 rows"),
        ({"title": None}, "want at least one modality .* got none in 1 of 1 rows"),
        ({}, "want a column of title, .*, got no column"),
        ([], "want a path, a dict of columns"),
    ],
    ids=str,
)
def test_what_is_misspelt_or_empty_is_told(source: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        present(source)


def test_a_whole_table_may_have_any_other_column() -> None:
    whole = {name: [None] for name in (*SCHEMA.columns, "titel", "weather")} | {"title": ["a"]}
    assert present(whole) == [[True, False, False]]


def test_a_table_of_another_schema_is_read_again() -> None:
    objects = read_objects({"title": ["a", "b"]}, Schema({"title": Text("title")}), labelled=False)
    again = read_objects(objects[[1]], SCHEMA, labelled=False, partial=True)
    assert again.present.tolist() == [[True, False, False]] and again.rows.tolist() == [1]
    with pytest.raises(InputError, match="want the column 'subtitle'"):
        read_objects(objects, SCHEMA, labelled=False)


def test_a_part_of_a_vector_is_no_vector() -> None:
    schema = Schema({"size": Vector("width", "height"), "title": Text("title")})
    assert read_objects([{"title": "a"}], schema, labelled=False, partial=True).present.tolist() == [[False, True]]
    with pytest.raises(InputError, match=r"a vector that is whole.*the first in column 'height'"):
        read_objects([{"width": 1.0}], schema, labelled=False, partial=True)


def test_one_object_is_a_row_and_columns_stay() -> None:
    assert as_rows({"a": 1}) == [{"a": 1}]
    for source in ({"a": [1]}, {"a": np.zeros(2)}, [{"a": 1}], "table.csv"):
        assert as_rows(source) is source
    columns = with_absent_columns(LateColumns({"price": np.zeros(2)}), SCHEMA, by_hand=True)
    assert columns["sensors"].tolist() == [None, None]
