from pathlib import Path
from typing import Any

import numpy as np
import pytest

import steradian as sr
from steradian.errors import InputError
from steradian.search.id_pairs import rows_of_pairs


def table(*ids: Any) -> sr.ObjectTable:
    schema = sr.Schema({"x": sr.Vector("x")}, id="sku")
    return sr.read_objects({"x": [[1.0, 2.0]] * len(ids), "sku": list(ids)}, schema, labelled=False)


def test_ids_are_text_whatever_kind_their_column_is_of(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("a,b\n007,1\ns2,\n")
    found = rows_of_pairs(path, table("s2", "007"), table(2, 1), where="--pairs", unmatched=True)
    assert [rows.tolist() for rows in found] == [[1, 0], [1, -1]]
    gaps = {"a": np.array([3, 4]), "b": np.array([2.0, np.nan])}
    found = rows_of_pairs(gaps, table(4, 3), table("2"), where="known", unmatched=True)
    assert [rows.tolist() for rows in found] == [[1, 0], [0, -1]]


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ({"a": ["s1", "t31"], "b": ["q1", "q2"]}, r"want ids of the first table, got 't31'\. Did you mean 't30'\?"),
        ({"a": ["s1", "q1"], "b": ["q1", "q2"]}, r"got 'q1'\. .* in the first column those of the first table"),
        ({"a": [1]}, r"want a table of two columns, got 1 column: a\. "),
        ({"a": ["s1", None], "b": ["q2", "q2"]}, "want an id in each row of the first column, got none in row 1 "),
        ({"a": ["s1", "s2"], "b": [None, "q2"]}, "want an id in each row of the second column, got none in row 0 "),
        ({"s1": ["s2"], "q1": ["q2"]}, "want names above the two columns, got the ids s1 and q1"),
    ],
)
def test_mistakes_are_told(pairs: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=f"^known: .*{told}"):
        rows_of_pairs(pairs, table("s1", "s2", "t30"), table("q1", "q2"), where="known")
