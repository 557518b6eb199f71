"""What people see of an object's modality, by its kind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as Pillow

import steradian as sr
from steradian.data.shown import Shown, short_list, short_number


@given(parts=st.lists(st.text(alphabet="abc", min_size=1), max_size=6), most=st.integers(1, 6))
def test_a_short_list_names_the_first_and_says_that_there_are_more(parts: list[str], most: int) -> None:
    found = short_list(iter(parts), most)
    assert found.endswith("…") == (len(parts) > most)
    assert found.removesuffix(", …").split(", ") == (parts[:most] or [""])


def test_numbers_have_few_digits_and_words_stay() -> None:
    assert [short_number(value) for value in (0.012345, np.float32(12.345), 3, "red", True)] == [
        *("0.012", "12.35", "3", "red", "True")
    ]


def shown(modality: sr.Vector | sr.Text | sr.Image | sr.Series | sr.Tabular, **cells: object) -> Shown:
    columns = {name: [cell] for name, cell in cells.items()} | {"label": ["a"]}
    one = sr.read_objects(columns, sr.Schema({"m": modality}))
    values = {name: array[0] for name, array in one.values["m"].items()}
    return modality.shown(values, {name: one.columns[name][0] for name in modality.columns})


def test_each_kind_shows_itself() -> None:
    assert shown(sr.Vector("x"), x=[1.0, 2.0, 3.0, 4.0]) == Shown("4 numbers: 1, 2, 3, …", brief="4 numbers")
    assert shown(sr.Vector("x"), x=[[1.0, 2.0]] * 3).words == "3 vectors of 2 numbers"
    assert shown(sr.Text("x"), x=["one", "two"]).text == "one · two"
    assert shown(sr.Series("x"), x=np.zeros((5, 2))).words == "series of 5 steps, 2 channels"
    assert shown(sr.Tabular(numeric=["p", "q"]), p=[1.5][0], q=None).words == "p 1.5"
    pictures = [Pillow.new("RGB", (4, width)) for width in (4, 5)]
    assert shown(sr.Image("x"), x=pictures).pictures == tuple(pictures)


@pytest.mark.parametrize(
    "modality",
    [
        sr.Vector("x"),
        sr.Vector("x", "y", gaps="mask"),
        sr.Text("title"),
        sr.Image("photo", size=8),
        sr.Series("a", time="t"),
        sr.Tabular(numeric=["p"], categorical=["q"]),
        sr.Audio("clip", rate=8000),
    ],
    ids=lambda modality: modality.as_code(),
)
def test_its_code_makes_it_again(modality: sr.Vector) -> None:
    assert eval("sr." + modality.as_code(), {"sr": sr}) == modality
