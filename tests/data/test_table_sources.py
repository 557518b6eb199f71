"""Sources that are no files: rows, lazy and chosen tables, sparse matrices and fields of structs."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy.sparse import coo_array, csr_array, csr_matrix

from steradian import InputError, Schema, Tabular, Text, Vector, read_objects
from steradian.data.table_sources import late_columns, read_source, refuse_repeated_names

X = Schema({"x": Vector("x")})
MAKERS = [{"name": "Acme", "place": {"zip": 7}}, None, {"name": None, "place": {"zip": 9}}]


def test_repeated_names_are_refused() -> None:
    refuse_repeated_names(["a", "b"])
    with pytest.raises(InputError, match="got 2 columns 'b'"):
        refuse_repeated_names(["a", "b", "b"])


def test_rows_may_lack_keys() -> None:
    columns = read_source([{"x": 1, "title": "a"}, {"x": 2, "n": 3}], X)
    assert {name: column.array.tolist() for name, column in columns.items()}["title"] == ["a", None]
    assert list(columns) == ["x", "title", "n"]
    with pytest.raises(InputError, match="want a path"):
        read_source([{"x": 1}, 2], X)


class HubDataset:
    """What a data set of Hugging Face's offers: a table of Arrow's, and which of its rows in which order."""

    features: Any = None

    def __init__(self, rows: list[int]) -> None:
        self.rows, self.format = rows, None

    def with_format(self, kind: str) -> "HubDataset":
        copy = HubDataset(self.rows)
        copy.format = kind
        return copy

    def __getitem__(self, rows: slice) -> pa.Table:
        assert self.format == "arrow"
        return pa.table({"x": [1.0, 2.0, 3.0], "label": ["a", "b", "c"]}).take(self.rows)[rows]


def test_a_data_set_of_a_hub_gives_its_chosen_rows() -> None:
    objects = read_objects(HubDataset([2, 0]), X)
    assert objects.labels.tolist() == ["c", "a"] and objects.values["x"]["values"].ravel().tolist() == [3, 1]
    with pytest.raises(InputError, match=r"Choose one of its parts, such as source\['train'\]"):
        read_objects({"train": HubDataset([0])}, X)


@pytest.mark.parametrize("kind", [csr_matrix, csr_array, coo_array])
def test_sparse_rows_are_vectors(kind: Any) -> None:
    dense = np.array([[0.0, 1, 0], [2, 0, 0]])
    objects = read_objects({"x": kind(dense), "label": ["a", "b"]}, X)
    np.testing.assert_array_equal(objects.values["x"]["values"], dense)
    rows = [csr_matrix(dense[:1]), None, csr_matrix(dense[1:])]
    objects = read_objects(
        {"x": rows, "title": ["a", "b", "c"]}, Schema({"x": X.modalities["x"]}), labelled=False, on_error="missing"
    )
    np.testing.assert_array_equal(objects.values["x"]["values"], dense)


@pytest.mark.parametrize(
    "make",
    [
        lambda columns: columns,
        pd.DataFrame,
        pl.DataFrame,
        pa.table,
        lambda columns: pa.table(columns).to_pylist(),
    ],
    ids=["dict", "pandas", "polars", "pyarrow", "rows"],
)
def test_fields_of_structs_are_columns(make: Any) -> None:
    schema = Schema({"maker": Text("maker.name"), "place": Tabular(numeric="maker.place.zip")})
    source = make({"maker": MAKERS, "title": ["a", "b", "c"]})
    objects = read_objects(source, Schema({**schema.modalities, "title": Text("title")}), labelled=False)
    assert objects.columns["maker.name"].tolist() == ["Acme", None, None]
    np.testing.assert_array_equal(objects.columns["maker.place.zip"], [7, np.nan, 9])


def test_a_column_whose_name_has_a_dot_goes_first_and_a_field_that_is_not_there_is_named() -> None:
    schema = Schema({"maker": Text("maker.name")})
    columns = late_columns({"maker": MAKERS, "maker.name": ["x", "y", "z"]}, schema)
    assert columns["maker.name"].array.tolist() == ["x", "y", "z"]
    with pytest.raises(InputError, match=r"column 'maker': want structs with the field 'owner'"):
        read_objects({"maker": MAKERS}, Schema({"maker": Text("maker.owner")}), labelled=False)
    with pytest.raises(InputError, match=r"column 'maker': want structs with the field 'name'"):
        read_objects({"maker": ["Acme"]}, schema, labelled=False)
