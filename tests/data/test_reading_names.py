"""Names of classes, objects and categories: what is distinct stays distinct, or is refused."""

import decimal
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from steradian import InputError, Schema, Tabular, read_objects

SCHEMA = Schema({"specs": Tabular(numeric=["x"], categorical=["code"])}, label="kind", id="sku")
LARGE = [2**53, 2**53 + 1, 2**53 + 2, 2**53 + 3]
HUGE = [2**63, 2**63 + 1, 2**64 - 1, 2**63 + 2]
decimals = [decimal.Decimal(number) for number in LARGE]


def jsonl(folder: Path, names: list[Any]) -> Path:
    rows = [{"x": 1.0, "code": name, "kind": name, "sku": name} for name in names]
    (folder / "table.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder / "table.jsonl"


def parquet(folder: Path, names: Any) -> Path:
    pq.write_table(
        pa.table({"x": [1.0] * len(names), "code": names, "kind": names, "sku": names}), folder / "t.parquet"
    )
    return folder / "t.parquet"


def columns(names: Any) -> dict[str, Any]:
    return {"x": [1.0] * len(names), "code": names, "kind": names, "sku": names}


SOURCES = {
    "list": columns(LARGE),
    "floats": columns(np.array(LARGE, dtype=np.float64)),
    "narrow floats": columns(np.array([2**24, 2**24 + 1, 1, 2], dtype=np.float32)),
    "with a float": columns([*LARGE[:3], 4.0]),
    "huge": columns(HUGE),
    "huge beside small": columns([*HUGE[:3], -1]),
    "uint64": columns(np.array(HUGE, dtype=np.uint64)),
    "more than 64 bits": columns([2**70, 2**70 + 1, 3, 4]),
    "decimals": columns(decimals),
    "decimals with digits": columns([decimal.Decimal("4503599627370497.1"), decimal.Decimal(4503599627370497), 3, 4]),
    "arrow": columns(pa.array(LARGE)),
    "arrow uint64": columns(pa.array(HUGE, pa.uint64())),
    "arrow decimals": columns(pa.array(decimals)),
    "arrow decimals with scale": columns(pa.array(decimals, pa.decimal128(38, 10))),
    "pandas": pd.DataFrame(columns(LARGE)),
    "pandas floats": pd.DataFrame(columns([float(number) for number in LARGE])),
    "pandas Int64": pd.DataFrame(columns(pd.array(LARGE, dtype="Int64"))),
    "polars": pl.DataFrame(columns(LARGE)),
    "polars uint64": pl.DataFrame(columns(pl.Series(HUGE, dtype=pl.UInt64))),
    "polars Int128": pl.DataFrame(columns(pl.Series(LARGE, dtype=pl.Int128))),
    "jsonl": lambda folder: jsonl(folder, LARGE),
    "jsonl huge": lambda folder: jsonl(folder, HUGE),
    "jsonl with a float": lambda folder: jsonl(folder, [*LARGE[:3], 4.0]),
    "parquet": lambda folder: parquet(folder, LARGE),
    "parquet uint64": lambda folder: parquet(folder, pa.array(HUGE, pa.uint64())),
    "NUL": columns(["a", "a\0", "a\0\0", "b"]),
    "NUL in polars": pl.DataFrame(columns(["a", "a\0", "a\0\0", "b"])),
}


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())
def test_distinct_names_stay_distinct_or_are_refused(source: Any, tmp_path: Path) -> None:
    source = source(tmp_path) if callable(source) else source
    for schema in (
        Schema({"specs": Tabular(numeric=["x"])}, label="kind"),
        Schema({"specs": Tabular(numeric=["x"])}, label="none", id="sku"),
        Schema({"specs": Tabular(categorical=["code"])}, label="none"),
    ):
        try:
            objects = read_objects(source, schema, labelled=False)
        except InputError as error:
            assert "twice" not in error.got
            continue
        if objects.has_labels:
            assert len(set(objects.labels.tolist())) == len(objects)
            assert objects.labels.dtype.kind in "iuU"
        if schema.id:
            assert len(set(objects.ids.tolist())) == len(objects)
        if "categories" in objects.values["specs"] and objects.values["specs"]["categories"].size:
            assert len(set(objects.values["specs"]["categories"][:, 0].tolist())) == len(objects)


WITH_GAPS = {
    "list": [*LARGE, None],
    "arrow": pa.array([*LARGE, None]),
    "arrow uint64": pa.array([*LARGE, None], pa.uint64()),
    "arrow decimals": pa.array([*decimals, None]),
    "decimals": [*decimals, None],
    "pandas Int64": pd.Series([*LARGE, None], dtype="Int64"),
    "pandas of Arrow": pd.Series(pd.array([*LARGE, None], dtype=pd.ArrowDtype(pa.int64()))),
    "polars": pl.Series([*LARGE, None]),
    "polars Int128": pl.Series([*LARGE, None], dtype=pl.Int128),
    "masked": np.ma.MaskedArray([*LARGE, 0], mask=[0, 0, 0, 0, 1]),
}


@pytest.mark.parametrize("column", WITH_GAPS.values(), ids=WITH_GAPS.keys())
def test_whole_numbers_with_a_gap_stay_what_they_are(column: Any) -> None:
    table = {"x": [1.0] * 5, "code": column}
    objects = read_objects(table, Schema({"specs": Tabular(numeric=["x"], categorical="code")}), labelled=False)
    assert objects.values["specs"]["categories"][:, 0].tolist() == [*map(str, LARGE), None]
    numbers = read_objects(table, Schema({"specs": Tabular(numeric=["code", "x"])}), labelled=False)
    np.testing.assert_array_equal(numbers.values["specs"]["numbers"][:, 0], [*map(float, LARGE), np.nan])


def test_labels_of_a_table_with_unlabelled_rows_can_be_told_apart() -> None:
    column = pa.array([10**17 + 1, 10**17 + 2, None, 10**17 + 3])
    objects = read_objects({"x": [1.0, 2.0, 3.0, 4.0], "kind": column}, SCHEMA_X, labelled=False)
    assert objects.columns["kind"].tolist() == [10**17 + 1, 10**17 + 2, None, 10**17 + 3]


SCHEMA_X = Schema({"specs": Tabular(numeric=["x"])}, label="kind")


@pytest.mark.parametrize(
    ("names", "want"),
    [
        ([2**64, 1], "integers that 64 bits hold together"),
        ([2**63, -1], "integers that 64 bits hold together"),
        ([-(2**63) - 1, 1], "integers that 64 bits hold together"),
        (np.array([1e17, 1.0]), "integers that a float tells apart"),
        (["a\0", "b"], "text that does not end in a NUL"),
    ],
)
def test_names_that_would_merge_say_how_to_mend_it(names: Any, want: str) -> None:
    with pytest.raises(InputError, match=want) as error:
        read_objects({"x": [1.0, 2.0], "kind": names}, SCHEMA_X)
    assert error.value.where == "row 0 (counted from 0), column 'kind'"
    assert "text" in error.value.fix or "end" in error.value.fix


def test_a_category_that_a_float_cannot_tell_apart_is_refused() -> None:
    with pytest.raises(InputError, match=r"row 1 .*column 'code'.*got float 9007199254740992.0"):
        read_objects(
            {"x": [1, 2], "code": np.array([1.0, 2.0**53])}, Schema({"s": Tabular(categorical="code")}), labelled=False
        )
