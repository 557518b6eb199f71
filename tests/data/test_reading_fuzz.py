"""Whatever stands in a table, a cell or a schema: the outcome is a value, or an error of our family that is short."""

import datetime
import decimal
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steradian import Audio, Image, Schema, Series, SteradianError, Tabular, Text, Vector, read_objects
from steradian.data.batch import Preprocessor

FEW = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)

numbers = st.one_of(
    st.integers(-5, 5),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.booleans(),
    st.decimals(),
    st.sampled_from([2**53, 2**53 + 1, 2**63, np.float16(3), np.float32(2**24), np.uint64(2**63), np.int8(-1), 1j]),
)
texts = st.text(max_size=6) | st.sampled_from(["a\0", "\ud800", "007", "[1, 2]", "NaN", "2020-01-01", "/dev/null", " "])
dates = st.dates() | st.datetimes() | st.sampled_from([pd.NaT, np.datetime64("NaT"), np.timedelta64(5, "s"), pd.NA])
arrays = st.sampled_from(
    [
        np.zeros(0),
        np.zeros((2, 3)),
        np.array([1, "a"], dtype=object),
        np.full((8, 8, 3), 9, np.uint8),
        np.zeros((3, 0)),
        np.array(5.0),
        np.array([1 + 2j]),
        np.array(["2020"], dtype="datetime64[D]"),
        torch.ones(3, dtype=torch.bfloat16),
        torch.ones(2, 2, requires_grad=True),
        decimal.Decimal("1e400"),
        object(),
    ]
)
plain = st.one_of(st.none(), numbers, texts, st.binary(max_size=6), dates, arrays)
cells = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=6,
)


def lists_of(rows: int) -> st.SearchStrategy[list[Any]]:
    """A column whose cells are of many types, or of one."""
    kinds = [cells, plain, numbers, texts, st.none() | st.floats(-5, 5), st.lists(st.floats(), min_size=2, max_size=2)]
    return st.one_of(*(st.lists(kind, min_size=rows, max_size=rows) for kind in kinds))


tables = st.integers(1, 3).flatmap(lambda rows: st.tuples(*[lists_of(rows)] * 3)) | st.tuples(arrays, arrays, arrays)
MODALITIES = [
    Vector("x"),
    Vector("x", "y"),
    Series("x"),
    Series("x", time="y"),
    Tabular("x"),
    Tabular(categorical=["x", "y"]),
    Tabular("x", "x"),
    Text("x", "y"),
    Image("x", size=8),
    Audio("x"),
]


def attempt(source: Any, schema: Schema, on_error: Any = "raise") -> None:
    """Read a table and prepare what was read."""
    try:
        objects = read_objects(source, schema, labelled=False, on_error=on_error)
        assert objects.present.any(axis=1).all()
        for name in objects.columns:
            try:
                assert len(objects.columns[name]) == len(objects)
            except SteradianError:
                continue
        Preprocessor.fit(objects).prepare(objects)
    except SteradianError as error:
        assert len(str(error)) < 2000


@FEW
@given(tables, st.sampled_from(MODALITIES), st.sampled_from(["raise", "missing"]))
def test_columns_of_anything(table: tuple[Any, Any, Any], modality: Any, on_error: str) -> None:
    x, y, label = table
    attempt({"x": x, "y": y, "label": label, "z": label}, Schema({"m": modality}), on_error)
    attempt({"x": x, "y": y, "label": label, "z": label}, Schema({"m": modality}, label="none", id="z"), on_error)


@FEW
@given(st.data(), st.sampled_from(MODALITIES))
def test_tables_of_other_libraries(data: st.DataObject, modality: Any) -> None:
    kinds = [
        pa.int64(),
        pa.uint64(),
        pa.float32(),
        pa.string(),
        pa.string_view(),
        pa.binary(),
        pa.bool_(),
        pa.date32(),
        pa.list_(pa.float64()),
    ]
    kinds += [
        pa.decimal128(38, 2),
        pa.timestamp("ns", "UTC"),
        pa.duration("s"),
        pa.null(),
        pa.list_(pa.list_(pa.int64(), 2)),
    ]
    found = {}
    for name in ("x", "y", "label"):
        kind = data.draw(st.sampled_from(kinds))
        values = data.draw(st.lists(st.none() | numbers | texts, min_size=3, max_size=3))
        try:
            found[name] = pa.array(values, kind)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            found[name] = pa.nulls(3, kind)
    table, schema = pa.table(found), Schema({"m": modality})
    attempt(table, schema)
    for convert in (pa.Table.to_pandas, pl.from_arrow):
        try:
            frame = convert(table)
        except (pl.exceptions.PolarsError, pa.ArrowException, ValueError, OverflowError):
            continue
        attempt(frame, schema)


@FEW
@given(
    st.text(st.sampled_from('x,y\n"[]{}: 1.a\\né\0'), max_size=60),
    st.sampled_from(MODALITIES),
    st.sampled_from(["csv", "jsonl"]),
)
def test_files_of_anything(text: str, modality: Any, kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"a.{kind}")
        for content in (text, f"x,y,label\n{text}\n1,2,3", f'{{"x": 1, "y": 2}}\n{{"x": {text}}}'):
            path.write_text(content, encoding="utf-8")
            attempt(path, Schema({"m": modality}))


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-99, 99)
    | st.text("ab", max_size=3)
    | st.sampled_from(["Text", "Vector", "Image", "x", "numeric"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["type", "columns", "column", "size", "numeric", "time", "encoder"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@FEW
@given(
    st.dictionaries(
        st.sampled_from(["modalities", "label", "id"]), values | st.dictionaries(st.sampled_from(["x", "y"]), values)
    )
)
def test_schemas_of_anything(entries: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "schema.yaml")
        for text in (yaml.safe_dump(entries), json.dumps(entries)):
            path.write_text(text)
            try:
                schema = Schema.from_yaml(path)
                assert Schema.from_dict(schema.to_dict()) == schema
            except SteradianError as error:
                assert len(str(error)) < 2000


@pytest.mark.parametrize(
    "cell",
    [datetime.time(5), datetime.timedelta(5), range(3), iter([1]), {1, 2}, Ellipsis, type, lambda: 5],
    ids=lambda cell: type(cell).__name__,
)
def test_cells_of_other_types(cell: Any) -> None:
    for modality in MODALITIES:
        attempt({"x": [cell, cell], "y": [cell, None]}, Schema({"m": modality}))


@pytest.mark.parametrize(
    "cell", [[torch.ones(3, dtype=torch.bfloat16)] * 2, np.timedelta64(5, "s")], ids=["bfloat16", "span"]
)
def test_what_a_long_fuzz_has_found(cell: Any) -> None:
    for modality in MODALITIES:
        attempt({"x": [cell, cell], "y": [cell, None], "label": [cell, cell]}, Schema({"m": modality}))
        attempt({"x": [1.0, 2.0], "y": [1.0, 2.0], "label": [cell, cell]}, Schema({"m": modality}))
