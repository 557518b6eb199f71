"""Reading with on_error="missing", from every source: what cannot be read is missing, counted and told of."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image as Pillow

from steradian import (
    Audio,
    ConfigError,
    Image,
    InputError,
    ObjectTable,
    Schema,
    Series,
    Tabular,
    Text,
    Vector,
    read_objects,
)

MODALITIES = {
    "specs": Tabular(numeric=["price"], categorical=["colour"]),
    "omics": Vector("omics"),
    "motion": Series("motion"),
}
SCHEMA = Schema(MODALITIES, label="kind", id="sku")
TABLE: dict[str, list[Any]] = {
    "price": ["20", "dear", "35", " 4e1", "007", None, "1_0"],
    "colour": ["red", "blue", "blue", "red", "1", None, "red"],
    "omics": ["[0.5, 1.5]", "[2.5, 3.5]", "[4.5, 5.5", "5", "[6, 7]", "[8, Infinity]", "[9, 1]"],
    "motion": ["[1, 2, 3]", None, "[[1]]", "?", "[4]", "[[1], 2]", "[5]"],
    "kind": ["a", "b", "a", "b", "a", "b", "a"],
    "sku": ["k0", "k1", "k2", "k3", "k4", "k5", "k6"],
}
PRICES = [20.0, np.nan, 35.0, 40.0, np.nan, np.nan, np.nan]
"""Of the rows; 007 would not come back as it is, so it is no number in CSV either way."""
UNREADABLE = [
    (1, "price"),
    (4, "price"),
    (6, "price"),
    (2, "omics"),
    (3, "omics"),
    (5, "omics"),
    (3, "motion"),
    (5, "motion"),
]


def missing(source: Any, schema: Schema = SCHEMA, **options: Any) -> ObjectTable:
    return read_objects(source, schema, on_error="missing", **options)


def places(objects: ObjectTable) -> list[tuple[int, str]]:
    return [(item.row, item.column) for item in objects.unreadable.items]


def test_in_a_csv_file_one_bad_cell_costs_no_other(tmp_path: Path) -> None:
    pd.DataFrame(TABLE).to_csv(tmp_path / "table.csv", index=False)
    with pytest.raises(InputError, match=r"row 1 .*column 'price'.*got str 'dear'"):
        read_objects(tmp_path / "table.csv", SCHEMA)
    objects = missing(tmp_path / "table.csv")
    np.testing.assert_array_equal(objects.values["specs"]["numbers"][:, 0], PRICES[:5] + PRICES[6:])
    assert objects.rows.tolist() == [0, 1, 2, 3, 4, 6]
    assert dict(objects.unreadable.left_out) == {5: "k5"}
    assert places(objects) == UNREADABLE
    assert objects.present.T[1].tolist() == [True, True, False, False, True, True]
    assert objects.values["omics"]["values"][[0, 1, 4]].tolist() == [[0.5, 1.5], [2.5, 3.5], [6.0, 7.0]]
    assert [len(objects.values["motion"]["series"][i]) for i in (0, 2, 4)] == [3, 1, 1]


def test_columns_without_a_bad_cell_are_read_as_ever(tmp_path: Path) -> None:
    frame = pd.DataFrame({"price": [1, 2], "colour": ["001", "2"], "omics": ["[1]", "[2]"], "motion": ["[1]", "[2]"]})
    frame.assign(kind=["1", "2"], sku=[1, 2]).to_csv(tmp_path / "table.csv", index=False)
    found, expected = missing(tmp_path / "table.csv"), read_objects(tmp_path / "table.csv", SCHEMA)
    for name, column in expected.columns.items():
        assert found.columns[name].dtype == column.dtype
        np.testing.assert_array_equal(found.columns[name], column)
    assert not found.unreadable


def test_in_a_jsonl_file_types_may_be_mixed(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    rows = [
        {"price": 20, "omics": [1, 2], "motion": [[1], [2]], "kind": "a", "sku": "k0"},
        {"price": "n/a", "omics": "?", "motion": [1, "x"], "kind": "b", "sku": "k1", "colour": "red"},
        {"price": None, "omics": [3, 4], "kind": "a", "sku": "k2"},
    ]
    path.write_text("\n\n".join(map(json.dumps, rows)) + "\n")
    with pytest.raises(InputError, match=r"row 1 .*column 'price'"):
        read_objects(path, SCHEMA)
    objects = missing(path)
    assert objects.present.tolist() == [[True, True, True], [True, False, False], [False, True, False]]
    assert places(objects) == [(1, "price"), (1, "omics"), (1, "motion")]


@pytest.mark.parametrize("content", ['{"price": 1}\n{"price": "x"', '{"price": 1}\n{"price": "x"}\n[1]\n', "[1]"])
def test_a_jsonl_file_that_is_none_is_refused_all_the_same(content: str, tmp_path: Path) -> None:
    (tmp_path / "table.jsonl").write_text(content)
    with pytest.raises(InputError, match=r"want a whole .jsonl file"):
        missing(tmp_path / "table.jsonl")


@pytest.mark.parametrize("make", [dict, pd.DataFrame, lambda table: pa.table(pd.DataFrame(table))])
def test_tables_in_memory(make: Any) -> None:
    table = {"omics": [[1.0, 2.0], [1.0, np.inf], None], "title": ["a", "b", "c"], "kind": [1, 2, 1]}
    schema = Schema({"omics": Vector("omics"), "title": Text("title")}, label="kind")
    objects = missing(make(table), schema)
    assert objects.present.tolist() == [[True, True], [False, True], [False, True]]
    assert places(objects) == [(1, "omics")]


def test_a_table_is_read_anew_and_what_was_found_before_is_not_forgotten() -> None:
    table = {"title": ["a", 5, "c", "d"], "x": [1.0, 2.0, np.inf, None], "label": [0, 1, 0, 1]}
    titles = missing(table, Schema({"title": Text("title")}))
    assert titles.unreadable.left_out == {1: 1} and places(titles) == [(1, "title")]
    both = Schema({"title": Text("title"), "x": Vector("x")})
    # Its number in the user's table.
    with pytest.raises(InputError, match=r"row 2 .*columns x"):
        read_objects(titles, both)
    again = missing(titles, both)
    assert again.rows.tolist() == [0, 2, 3] and again.unreadable.left_out == {1: 1}
    assert places(again) == [(1, "title"), (2, "x")]
    # What could not be read is not there any more, so the same schema finds nothing new.
    assert places(missing(again, both)) == places(again)
    assert read_objects(again, both) is again


def test_labels_must_be_names_all_the_same() -> None:
    table = {"title": ["a", "b"], "label": ["x", 2.5]}
    with pytest.raises(InputError, match=r"row 1 .*column 'label'"):
        missing(table, Schema({"title": Text("title")}))


def test_another_word_is_refused() -> None:
    with pytest.raises(ConfigError, match='on_error: want "raise" or "missing", got \'ignore\''):
        read_objects({"title": ["a"]}, Schema({"title": Text("title")}), labelled=False, on_error="ignore")  # type: ignore[arg-type]


# -- Pictures, which are decoded later


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound picture, one cut short, and a file that is none."""
    buffer = io.BytesIO()
    Pillow.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(buffer, "png")
    (tmp_path / "good.png").write_bytes(buffer.getvalue())
    (tmp_path / "cut.png").write_bytes(buffer.getvalue()[:1000])
    (tmp_path / "none.png").write_bytes(b"no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    return tmp_path


def test_pictures_that_cannot_be_decoded_are_missing(folder: Path) -> None:
    photos = ["good.png", "cut.png", None, "none.png", "nowhere.png", "empty.png", "https://example.org/a.png", " "]
    table = pd.DataFrame({"photo": photos, "title": ["t"] * len(photos), "label": range(len(photos))})
    table.to_csv(folder / "table.csv", index=False)
    objects = missing(folder / "table.csv", Schema({"photo": Image("photo"), "title": Text("title")}))
    assert objects.present[:, 0].tolist() == [True] + [False] * 7
    assert [item.row for item in objects.unreadable.items] == [1, 3, 4, 5, 6]
    assert "no such file" in objects.unreadable.items[2].message
    assert repr(objects).endswith("  5 unreadable items treated as missing: photo 5")


def test_of_a_list_of_pictures_the_sound_ones_stay(folder: Path) -> None:
    good, cut, nowhere = (str(folder / f"{name}.png") for name in ("good", "cut", "nowhere"))
    table = {"photo": [[good, cut, None, good], [nowhere, cut], good, []], "title": ["a", "b", None, "d"]}
    objects = missing(table, Schema({"photo": Image("photo"), "title": Text("title")}), labelled=False)
    assert objects.columns["photo"].tolist() == [[good, None, good], None, good, []]
    assert objects.present[:, 0].tolist() == [True, False, True, False]
    assert [item.row for item in objects.unreadable.items] == [0, 1, 1]


def test_pictures_of_a_numeric_array(folder: Path) -> None:
    pixels = np.random.default_rng(0).random((3, 8, 8, 3))
    pixels[1, 0, 0, 0] = 1.5
    objects = missing(
        {"photo": pixels, "title": list("abc")},
        Schema({"photo": Image("photo"), "title": Text("title")}),
        labelled=False,
    )
    assert objects.present[:, 0].tolist() == [True, False, True]


def test_an_array_of_several_pictures_is_tried_as_it_stands() -> None:
    pictures = np.random.default_rng(0).random((2, 8, 8, 3))
    broken = np.where(np.arange(2)[:, None, None, None] == 1, 2.0, pictures)
    table = {"photo": [pictures, pictures[[0, 0]], broken, pictures[0]], "title": list("abcd")}
    objects = missing(table, Schema({"photo": Image("photo"), "title": Text("title")}), labelled=False)
    assert objects.present[:, 0].tolist() == [True, True, False, True]
    assert places(objects) == [(2, "photo")]


# -- Sounds, likewise


def test_of_sounds_and_lists_of_sounds_the_sound_ones_stay() -> None:
    good, quiet = (np.sin(np.arange(800.0)), 8000), (np.full(800, np.nan), 8000)
    table = {"clip": [good, quiet, [good, quiet, good], [quiet], b"no sound", "nowhere.wav"], "title": list("abcdef")}
    objects = missing(table, Schema({"clip": Audio("clip"), "title": Text("title")}), labelled=False)
    assert objects.present[:, 0].tolist() == [True, False, True, False, False, False]
    assert len(objects.columns["clip"][2]) == 2
    assert [item.row for item in objects.unreadable.items] == [1, 2, 3, 4, 5]
