"""Files of tables: only what is asked for is converted; what is too deep, too long or no file is refused at once."""

import datetime
import decimal
import gzip
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from steradian import Image, InputError, ObjectTable, Schema, Series, Tabular, Text, Vector, read_objects
from steradian.data import table_files
from steradian.data.table_files import read_files

TITLE = Schema({"title": Text("title")})
X = Schema({"x": Vector("x")})


def read(path: Path, content: str | bytes, schema: Schema = TITLE, **options: Any) -> ObjectTable:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_objects(path, schema, labelled=False, **options)


def test_a_file_converts_what_is_asked_for(tmp_path: Path) -> None:
    pq.write_table(pa.table({"title": ["a"], "n": [decimal.Decimal("1.5")]}), tmp_path / "a.parquet")
    columns, lengths = read_files([tmp_path / "a.parquet"], TITLE, cell_by_cell=False)
    assert lengths == [1]
    assert [(name, len(column)) for name, column in columns.items()] == [("title", 1), ("n", 1)]
    assert columns["n"].array.tolist() == [1.5]


@pytest.mark.parametrize("bare", [0, 1])
def test_a_column_may_be_of_no_type_in_one_of_the_files(tmp_path: Path, bare: int) -> None:
    for number in range(2):
        cells = [None, None] if number == bare else [[1.0, 2.0], [3.0, 4.0]]
        pq.write_table(pa.table({"title": ["a", "b"], "x": cells}), tmp_path / f"{number}.parquet")
    schema = Schema({"title": Text("title"), "x": Vector("x")})
    objects = read_objects(tmp_path, schema, labelled=False, lazy=False)
    assert objects.present[:, 1].tolist() == ([False] * 2 + [True] * 2 if bare == 0 else [True] * 2 + [False] * 2)


class Unconvertible:
    """A column with a length and nothing else."""

    def __len__(self) -> int:
        return 2

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        raise RuntimeError("converted")


views = pa.array(["a", None], pa.string_view())
dictionary = pa.DictionaryArray.from_arrays(pa.array([1, None], pa.int32()), pa.array(["u", "v"], pa.string_view()))
UNREAD = {
    "dict": {"x": [1, 2], "other": Unconvertible()},
    "nested": {"x": [1, 2], "other": [[[[1]], [2]], [3]]},
    "view": pa.table({"x": [1, 2], "other": views}),
    "dictionary of views": pa.table({"x": [1, 2], "other": dictionary}),
    "union": pa.table(
        {
            "x": [1, 2],
            "other": pa.UnionArray.from_dense(
                pa.array([0, 0], pa.int8()), pa.array([0, 1], pa.int32()), [pa.array([1, 2])]
            ),
        }
    ),
    "months": pa.table({"x": [1, 2], "other": pa.array([(1, 2, 3), None], pa.month_day_nano_interval())}),
    "Categorical": pl.DataFrame({"x": [1, 2], "other": pl.Series(["a", None], dtype=pl.Categorical)}),
    "Enum": pl.DataFrame({"x": [1, 2], "other": pl.Series(["a", None], dtype=pl.Enum(["b", "a"]))}),
    "Int128": pl.DataFrame({"x": [1, 2], "other": pl.Series([2**100, None], dtype=pl.Int128)}),
    "Object": pl.DataFrame({"x": [1, 2], "other": pl.Series([object(), None], dtype=pl.Object)}),
    "pandas": pd.DataFrame({"x": [1, 2], "other": pd.Series([object(), {"a": object()}])}),
    "periods": pd.DataFrame({"x": [1, 2], "other": pd.period_range("2020", periods=2)}),
}


@pytest.mark.parametrize("source", UNREAD.values(), ids=UNREAD.keys())
def test_a_column_outside_the_schema_is_not_converted(source: Any) -> None:
    objects = read_objects(source, X, labelled=False)
    assert list(objects.columns) == ["x", "other"]
    assert objects[[1]].values["x"]["values"].tolist() == [[2]]
    try:
        assert len(objects.columns["other"]) == 2
    except InputError as error:
        assert error.where == "column 'other'"


READ = {
    "view": (pa.table({"c": views}), ["a", None]),
    "dictionary of views": (pa.table({"c": dictionary}), ["v", None]),
    "Categorical": (pl.DataFrame({"c": pl.Series(["a", None], dtype=pl.Categorical)}), ["a", None]),
    "Enum": (pl.DataFrame({"c": pl.Series(["a", None], dtype=pl.Enum(["b", "a"]))}), ["a", None]),
    "Series of Enum": ({"c": pl.Series(["a", None], dtype=pl.Enum(["b", "a"]))}, ["a", None]),
    "Int128": (pl.DataFrame({"c": pl.Series([2**100, None], dtype=pl.Int128)}), [str(2**100), None]),
    "dictionary of numbers": (pa.table({"c": pa.array([5, None]).dictionary_encode()}), ["5", None]),
    "large text": (pa.table({"c": pa.array(["a", None], pa.large_string())}), ["a", None]),
}


@pytest.mark.parametrize(("source", "cells"), READ.values(), ids=READ.keys())
def test_such_columns_are_read_as_well(source: Any, cells: list[Any]) -> None:
    table = dict(source) if isinstance(source, dict) else {"c": source["c"]}
    objects = read_objects({**table, "x": [1, 2]}, Schema({"c": Tabular(numeric="x", categorical="c")}), labelled=False)
    assert objects.values["c"]["categories"][:, 0].tolist() == cells
    whole = read_objects(source, Schema({"c": Tabular(categorical="c")}), labelled=False, on_error="missing")
    assert whole.values["c"]["categories"][:, 0].tolist() == cells[:1]


def test_a_column_that_cannot_be_converted_is_refused_by_name() -> None:
    with pytest.raises(InputError, match=r"column 'x': want a column of numbers.* cannot be converted \(converted\)"):
        read_objects({"x": Unconvertible()}, X, labelled=False)


def test_decimals_beside_floats_are_numbers() -> None:
    cells = [decimal.Decimal("1.5"), 2.0, 3]
    for schema in (X, Schema({"x": Tabular(numeric="x")})):
        values = read_objects({"x": cells}, schema, labelled=False).values["x"]
        np.testing.assert_array_equal(values.get("values", values.get("numbers"))[:3, 0], [1.5, 2, 3])
    with pytest.raises(InputError, match=r"row 2 .*got str 'n/a'"):
        read_objects({"x": [*cells[:2], "n/a"]}, Schema({"x": Tabular(numeric="x")}), labelled=False)
    with pytest.raises(InputError, match=r"row 1 .*got Decimal Decimal\('NaN'\)"):
        read_objects({"x": [1.0, decimal.Decimal("NaN")]}, Schema({"x": Tabular(numeric="x")}), labelled=False)


def test_mixed_types_in_an_unread_column_of_a_jsonl_file(tmp_path: Path) -> None:
    lines = '{"title": "a", "other": 1}\n\n{"title": "b", "other": "x"}\n{"title": null, "other": {"a": [1]}}\n'
    objects = read(tmp_path / "a.jsonl", lines + '{"title": "c", "other": [1, "a"]}', on_error="missing")
    assert objects.columns["title"].tolist() == ["a", "b", "c"]
    assert objects.columns["other"].tolist() == [1, "x", [1, "a"]]
    with pytest.raises(InputError, match="changed from string to number"):
        read(tmp_path / "a.jsonl", '{"title": "a"}\n{"title": 1}\n')


@pytest.mark.parametrize(
    "lines", ['{"title": "a", "title": "b"}', '{"title": "a"}\n{"title": "b", "o": {"k": 1, "k": 2}}']
)
def test_a_key_twice_is_refused(lines: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="twice"):
        read(tmp_path / "a.jsonl", lines)


DEEP = [33, 64, 200, 500, 5_000, 100_000]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("deep", DEEP)
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}"), ("[", ""), ('[{"a":[', "]}]")])
def test_deep_json_is_refused_in_a_moment(opening: str, closing: str, deep: int, tmp_path: Path) -> None:
    value = opening * deep + "1" * bool(closing) + closing * deep
    begun = time.process_time()
    with pytest.raises(InputError, match="deep"):
        read(tmp_path / "a.jsonl", f'{{"title": "a", "other": 1}}\n{{"title": "b", "other": {value}}}')
    quoted = value.replace('"', '""')
    objects = read(tmp_path / "a.csv", f'title,other\na,"{quoted}"\n')
    assert objects.columns["other"].tolist() == [value]
    for schema in (
        Schema({"other": Vector("other")}),
        Schema({"other": Series("other")}),
        Schema({"other": Tabular("other")}),
    ):
        with pytest.raises(InputError, match="row 0"):
            read(tmp_path / "a.csv", f'title,other\na,"{quoted}"\n', schema)
    assert time.process_time() - begun < 5


@pytest.mark.parametrize("deep", [10, 31])
def test_json_that_is_nested_less_is_read(deep: int, tmp_path: Path) -> None:
    value = "[" * deep + "1" + "]" * deep
    assert len(read(tmp_path / "a.jsonl", f'{{"title": "a", "other": {value}}}').columns["other"]) == 1
    assert len(read(tmp_path / "a.csv", f'title,other\na,"{value}"\n').columns["other"]) == 1


@pytest.mark.parametrize("deep", DEEP[2:])
def test_deep_lists_in_memory_are_refused(deep: int) -> None:
    cell: Any = 1.0
    for _ in range(deep):
        cell = [cell]
    for schema in (
        X,
        Schema({"x": Series("x")}),
        Schema({"x": Tabular("x")}),
        Schema({"x": Image("x")}),
        Schema({"x": Text("x")}),
    ):
        with pytest.raises(InputError):
            read_objects({"x": [cell, cell]}, schema, labelled=False)


@pytest.mark.slow
def test_endless_lines_take_little_memory(tmp_path: Path) -> None:
    starts = {"a.csv": 'title\n"', "b.csv": "title\n", "c.csv": "", "d.jsonl": '{"title": "'}
    starts["e.jsonl"] = '{"title": ' + "[" * 99
    for name, start in starts.items():
        with (tmp_path / name).open("w") as file:
            file.write(start)
            for _ in range(300):
                file.write("a" * (1 << 20))
    command = (
        "import resource, sys, steradian as sr, pyarrow.csv, pyarrow.json\n"
        "schema = sr.Schema({'title': sr.Text('title')})\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "for path in sys.argv[1:]:\n"
        "    try: sr.read_objects(path, schema, labelled=False)\n"
        "    except sr.InputError as error: print(error.got)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    paths = [str(tmp_path / name) for name in starts]
    told = subprocess.run([sys.executable, "-c", command, *paths], capture_output=True, text=True)
    *got, kilobytes = told.stdout.splitlines()
    assert len(got) == len(starts)
    assert all("more than" in line or "longer" in line or "larger" in line for line in got)
    assert int(kilobytes) < 256 << 10


def test_a_csv_cell_of_some_megabytes_is_read(tmp_path: Path) -> None:
    cells = json.dumps([0.123456789] * 300_000)
    objects = read(tmp_path / "a.csv", f'x\n"{cells}"\n"[1, 2]"\n', Schema({"x": Series("x")}))
    assert [len(series) for series in objects.values["x"]["series"]] == [300_000, 2]


def test_a_long_header_is_read_up_to_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_files, "LONGEST_HEADER", 40)
    for names in (["title", "b" * 20, "c"], ["title", "b" * 33]):
        assert list(read(tmp_path / "a.csv", ",".join(names) + "\na" + ",1" * (len(names) - 1)).columns) == names
    with pytest.raises(InputError, match="a header of more than"):
        read(tmp_path / "a.csv", f"title,{'b' * 40}\na,1\n")


@pytest.mark.timeout(10)
@pytest.mark.parametrize("suffix", ["parquet", "csv", "jsonl", "ndjson"])
def test_what_is_no_regular_file_is_refused_at_once(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo(f"pipe.{suffix}")
    Path(f"device.{suffix}").symlink_to("/dev/zero")
    Path(f"made up.{suffix}").symlink_to("/proc/self/maps")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"socket.{suffix}")
        for name in ("pipe", "device", "made up", "socket"):
            with pytest.raises(InputError, match=rf"want a whole .{suffix} file"):
                read_objects(f"{name}.{suffix}", TITLE, labelled=False)


def test_dates_in_parquet_that_nothing_reads_are_kept(tmp_path: Path) -> None:
    pq.write_table(pa.table({"title": ["a"], "day": [datetime.date(2020, 1, 2)]}), tmp_path / "a.parquet")
    assert read_objects(tmp_path / "a.parquet", TITLE, labelled=False).columns["day"].dtype.kind == "M"


def write_parts(folder: Path, ending: str) -> list[Path]:
    """Three parts of a table; the whole is "a0" to "a5" with 0 to 5."""
    parts = []
    for number in range(3):
        frame = pd.DataFrame({"title": [f"a{2 * number}", f"a{2 * number + 1}"], "n": [2 * number, 2 * number + 1]})
        path = folder / f"part-{number}{ending}"
        match ending.removesuffix(".gz"):
            case ".parquet":
                frame.to_parquet(path)
            case ".jsonl":
                frame.to_json(path, orient="records", lines=True)
            case kind:
                frame.to_csv(path, index=False, sep="\t" if kind == ".tsv" else ",")
        parts.append(path)
    return parts


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".jsonl", ".jsonl.gz"])
def test_a_folder_a_pattern_and_a_list_of_files_are_one_table(ending: str, tmp_path: Path) -> None:
    parts = write_parts(tmp_path, ending)
    (tmp_path / "_SUCCESS").write_text("")
    (tmp_path / "notes.md").write_text("")
    for source in (tmp_path, str(tmp_path / f"part-*{ending}"), [str(part) for part in parts]):
        objects = read_objects(source, TITLE, labelled=False)
        assert objects.columns["title"].tolist() == [f"a{number}" for number in range(6)]
        assert objects.columns["n"].tolist() == list(range(6))
    assert read_objects(parts[1], TITLE, labelled=False).columns["n"].tolist() == [2, 3]


def test_the_part_that_is_not_as_the_others_is_named(tmp_path: Path) -> None:
    parts = write_parts(tmp_path, ".parquet")
    pq.write_table(pa.table({"title": ["a"], "m": [1]}), parts[1])
    with pytest.raises(
        InputError, match=r"part-1.parquet: want the columns of part-0.*: no 'n', and 'm' beside|got no 'n'"
    ):
        read_objects(tmp_path, TITLE, labelled=False)
    pq.write_table(pa.table({"title": ["a"], "n": ["many"]}), parts[1])
    with pytest.raises(InputError, match=r"part-1.parquet: want int64 in column 'n', as in part-0.parquet, got string"):
        read_objects(tmp_path, TITLE, labelled=False)
    pq.write_table(pa.table({"title": ["a"], "n": [0.5]}), parts[1])
    assert read_objects(tmp_path, TITLE, labelled=False).columns["n"].tolist() == [0, 1, 0.5, 4, 5]
    (tmp_path / "part-3.csv").write_text("title,n\na,1\n")
    with pytest.raises(InputError, match=r"part-3.csv: want files of one kind, as part-0.parquet, got part-3.csv"):
        read_objects(tmp_path, TITLE, labelled=False)
    with pytest.raises(InputError, match=r"want files whose names end in .*, got none"):
        read_objects(tmp_path / "*.tsv", TITLE, labelled=False)


def test_csv_columns_are_guessed_from_all_parts_and_keys_of_json_may_be_absent(tmp_path: Path) -> None:
    for number, cell in enumerate(["1", "007"]):
        (tmp_path / f"{number}.csv").write_text(f"title,n\na,{cell}\n")
    assert read_objects(tmp_path / "*.csv", TITLE, labelled=False).columns["n"].tolist() == ["1", "007"]
    (tmp_path / "0.jsonl").write_text('{"title": "a", "n": 1}\n')
    (tmp_path / "1.jsonl").write_text('{"title": ["b", "c"]}\n{"title": "d"}\n')
    objects = read_objects(tmp_path / "*.jsonl", TITLE, labelled=False)
    assert objects.columns["title"].tolist() == ["a", ["b", "c"], "d"]
    np.testing.assert_array_equal(objects.columns["n"], [1, np.nan, np.nan])


def test_paths_start_at_the_folder_of_their_own_file(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / "table.csv").write_text("photo\nx.png\n")
    objects = read_objects(tmp_path / "*" / "table.csv", Schema({"photo": Image("photo")}), labelled=False)
    assert objects.columns["photo"].tolist() == [str(tmp_path / name / "x.png") for name in "ab"]


def test_damaged_packing_is_refused(tmp_path: Path) -> None:
    packed = gzip.compress(b"title,n\n" + b"a,1\n" * 20_000)
    for content in (packed[:-200], b"title,n\na,1\n", packed[:100] + b"x" * 100):
        with pytest.raises(InputError, match=r"want a whole .gz file"):
            read(tmp_path / "a.csv.gz", content)
    with pytest.raises(InputError, match="nested at most 32"):
        read(tmp_path / "a.jsonl.gz", gzip.compress(b'{"title": ' + b"[" * 100 + b"]" * 100 + b"}"))


@pytest.mark.parametrize(
    "lists",
    [
        [[float(i), i + 0.5] for i in range(9)],
        [[i, i + 1] for i in range(9)],
        [[1.0, 2.0]] * 4 + [None, [3.0, None], [None, None], None, None],
        [[1, 2]] * 7 + [None, [3, 4]],
        [[1.0] * (1 + i % 3) for i in range(9)],
        [[[1.0, 2.0]] * (1 + i // 5) for i in range(9)],
        [None] * 8 + [[1.0, 2.0]],
    ],
    ids=str,
)
def test_lists_of_numbers_read_part_by_part_are_as_read_at_once(
    lists: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_files, "ROWS", 2)
    table = pa.table({"x": pa.array(lists), "title": [f"t{i}" for i in range(9)]})
    pq.write_table(table.slice(0, 5), tmp_path / "0.parquet", row_group_size=3)
    pq.write_table(table.slice(5), tmp_path / "1.parquet")
    schema = Schema({"x": Series("x"), "title": Text("title")})
    got = read_objects(tmp_path, schema, labelled=False)
    expected = read_objects(table, schema, labelled=False)
    assert list(got.columns) == list(expected.columns) and got.columns["x"].dtype == expected.columns["x"].dtype
    for one, other in zip(got.columns["x"], expected.columns["x"], strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(got.present, expected.present)


def test_parts_whose_lists_are_of_other_types_are_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [[1.0]]}), tmp_path / "0.parquet")
    pq.write_table(pa.table({"x": [["a"]]}), tmp_path / "1.parquet")
    with pytest.raises(InputError, match=r"1.parquet: want list<.*double> in column 'x', as in 0.parquet, got list<"):
        read_objects(tmp_path, X, labelled=False)
