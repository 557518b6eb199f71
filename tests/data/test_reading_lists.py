"""Cells that are lists of texts, paths or bytes reach the modalities as they are, whatever holds the table."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from steradian import Image, InputError, Schema, Tabular, Text, read_objects

SCHEMA = Schema({"title": Text("title"), "photo": Image("photo")})
TITLES = [["red", "crimson"], None, [], ["blue", None], ["green"]]
PHOTOS = [None, ["a.png", "/b.png"], ["c.png"], ["d.png"], [None, "é.png", ""]]
LABELS = ["x", "y", "x", "y", "x"]
COLUMNS = {"title": TITLES, "photo": PHOTOS, "label": LABELS}


def as_parquet(folder: Path) -> Path:
    pq.write_table(pa.table(COLUMNS), folder / "table.parquet")
    return folder / "table.parquet"


def as_jsonl(folder: Path) -> Path:
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in zip(*COLUMNS.values(), strict=True)]
    (folder / "table.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return folder / "table.jsonl"


def as_csv(folder: Path) -> Path:
    written = {
        name: [None if cell is None else cell if isinstance(cell, str) else json.dumps(cell) for cell in column]
        for name, column in COLUMNS.items()
    }
    pd.DataFrame(written).to_csv(folder / "table.csv", index=False)
    return folder / "table.csv"


@pytest.mark.parametrize("write", [as_parquet, as_jsonl, as_csv])
def test_lists_in_files_are_kept_and_their_paths_start_at_the_file(
    write: Callable[[Path], Path], tmp_path: Path
) -> None:
    objects = read_objects(write(tmp_path), SCHEMA)
    assert objects.present.tolist() == [[True, False], [False, True], [False, True], [True, True], [True, True]]
    assert objects.columns["title"].tolist() == TITLES
    here = str(tmp_path)
    assert objects.columns["photo"].tolist() == [
        *(None, [f"{here}/a.png", "/b.png"], [f"{here}/c.png"], [f"{here}/d.png"]),
        [None, f"{here}/é.png", ""],
    ]


@pytest.mark.parametrize(
    "source",
    [
        COLUMNS,
        {**COLUMNS, "title": [cell and tuple(cell) for cell in TITLES]},
        {**COLUMNS, "title": [None if cell is None else np.array(cell, dtype=object) for cell in TITLES]},
        {**COLUMNS, "photo": [None if cell is None else np.array([p for p in cell if p]) for cell in PHOTOS]},
        pa.table(COLUMNS),
        pd.DataFrame(COLUMNS),
        pl.DataFrame(COLUMNS),
    ],
    ids=["dict", "tuples", "object arrays", "text arrays", "arrow", "pandas", "polars"],
)
def test_lists_in_memory_are_kept(source: Any) -> None:
    objects = read_objects(source, SCHEMA)
    assert objects.present.tolist() == [[True, False], [False, True], [False, True], [True, True], [True, True]]
    texts, photos = objects.values["title"]["text"], objects.values["photo"]["picture"]
    assert [list(texts[0]), texts[3], texts[4]] == [["red", "crimson"], "blue", "green"]
    assert [list(photos[1]), photos[2], photos[4]] == [["a.png", "/b.png"], "c.png", "é.png"]


@pytest.mark.parametrize("make", [dict, pa.table], ids=["dict", "arrow"])
def test_lists_of_bytes_and_of_dicts_that_hold_them(make: Callable[[Any], Any]) -> None:
    nested = [[{"bytes": b"1", "path": "a"}, {"bytes": None, "path": "b"}], None, [None, {"bytes": b"2", "path": None}]]
    for photos, last in ((nested, b"2"), ([[b"1", "b"], None, [b"2"]], b"2")):
        if make is pa.table and photos is not nested:
            photos = [[b"1", b"b"], None, [b"2"]]
        table = make({"photo": photos, "label": ["x", "y", "z"], "title": ["a", "b", "c"]})
        read = read_objects(table, SCHEMA).values["photo"]["picture"]
        assert [len(read[0]), read[0][0], read[1], read[2]] == [2, b"1", None, last]


def test_one_path_here_and_a_list_of_paths_there(tmp_path: Path) -> None:
    photos = ["a.png", ["b.png", "c.png"], None]
    rows = [{"photo": photo, "title": "t", "label": i} for i, photo in enumerate(photos)]
    (tmp_path / "table.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    (tmp_path / "table.csv").write_text(
        'photo,title,label\na.png,t,0\n"[""b.png"", ""c.png""]",t,1\n,t,2\n', encoding="utf-8"
    )
    here = str(tmp_path)
    for source in (tmp_path / "table.jsonl", tmp_path / "table.csv"):
        read = read_objects(source, SCHEMA).columns["photo"].tolist()
        assert read == [f"{here}/a.png", [f"{here}/b.png", f"{here}/c.png"], None]
    assert read_objects({"photo": photos, "title": ["t"] * 3, "label": [0, 1, 2]}, SCHEMA).present.all(axis=0)[0]


def test_a_csv_text_that_is_no_list_of_texts_stays_text(tmp_path: Path) -> None:
    titles = ["[1, 2]", "[sic] red", '["a", 3]', '[["a"]]', "[" * 100_000, ' ["a", null, "b"]', "[]"]
    pd.DataFrame({"title": titles, "label": range(7), "photo": ["p"] * 7}).to_csv(tmp_path / "t.csv", index=False)
    read = read_objects(tmp_path / "t.csv", SCHEMA)
    assert read.columns["title"].tolist() == [*titles[:5], ["a", None, "b"], []]
    assert read.present[:, 0].tolist() == [True] * 6 + [False]


def test_labels_and_categories_in_csv_are_never_lists(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('title,kind\n"[""a""]","[""b""]"\nx,y\n', encoding="utf-8")
    schema = Schema({"title": Text("title"), "both": Tabular(categorical=["title"])}, label="kind")
    read = read_objects(tmp_path / "t.csv", schema)
    assert read.columns["title"].tolist() == ['["a"]', "x"]
    assert read.labels.tolist() == ['["b"]', "y"]


def test_dates_in_lists_of_jsonl_stay_text(tmp_path: Path) -> None:
    rows = [
        {"title": ["2024-01-01", "2024-01-02"], "photo": None, "label": 1},
        {"title": None, "photo": "p", "label": 2},
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert read_objects(tmp_path / "t.jsonl", SCHEMA).columns["title"].tolist() == [["2024-01-01", "2024-01-02"], None]


@pytest.mark.parametrize("as_table", [pa.table, dict])
def test_a_list_inside_a_list_is_refused_with_its_row_and_column(as_table: Callable[[Any], Any]) -> None:
    for column in ("title", "photo"):
        cells = [["a"], ["b"]], [["c"]], None
        table = as_table({"title": ["t"] * 3, "photo": ["p"] * 3, "label": ["x"] * 3} | {column: list(cells)})
        with pytest.raises(InputError, match=rf"row 0 \(counted from 0\), column '{column}'.*got list \['a'\]"):
            read_objects(table, SCHEMA)
