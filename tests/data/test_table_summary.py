"""What a table prints, beside its numbers; `test_objects.py` looks at whole tables."""

import numpy as np

from steradian import Schema, Tabular, Text
from steradian.data.table_summary import WIDTH, table_summary

SCHEMA = Schema({"title": Text("title"), "specs": Tabular(numeric=[f"n{i}" for i in range(40)])}, label="kind")


def test_lines_are_cut_and_a_share_of_all_is_all() -> None:
    present = np.ones((4000, 2), dtype=bool)
    present[0, 0] = False
    lines = table_summary(SCHEMA, present, np.repeat(["a", "b"], 2000), ["a note"]).splitlines()
    assert lines[0] == "ObjectTable: 4,000 objects, 2 patterns of present modalities"
    assert lines[1] == "  label 'kind': 2 classes of 2,000 objects each"
    assert " 99.9% present" in lines[2] and "100.0% present" in lines[3]
    assert len(lines[3]) == WIDTH and lines[3].endswith("…") and lines[4] == "  a note"


def test_classes_of_several_sizes_and_none() -> None:
    present = np.ones((3, 2), dtype=bool)
    assert "2 classes, from 1 object (7) to 2 objects (3)" in table_summary(SCHEMA, present, np.array([3, 7, 3]), [])
    assert "label 'kind': none" in table_summary(SCHEMA, present[:0], np.array([]), [])
