"""Columns from Python, numpy, Arrow, pandas, polars and torch: right values and types, empty cells empty."""

import datetime
import decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

from steradian.data.columns import from_arrow, from_cells, to_column, to_objects
from steradian.errors import InputError


def same(got: Any, want: Any) -> bool:
    """Whether a cell says what a Python value says; an empty cell is None, NaN or a row of NaN."""
    if want is None:
        return got is None or bool(np.isnan(np.asarray(got, dtype=float)).all())
    if isinstance(want, list) and not any(isinstance(entry, (str, bytes)) for entry in want):
        return len(got) == len(want) and all(same(g, w) for g, w in zip(got, want, strict=True))
    return type(got)(want) == got if isinstance(got, (str, bytes, bool)) else bool(got == want)


def assert_column(column: np.ndarray, *, dtype: Any, cells: list[Any]) -> None:
    assert column.dtype == dtype
    assert len(column) == len(cells)
    assert [i for i, cell in enumerate(cells) if not same(column[i], cell)] == []


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        ([1, 2, 3], "int64"),
        ([1, None, 3], "float64"),
        ([1.5, float("nan"), pd.NA, pd.NaT, None], "float64"),
        ([1, 2.5], "float64"),
        ((True, False), "bool"),
        ([True, None], "object"),
        (["a", None, "b"], "object"),
        (["a", b"b"], "object"),
        (["a", 1], "object"),
        ([1, True], "object"),
        ([2**70, 1], "object"),
        ([None, None], "object"),
        ([["a", "b"], ["c", "d"]], "object"),
        ([[1, 2], "a"], "object"),
        ([decimal.Decimal("1.5"), None], "float64"),
        (range(0), "object"),
    ],
)
def test_python_values(values: Any, dtype: str) -> None:
    cells = [None if value is pd.NA or value is pd.NaT or value != value else value for value in values]
    assert_column(from_cells(values), dtype=dtype, cells=cells)


def test_a_column_holds_no_float_where_none_was_given() -> None:
    assert from_cells(["a", float("nan")]).tolist() == ["a", None]


def test_dates_become_datetime64() -> None:
    column = from_cells([datetime.date(2020, 1, 2), None])
    assert column.dtype.kind == "M"
    assert column[0] == np.datetime64("2020-01-02")
    assert np.isnat(column[1])


@pytest.mark.parametrize("other", [5, 5.0, datetime.datetime(2020, 5, 1, 12)])
def test_what_stands_among_dates_stays_what_it_is(other: Any) -> None:
    day = datetime.date(2020, 5, 1)
    assert from_cells([day, None, other]).tolist() == [day, None, other]
    assert from_cells([[day, other], [day]]).tolist() == [[day, other], [day]]


def test_dicts_of_bytes_or_path_give_these() -> None:
    cells = [{"bytes": b"x", "path": "a.png"}, {"bytes": None, "path": "b.png"}, {"bytes": None, "path": None}, None]
    assert from_cells(cells).tolist() == [b"x", "b.png", None, None]
    assert from_arrow(pa.chunked_array([cells])).tolist() == [b"x", "b.png", None, None]
    several = from_arrow(pa.chunked_array([[cells[:2], None]]))
    assert several.tolist() == [[b"x", "b.png"], None]


@pytest.mark.parametrize("path", [{}, {"path": None}, {"path": "a.wav", "bytes": None}])
def test_dicts_of_samples_and_rate_give_these(path: dict[str, Any]) -> None:
    samples = np.zeros(3)
    cells = [{"array": samples, "sampling_rate": 8000, **path}, {"array": None, "sampling_rate": None, "path": "b.wav"}]
    (pair, other) = from_cells(cells)
    assert pair[0] is samples
    assert pair[1:] == (8000,)
    assert other == "b.wav"
    (stored,) = from_arrow(pa.chunked_array([[{"array": [1.0, 2.0], "sampling_rate": 8000, "path": None}]]))
    assert stored == ([1.0, 2.0], 8000)


def test_pictures_and_paths_stay_what_they_are() -> None:
    picture, path = Pillow.new("RGB", (2, 2)), Path("a.png")
    column = from_cells([picture, path, None, picture])
    assert column.dtype == object
    assert [column[0] is picture, column[1] is path, column[2] is None] == [True] * 3


def test_arrays_of_one_shape_are_stacked_and_others_kept() -> None:
    ones, twos = np.ones((2, 3), np.uint8), np.full((2, 3), 2, np.uint8)
    stacked = from_cells([ones, twos])
    assert (stacked.shape, stacked.dtype) == ((2, 2, 3), np.uint8)
    with_gap = from_cells([ones, None, twos])
    assert with_gap.dtype == object and with_gap[1] is None and with_gap[2].dtype == np.uint8
    ragged = from_cells([np.ones((2, 3)), np.ones((4, 3))])
    assert [cell.shape for cell in ragged] == [(2, 3), (4, 3)]


def test_vectors_with_a_gap_keep_their_type() -> None:
    column = from_cells([np.ones(2, np.float32), None])
    assert column.dtype == np.float32
    assert np.isnan(column[1]).all()


def test_object_arrays_of_one_shape_are_not_laid_out_as_numbers() -> None:
    assert to_objects([np.zeros(2), np.zeros(2)]).shape == (2,)


def test_nested_object_arrays_as_pandas_reads_them() -> None:
    steps = to_objects([np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([5.0, 6.0])])
    column = from_cells([steps, steps[:1], None])
    assert [cell.shape if cell is not None else None for cell in column] == [(3, 2), (1, 2), None]


@pytest.mark.parametrize(
    ("values", "dtype", "cells"),
    [
        (np.array([1, 2], np.int16), "int16", [1, 2]),
        (np.array(["a", "b"]), "object", ["a", "b"]),
        (np.array([b"a", b"b"]), "object", [b"a", b"b"]),
        (np.array([1, None, 3], dtype=object), "float64", [1, None, 3]),
        (np.ma.masked_array([1, 2], mask=[False, True]), "float64", [1, None]),
        (pa.array([1, None]), "float64", [1, None]),
        (pa.chunked_array([["a"], [None]]), "object", ["a", None]),
        (pd.Series([1, None], dtype="Int64"), "float64", [1, None]),
        (pd.Series(["a", None]), "object", ["a", None]),
        (pd.Series(["a", "b"], dtype="category"), "object", ["a", "b"]),
        (pd.Series([[1.0], [1.0, 2.0]]), "object", [[1.0], [1.0, 2.0]]),
        (pl.Series([1.5, None]), "float64", [1.5, None]),
        (pl.Series([[1.0, 2.0], None]), "float64", [[1.0, 2.0], None]),
        (torch.tensor([[1.0, 2.0]]), "float32", [[1.0, 2.0]]),
    ],
)
def test_columns_of_other_libraries(values: Any, dtype: str, cells: list[Any]) -> None:
    assert_column(to_column(values, "x"), dtype=dtype, cells=cells)


def test_columns_of_pandas_and_torch_are_copied_so_that_they_can_be_written_to() -> None:
    assert to_column(pd.Series([1.0, 2.0]), "x").flags.writeable
    assert from_arrow(pa.chunked_array([[1.0, 2.0]])).flags.writeable


@pytest.mark.parametrize("values", ["abc", 3, None, {"a": 1}, np.array(3.0), Pillow.new("L", (2, 2)), iter([1])])
def test_a_single_value_is_no_column(values: Any) -> None:
    with pytest.raises(InputError, match=r"column 'photo': want a list or an array .* got "):
        to_column(values, "photo")


def test_a_path_instead_of_a_column_tells_of_joined_tables() -> None:
    for path in ("rna.csv", Path("rna.csv")):
        with pytest.raises(InputError, match="Tables are joined by a column of keys: on="):
            to_column(path, "rna")


ARROW = [
    (pa.int8(), [1, 2], "int8"),
    (pa.uint64(), [1, None], "float64"),
    (pa.float16(), [np.float16(1.5), None], "float16"),
    (pa.float32(), [1.5, None], "float32"),
    (pa.bool_(), [True, False], "bool"),
    (pa.bool_(), [True, None], "object"),
    (pa.decimal128(5, 2), [decimal.Decimal("1.50"), None], "float64"),
    (pa.string(), ["a", None], "object"),
    (pa.large_string(), ["a", None], "object"),
    (pa.string_view(), ["a", None], "object"),
    (pa.binary(), [b"a", None], "object"),
    (pa.dictionary(pa.int8(), pa.string()), ["a", None, "a"], "object"),
    (pa.dictionary(pa.int8(), pa.int64()), [7, 8, 7], "int64"),
    (pa.null(), [None, None], "object"),
    (pa.list_(pa.float32()), [[1, 2], None, [3, 4]], "float32"),
    (pa.large_list(pa.float64()), [[1, 2], [3, 4]], "float64"),
    (pa.list_(pa.int32()), [[1, 2], [3, 4]], "int32"),
    (pa.list_(pa.int32()), [[1, 2], None], "float64"),
    (pa.list_(pa.float32(), 2), [[1, 2], None, [3, None]], "float32"),
    (pa.list_(pa.float32(), 2), [None, None], "object"),
    (pa.list_(pa.float32()), [[1, 2], [3], [], None], "object"),
    (pa.list_(pa.float32()), [None, None], "object"),
    (pa.list_(pa.string()), [["a", "b"], ["c", "d"], None], "object"),
    (pa.list_(pa.list_(pa.float32())), [[[1, 2], [3, 4]], [[5, 6]], None], "object"),
    (pa.list_(pa.list_(pa.uint8())), [[[1, 2]], [[3, 4]]], "uint8"),
    (pa.list_(pa.list_(pa.uint8())), [[[1, 2]], None], "object"),
    (pa.list_(pa.list_(pa.uint8())), [[[1, 2], [3, 4]], [[5]]], "object"),
    (pa.list_(pa.timestamp("s")), [[datetime.datetime(2020, 1, 1)], None], "object"),
    (pa.struct({"a": pa.int8()}), [{"a": 1}, None], "object"),
    (pa.list_view(pa.float32()), [[1, 2], [3, 4]], "float64"),
]


@pytest.mark.parametrize(("kind", "cells", "dtype"), ARROW, ids=[f"{kind} {cells}" for kind, cells, _ in ARROW])
def test_arrow_types_whole_sliced_and_in_chunks(kind: pa.DataType, cells: list[Any], dtype: str) -> None:
    array = pa.array(cells, kind)
    assert_column(from_arrow(pa.chunked_array([array])), dtype=dtype, cells=cells)
    # The middle of a longer array, whose buffers begin before the first row.
    twice = pa.array([*cells[::-1], *cells, *cells[::-1]], kind)[len(cells) : 2 * len(cells)]
    assert_column(from_arrow(pa.chunked_array([twice])), dtype=dtype, cells=cells)
    chunks = pa.chunked_array([array[:0], array[:1], array[1:]], kind)
    assert_column(from_arrow(chunks), dtype=dtype, cells=cells)
    assert len(from_arrow(pa.chunked_array([], kind))) == 0


def test_nested_lists_of_unequal_channels_are_arrays_each() -> None:
    column = from_arrow(pa.chunked_array([[[[1, 2], [3, 4]], [[5]]]]))
    assert [cell.shape for cell in column] == [(2, 2), (1, 1)]


def test_fixed_shape_tensors_keep_their_shape() -> None:
    tensors = np.arange(12.0).reshape(2, 3, 2)
    column = from_arrow(pa.chunked_array([pa.FixedShapeTensorArray.from_numpy_ndarray(tensors)]))
    np.testing.assert_array_equal(column, tensors)


def test_types_that_extend_others_are_read_as_what_they_store() -> None:
    stored = pa.array([b"0123456789abcdef", None], pa.binary(16))
    column = from_arrow(pa.chunked_array([pa.ExtensionArray.from_storage(pa.uuid(), stored)]))
    assert column.tolist() == [b"0123456789abcdef", None]


NUMBERS = st.none() | st.floats(-9, 9, width=32)
ROWS = st.lists(st.none() | st.lists(NUMBERS, max_size=3), min_size=1, max_size=8)


@given(ROWS, st.data())
def test_lists_of_any_lengths_chunks_and_slices(rows: list[Any], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(rows)))
    cut = data.draw(st.integers(start, len(rows)))
    array = pa.array(rows, pa.list_(pa.float32()))
    column = from_arrow(pa.chunked_array([array[start:cut], array[cut:]]))
    assert len(column) == len(rows) - start
    lengths = {len(row) for row in rows[start:] if row is not None}
    if len(lengths) == 1:
        assert column.shape == (len(rows) - start, *lengths)
    assert all(same(got, want) for got, want in zip(column, rows[start:], strict=True))


def test_lists_of_items_are_not_brought_to_numbers() -> None:
    cells = [["a", None], [], None, ("b",), np.array(["c", "d"]), np.array(["e", None], dtype=object)]
    assert [list(cell) if cell is not None else None for cell in from_cells(cells)] == [
        *(["a", None], [], None, ["b"], ["c", "d"], ["e", None])
    ]
    assert from_cells([[{"bytes": b"1"}, None], [{"path": "p"}]]).tolist() == [[b"1", None], ["p"]]
    pictures = [np.zeros((2, 2)), np.ones((3, 2))]
    column = from_cells([pictures, None])
    assert [picture.shape for picture in column[0]] == [(2, 2), (3, 2)]


def test_texts_that_are_met_again_are_made_once() -> None:
    few = [None if i % 7 == 0 else f"é{i % 5}" for i in range(3000)]
    many = [f"t{i}" for i in range(3000)]
    for kind in (pa.string(), pa.large_string()):
        for cells in (few, many, few[:3] + many, [None] * 2000 + ["a"]):
            column = pa.chunked_array([cells[:1500], cells[1500:]], kind)
            assert from_arrow(column).tolist() == cells
    assert len(set(map(id, from_arrow(pa.chunked_array([few]))))) == 6


def test_times_of_numpy_beside_its_numbers_do_not_end_the_process() -> None:
    """Pyarrow 26 reads them into a segmentation fault."""
    cells = [[np.datetime64("NaT"), None], (np.int8(-1), -6.8e16), [[np.timedelta64(1)], [np.float32(2)]]]
    found = from_cells(cells)
    assert found.dtype == object and [type(cell) for cell in found] == [list, tuple, list]
