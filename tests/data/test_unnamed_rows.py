"""Rows without a label or an id, and ids that stand twice, are left out and counted where errors are not raised."""

from typing import Any

import numpy as np
import pytest

from steradian import InputError, Schema, Text, Vector, read_objects
from steradian.data.late_columns import LateColumns
from steradian.data.unnamed_rows import named_rows

SCHEMA = Schema({"title": Text("title"), "x": Vector("x")}, label="kind", id="sku")
TABLE: dict[str, list[Any]] = {
    "title": ["a", "b", "c", "d", "e", None],
    "x": [1.0, 2.0, 3.0, np.inf, 5.0, np.nan],
    "kind": ["p", None, "q", "q", "p", "p"],
    "sku": ["k1", "k1", None, "k4", "k1", "k6"],
}


def test_they_are_left_out_and_counted() -> None:
    objects = read_objects(TABLE, SCHEMA, on_error="missing")
    assert objects.rows.tolist() == [0, 3] and objects.labels.tolist() == ["p", "q"]
    assert objects.unreadable.counts == [
        "1 unreadable item treated as missing: x 1",
        "1 object left out, without a label: row 1 (id 'k1')",
        "1 object left out, without an id: row 2",
        "1 object left out, with an id that stands before: row 4 (id 'k1')",
        "1 object left out, with nothing to read: row 5 (id 'k6')",
    ]
    assert all(line in repr(objects) for line in objects.unreadable.counts)
    assert objects.columns["title"].tolist() == ["a", "d"]
    with pytest.raises(InputError):
        read_objects(TABLE, SCHEMA)


def test_labels_are_needed_only_where_they_are_asked_for() -> None:
    objects = read_objects(TABLE, SCHEMA, labelled=False, on_error="missing")
    assert objects.rows.tolist() == [0, 3] and objects.has_labels
    rows = {name: cells[:2] for name, cells in TABLE.items() if name != "sku"}
    without = read_objects(rows, SCHEMA, labelled=False, on_error="missing")
    assert len(without) == 2 and not without.has_labels and not without.unreadable


def test_a_table_without_a_name_is_refused() -> None:
    with pytest.raises(InputError, match="want a row with a label in column 'kind' and an id, got none in 2 rows"):
        read_objects({"title": ["a"] * 2, "x": [1, 2], "kind": [None] * 2, "sku": [1, 2]}, SCHEMA, on_error="missing")


def test_an_id_counts_as_repeated_only_if_its_first_row_stays() -> None:
    columns = LateColumns({"kind": np.array([None, "a", "b"], object), "sku": np.array([7, 7, 7])})
    kept, faults = named_rows(columns, SCHEMA, np.array([4, 5, 6]), labelled=True)
    assert kept.tolist() == [1]
    assert faults == {"without a label": {4: 7}, "with an id that stands before": {6: 7}}
