"""The checks of a user's table: what passes, and what each message names."""

from enum import StrEnum
from typing import Any

import numpy as np
import pytest

from steradian import Schema, Text, Vector
from steradian.data import checks
from steradian.data.checks import (
    refuse_absent_columns,
    refuse_bare_objects,
    refuse_repeated_ids,
    refuse_unknown_column,
    table_length,
    to_names,
)
from steradian.data.columns import from_cells
from steradian.errors import InputError

SCHEMA = Schema({"title": Text("title", "maker"), "motion": Vector("motion")}, label="kind", id="sku")


class Colour(StrEnum):
    RED = "red"


def columns(*names: str) -> dict[str, np.ndarray]:
    return {name: np.zeros(2) for name in names}


def test_columns_of_different_lengths_are_named() -> None:
    with pytest.raises(InputError) as error:
        table_length({"title": 3, "price": 4, "omics": 4})
    assert error.value.got == "3 rows in 'title', 4 rows in 'price', 'omics'"


def test_an_unknown_column_is_told_with_the_nearest() -> None:
    refuse_unknown_column("Brand", ["Brand", "brand"], where="label")
    refuse_unknown_column("brand", ["brand", "Brand"], where="label")
    for name, fix in (("BRAND", "Did you mean 'brand'?"), ("zzz", "Use the name of a column.")):
        with pytest.raises(InputError) as error:
            refuse_unknown_column(name, ["brand"], where="label")
        assert error.value.fix == fix and error.value.got == repr(name)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["cup", "pan", "cup "], "row 9 .*'kind': want labels that blanks around them .*'cup ' beside 'cup'. Strip"),
        (["cup", "\t", "cup"], r"row 8 .*'kind': want a label in every row, got '\\t'. Fill in the cell"),
    ],
)
def test_labels_of_blanks_are_no_classes(labels: list[str], told: str) -> None:
    rows = np.array([7, 8, 9])
    with pytest.raises(InputError, match=told):
        to_names(from_cells(labels), rows, name="kind", role="a label")
    # Other names may be so, and a label may have blanks where nothing is like it.
    assert to_names(from_cells(labels), rows, name="sku", role="an id").tolist() == labels
    assert to_names(from_cells([" cup", "pan"]), rows[:2], name="kind", role="a label").tolist() == [" cup", "pan"]


@pytest.mark.parametrize("empty", [{}, {"title": 0}])
def test_an_empty_table_is_refused(empty: dict[str, int]) -> None:
    with pytest.raises(InputError, match="want at least one row, got an empty table"):
        table_length(empty)


def test_a_table_with_every_column_passes() -> None:
    refuse_absent_columns(columns("title", "maker", "motion", "kind", "sku"), SCHEMA, labelled=True)
    refuse_absent_columns(columns("title", "maker", "motion"), SCHEMA, labelled=False)


@pytest.mark.parametrize(
    ("there", "want", "fix"),
    [
        (
            columns("title", "motions", "zzz", "kind", "sku", "maker"),
            "the column 'motion', of modality 'motion'",
            "Did you mean 'motions'? Add the column, with None where the modality is missing.",
        ),
        (
            columns("title", "motion", "kind", "sku"),
            "the column 'maker', of modality 'title'",
            "Add the column, with None where the modality is missing.",
        ),
        (
            columns("title", "maker", "motion", "Kind", "sku"),
            "the column 'kind', of the label",
            "Did you mean 'Kind'? Name the label's column in the schema: training and evaluation need labels; "
            "transform and `steradian embed` work without (labelled=False).",
        ),
        (
            columns("title", "maker", "motion", "kind"),
            "the column 'sku', of the id",
            "Add the column, or leave id out of the schema.",
        ),
    ],
    ids=["near", "modality", "label", "id"],
)
def test_an_absent_column_is_named_with_the_nearest(there: dict[str, np.ndarray], want: str, fix: str) -> None:
    with pytest.raises(InputError) as error:
        refuse_absent_columns(there, SCHEMA, labelled=True)
    assert (error.value.want, error.value.fix) == (want, fix)
    assert error.value.got == f"the columns {', '.join(map(repr, there))}"


def test_a_wide_table_is_not_listed_whole() -> None:
    with pytest.raises(InputError, match="and 180 more"):
        refuse_absent_columns(columns(*(f"gene{i}" for i in range(200))), SCHEMA, labelled=True)


@pytest.mark.parametrize(
    ("column", "names"),
    [
        (from_cells(["b", "a"]), np.array(["b", "a"])),
        (np.array(["b", "a"]), np.array(["b", "a"])),
        (np.array([3, 1], np.int8), np.array([3, 1])),
        (np.array([3.0, 1.0]), np.array([3, 1])),
        (np.array([True, False]), np.array([True, False])),
        (np.array([np.int64(3), 1.0, np.float32(2)], dtype=object), np.array([3, 1, 2])),
        (np.array([np.str_("b"), "a"], dtype=object), np.array(["b", "a"])),
        (np.array([np.True_, False], dtype=object), np.array([True, False])),
        (np.array([Colour.RED, "a"], dtype=object), np.array(["red", "a"])),
    ],
    ids=["text", "numpy text", "int8", "whole floats", "bool", "numbers", "numpy strings", "numpy bools", "enum"],
)
def test_names_are_text_whole_numbers_or_truth_values(column: np.ndarray, names: np.ndarray) -> None:
    got = to_names(column, np.arange(len(column)), name="kind")
    assert got.dtype == names.dtype
    assert got.tolist() == names.tolist()


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (from_cells(["a", None]), r"row 11 \(counted from 0\), column 'kind': want a label in every row, got nothing"),
        (np.array([1.0, np.nan]), r"row 11 .*: want a label in every row, got nothing in 1 of 2 rows"),
        (np.array([1.0, 2.5]), r"row 11 .* got float 2.5"),
        (np.array([1.0, np.inf]), r"row 11 .* got float inf"),
        (from_cells([b"a", b"b"]), r"row 10 .* got bytes b'a'"),
        (from_cells([["a"], ["b"]]), r"row 10 .* got list \['a'\]"),
        (from_cells(["a", 3]), r"row 11 .* got str 'a' in row 10 and int 3"),
        (from_cells([True, 3]), r"row 11 .* got bool True in row 10 and int 3"),
        (np.zeros((2, 3)), r"column 'kind': .* got an array of shape \(2, 3\)"),
        (np.array(["2020-01-01", "NaT"], dtype="datetime64[ns]"), r"column 'kind': .* datetime64\[ns\]"),
    ],
    ids=["None", "NaN", "fraction", "inf", "bytes", "list", "mixed", "bool and int", "matrix", "dates"],
)
def test_other_names_are_refused_with_their_row(column: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_names(column, np.array([10, 11]), name="kind", role="a label")


def test_both_rows_of_an_id_are_named() -> None:
    refuse_repeated_ids(np.array(["x", "y"]), np.arange(2), name="sku")
    with pytest.raises(InputError, match=r"rows 5 and 7 \(counted from 0\), column 'sku': .* got 'x' twice"):
        refuse_repeated_ids(np.array(["x", "y", "x"]), np.array([5, 6, 7]), name="sku")


def bare(number: int, *, named: bool) -> dict[str, Any]:
    present = np.array([[True, False], *[[False, False]] * number])
    rows = np.arange(100, 101 + number)
    ids = np.array([f"i{row}" for row in rows])
    return {"present": present, "schema": SCHEMA, "rows": rows, "ids": ids if named else None}


def test_objects_without_a_modality_are_named() -> None:
    refuse_bare_objects(**bare(0, named=True))
    with pytest.raises(InputError) as error:
        refuse_bare_objects(**bare(1, named=True))
    assert error.value.where == "row 101 (counted from 0), id 'i101'"
    assert error.value.want == "at least one modality of title, motion"
    with pytest.raises(InputError) as error:
        refuse_bare_objects(**bare(7, named=False))
    assert error.value.where == "row 101, 102, 103, 104, 105 and 2 more (counted from 0)"
    assert error.value.got == "none in 7 of 8 rows"


@pytest.mark.parametrize(
    "column",
    [
        np.array(["a", "b", "é 🐙", ""], dtype=object),
        np.array([3, -1], dtype=np.int8),
        np.array([3, 2**31], dtype=np.uint32),
        np.array([2**63, 1], dtype=np.uint64),
        np.array([True, False]),
        np.array([2**62, 1], dtype=np.int64),
    ],
    ids=str,
)
def test_plain_names_are_as_names_looked_at_one_by_one(column: np.ndarray) -> None:
    rows = np.arange(len(column))
    got, expected = to_names(column, rows, name="kind"), checks._checked_names(column, rows, name="kind", role="a name")
    assert got.dtype == expected.dtype and got.tolist() == expected.tolist() == column.tolist() and got is not column


@pytest.mark.parametrize("other", [7, 2**64, "seven"])
def test_spans_of_time_among_names_end_in_an_error_of_ours_or_none(other: object) -> None:
    """For NumPy a span of time is an integer, which no large number can be compared with."""
    entries = np.array([np.timedelta64(3, "s"), other], dtype=object)
    try:
        to_names(entries, np.arange(2), name="kind")
    except InputError as error:
        assert "kind" in str(error)
