"""Every source gives the same table; every unreadable one is refused with its place."""

import datetime
import io
import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image as Pillow

from steradian import ConfigError, Image, InputError, ObjectTable, Schema, Series, Tabular, Text, Vector, read_objects

SCHEMA = Schema(
    {
        "title": Text("title"),
        "specs": Tabular(numeric=["price"], categorical=["colour"]),
        "omics": Vector("omics"),
        "sound": Series("sound"),
        "motion": Series("motion"),
    },
    label="kind",
    id="sku",
)
TABLE: dict[str, list[Any]] = {
    "title": ["a red, round\nthing", None, "bleu é 🐙", "x"],
    "price": [20, None, 35, 40],
    "colour": ["red", "blue", None, "blue"],
    "omics": [[0.5, 1.5], [2.5, 3.5], None, [4.5, 5.5]],
    "sound": [None, [1.5, 2.5, 3.5], [4.5], None],
    "motion": [[[1.5, 2.5], [3.5, 4.5]], None, None, [[5.5, 6.5]]],
    "kind": [3, 1, 3, 1],
    "sku": ["k1", "k2", "007", "k4"],
}
PRESENT = [[1, 1, 1, 0, 1], [0, 1, 1, 1, 0], [1, 1, 0, 1, 0], [1, 1, 1, 0, 1]]


def as_parquet(folder: Path) -> Path:
    pq.write_table(pa.table(TABLE), folder / "table.parquet", row_group_size=2)
    return folder / "table.parquet"


def as_jsonl(folder: Path) -> Path:
    rows = [dict(zip(TABLE, row, strict=True)) for row in zip(*TABLE.values(), strict=True)]
    # Keys may be absent or in another order.
    rows[1] = {name: rows[1][name] for name in reversed(rows[1]) if rows[1][name] is not None}
    (folder / "table.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder / "table.jsonl"


def as_ndjson(folder: Path) -> Path:
    return as_jsonl(folder).rename(folder / "TABLE.NDJSON")


def as_csv(folder: Path) -> Path:
    lists = ("omics", "sound", "motion")
    cells = {
        name: [json.dumps(cell) if name in lists and cell else cell for cell in column]
        for name, column in TABLE.items()
    }
    pd.DataFrame(cells).to_csv(folder / "table.csv", index=False, encoding="utf-8-sig")
    return folder / "table.csv"


def as_numpy(folder: Path) -> dict[str, Any]:
    ragged = np.empty(4, dtype=object)
    ragged[:] = [None, np.array([1.5, 2.5, 3.5]), np.array([4.5], np.float32), None]
    return {
        **TABLE,
        "price": np.array([20, np.nan, 35, 40]),
        "omics": np.array([[0.5, 1.5], [2.5, 3.5], [np.nan, np.nan], [4.5, 5.5]], np.float32),
        "sound": ragged,
        "motion": [np.array([[1.5, 2.5], [3.5, 4.5]]), None, None, np.array([[5.5, 6.5]])],
        "kind": np.array([3, 1, 3, 1], np.uint8),
        "sku": np.array(TABLE["sku"]),
    }


SOURCES: dict[str, Callable[[Path], Any]] = {
    "dict": lambda folder: TABLE,
    "dict of numpy": as_numpy,
    "dict of Series": lambda folder: {name: pd.Series(column) for name, column in TABLE.items()},
    "parquet": as_parquet,
    "parquet by str": lambda folder: str(as_parquet(folder)),
    "jsonl": as_jsonl,
    "ndjson": as_ndjson,
    "csv": as_csv,
    "list of dicts": lambda folder: pa.table(TABLE).to_pylist(),
    "lazy polars": lambda folder: pl.DataFrame(TABLE).lazy().filter(pl.col("kind") > 0),
    "pyarrow": lambda folder: pa.table(TABLE),
    "pyarrow in chunks": lambda folder: pa.concat_tables([pa.table(TABLE)[:1], pa.table(TABLE)[1:]]),
    "pyarrow batch": lambda folder: pa.RecordBatch.from_pydict(TABLE),
    "pandas": lambda folder: pd.DataFrame(TABLE, index=[9, 8, 7, 7]),
    "pandas of Parquet": lambda folder: pd.read_parquet(as_parquet(folder)),
    "pandas with Arrow types": lambda folder: pa.table(TABLE).to_pandas(types_mapper=pd.ArrowDtype),
    "polars": lambda folder: pl.DataFrame(TABLE),
    "polars slice": lambda folder: pl.concat([pl.DataFrame(TABLE)] * 3, rechunk=False)[4:8],
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_every_source_gives_the_same_table(source: Callable[[Path], Any], tmp_path: Path) -> None:
    objects = read_objects(source(tmp_path), SCHEMA)
    np.testing.assert_array_equal(objects.present, np.array(PRESENT, dtype=bool))
    text = source is as_csv  # which has no types
    assert objects.labels.tolist() == (["3", "1", "3", "1"] if text else [3, 1, 3, 1])
    assert objects.labels.dtype.kind in ("U" if text else "iu")
    assert objects.ids.tolist() == TABLE["sku"]
    assert objects.rows.tolist() == [0, 1, 2, 3]
    assert objects.values["title"]["text"][[0, 2]].tolist() == [TABLE["title"][0], TABLE["title"][2]]
    np.testing.assert_array_equal(objects.values["specs"]["numbers"][:, 0], [20, np.nan, 35, 40])
    np.testing.assert_array_equal(objects.values["omics"]["values"][[0, 1, 3]], [[0.5, 1.5], [2.5, 3.5], [4.5, 5.5]])
    np.testing.assert_array_equal(objects.values["sound"]["series"][1], [[1.5], [2.5], [3.5]])
    np.testing.assert_array_equal(objects.values["sound"]["series"][2], [[4.5]])
    np.testing.assert_array_equal(objects.values["motion"]["series"][0], TABLE["motion"][0])
    np.testing.assert_array_equal(objects.values["motion"]["series"][3], TABLE["motion"][3])


def test_a_table_passes_unchanged_or_is_read_anew() -> None:
    objects = read_objects(TABLE, SCHEMA)
    assert read_objects(objects, Schema(dict(SCHEMA.modalities), label="kind", id="sku")) is objects
    other = Schema({"title": Text("title"), "kind": Tabular(categorical=["kind"])}, label="colour", id="sku")
    again = read_objects(objects[[3, 1]], other)
    assert again.labels.tolist() == ["blue", "blue"]
    assert again.rows.tolist() == [3, 1]
    with pytest.raises(InputError, match=r"row 2 \(counted from 0\), column 'colour'"):
        read_objects(objects[[3, 2]], other)


@pytest.mark.parametrize(("column", "role"), [("kind", "label"), ("sku", "id")])
def test_a_table_without_labels_or_ids_passes_only_where_none_are_needed(column: str, role: str) -> None:
    without = {name: cells for name, cells in TABLE.items() if name != column}
    objects = read_objects(without, SCHEMA, labelled=False)
    assert objects.ids.tolist() == ([0, 1, 2, 3] if role == "id" else TABLE["sku"])
    assert read_objects(objects, SCHEMA, labelled=False) is objects
    for source in (without, objects):
        with pytest.raises(InputError, match=f"want the column '{column}', of the {role}"):
            read_objects(source, SCHEMA)


@pytest.mark.parametrize(
    "source", [np.zeros((3, 2)), 3, None, [1, 2], pd.Series([1, 2])], ids=lambda s: type(s).__name__
)
def test_other_sources_are_refused(source: Any) -> None:
    with pytest.raises(
        InputError, match="want a path, a dict of columns, a list of dicts, or a pyarrow, pandas"
    ) as error:
        read_objects(source, SCHEMA)
    assert "\n" not in error.value.got


@pytest.mark.parametrize("schema", ["schema.yaml", Path("schema.yaml"), SCHEMA.to_dict(), None], ids=repr)
def test_what_is_no_schema_is_refused(schema: Any) -> None:
    with pytest.raises(ConfigError, match=r"want a Schema, got .* Use Schema.from_yaml\(path\) or Schema.from_dict"):
        read_objects(TABLE, schema)


def read_csv(folder: Path, text: str | bytes, schema: Schema) -> ObjectTable:
    path = folder / "table.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_objects(path, schema, labelled=False)


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        (["1", "-2"], np.array([1, -2])),
        (["1", ""], np.array([1, np.nan])),
        (["1.5", " 2"], np.array([1.5, 2])),
        (["1577836800000000000", "1"], np.array([1577836800000000000, 1])),
        (["007", "12"], ["007", "12"]),
        (["0.5", "0"], np.array([0.5, 0])),
        (["12345678901234567890123", "1"], ["12345678901234567890123", "1"]),
        (["True", "false"], np.array([True, False])),
        (["2020-01-02", "2021-01-02"], ["2020-01-02", "2021-01-02"]),
        (["NA", "x"], [None, "x"]),
        (["", ""], [None, None]),
        (['"[1, 2]"', '"[3, NaN]"'], np.array([[1, 2], [3, np.nan]])),
        (['"[1, 2]"', '" [3]"'], [[1, 2], [3]]),
        (['"[1, 2]"', ""], np.array([[1, 2], [np.nan, np.nan]])),
        (["[1]", "[x]"], ["[1]", "[x]"]),
        (["[1]", "x"], ["[1]", "x"]),
    ],
    ids=str,
)
def test_csv_cells(cells: list[str], column: Any, tmp_path: Path) -> None:
    lines = "\n".join(f"{cell},a" for cell in cells)
    got = read_csv(tmp_path, f"x,title\n{lines}\n", Schema({"title": Text("title")})).columns["x"]
    if isinstance(column, np.ndarray):
        assert got.dtype == column.dtype
        np.testing.assert_array_equal(got, column)
    else:
        assert got.dtype == object
        assert [cell.tolist() if isinstance(cell, np.ndarray) else cell for cell in got] == column


@pytest.mark.parametrize("column", ["kind", "sku", "title", "photo", "colour"])
@pytest.mark.parametrize("cells", [["1", "2"], ["true", "false"], ["1.50", "2"], ["[1]", "[3]"]], ids=str)
def test_csv_text_stays_as_written(column: str, cells: list[str], tmp_path: Path) -> None:
    modalities = {"title": Text("title"), "photo": Image("photo"), "specs": Tabular(categorical=["colour"])}
    schema = Schema({**modalities, "x": Vector("x")}, label="kind", id="sku")
    table = {name: ["a", "b"] for name in ("kind", "sku", "title", "photo", "colour")} | {column: cells, "x": [7, 8]}
    looks_like_lists = column == "kind" and cells[0].startswith("[")
    with pytest.warns(UserWarning, match="looks like a list") if looks_like_lists else nullcontext():
        objects = read_csv(tmp_path, pd.DataFrame(table).to_csv(index=False), schema)
    written = [str(tmp_path / cell) for cell in cells] if column == "photo" else cells
    assert objects.columns[column].tolist() == written
    assert objects.columns["x"].tolist() == [7, 8]


def test_a_csv_column_read_as_text_and_as_numbers_is_numbers(tmp_path: Path) -> None:
    specs = Tabular(numeric=["year"], categorical=["year", "colour"])
    objects = read_csv(tmp_path, "year,colour\n2020,1\n,2\n", Schema({"specs": specs}))
    np.testing.assert_array_equal(objects.values["specs"]["numbers"][:, 0], [2020, np.nan])
    assert objects.values["specs"]["categories"].tolist() == [["2020", "1"], [None, "2"]]


@pytest.mark.parametrize(
    "cells", [[True, False, None], [3.0, 4.0, None], ["red", "true", None]], ids=["booleans", "whole", "text"]
)
def test_categories_are_the_same_in_csv(cells: list[Any], tmp_path: Path) -> None:
    schema = Schema({"specs": Tabular(categorical=["colour"], numeric=["x"])})
    frame = pl.DataFrame({"colour": cells, "x": [1, 2, 3]})
    typed = read_objects(frame, schema, labelled=False).values["specs"]["categories"].tolist()
    for text in (frame.to_pandas().to_csv(index=False), frame.write_csv()):
        assert read_csv(tmp_path, text, schema).values["specs"]["categories"].tolist() == typed


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_a_csv_of_another_separator_is_named(separator: str, tmp_path: Path) -> None:
    text = f"title{separator}price\na{separator}1,5\n"
    with pytest.raises(InputError, match="want columns separated by commas, got the separator") as error:
        read_csv(tmp_path, text, Schema({"title": Text("title")}))
    assert f"sep={separator!r}" in error.value.fix


def test_a_csv_with_a_byte_order_mark(tmp_path: Path) -> None:
    objects = read_csv(tmp_path, "\ufeffsku,title\n007,a\n", Schema({"title": Text("title")}))
    assert objects.columns["sku"].tolist() == ["007"]


def test_a_long_csv_with_line_breaks_in_cells(tmp_path: Path) -> None:
    text = "a\n" * 50
    rows = "".join(f'"{text}",{number}\n' for number in range(15_000))
    objects = read_csv(tmp_path, f"title,x\n{rows}", Schema({"title": Text("title")}))
    assert (objects.columns["title"] == text).all()
    assert objects.columns["x"].tolist() == list(range(15_000))


def test_dates_in_jsonl_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    path.write_text('{"title": "2020-01-02", "x": 1}\n{"title": "2020-01-03", "x": 2.5}\n')
    objects = read_objects(path, Schema({"title": Text("title")}), labelled=False)
    assert objects.columns["title"].tolist() == ["2020-01-02", "2020-01-03"]
    assert objects.columns["x"].tolist() == [1, 2.5]


def test_dates_in_parquet_become_datetime64(tmp_path: Path) -> None:
    pq.write_table(pa.table({"day": [datetime.date(2020, 1, 2), None], "x": [1, 2]}), tmp_path / "t.parquet")
    objects = read_objects(tmp_path / "t.parquet", Schema({"x": Vector("x")}), labelled=False)
    assert objects.columns["day"].dtype == np.dtype("datetime64[D]")


def test_a_long_jsonl_row_is_read(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    path.write_text(json.dumps({"sound": [0.123456789] * 200_000}) + "\n" + json.dumps({"sound": [1.0]}))
    objects = read_objects(path, Schema({"sound": Series("sound")}), labelled=False)
    assert [len(series) for series in objects.values["sound"]["series"]] == [200_000, 1]


PICTURES = Schema({"photo": Image("photo"), "title": Text("title")})


WRITERS: dict[str, Callable[[pd.DataFrame], Any]] = {
    "table.parquet": lambda frame: frame.to_parquet("table.parquet"),
    "table.csv": lambda frame: frame.to_csv("table.csv", index=False),
    "table.jsonl": lambda frame: frame.to_json("table.jsonl", orient="records", lines=True),
}


@pytest.mark.parametrize("name", WRITERS)
def test_picture_paths_start_at_the_folder_of_the_table(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photos = ["a.png", "sub/b.png", "/c.png", "https://example.org/d.png", None]
    WRITERS[name](pd.DataFrame({"photo": photos, "title": "a.png"}))
    objects = read_objects(name, PICTURES, labelled=False)
    monkeypatch.chdir("/")
    for photo, want in zip(
        objects.values["photo"]["picture"], [tmp_path / "a.png", tmp_path / "sub/b.png", *photos[2:]], strict=True
    ):
        assert photo == (str(want) if want else None)
    assert set(objects.columns["title"]) == {"a.png"}


def test_what_is_no_path_stays_as_it_is(tmp_path: Path) -> None:
    pq.write_table(pa.table({"photo": ["", "data:image/png;base64,"], "title": ["a", "b"]}), tmp_path / "t.parquet")
    objects = read_objects(tmp_path / "t.parquet", PICTURES, labelled=False)
    assert objects.columns["photo"].tolist() == ["", "data:image/png;base64,"]
    assert objects.present[:, 0].tolist() == [False, True]


def test_picture_paths_of_a_dict_stay_as_they_are() -> None:
    assert read_objects({"photo": ["a.png"], "title": [None]}, PICTURES, labelled=False).columns["photo"][0] == "a.png"


def test_pictures_of_every_form(tmp_path: Path) -> None:
    file = io.BytesIO()
    Pillow.new("RGB", (2, 2)).save(file, "PNG")
    structs = [{"bytes": file.getvalue(), "path": "a.png"}, {"bytes": None, "path": "b.png"}, None]
    pq.write_table(pa.table({"photo": structs, "title": ["a"] * 3}), tmp_path / "t.parquet")
    hub = read_objects(tmp_path / "t.parquet", PICTURES, labelled=False).values["photo"]["picture"]
    assert hub.tolist() == [file.getvalue(), str(tmp_path / "b.png"), None]
    cells = [Pillow.new("L", (2, 2)), file.getvalue(), Path("a.png"), np.zeros((2, 2, 3), np.uint8), None]
    own = read_objects({"photo": cells, "title": ["a"] * 5}, PICTURES, labelled=False).values["photo"]["picture"]
    assert all(got is cell for got, cell in zip(own, cells, strict=True))


@pytest.mark.parametrize("name", ["table.xlsx", "table", "table.parquet.gz", "table.gz"])
def test_an_unknown_suffix_lists_the_known_ones(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(InputError, match=r"want a file whose name ends in .parquet, .csv, .tsv, .jsonl, .ndjson, .csv"):
        read_objects(tmp_path / name, SCHEMA)


@pytest.mark.parametrize("name", ["table.parquet", "nowhere/table.csv"])
def test_a_file_that_is_not_there(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"table.*: want a table's file, got no such file"):
        read_objects(str(tmp_path / name), SCHEMA)


@pytest.mark.parametrize(
    ("suffix", "content"),
    [
        ("parquet", b"not parquet"),
        ("parquet", b""),
        ("csv", b""),
        ("csv", b"title,price\na,1\nb,1,2\n"),
        ("csv", b"title\n\xe9\n"),
        ("csv", b"\xe9\n1\n"),
        ("jsonl", b""),
        ("jsonl", b'{"title": "a"}\n{"title": '),
        ("jsonl", b'{"title": "a"}\n{"title": 1}\n'),
        ("jsonl", b"[1, 2]\n"),
    ],
)
def test_a_file_that_cannot_be_read(suffix: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"table.{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"want a whole .{suffix} file") as error:
        read_objects(path, SCHEMA)
    assert error.value.where == str(path)
    assert "\n" not in error.value.got
    assert not error.value.got.endswith(".")


def test_an_empty_folder_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "table.csv").mkdir()
    with pytest.raises(InputError, match=r"want files whose names end in .parquet, .* got none"):
        read_objects(tmp_path / "table.csv", SCHEMA)


def test_a_parquet_file_cut_short(tmp_path: Path) -> None:
    path = as_parquet(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"want a whole .parquet file"):
        read_objects(path, SCHEMA)


@pytest.mark.parametrize("source", [{}, {"title": []}, pa.table({"title": pa.array([], pa.string())}), pl.DataFrame()])
def test_an_empty_table_is_refused(source: Any) -> None:
    schema = Schema({"title": Text("title")})
    with pytest.raises(InputError, match="want at least one row, got an empty table"):
        read_objects(source, schema, labelled=False)


def test_a_csv_with_a_header_alone_is_an_empty_table(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got an empty table"):
        read_csv(tmp_path, "title\n", Schema({"title": Text("title")}))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    schema = Schema({"title": Text("title")})
    twice = [pa.array(["a"]), pa.array(["b"])]
    for source in (pa.table(twice, ["title", "title"]), pd.DataFrame([["a", "b"]], columns=["title", "title"])):
        with pytest.raises(InputError, match="want columns of different names, got 2 columns 'title'"):
            read_objects(source, schema, labelled=False)
    with pytest.raises(InputError, match="got 2 columns 'title'"):
        read_csv(tmp_path, "title,title\na,b\n", schema)


def test_a_dict_entry_that_is_no_column() -> None:
    with pytest.raises(InputError, match="column 'title': want a list or an array"):
        read_objects({"title": "red"}, SCHEMA)
