"""Joined tables, against a join by dicts; keys, names and sets."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image as Pillow

from steradian import ConfigError, Image, InputError, ObjectTable, Schema, Tabular, Text, Vector, read_objects
from steradian.data.joined import join_tables
from steradian.data.late_columns import LateColumns

SCHEMA = Schema({"rna": Vector("rna"), "protein": Vector("protein.p1", "p2")}, label="subtype", id="sample")
RNA = {"sample": ["s1", "s2", "s4"], "g1": [1.0, 2.0, 4.0], "g2": [10, 20, 40]}
PROTEIN = {"sample": ["s3", "s2"], "p1": [0.3, 0.2], "p2": [30, 20], "site": ["x", "y"]}
LABELS = {"sample": ["s4", "s3", "s2", "s1"], "subtype": ["a", "b", "a", "b"], "p1": [7, 7, 7, 7]}
TABLES: dict[str, Any] = {"rna": RNA, "protein": PROTEIN, "labels": LABELS}


def joined(tables: Any = TABLES, schema: Schema = SCHEMA, **options: Any) -> ObjectTable:
    return read_objects(tables, schema, on="sample", **options)


def test_what_a_table_lacks_is_missing_and_counts_are_printed() -> None:
    objects = joined()
    assert objects.ids.tolist() == ["s1", "s2", "s4", "s3"]
    assert objects.labels.tolist() == ["b", "a", "a", "b"]
    assert objects.present.tolist() == [[True, False], [True, True], [True, False], [False, True]]
    assert objects.values["rna"]["values"][:3].tolist() == [[1, 10], [2, 20], [4, 40]]
    np.testing.assert_allclose(objects.values["protein"]["values"][[1, 3]], [[0.2, 20], [0.3, 30]])
    assert objects.columns["site"].tolist() == [None, "y", None, "x"]
    assert objects.columns["labels.p1"].tolist() == [7, 7, 7, 7]
    assert "  joined on 'sample', 4 keys: rna 3, protein 2, labels 4" in repr(objects).splitlines()
    assert "keys in one table alone" not in repr(objects) and objects[:2].notes == ()


@pytest.mark.parametrize("kind", ["pandas", "index", "polars", "csv", "parquet", "rows"])
def test_tables_of_every_kind_are_joined(kind: str, tmp_path: Path) -> None:
    def make(name: str, table: dict[str, Any]) -> Any:
        frame = pd.DataFrame(table)
        match kind:
            case "index":
                return frame.set_index("sample")
            case "polars":
                return pl.DataFrame(table)
            case "csv":
                frame.to_csv(tmp_path / f"{name}.csv", index=False)
                return tmp_path / f"{name}.csv"
            case "parquet":
                frame.to_parquet(tmp_path / f"{name}.parquet")
                return str(tmp_path / f"{name}.parquet")
            case "rows":
                return frame.to_dict("records")
        return frame

    objects = joined({name: make(name, table) for name, table in TABLES.items()})
    expected = joined()
    assert objects.ids.tolist() == expected.ids.tolist() and objects.labels.tolist() == expected.labels.tolist()
    np.testing.assert_array_equal(objects.present, expected.present)
    np.testing.assert_array_equal(objects.values["rna"]["values"][:3], expected.values["rna"]["values"][:3])


def test_a_join_is_as_one_by_dicts(rng: np.random.Generator) -> None:
    tables, cells = {}, {}
    for name in "abc":
        keys = rng.permutation(30)[: rng.integers(5, 25)]
        columns = {
            "key": keys,
            f"{name}_n": rng.integers(9, size=len(keys)),
            f"{name}_v": rng.normal(size=(len(keys), 2)),
            f"{name}_t": np.array([f"t{key}" for key in keys], dtype=object),
            f"{name}_d": np.array(keys, dtype="datetime64[D]"),
            f"{name}_b": keys % 2 == 0,
        }
        tables[name] = LateColumns(columns)
        cells |= {
            column: dict(zip(keys.tolist(), columns[column], strict=True)) for column in columns if column != "key"
        }
    columns, _ = join_tables(tables, Schema({"t": Text("a_t")}), on="key")
    order = list(dict.fromkeys(key for table in tables.values() for key in table["key"].tolist()))
    assert columns["key"].tolist() == order
    for name, by_key in cells.items():
        for key, cell in zip(order, columns[name], strict=True):
            if key in by_key:
                np.testing.assert_array_equal(cell, by_key[key])
            else:
                assert cell is None or np.all(pd.isna(cell))


def test_keys_without_a_label_or_alone_are_told() -> None:
    tables = {**TABLES, "labels": {name: cells[:2] for name, cells in LABELS.items()} | {"sample": ["s4", "s9"]}}
    with pytest.raises(InputError, match="want a label in every row, got nothing in 3 of 5 rows"):
        joined(tables)
    objects = joined(tables, on_error="missing")
    assert objects.ids.tolist() == ["s4"]
    assert objects.notes[1] == "keys in one table alone: rna 1, protein 1, labels 1"
    assert objects.unreadable.counts == [
        "3 objects left out, without a label: row 0 (id 's1'), 1 (id 's2'), 3 (id 's3')",
        "1 object left out, with nothing to read: row 4 (id 's9')",
    ]


def test_several_rows_of_a_key_are_refused_or_a_set(tmp_path: Path) -> None:
    Pillow.new("RGB", (2, 2)).save(tmp_path / "a.png")
    (tmp_path / "photos.csv").write_text("sku,file\n7,a.png\n8,a.png\n7,b.png\n7,\n")
    schema = Schema(
        {"photo": Image("photos.file"), "words": Text("word"), "sizes": Vector("sizes"), "n": Tabular(numeric="n")},
        label="kind",
    )
    tables = {
        "photos": tmp_path / "photos.csv",
        "words": {"sku": ["7", "9", "7"], "word": ["red", "blue", ["pink", "rose"]]},
        "sizes": {"sku": ["9", "9", "8"], "w": [1, 2, 3], "h": [4.0, 5.0, 6.0]},
        "things": {"sku": ["7", "8", "9"], "kind": [0, 1, 1], "n": [1, 2, 3]},
    }
    with pytest.raises(
        InputError, match=r"table 'photos', column 'sku'.* got the key '7' in rows 0 and 3.*sets='photos'"
    ):
        read_objects(tables, schema, on="sku")
    objects = read_objects(tables, schema, on="sku", sets=["photos", "words", "sizes"])
    here = str(tmp_path)
    assert objects.columns["photos.file"].tolist() == [[f"{here}/a.png", f"{here}/b.png"], [f"{here}/a.png"], None]
    assert objects.columns["word"].tolist() == [["red", "pink", "rose"], None, ["blue"]]
    assert [None if cell is None else cell.tolist() for cell in objects.columns["sizes"]] == [
        None,
        [[3, 6]],
        [[1, 4], [2, 5]],
    ]
    assert objects.present.tolist() == [[True, True, False, True], [True, False, True, True], [False, True, True, True]]


@pytest.mark.parametrize(
    ("tables", "complaint"),
    [
        ({**TABLES, "rna": {"Samples": ["s1"]}}, "'rna', on=.*, which every .* 'sample'. Did you mean 'Samples'"),
        ({**TABLES, "rna": {**RNA, "sample": [1, 2, 3]}}, "want keys of one type in all columns 'sample', got int in"),
        ({**TABLES, "rna": {**RNA, "sample": ["s1", None, "s3"]}}, "want a key in every row.*|column 'rna.sample'"),
        (
            {**TABLES, "rna": {**RNA, "place": [0.5, "<LOD", "2"]}},
            "column 'place': want numbers in all columns of the table 'rna', .* got str '<LOD' in row 1",
        ),
        ({**TABLES, "rna": {**RNA, "p2": [1, 2, 3]}}, "got one in each of 'rna', 'protein'. .* such as 'rna.p2'"),
        ({**TABLES, "rna": {"sample": []}}, "want at least one row, got an empty table"),
        ({"rna": RNA, "labels": LABELS}, "want the column 'protein.p1', of modality 'protein'"),
    ],
)
def test_tables_that_cannot_be_joined(tables: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        joined(tables)


@pytest.mark.parametrize(
    "options", [{"on": "sample", "sets": "photos"}, {"sets": "rna"}, {"on": "sample", "source": [RNA]}], ids=str
)
def test_tables_and_their_key_are_needed(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="want a dict of tables, the column of their keys"):
        read_objects(options.pop("source", TABLES), SCHEMA, **options)


def test_some_of_the_tables_are_enough_for_a_fitted_schema() -> None:
    objects = joined({"rna": RNA}, labelled=False, partial=True)
    assert objects.present.tolist() == [[True, False]] * 3 and objects.ids.tolist() == RNA["sample"]
