"""From a table to batches: what is learnt from which rows, and which items belong to which object."""

import numpy as np
import pytest

from steradian.data import ObjectTable, Schema, read_objects
from steradian.data.batch import PreparedObjects, Preprocessor
from steradian.errors import InputError
from steradian.modalities import Series, Tabular, Text, Vector
from steradian.modalities.vector import FittedVector

SCHEMA = Schema({"x": Vector("x"), "y": Vector("y"), "words": Text("words")})


@pytest.fixture
def objects() -> ObjectTable:
    """Values name their row; x is missing in rows 1 and 4, y in 0, 2 and 4, the words everywhere but in 3 and 4."""
    table = {
        "x": [0.0, None, 2.0, 3.0, None, 5.0],
        "y": [None, 11.0, None, 13.0, None, 15.0],
        "words": [None, None, None, "three", "four", None],
    }
    return read_objects(table, SCHEMA, labelled=False)


@pytest.fixture
def prepared(objects: ObjectTable) -> PreparedObjects:
    return Preprocessor.fit(objects).prepare(objects, np.arange(6) * 10)


def raw(objects: ObjectTable, name: str, values: np.ndarray) -> list[float]:
    """Undo the standardising of one vector modality."""
    fitted = Preprocessor.fit(objects).modalities[name]
    return (values[:, 0] * fitted.std[0] + fitted.mean[0]).tolist()  # type: ignore[attr-defined]


@pytest.mark.parametrize("rows", [[0, 1, 2, 3, 4, 5], [5, 3, 0], [4], [1, 4], [3, 3, 5, 3]])
def test_items_are_those_of_the_objects_in_their_order(
    objects: ObjectTable, prepared: PreparedObjects, rows: list[int]
) -> None:
    batch = prepared.batch(np.array(rows))
    assert batch.present.tolist() == objects.present[rows].tolist()
    assert batch.labels is not None
    assert (batch.labels.tolist(), batch.labels.dtype) == ([row * 10 for row in rows], np.int64)
    has_x, has_y = ([row for row in rows if row in having] for having in ({0, 2, 3, 5}, {1, 3, 5}))
    assert raw(objects, "x", batch.items["x"]["values"]) == pytest.approx([float(row) for row in has_x], abs=1e-5)
    assert raw(objects, "y", batch.items["y"]["values"]) == pytest.approx([10.0 + row for row in has_y], abs=1e-5)
    assert len(batch.items["words"]["mask"]) == sum(row in (3, 4) for row in rows)


def test_without_labels(objects: ObjectTable) -> None:
    prepared = Preprocessor.fit(objects).prepare(objects)
    assert len(prepared) == 6
    assert prepared.batch(np.array([0])).labels is None


def test_a_batch_without_items_has_all_else(prepared: PreparedObjects) -> None:
    whole, bare = (prepared.batch(np.array([3, 0]), items=items) for items in (True, False))
    assert bare.items == {} and whole.items.keys() == {"x", "y", "words"}
    assert (bare.present == whole.present).all() and bare.labels is not None
    assert bare.labels.tolist() == [30, 0]


def test_statistics_and_vocabularies_come_from_training_rows_alone() -> None:
    table = {
        "x": [1.0, 3.0, None, 1000.0],
        "price": [1.0, 2.0, 3.0, 99.0],
        "colour": ["red", "red", "blue", "green"],
        "words": ["red shoe", "red shoe", "hat", "zzz zzz"],
        "motion": [[1.0, 2.0], [3.0, 2.0], [2.0], [500.0] * 640],
    }
    table = {name: [*cells, cells[-1]] for name, cells in table.items()}
    schema = Schema(
        {
            "x": Vector("x"),
            "specs": Tabular(numeric=["price"], categorical=["colour"]),
            "words": Text("words"),
            "motion": Series("motion"),
        }
    )
    objects = read_objects(table, schema, labelled=False)
    fitted = Preprocessor.fit(objects[:3]).modalities
    assert (fitted["x"].mean.tolist(), fitted["x"].std.tolist()) == ([2.0], [1.0])
    assert fitted["specs"].edges[0][-1] == 3.0
    assert fitted["specs"].vocabularies == [["red"]]
    assert (fitted["motion"].mean.tolist(), fitted["motion"].patch) == ([2.0], 1)
    alone = Preprocessor.fit(read_objects({k: v[:3] for k, v in table.items()}, schema, labelled=False)).modalities
    assert fitted["words"].buckets.tolist() == alone["words"].buckets.tolist()
    everything = Preprocessor.fit(objects).modalities
    assert len(everything["words"].buckets) > len(fitted["words"].buckets)
    assert everything["specs"].vocabularies == [["green", "red"]]


def test_a_modality_that_no_training_object_has_is_refused(objects: ObjectTable) -> None:
    with pytest.raises(
        InputError, match=r"^modality 'words' \(columns words\): want at least one training object"
    ) as caught:
        Preprocessor.fit(objects[:3])
    assert "none of these training rows" in str(caught.value)
    assert "held out or are in another fold" in str(caught.value)


def test_values_that_all_objects_have_are_not_copied_and_others_are_cut(
    objects: ObjectTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted = Preprocessor.fit(objects)
    seen: list[np.ndarray] = []
    monkeypatch.setattr(Vector, "fit", lambda _, values: seen.append(values["values"]))
    monkeypatch.setattr(FittedVector, "prepare", lambda _, values, rows: seen.append(values["values"]))
    whole = read_objects({"x": [1.0, 2.0], "y": [None, 3.0], "words": ["a", "b"]}, SCHEMA, labelled=False)
    Preprocessor.fit(whole)
    fitted.prepare(whole)
    for x, y in (seen[:2], seen[2:]):
        assert x is whole.values["x"]["values"]
        assert y.tolist() == [[3.0]]


def test_a_modality_that_no_object_has_is_no_matter_later(objects: ObjectTable) -> None:
    prepared = Preprocessor.fit(objects).prepare(objects[:3])
    batch = prepared.batch(np.arange(3))
    assert batch.present.tolist() == [[True, False, False], [False, True, False], [True, False, False]]
    assert batch.items["words"]["mask"].shape[0] == 0


def test_the_order_of_the_tables_schema_does_not_matter(objects: ObjectTable) -> None:
    preprocessor = Preprocessor.fit(objects)
    turned = Schema({name: SCHEMA.modalities[name] for name in ("words", "y", "x")})
    columns = {name: objects.columns[name] for name in ("y", "words", "x")}
    other = ObjectTable.from_columns(columns, turned, labelled=False)
    first, second = (preprocessor.prepare(table).batch(np.arange(6)) for table in (objects, other))
    np.testing.assert_array_equal(first.present, second.present)
    for name, arrays in first.items.items():
        for key, array in arrays.items():
            np.testing.assert_array_equal(second.items[name][key], array)


def test_a_value_that_does_not_fit_is_told_with_the_row_of_the_users_table(objects: ObjectTable) -> None:
    preprocessor = Preprocessor.fit(objects)
    table = {"x": [None, None, [1.0, 2.0]], "y": [1.0, 2.0, None], "words": [None] * 3}
    other = read_objects(table, SCHEMA, labelled=False)
    with pytest.raises(InputError, match=r"^row 2 .*want vectors of 1 features, as in training, got 2"):
        preprocessor.prepare(other[1:])
