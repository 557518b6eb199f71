"""Plain arrays as tables, with scikit-learn's checks turned into our errors."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import BaseEstimator

import steradian as sr
from steradian.data import ObjectTable, Schema, read_objects
from steradian.data.batch import Preprocessor
from steradian.errors import InputError
from steradian.modalities import Audio, Image, Series, Tabular, Text, Vector
from steradian.validation import PLAIN_SCHEMA, labelled_table, query_table, refuse_objects_without, training_table


class Plain(BaseEstimator):
    """An estimator of nothing."""


def test_an_array_becomes_one_vector_modality(rng: np.random.Generator) -> None:
    estimator, points = Plain(), rng.normal(size=(4, 3))
    objects = training_table(estimator, points, ["a", "b", "a", "b"])
    assert objects.schema == PLAIN_SCHEMA and objects.labels.tolist() == ["a", "b", "a", "b"]
    np.testing.assert_allclose(objects.values["x"]["values"], points, rtol=1e-6)
    assert estimator.n_features_in_ == 3
    assert not query_table(estimator, PLAIN_SCHEMA, points).has_labels


@pytest.mark.parametrize(
    ("points", "labels", "complaint"),
    [
        ([[1.0], [np.nan]], [0, 1], "NaN"),
        ([[1.0], [2.0]], [0, 1, 2], "inconsistent"),
        ([[1.0], [2.0]], [0.1, 0.2], "continuous"),
        ([1.0, 2.0], [0, 1], "2D"),
        (np.zeros((0, 1)), [], "0 sample"),
    ],
)
def test_what_scikit_learn_refuses_is_an_input_error(points, labels, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        training_table(Plain(), points, labels)


def test_another_number_of_features_is_refused() -> None:
    estimator = Plain()
    training_table(estimator, np.zeros((2, 3)), [0, 1])
    with pytest.raises(InputError, match="expecting 3 features"):
        query_table(estimator, PLAIN_SCHEMA, np.zeros((2, 4)))


def test_raw_columns_may_hold_what_cannot_be_read_but_every_row_needs_something() -> None:
    estimator, schema = Plain(), Schema({"title": Text("title"), "x": Vector("x")})
    table = {"title": ["a", 5, "c"], "x": [[1.0], [2.0], [np.inf]]}
    with pytest.raises(InputError, match=r"row 1 .*column 'title'"):
        query_table(estimator, schema, table)
    objects = query_table(estimator, schema, table, on_error="missing")
    assert objects.present.tolist() == [[True, True], [False, True], [True, False]]
    with pytest.raises(InputError, match=r"something to read in every row.* got 1 object left out.*: row 1"):
        query_table(estimator, schema, {**table, "x": [[1.0], [np.inf], [2.0]]}, on_error="missing")


def test_objects_without_any_of_some_modalities_are_refused_by_row() -> None:
    schema = Schema({"x": Vector("x"), "title": Text("title")})
    cells = {"x": [[1.0], [2.0], None], "title": ["a", None, "c"]}
    objects = read_objects(cells, schema, labelled=False)[1:]
    refuse_objects_without(objects, np.arange(2), names=("x", "title"))
    with pytest.raises(InputError, match=r"row 2 .*want objects that have one of x, got 1 object without"):
        refuse_objects_without(objects, np.array([0]), names=("x",))


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (["a", None, "b"], "row 1 .*'y': want a label in every row"),
        ([0, "a", 1], "row 1 .*'y': want names of one type"),
    ],
)
def test_labels_that_are_missing_or_mixed_are_told_by_row(labels: list[Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        training_table(Plain(), np.eye(3), np.array(labels, dtype=object))


MODALITIES = {
    "title": Text("title"),
    "x": Vector("x"),
    "specs": Tabular(numeric=["price"], categorical=["color"]),
    "photo": Image("photo"),
    "motion": Series("motion", time="at"),
    "sound": Audio("sound"),
}


@pytest.mark.parametrize("make", [dict, pd.DataFrame, pl.DataFrame], ids=["dict", "pandas", "polars"])
def test_columns_without_a_row_are_a_table_without_a_row(make: Any) -> None:
    schema = Schema(MODALITIES)
    objects = query_table(Plain(), schema, make({name: [] for name in schema.columns}))
    assert len(objects) == 0 and objects.present.shape == (0, 6) and not objects.has_labels
    assert Preprocessor.fit(some(schema)).prepare(objects).present.shape == (0, 6)
    with pytest.raises(InputError, match="got no column"):
        query_table(Plain(), schema, {})


def some(schema: Schema) -> ObjectTable:
    """Two objects that have something of everything."""
    photo, sound = np.zeros((8, 8, 3), np.uint8), (np.arange(800.0), 8000)
    cells = {"title": "cup", "x": [1.0, 2.0], "price": 3.0, "color": "red", "photo": photo, "motion": [1.0, 2.0]}
    cells |= {"at": [0.0, 1.0], "sound": sound}
    return read_objects({name: [cells[name]] * 2 for name in schema.columns} | {"label": [0, 1]}, schema)


def test_raw_columns_are_read_also_by_a_model_of_one_vector_x() -> None:
    estimator, schema = Plain(), Schema({"x": Vector("x")})
    assert schema == PLAIN_SCHEMA
    for make in (dict, pl.DataFrame, pd.DataFrame):
        objects = query_table(estimator, schema, make({"x": [1.0, 2.0]}))
        np.testing.assert_array_equal(objects.values["x"]["values"], [[1.0], [2.0]])
    training_table(estimator, np.zeros((2, 1)), [0, 1])
    assert len(query_table(estimator, schema, {"x": [[1.0]]})) == 1


def test_labelled_objects_are_read_as_transform_reads_them(tmp_path: Path) -> None:
    schema = sr.Schema({"size": sr.Tabular("size"), "name": sr.Text("name")}, label="kind", id="sku")
    table = {"size": [1.0, 2.0], "name": ["a", "b"], "kind": ["x", "y"], "sku": [7, 8]}
    path = tmp_path / "table.csv"
    path.write_text("size,name,kind,sku\n1.0,a,x,7\n2.0,b,y,8\n", encoding="utf-8")
    rows = [dict(zip(table, cells, strict=True)) for cells in zip(*table.values(), strict=True)]
    for source in (table, path, str(path), rows, sr.read_objects(table, schema)):
        found = labelled_table(source, schema, where="here")
        assert found.labels.tolist() == ["x", "y"] and found.ids.astype(str).tolist() == ["7", "8"]
    some = labelled_table({"name": ["a"], "kind": ["x"]}, schema, where="here")
    assert some.present.tolist() == [[False, True]]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ({"name": ["a"]}, "here: want a label in every row, in the column 'kind', got the columns 'name'"),
        ({"name": ["a", "b"], "kind": ["x", None]}, "in the column 'kind', got rows without one. Fill them"),
        ({"nmae": ["a"], "kind": ["x"]}, "here, the table: .*Did you mean 'name'"),
        (None, "here: want objects with their labels, in a column 'kind', got None"),
    ],
)
def test_what_labelled_objects_lack_is_told(source: Any, says: str) -> None:
    schema = sr.Schema({"name": sr.Text("name")}, label="kind")
    with pytest.raises(InputError, match=says):
        labelled_table(source, schema, where="here")
    with pytest.raises(InputError, match=r"got an array without labels. Write steradian.read_objects\(\{'x': X"):
        labelled_table(np.eye(3), PLAIN_SCHEMA, where="here")
