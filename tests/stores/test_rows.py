"""Objects as rows: which columns they have, and what no store takes."""

import numpy as np
import pytest

import steradian as sr
from steradian.errors import InputError
from steradian.stores import StoreFacts, row_batches, rows_of
from steradian.stores.rows import kinds_of


def test_rows_have_ids_unit_vectors_labels_what_is_present_and_columns(
    gallery: sr.ObjectTable, embedder: sr.SphereEmbedder
) -> None:
    kinds = kinds_of(gallery, ["price", "count"])
    assert kinds == {
        "id": "text",
        "label": "text",
        "has_size": "boolean",
        "has_words": "boolean",
        "price": "number",
        "count": "integer",
    }
    (rows,) = row_batches(embedder.transform, gallery, StoreFacts(None, 4, kinds))
    assert rows.column_names == ["id", "vector", "label", "has_size", "has_words", "price", "count"]
    assert rows["has_words"].to_pylist() == [n % 3 > 0 for n in range(12)]
    assert rows["price"].to_pylist()[4:7] == [2.0, None, 3.0]
    np.testing.assert_allclose(np.array(rows["vector"].to_pylist()), embedder.transform(gallery), atol=1e-6)


def test_several_labels_are_the_text_of_a_list(gallery: sr.ObjectTable, embedder: sr.SphereEmbedder) -> None:
    several = gallery.with_labels([["b", "ä"], []] * 6)
    kinds = kinds_of(several, [])
    assert kinds["label"] == "text"
    (rows,) = row_batches(embedder.transform, several, StoreFacts(None, 4, kinds))
    assert rows["label"].to_pylist()[:2] == ['["b", "ä"]', "[]"]


@pytest.mark.parametrize(
    ("column", "says"),
    [
        ("pric", "Did you mean 'price'"),
        ("many", "one a row"),
        ("mixed", "mixed values"),
        ("a.b", r"without \. \$"),
    ],
)
def test_columns_that_no_store_takes_are_told(gallery: sr.ObjectTable, column: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        kinds_of(gallery, [column])


def test_cells_of_another_kind_are_told() -> None:
    facts = StoreFacts(None, 2, {"id": "text", "price": "number"})
    rows = rows_of(np.array([[3.0, 4.0]]), {"id": ["a"]}, facts)
    assert rows.to_pylist() == [{"id": "a", "vector": [pytest.approx(0.6), pytest.approx(0.8)], "price": None}]
    for cells, says in (
        ({"id": [1]}, "cells of the kind 'text'"),
        ({"id": ["a"], "brand": ["b"]}, "columns of the store"),
    ):
        with pytest.raises(InputError, match=says):
            rows_of(np.eye(2)[:1], cells, facts)
