"""The table of objects: reading of columns, selection of rows, labels, modalities, splits, printing."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import KFold, cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import _safe_indexing

from steradian import ConfigError, InputError, ObjectTable, Schema, Series, Tabular, Text, Vector
from steradian.data.columns import from_cells

MODALITIES = {"title": Text("title"), "motion": Vector("motion"), "sound": Series("sound")}
TABLE = {
    "title": ["red", None, "blue", None, "green", "grey"],
    "motion": [[1.0, 2.0], [3.0, 4.0], None, None, [5.0, 6.0], None],
    "sound": [None, None, [1.0, 2.0, 3.0], [1.0], None, None],
    "kind": ["b", "a", "b", "a", "b", "a"],
    "sku": [10, 11, 12, 13, 14, 15],
    "shop": ["x", "x", "y", "y", "z", "z"],
}
PRESENT = np.array([[1, 1, 0], [0, 1, 0], [1, 0, 1], [0, 0, 1], [1, 1, 0], [1, 0, 0]], dtype=bool)


def make_table(
    *, label: str = "kind", id: str | None = "sku", labelled: bool = True, on_error: Any = "raise", **changes: Any
) -> ObjectTable:
    columns = {name: from_cells(column) for name, column in {**TABLE, **changes}.items() if column is not None}
    return ObjectTable.from_columns(
        columns, Schema(MODALITIES, label=label, id=id), labelled=labelled, on_error=on_error
    )


@pytest.fixture
def objects() -> ObjectTable:
    return make_table()


def assert_rows(got: ObjectTable, rows: list[int]) -> None:
    """The table holds these rows of TABLE, in this order, in all its parts."""
    assert got.rows.tolist() == rows
    assert got.ids.tolist() == [TABLE["sku"][row] for row in rows]
    assert got.labels.tolist() == [TABLE["kind"][row] for row in rows]
    assert got.columns["shop"].tolist() == [TABLE["shop"][row] for row in rows]
    assert got.columns["title"].tolist() == [TABLE["title"][row] for row in rows]
    np.testing.assert_array_equal(got.present, PRESENT[rows])
    for row, text, vector in zip(rows, got.values["title"]["text"], got.values["motion"]["values"], strict=True):
        assert not PRESENT[row, 0] or text == TABLE["title"][row]
        assert not PRESENT[row, 1] or vector.tolist() == TABLE["motion"][row]
    assert got.shape == (len(rows), 3) and len(got) == len(rows)


def test_a_table_holds_what_was_read(objects: ObjectTable) -> None:
    assert_rows(objects, [0, 1, 2, 3, 4, 5])
    assert objects.has_labels
    assert set(objects.columns) == set(TABLE)


def test_without_an_id_objects_are_known_by_their_row() -> None:
    assert make_table(id=None)[2:4].ids.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("rows", "taken"),
    [
        (slice(1, 4), [1, 2, 3]),
        (slice(None, None, -2), [5, 3, 1]),
        (slice(4, 99), [4, 5]),
        ([4, 0, 4], [4, 0, 4]),
        (np.array([5, -6]), [5, 0]),
        (np.array([True, False, False, False, True, False]), [0, 4]),
        ([False, True, False, False, False, False], [1]),
        (3, [3]),
        (-1, [5]),
        (np.int64(2), [2]),
        ([], []),
        (slice(2, 2), []),
        (([1, 2], ...), [1, 2]),
    ],
    ids=repr,
)
def test_rows_are_taken_by_any_index(objects: ObjectTable, rows: Any, taken: list[int]) -> None:
    assert_rows(objects[rows], taken)
    # Row numbers remain those of the user's table.
    assert_rows(objects[[5, 4, 3, 2, 1, 0]][[5 - row for row in taken]], taken)


def test_a_slice_copies_nothing(objects: ObjectTable) -> None:
    part = objects[1:3]
    assert np.shares_memory(part.values["motion"]["values"], objects.values["motion"]["values"])


@pytest.mark.parametrize(
    "rows", [6, -7, [0, 6], [True], np.ones(7, bool), 1.0, [0.5], ["title"], None, [[0]], (0, 1)], ids=repr
)
def test_other_indices_are_refused(objects: ObjectTable, rows: Any) -> None:
    with pytest.raises(IndexError):
        objects[rows]


def test_a_name_is_no_row(objects: ObjectTable) -> None:
    with pytest.raises(InputError, match=r"want rows: .* got 'kind'. Write objects.columns\['kind'\] for a column"):
        objects["kind"]


def test_iteration_gives_tables_of_one_object(objects: ObjectTable) -> None:
    assert [part.ids.tolist() for part in objects] == [[10], [11], [12], [13], [14], [15]]


def test_a_table_cannot_be_changed_and_survives_copying(objects: ObjectTable) -> None:
    with pytest.raises(AttributeError):
        objects.rows = np.arange(6)  # type: ignore[misc]
    assert_rows(pickle.loads(pickle.dumps(objects)), [0, 1, 2, 3, 4, 5])
    assert_rows(copy.deepcopy(objects), [0, 1, 2, 3, 4, 5])


def test_labels_are_optional_where_they_are_not_needed() -> None:
    assert_rows(make_table(labelled=False), [0, 1, 2, 3, 4, 5])
    for without in (make_table(kind=None, labelled=False), make_table(kind=["a", None] * 3, labelled=False)):
        assert not without.has_labels
        assert without[:2].labels_or_none is None
        with pytest.raises(InputError, match=r"want labels in column 'kind'.* with_labels\(labels\)"):
            _ = without.labels


def test_ids_are_optional_where_labels_are() -> None:
    without = make_table(sku=None, labelled=False)
    assert without[2:4].ids.tolist() == [2, 3]
    assert make_table(labelled=False).ids.tolist() == TABLE["sku"]
    with pytest.raises(InputError, match=r"^row 5 \(counted from 0\): want at least one modality"):
        make_table(sku=None, labelled=False, title=["red"] + [None] * 5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"title": None}, "want the column 'title', of modality 'title'"),
        ({"sku": None}, "want the column 'sku', of the id"),
        ({"kind": None}, "want the column 'kind', of the label"),
        ({"kind": ["a", "b", None, "a", "b", "a"]}, r"row 2 \(counted from 0\), column 'kind': .* got nothing"),
        ({"kind": [1.5] * 6}, "row 0 .*column 'kind': .* got float 1.5"),
        ({"sku": [10, 11, 12, 11, 14, 15]}, r"rows 1 and 3 \(counted from 0\), column 'sku': .* got 11 twice"),
        ({"sku": [10, None, 12, 13, 14, 15]}, r"row 1 \(counted from 0\), column 'sku': .* got nothing"),
        ({"shop": ["x"]}, "want columns of one length, got 6 rows in .*, 1 rows in 'shop'"),
        ({"title": ["red"] + [None] * 5}, r"row 5 \(counted from 0\), id 15: want at least one modality"),
        ({"motion": [[1.0], [1.0, 2.0], None, None, None, None]}, "column 'motion'"),
    ],
    ids=str,
)
def test_a_table_that_cannot_be_used_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make_table(**changes)


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(InputError, match="got an empty table"):
        make_table(**{name: [] for name in TABLE})


def test_only_some_modalities_are_present(objects: ObjectTable) -> None:
    np.testing.assert_array_equal(objects.only("title").present, PRESENT & [True, False, False])
    np.testing.assert_array_equal(objects.only(["sound", "title"]).present, PRESENT & [True, False, True])
    np.testing.assert_array_equal(objects.present, PRESENT)
    assert len(objects.only("sound")) == 6


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "got none"),
        (["title", "motio"], "got 'motio'. Did you mean 'motion'"),
        ("x", "got 'x'. Use names of the schema, such as 'title'"),
    ],
)
def test_only_knows_its_modalities(objects: ObjectTable, names: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        objects.only(names)


def test_labels_can_be_replaced(objects: ObjectTable) -> None:
    relabelled = objects.with_labels([3, 2, 1, 3, 2, 1])
    assert relabelled.labels.tolist() == relabelled.columns["kind"].tolist() == [3, 2, 1, 3, 2, 1]
    assert objects.labels.tolist() == TABLE["kind"]
    assert make_table(kind=None, labelled=False).with_labels(np.array(list("abcabc"))).has_labels


def test_other_labels_must_fit(objects: ObjectTable) -> None:
    with pytest.raises(InputError, match="want 6 labels, one an object, got 2"):
        objects.with_labels(["a", "b"])
    with pytest.raises(InputError, match=r"row 4 \(counted from 0\), column 'kind': .* got nothing"):
        objects[3:].with_labels(["a", None, "b"])


def test_a_split_is_stratified_and_keeps_the_order(objects: ObjectTable) -> None:
    train, test = objects.split(test_size=2, random_state=1)
    assert sorted(test.labels.tolist()) == ["a", "b"]
    assert sorted([*train.rows, *test.rows]) == list(range(6))
    assert_rows(train, sorted(train.rows.tolist()))
    assert_rows(test, sorted(test.rows.tolist()))


def test_a_split_by_default_tests_a_fifth() -> None:
    columns = {"title": from_cells(["red"] * 40), "label": np.arange(40) % 4}
    train, test = ObjectTable.from_columns(columns, Schema({"title": Text("title")})).split()
    assert np.bincount(test.labels).tolist() == [2] * 4
    assert len(train) == 32


def test_a_split_by_group_takes_a_column_or_an_array(objects: ObjectTable) -> None:
    by_column = objects.split(test_size=2, groups="shop", random_state=3)
    by_array = objects.split(test_size=2, groups=[1, 1, 2, 2, 3, 3], random_state=3)
    assert len(by_column[1]) == 2
    assert set(by_column[0].columns["shop"]).isdisjoint(by_column[1].columns["shop"])
    assert by_column[1].rows.tolist() == by_array[1].rows.tolist()


def test_a_split_with_unseen_classes(objects: ObjectTable) -> None:
    train, test = objects.split(test_size=None, unseen_classes=1)
    assert (len(set(train.labels)), len(set(test.labels))) == (1, 1)
    assert set(train.labels).isdisjoint(test.labels)
    train, test = objects.split(test_size=1, unseen_classes=0.5)
    assert (len(train), len(test)) == (2, 4)


def test_a_split_without_labels() -> None:
    train, test = make_table(kind=None, labelled=False).split(test_size=0.5)
    assert (len(train), len(test)) == (3, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"groups": "shopp"},
            r"split\(groups=...\): want a column of title, motion, .*, got 'shopp'. Did you mean 'shop'",
        ),
        ({"groups": "?"}, "want a column of title, motion, sound, kind, sku, shop, got"),
        ({"groups": [1, 2]}, "want 6 entries, one an object, got 2"),
        ({"groups": [1, 1, None, 2, 2, 2]}, r"row 2 \(counted from 0\), column 'groups'"),
        ({"test_size": 5}, "want at most 4 test objects"),
        ({"unseen_classes": 2}, "want fewer unseen classes than the 2 there are"),
    ],
    ids=str,
)
def test_a_split_that_the_table_does_not_allow(objects: ObjectTable, options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        objects.split(**options)


def test_a_split_that_cannot_be(objects: ObjectTable) -> None:
    with pytest.raises(ConfigError, match=r"split\(test_size=...\)"):
        objects.split(test_size=1.5)
    with pytest.raises(InputError, match="want labels in column 'kind'"):
        make_table(kind=None, labelled=False).split(unseen_classes=1)


def test_scikit_learn_indexes_and_cross_validates(objects: ObjectTable) -> None:
    for rows in ([2, 0], np.array([2, 0]), (2, 0)):
        assert_rows(_safe_indexing(objects, rows), [2, 0])
    assert_rows(_safe_indexing(objects, np.arange(6) < 2), [0, 1])
    assert_rows(_safe_indexing(objects, slice(1, 3)), [1, 2])
    train, test = train_test_split(objects, test_size=2, stratify=objects.labels, random_state=0)
    assert (len(train), len(test)) == (4, 2)
    folds = [test.tolist() for _, test in KFold(3).split(objects)]
    assert folds == [[0, 1], [2, 3], [4, 5]]
    vectors = FunctionTransformer(lambda part: np.nan_to_num(part.values["motion"]["values"]))
    scores = cross_val_score(make_pipeline(vectors, KNeighborsClassifier(1)), objects, objects.labels, cv=3)
    assert scores.shape == (3,) and np.isfinite(scores).all()


def test_a_table_prints_well(objects: ObjectTable) -> None:
    assert repr(objects).splitlines() == [
        "ObjectTable: 6 objects, 5 patterns of present modalities",
        "  label 'kind': 2 classes of 3 objects each",
        "  title   Text      66.7% present  title",
        "  motion  Vector    50.0% present  motion",
        "  sound   Series    33.3% present  sound",
    ]
    assert repr(objects[:3]).splitlines()[1] == "  label 'kind': 2 classes, from 1 object ('a') to 2 objects ('b')"
    assert repr(objects[0]).splitlines()[:2] == [
        "ObjectTable: 1 object, 1 pattern of present modalities",
        "  label 'kind': 1 class of 1 object",
    ]
    assert "0 objects" in repr(objects[:0])
    assert "label 'kind': none" in repr(make_table(kind=None, labelled=False))


def test_objects_with_nothing_to_read_are_left_out_and_told_of() -> None:
    titles = ["red", 7, "blue", None, 8, "grey"]
    motions = [[1.0, 2.0], [3.0, np.inf], None, None, [5.0, 6.0], None]
    objects = make_table(title=titles, motion=motions, sound=[None] * 6, on_error="missing")
    assert objects.rows.tolist() == [0, 2, 4, 5] and objects.ids.tolist() == [10, 12, 14, 15]
    assert objects.columns["title"].tolist() == ["red", "blue", None, "grey"]
    assert [(item.row, item.id, item.modality) for item in objects.unreadable.items] == [
        (1, 11, "title"),
        (4, 14, "title"),
        (1, 11, "motion"),
    ]
    assert repr(objects).splitlines()[-2:] == [
        "  3 unreadable items treated as missing: title 2, motion 1",
        "  2 objects left out, with nothing to read: row 1 (id 11), 3 (id 13)",
    ]
    # Parts of the table know of their own items, and none of what was left out.
    assert [item.row for item in objects[2:].unreadable.items] == [4]
    assert repr(objects[2:]).endswith("  1 unreadable item treated as missing: title 1")
    assert not objects[[0, 3]].unreadable
    kept = objects.only("title").with_labels(["a", "b", "a", "b"])
    assert kept.unreadable == pickle.loads(pickle.dumps(objects)).unreadable == objects.unreadable


def test_where_nothing_is_left_the_first_fault_is_told() -> None:
    nothing = [None] * 6
    message = (
        r"^the table, 6 unreadable items .*: title 6: .* got 6 with nothing. Begin with row 0 \(id 10\).* got int 1"
    )
    with pytest.raises(InputError, match=message):
        make_table(title=[1, 2, 3, 4, 5, 6], motion=nothing, sound=nothing, on_error="missing")
    with pytest.raises(InputError, match="got none in 6 of 6 rows"):
        make_table(title=nothing, motion=nothing, sound=nothing, on_error="missing")


def test_a_printed_table_fits_the_width_and_says_all_only_of_all() -> None:
    names = [f"measurement of the sensor {i}" for i in range(9)]
    columns = {name: np.ones(5000) for name in names} | {"label": np.array(["x" * 99, "y" * 99] * 2500)}
    columns[names[0]] = np.where(np.arange(5000) == 7, np.nan, 1)
    schema = Schema({"sensors": Tabular(numeric=names), "first": Vector(names[0])})
    lines = repr(ObjectTable.from_columns(columns, schema)).splitlines()
    assert max(map(len, lines)) == 80
    assert lines[2].endswith("…") and "100.0% present" in lines[2]
    assert "99.9% present" in lines[3]


def test_a_split_in_three_keeps_the_test_of_a_split_in_two(objects: ObjectTable) -> None:
    _, test = objects.split(test_size=2)
    parts = objects.split(test_size=2, validation_size=2)
    assert [len(part) for part in parts] == [2, 2, 2]
    assert parts[2].rows.tolist() == test.rows.tolist()
    assert sorted(row for part in parts for row in part.rows) == list(range(6))
    shops = [set(part.columns["shop"]) for part in objects.split(0.3, validation_size=0.3, groups="shop")]
    assert [len(names) for names in shops] == [1, 1, 1] and len(set.union(*shops)) == 3


def test_the_first_objects_and_a_data_frame(objects: ObjectTable) -> None:
    assert_rows(objects.head(2), [0, 1])
    assert_rows(objects.head(), [0, 1, 2, 3, 4])
    frame = objects[[4, 0]].to_pandas()
    assert frame.index.tolist() == [14, 10] and frame["shop"].tolist() == ["z", "x"]
    assert frame["title"].tolist() == ["green", "red"] and frame["motion"][10].tolist() == [1, 2]


def test_tables_below_each_other(objects: ObjectTable) -> None:
    whole = ObjectTable.concat([objects[:2], objects[2:]])
    assert_rows(whole, [0, 1, 2, 3, 4, 5])
    assert whole.labels_or_none is not None
    reduced = ObjectTable.concat([objects[:2].only("motion"), objects[2:]])
    assert reduced.present.tolist() == [[False, True, False]] * 2 + PRESENT[2:].tolist()
    renamed = ObjectTable.concat([objects[:1].with_labels(["c"]), objects[1:]])
    assert renamed.labels.tolist() == ["c", *TABLE["kind"][1:]]
    assert not ObjectTable.concat([objects[:2], make_table(kind=None, labelled=False)[2:]]).has_labels
    without = make_table(id=None)
    again = ObjectTable.concat([without[[5]], without[[0]]])
    assert again.rows.tolist() == again.ids.tolist() == [0, 1] and again.columns["sku"].tolist() == [15, 10]


def test_what_does_not_go_below_each_other(objects: ObjectTable) -> None:
    with pytest.raises(InputError, match="an id of its own for every row"):
        ObjectTable.concat([objects, objects])
    with pytest.raises(InputError, match="want ObjectTables of one schema, got another schema than the first"):
        ObjectTable.concat([objects, make_table(id=None)])
    for wrong, complaint in (([], "want at least one table"), ([TABLE], "want ObjectTables of one schema, got dict")):
        with pytest.raises(InputError, match=complaint):
            ObjectTable.concat(wrong)
    wider = make_table(motion=[[1.0, 2.0, 3.0]] * 6, sku=list(range(6)))
    with pytest.raises(InputError, match="want vectors of one length"):
        ObjectTable.concat([objects, wider])
