"""Tables of Parquet files whose rows stay on disk, against the same tables in memory."""

import os
import pickle
from copy import deepcopy
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from PIL import Image as Pillow

from steradian import ConfigError, Image, InputError, ObjectTable, Schema, Tabular, Text, Vector, read_objects
from steradian.data import parquet_rows, stored_rows

SCHEMA = Schema({"title": Text("maker.name"), "size": Tabular(numeric=["n"]), "v": Vector("v")}, label="kind", id="sku")


def columns(rows: range) -> dict[str, Any]:
    return {
        "maker": [{"name": f"word{row % 3} thing"} for row in rows],
        # Integers where none is missing, else floats.
        "n": [None if row == 4 else row for row in rows],
        "v": [None if row % 5 == 2 else [row, row + 0.5] for row in rows],
        "kind": [f"k{row % 2}" for row in rows],
        "sku": [f"s{row}" for row in rows],
        "other": [row * 10 for row in rows],
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parts")
    for number, rows in enumerate((range(8), range(8, 20))):
        pq.write_table(pa.table(columns(rows)), path / f"part-{number}.parquet", row_group_size=5)
    return path


@pytest.fixture(scope="module")
def both(folder: Path) -> tuple[ObjectTable, ObjectTable]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stored_rows, "PIECE", 400)
        patched.setattr(stored_rows, "KEPT_MOST", 1500)
        return read_objects(folder, SCHEMA), read_objects(folder, SCHEMA, lazy=True)


def assert_equal(stored: ObjectTable, whole: ObjectTable) -> None:
    for name in ("present", "rows", "ids", "labels"):
        np.testing.assert_array_equal(getattr(stored, name), getattr(whole, name))
    for name, values in whole.values.items():
        has = whole.present[:, list(SCHEMA.modalities).index(name)]
        for key, array in values.items():
            # Of rows without a vector none has a width.
            if has.any():
                np.testing.assert_array_equal(stored.values[name][key][has], array[has])
    assert stored.columns["other"].tolist() == whole.columns["other"].tolist()


@pytest.mark.parametrize("rows", [slice(None), slice(3, 15, 2), np.array([19, 2, 2, 8]), np.arange(20) % 3 == 0, 7])
def test_rows_are_those_of_the_table_in_memory(both: tuple[ObjectTable, ObjectTable], rows: Any) -> None:
    whole, stored = both
    assert whole.stored is None and stored.stored is not None and len(stored.stored.pieces) > 4
    assert_equal(stored[rows], whole[rows])
    assert_equal(stored[5:][[3, 0]], whole[5:][[3, 0]])


def test_parts_of_a_split_stay_on_disk(both: tuple[ObjectTable, ObjectTable]) -> None:
    whole, stored = both
    for part, other in zip(stored.split(0.3), whole.split(0.3), strict=True):
        assert part.stored is stored.stored
        assert_equal(part, other)
        assert_equal(part.only(["size"]), other.only(["size"]))


def test_a_table_says_where_its_rows_are(both: tuple[ObjectTable, ObjectTable]) -> None:
    assert "rows stay on disk:" in repr(both[1]) and "rows stay on disk:" not in repr(both[0])


def test_the_size_decides(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [folder / "part-0.parquet", str(folder / "part-1.parquet")]
    assert read_objects(paths, SCHEMA).stored is None
    monkeypatch.setattr(parquet_rows, "machine_memory", lambda: 1000)
    assert read_objects(f"{folder}/part-*.parquet", SCHEMA).stored is not None
    assert read_objects(paths, SCHEMA, lazy=False).stored is None
    assert read_objects(paths, SCHEMA, on_error="missing").stored is None


def test_absent_columns_are_missing_here_too(folder: Path) -> None:
    schema = Schema({**SCHEMA.modalities, "new": Text("new_column")}, label="kind", id="sku")
    objects = read_objects(folder, schema, partial=True, lazy=True)
    assert objects.present[:, 3].tolist() == [False] * 20 and objects[4:6].stored is not None


def test_paths_of_pictures_start_at_the_folder_of_their_file(tmp_path: Path) -> None:
    for name, shade in (("a", 10), ("b", 200)):
        (tmp_path / name).mkdir()
        Pillow.new("RGB", (4, 4), (shade,) * 3).save(tmp_path / name / "p.png")
        pq.write_table(pa.table({"photo": ["p.png"], "label": [name]}), tmp_path / name / "t.parquet")
    files = [tmp_path / name / "t.parquet" for name in "ab"]
    objects = read_objects(files, Schema({"photo": Image("photo")}), lazy=True)
    assert objects.columns["photo"].tolist() == [str(tmp_path / name / "p.png") for name in "ab"]


@pytest.mark.parametrize("rows", [[], np.zeros(20, dtype=bool), slice(0, 0)])
def test_no_rows_have_values_of_the_same_form(both: tuple[ObjectTable, ObjectTable], rows: Any) -> None:
    whole, stored = (each[rows].values for each in both)
    for name, values in whole.items():
        assert {key: array.shape for key, array in stored[name].items()} == {
            key: array.shape for key, array in values.items()
        }


def test_copies_of_a_table_read_the_same_files(
    folder: Path, both: tuple[ObjectTable, ObjectTable], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    stored = read_objects(folder.name, SCHEMA, lazy=True)
    monkeypatch.chdir(tmp_path)
    for copy in (stored, deepcopy(stored), pickle.loads(pickle.dumps(stored[3:]))):
        assert_equal(copy, both[0][-len(copy) :])


@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=4).filter(any),
    kind=st.sampled_from([pa.int8(), pa.int64(), pa.uint64(), pa.float32(), pa.float64(), pa.bool_()]),
    text=st.sampled_from([pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())]),
    list_kind=st.sampled_from([pa.list_(pa.float32()), pa.large_list(pa.float64()), pa.list_(pa.int16(), 2)]),
    bare=st.sets(st.sampled_from(["n", "v", "kind", "other"])),
    group=st.integers(1, 4),
    piece=st.sampled_from([1, 100, 1 << 20]),
    random=st.randoms(use_true_random=False),
)
def test_any_table_is_as_in_memory(
    lengths: list[int],
    kind: pa.DataType,
    text: pa.DataType,
    list_kind: pa.DataType,
    bare: set[str],
    group: int,
    piece: int,
    random: Any,
) -> None:
    def table(start: int, length: int, *, first: bool) -> pa.Table:
        numbers = [None if random.random() < 0.2 else random.randrange(2) for _ in range(length)]
        cells: dict[str, Any] = {
            "maker": [{"name": f"word{random.randrange(4)}"} for _ in range(length)],
            "n": pa.array(numbers, pa.int64()).cast(kind),
            "v": pa.array([None if random.random() < 0.3 else [random.randrange(9), 1] for _ in numbers], list_kind),
            "kind": pa.array([None if random.random() < 0.1 else f"k{random.randrange(2)}" for _ in numbers], text),
            "sku": pa.array(range(start, start + length), pa.uint64()),
            "other": pa.array([random.choice([None, [], ["a"], ["b", "c"]]) for _ in numbers], pa.list_(pa.string())),
        }
        cells |= {name: pa.nulls(length) for name in bare if first}
        return pa.table({name: cells[name] for name in random.sample(list(cells), len(cells))})

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patched:
        patched.setattr(stored_rows, "PIECE", piece)
        patched.setattr(stored_rows, "KEPT_MOST", 500)
        for number, length in enumerate(lengths):
            start = sum(lengths[:number]) + (2**63 - 3 if number else 0)
            part = table(start, length, first=number == 0)
            pq.write_table(part, Path(folder, f"{number}.parquet"), row_group_size=group)
        whole, stored = (read_objects(folder, SCHEMA, labelled=False, lazy=lazy) for lazy in (False, True))
        places = [random.randrange(-len(whole), len(whole)) for _ in range(5)]
        for rows in (slice(None), places, np.array([random.random() < 0.5 for _ in whole.rows])):
            one, other = whole[rows], stored[rows]
            assert one.has_labels == other.has_labels and one.ids.dtype == other.ids.dtype
            assert_equal(other.with_labels(one.rows), one.with_labels(one.rows))
            if one.has_labels:
                assert one.labels.tolist() == other.labels.tolist()


# -- Refusing


def test_what_cannot_stay_on_disk_is_refused(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "a.csv").write_text("title\nshoe\n")
    for source, options in (({"title": ["a"]}, {}), (tmp_path / "a.csv", {}), (folder, {"on_error": "missing"})):
        with pytest.raises(ConfigError, match="Parquet"):
            read_objects(source, SCHEMA, lazy=True, **options)


def test_a_part_with_another_schema_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table(columns(range(3))), tmp_path / "a.parquet")
    pq.write_table(pa.table(columns(range(3, 6))).drop_columns(["v"]), tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"b\.parquet: .*no 'v'\. Write the file with these columns"):
        read_objects(tmp_path, SCHEMA, lazy=True)


@pytest.mark.parametrize("footer", [True, False])
def test_a_damaged_part_is_named(tmp_path: Path, footer: bool) -> None:
    for number in range(2):
        rows = range(100 * number, 100 * number + 100)
        pq.write_table(pa.table(columns(rows)), tmp_path / f"{number}.parquet", use_dictionary=False)
    content = bytearray((tmp_path / "1.parquet").read_bytes())
    content[-20:] = content[-20:] if not footer else b"?" * 20
    content[4:400] = content[4:400] if footer else b"\xff" * 396
    (tmp_path / "1.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"1\.parquet: want a whole \.parquet file, .*write the file again"):
        read_objects(tmp_path, SCHEMA, lazy=True)


def test_mistakes_in_a_row_name_it(tmp_path: Path) -> None:
    pq.write_table(pa.table(columns(range(3))), tmp_path / "a.parquet")
    pq.write_table(pa.table(columns(range(2, 5))), tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"rows 2 and 3 .*'s2' twice"):
        read_objects(tmp_path, SCHEMA, lazy=True)
    pq.write_table(pa.table({**columns(range(3, 6)), "kind": ["a", None, "b"]}), tmp_path / "b.parquet")
    with pytest.raises(InputError, match=r"row 4 .* got nothing in at least 1 of 6 rows"):
        read_objects(tmp_path, SCHEMA, lazy=True)
    assert not read_objects(tmp_path, SCHEMA, lazy=True, labelled=False).has_labels


def test_no_rows_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table(columns(range(3)))[:0], tmp_path / "a.parquet")
    with pytest.raises(InputError, match="at least one row"):
        read_objects(tmp_path, SCHEMA, lazy=True)


def test_parts_whose_values_do_not_go_together_are_refused_as_in_memory(tmp_path: Path) -> None:
    first, second = (columns(rows) for rows in (range(3), range(3, 6)))
    for cells in ([[1.0, 2.0, 3.0]] * 3, [[1.0, 2.0], None, [float("nan"), 1.0]], [[1.0, 2.0], [1.0], None]):
        pq.write_table(pa.table(first), tmp_path / "a.parquet")
        pq.write_table(pa.table({**second, "v": cells}), tmp_path / "b.parquet")
        with pytest.raises(InputError) as whole:
            read_objects(tmp_path, SCHEMA, lazy=False)
        with pytest.raises(InputError) as stored:
            read_objects(tmp_path, SCHEMA, lazy=True)
        assert str(stored.value).replace("got 2 entries in row 3", "got 2 entries in row 0") == str(whole.value)


def test_files_that_change_while_a_table_is_used_are_refused(tmp_path: Path) -> None:
    file, other = tmp_path / "a.parquet", tmp_path / "b.new"
    pq.write_table(pa.table(columns(range(3))), file)
    stored = read_objects(tmp_path, SCHEMA, lazy=True)
    # As many rows, and other ones.
    pq.write_table(pa.table(columns(range(5, 8))), other)
    os.utime(other, ns=(1, 1))
    other.replace(file)
    with pytest.raises(InputError, match=r"a\.parquet: want the file that was there .*Read the table again"):
        stored.columns["other"]
    file.unlink()
    with pytest.raises(InputError, match=r"a\.parquet: .*no such file"):
        stored[1:].columns["other"]
