import numpy as np
import pytest

import steradian as sr
from steradian.errors import InputError
from steradian.search.id_pairs import read_id_pairs, rows_of_ids


def test_ids_are_text_whatever_kind_their_column_is_of(tmp_path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("a,b\n007,1\ns2,\n")
    assert read_id_pairs(path, where="--pairs") == [("007", "1"), ("s2", None)]
    gaps = {"a": np.array([3, 4]), "b": np.array([2.0, np.nan])}
    assert read_id_pairs(gaps, where="known") == [("3", "2"), ("4", None)]


def test_rows_are_found_by_id_and_mistakes_are_told() -> None:
    objects = sr.read_objects(
        {"x": [[1.0, 2.0]] * 3, "sku": ["s1", "s2", "t30"]},
        sr.Schema({"x": sr.Vector("x")}, id="sku"),
        labelled=False,
    )
    assert rows_of_ids(objects, ["t30", "s1", "t30"], where="known", table="the table").tolist() == [2, 0, 2]
    with pytest.raises(InputError, match=r"known: want ids of the table, got 't31'\. Did you mean 't30'\?"):
        rows_of_ids(objects, ["s1", "t31"], where="known", table="the table")
    with pytest.raises(InputError, match=r"known: want a table of two columns, got 1 column: a\. "):
        read_id_pairs({"a": [1]}, where="known")
    with pytest.raises(InputError, match=r"known: want an id in each row of the first column, got none in row 1 "):
        read_id_pairs({"a": ["s1", None], "b": ["s2", "s3"]}, where="known")
