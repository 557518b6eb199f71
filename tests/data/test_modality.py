"""The contract of modalities: what counts as missing, and how arrays are cut into batches."""

import datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from steradian import Image, Series, Tabular, Text, Vector
from steradian.data import FittedModality, IndexedArrays, Modality, is_missing
from steradian.data.modality import is_url, shown


@pytest.mark.parametrize(
    "value",
    [None, float("nan"), np.float32("nan"), np.datetime64("NaT"), np.timedelta64("NaT"), pd.NA, pd.NaT],
    ids=repr,
)
def test_every_way_a_table_says_empty_is_missing(value: Any) -> None:
    assert is_missing(value)


@pytest.mark.parametrize(
    "value",
    [0, 0.0, "", "nan", False, b"", float("inf"), datetime.date(2020, 1, 1), [], np.full(2, np.nan), [None]],
    ids=repr,
)
def test_everything_else_is_a_value(value: Any) -> None:
    assert not is_missing(value)


def test_indexed_arrays_cut_rows_in_order_and_again() -> None:
    values = np.arange(6.0).reshape(3, 2)
    items = IndexedArrays({"values": values, "codes": np.array([7, 8, 9])})
    batch = items(np.array([2, 0, 2]))
    assert batch["values"].tolist() == [[4.0, 5.0], [0.0, 1.0], [4.0, 5.0]]
    assert batch["codes"].tolist() == [9, 7, 9]
    assert {key: len(tensor) for key, tensor in items(np.array([], dtype=int)).items()} == {"values": 0, "codes": 0}


@pytest.mark.parametrize(
    ("modality", "columns"),
    [
        (Text("title", "brand"), ("title", "brand")),
        (Image("photo"), ("photo",)),
        (Tabular(numeric=["price", "year"], categorical=["colour", "year"]), ("colour",)),
        (Vector("sensors"), ()),
        (Series("motion"), ()),
    ],
    ids=lambda value: type(value).__name__,
)
def test_modalities_say_which_columns_they_read_as_text(modality: Modality, columns: tuple[str, ...]) -> None:
    assert modality.text_columns == columns


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.float64(7.87), "float 7.87"),
        (np.str_("cup"), "str 'cup'"),
        (np.True_, "bool True"),
        (np.datetime64("2020-01-02", "ns"), "datetime64 np.datetime64('2020-01-02T00:00:00.000000000')"),
        (np.eye(2), "ndarray array([[1., 0.], [0., 1.]])"),
        ("x" * 200, f"str '{'x' * 75}"),
    ],
    ids=str,
)
def test_values_are_shown_plain_short_and_on_one_line(value: Any, text: str) -> None:
    assert shown(value) == text


def test_urls_are_told_from_paths() -> None:
    assert all(map(is_url, ["https://example.org/a.png", "s3://bucket/a.png", "data:image/png;base64,"]))
    assert not any(map(is_url, ["a.png", "/a/b.png", "C:/a.png", b"https://", None]))


def test_only_modalities_that_say_so_hold_paths() -> None:
    assert Image("photo").holds_paths
    assert not Text("title").holds_paths


@pytest.mark.parametrize(
    "modality",
    [Text("title"), Tabular(numeric=["price"]), Vector("sensors"), Series("motion")],
    ids=lambda m: type(m).__name__,
)
def test_modalities_that_read_all_at_once_have_nothing_to_probe(modality: Modality) -> None:
    assert type(modality).probe is Modality.probe
    modality.probe(object())


@pytest.mark.parametrize("contract", [Modality, FittedModality])
def test_a_modality_must_fulfil_the_whole_contract(contract: type[Modality] | type[FittedModality]) -> None:
    half = type("Half", (contract,), {"__doc__": "Half a modality."})
    with pytest.raises(TypeError, match="abstract"):
        half()
