"""Several labels an object, however they are given."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.sparse import csr_array

import steradian as sr
from steradian.data.label_sets import are_several, class_names, given_sets, label_cells, strata, to_labels
from steradian.errors import ConfigError, InputError

SCHEMA = sr.Schema({"title": sr.Text("title")}, label="tags")
TITLES = ["cup", "jar", "jug"]
TAGS = [["red", "big"], [], ["big"]]
SORTED = [("big", "red"), (), ("big",)]


def read(tags: Any, **options: Any) -> sr.ObjectTable:
    return sr.read_objects({"title": TITLES[: len(tags)], "tags": tags}, SCHEMA, **options)


@pytest.mark.parametrize(
    "source",
    [
        {"title": TITLES, "tags": TAGS},
        {"title": TITLES, "tags": [set(tags) for tags in TAGS]},
        {"title": TITLES, "tags": [tuple(tags) for tags in TAGS]},
        pd.DataFrame({"title": TITLES, "tags": TAGS}),
        pl.DataFrame({"title": TITLES, "tags": TAGS}),
        pa.table({"title": TITLES, "tags": TAGS}),
        [{"title": title, "tags": tags} for title, tags in zip(TITLES, TAGS, strict=True)],
    ],
    ids=["lists", "sets", "tuples", "pandas", "polars", "arrow", "dicts"],
)
def test_lists_of_any_source_are_several_labels(source: Any) -> None:
    assert sr.read_objects(source, SCHEMA).labels.tolist() == SORTED


@pytest.mark.parametrize("lazy", [False, True])
def test_lists_of_a_parquet_file(lazy: bool, tmp_path: Any) -> None:
    pq.write_table(pa.table({"title": TITLES, "tags": TAGS}), tmp_path / "table.parquet")
    assert sr.read_objects(tmp_path / "table.parquet", SCHEMA, lazy=lazy).labels.tolist() == SORTED


@pytest.mark.parametrize("tags", [[[3, 1], [2], []], [[3, 1], [2, 1], [1, 4]]], ids=["ragged", "one length"])
def test_numbers_are_names_too(tags: list[list[int]]) -> None:
    assert read(tags).labels.tolist() == [tuple(sorted(own)) for own in tags]


def test_a_missing_cell_is_unlabelled() -> None:
    for tags in ([["red"], None, []], [[1, 2], None, [2, 3]]):
        assert not read(tags, labelled=False).has_labels
        assert read(tags, on_error="missing").rows.tolist() == [0, 2]
        with pytest.raises(InputError, match=r"row 1 .*got nothing"):
            read(tags)


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([["red"], "big"], r"row 1 .*want a list of labels in every row, as in others, got str 'big'"),
        ([["red"], ["big", "big"]], r"row 1 .*want labels of which none stands twice, got 'big' twice.*fit\(X, Y\)"),
        ([["red"], [3]], "row 1 .*names of one type"),
        ([["red"], [None]], "row 1 .*a label in every row"),
        ([["red"], [["big"]]], "row 1 .*names of one type"),
    ],
)
def test_what_is_no_list_of_names_is_refused_with_its_row(tags: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tags)


TABLE = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 1]])


@pytest.mark.parametrize("table", [TABLE, TABLE.astype(bool), TABLE.astype(float), csr_array(TABLE)])
def test_a_table_of_0_and_1_numbers_the_classes(table: Any) -> None:
    assert read(TAGS).with_labels(table).labels.tolist() == [(0, 2), (), (1, 2)]


FRAME = pd.DataFrame(TABLE, columns=["a", "b", "c"])


@pytest.mark.parametrize(
    "frame",
    [FRAME, FRAME.astype(bool), FRAME.astype("boolean"), FRAME.astype(object), pl.DataFrame(FRAME), pa.table(FRAME)],
    ids=["pandas", "bool", "nullable", "objects", "polars", "arrow"],
)
def test_a_data_frame_of_0_and_1_names_them(frame: Any) -> None:
    found = given_sets(frame)
    assert found is not None and found.tolist() == [["a", "c"], [], ["b", "c"]]


@pytest.mark.parametrize("gap", [np.nan, pd.NA, None, "1", -1], ids=str)
def test_a_table_of_0_and_1_with_something_else_is_refused(gap: Any) -> None:
    table = FRAME.astype(object)
    table.iloc[1, 1] = gap
    with pytest.raises(InputError, match=r"a table of 0 and 1 .* got object of shape \(3, 3\) with other values"):
        given_sets(table)


def test_one_label_an_object_is_left_alone() -> None:
    for labels in (["a", "b"], np.array([1, 2]), pd.Series(["a", None]), np.zeros((2, 1)), 3, None):
        assert given_sets(labels) is None
    column = np.array(["b", "a"])
    assert label_cells(column) is column
    assert to_labels(column, np.arange(2), name="tags").tolist() == ["b", "a"]
    assert not are_several(column) and strata(column).tolist() == [1, 0]
    with pytest.raises(InputError, match="0 and 1"):
        given_sets(np.array([[1, 2], [0, 1]]))


def test_lists_that_are_written_as_text_are_told(tmp_path: Any) -> None:
    frame = pd.DataFrame({"title": TITLES, "tags": [str(tags) for tags in TAGS]})
    frame.to_csv(tmp_path / "table.csv", index=False)
    with pytest.warns(sr.SteradianWarning, match=r"column 'tags': each text is one label, also .*which looks like a"):
        sr.read_objects(tmp_path / "table.csv", SCHEMA)
    frame.loc[0, "tags"] = "[red"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sr.read_objects(frame, SCHEMA)


def test_a_table_says_how_many_labels_objects_have() -> None:
    assert "3 classes, 0 to 2 an object, from 1 object ('big')" in str(read([["red", "big"], [], ["red", "old"]]))
    assert "none of any object" in str(read([[], []]))


def test_a_split_gives_each_rare_label_its_share() -> None:
    rng = np.random.default_rng(0)
    tags = [["common"] * (rng.random() < 0.8) + ["rare"] * (row % 10 == 0) for row in range(100)]
    objects = sr.read_objects({"title": ["x"] * 100, "tags": tags}, SCHEMA)
    assert class_names(objects.labels).tolist() == ["common", "rare"]
    for random_state in range(5):
        train, test = objects.split(test_size=0.3, random_state=random_state)
        assert sum("rare" in own for own in test.labels) == 3 and len(test) == 30
    assert len(sr.ObjectTable.concat([train, test])) == 100
    with pytest.raises(ConfigError, match="several labels"):
        objects.split(unseen_classes=1)
